"""Finds what a change may touch: candidates by blocking key, persons, and all records of their components."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql

from index_service.store.connection import Connection
from index_service.store.statements import statements
from linkage.record import COLUMNS, Constraints, NormalisedRecord, PersonId, RecordKey

_sql = statements("neighbourhood")
_columns = sql.SQL(", ").join(sql.SQL("n.") + sql.Identifier(name) for name in COLUMNS)
_lists = [place for place, kind in enumerate(COLUMNS.values()) if kind == "text[]"]

CANDIDATES_AT_ONCE = 5_000
"""Rows that the search for candidates may bring before it looks for keys that have outgrown the bound."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A linked record that shares a blocking key with the one asked about."""

    record_id: int
    version: int
    person_id: PersonId | None
    keys: frozenset[int]
    record: NormalisedRecord


@dataclass(frozen=True, slots=True)
class Candidates:
    """The records that share keys, and the keys left out because more records than the bound share them."""

    found: tuple[Candidate, ...]
    outgrown: frozenset[int]


@dataclass(frozen=True, slots=True)
class Standing:
    """A record as it is now: `record` is None for one that is withdrawn, `person_id` for one not linked yet."""

    record_id: int
    version: int
    person_id: PersonId | None
    person_created_at: datetime | None
    record: NormalisedRecord | None


def normalised_of(values: Sequence[Any]) -> NormalisedRecord:
    """A normalised record from its columns in order."""
    columns = list(values)
    for place in _lists:
        columns[place] = tuple(columns[place])
    return NormalisedRecord(*columns)


def candidates(conn: Connection, keys: Collection[int], bound: int) -> Candidates:
    """Linked records that share one of the keys; keys shared by more records than `bound` are left out."""
    wanted = list(keys)
    rows = _rows(conn, wanted, CANDIDATES_AT_ONCE + 1)
    if len(rows) > CANDIDATES_AT_ONCE:
        outgrown = _outgrown(conn, wanted, bound)
        rows = _rows(conn, [key for key in wanted if key not in outgrown], None)
    else:
        asked = frozenset(wanted)
        shared = Counter(key for row in rows for key in row[1] if key in asked)
        outgrown = frozenset(key for key, count in shared.items() if count > bound)
    kept = frozenset(wanted) - outgrown
    return Candidates(
        tuple(
            Candidate(record_id, version, person_id, frozenset(keys), normalised_of(values))
            for record_id, keys, person_id, version, *values in rows
            if not outgrown or not kept.isdisjoint(keys)
        ),
        outgrown,
    )


def _rows(conn: Connection, keys: list[int], limit: int | None) -> list[tuple[Any, ...]]:
    statement = sql.SQL(_sql["candidates"]).format(columns=_columns)
    return conn.execute(statement, {"keys": keys, "limit": limit}, binary=True).fetchall()


def _outgrown(conn: Connection, keys: list[int], bound: int) -> frozenset[int]:
    rows = conn.execute(_sql["bearers"], {"keys": keys, "bound": bound + 1})
    return frozenset(key for key, count in rows if count > bound)


def scope_of(conn: Connection, record_ids: Iterable[int]) -> set[int]:
    """The records that a change to these may move: all of their components, and what judgements tie to them."""
    return {record_id for (record_id,) in conn.execute(_sql["scope"], {"record_ids": list(record_ids)})}


def standings(conn: Connection, record_ids: Iterable[int]) -> dict[int, Standing]:
    """Records as they are now, by record id, in its order."""
    statement = sql.SQL(_sql["records"]).format(columns=_columns)
    found = {}
    for row in conn.execute(statement, {"record_ids": sorted(record_ids)}, binary=True):
        record_id, version, withdrawn, person_id, created_at, normalised_version, *values = row
        record = None if withdrawn or normalised_version is None else normalised_of(values)
        found[record_id] = Standing(record_id, version, person_id, created_at, record)
    return dict(sorted(found.items()))


def constraints_among(conn: Connection, keys: Collection[RecordKey]) -> Constraints:
    """What the judgements in force demand of these records."""
    parameters = {"sources": [source for source, _ in keys], "ids": [record_id for _, record_id in keys]}
    known = set(keys)
    pairs: Mapping[str, set[tuple[RecordKey, RecordKey]]] = {"same": set(), "different": set()}
    for kind, *names in conn.execute(_sql["judgements"], parameters):
        left, right = (names[0], names[1]), (names[2], names[3])
        if left in known and right in known:
            pairs[kind].add((left, right))
    return Constraints(must_link=frozenset(pairs["same"]), cannot_link=frozenset(pairs["different"]))
