"""Finds what a change may touch: candidates by blocking key, persons, and all records of their components."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.rows import TupleRow

from index_service.store.adoptions import sealed_sides
from index_service.store.connection import AsyncConnection, Connection
from index_service.store.judgements import said_about
from index_service.store.numbers import open_number, opened_columns
from index_service.store.statements import statements
from index_service.store.within import (
    ANY_KEY,
    EVERYTHING,
    NOTHING_HIDDEN,
    Keys,
    Within,
    as_it_may_be_told,
    hides_place,
    leads_there,
    may_be_found,
    shares_a_key,
    takes_part,
)
from linkage.columns import RecordColumns, values_of
from linkage.judged import constraints_of, with_seals
from linkage.record import COLUMNS, Constraints, NormalisedRecord, PersonId, RecordKey

_sql = statements("neighbourhood")
_columns = sql.SQL(", ").join(sql.SQL("n.") + sql.Identifier(name) for name in COLUMNS)
_lists = [place for place, kind in enumerate(COLUMNS.values()) if kind == "text[]"]

_number = list(COLUMNS).index("ssn")


def _statement(name: str, record: str, condition: Condition | None) -> bytes:
    """A statement over the records that a condition lets take part; over all of them, for linking, without one."""
    parts: dict[str, sql.Composable] = {
        "columns": _columns,
        "shares_a_key": shares_a_key("k.keys", "m.person_id") if condition else ANY_KEY,
        "leads_there": leads_there("key", "m.person_id") if condition else EVERYTHING,
        "hides_place": hides_place("m.person_id") if condition else NOTHING_HIDDEN,
        "takes_part": condition(record, "m.person_id") if condition else EVERYTHING,
    }
    return sql.SQL(_sql[name]).format(**parts).as_bytes(None)


Condition = Callable[[str, str], sql.Composable]
_candidates, _bearers = (_statement(name, "k.record_id", None) for name in ("candidates", "bearers"))
_candidates_told, _bearers_told = (_statement(name, "k.record_id", may_be_found) for name in ("candidates", "bearers"))
_candidates_within, _bearers_within = (
    _statement(name, "k.record_id", takes_part) for name in ("candidates", "bearers")
)
_records = sql.SQL(_sql["records"]).format(columns=_columns).as_bytes(None)
_all_records_of_persons, _records_of_persons, _records_of_persons_within = (
    _statement("records_of_persons", "m.record_id", condition) for condition in (None, may_be_found, takes_part)
)

CANDIDATES_AT_ONCE = 5_000
"""Rows that the search for candidates may bring before it looks for keys that have outgrown the bound."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A linked record that shares a blocking key with the one asked about; `values` as they are stored, in order."""

    record_id: int
    version: int
    person_id: PersonId | None
    keys: frozenset[int]
    values: Sequence[Any]

    @property
    def record(self) -> NormalisedRecord:
        return normalised_of(self.values)


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
    """A normalised record from its columns in order; the social security number is opened."""
    columns = list(values)
    for place in _lists:
        columns[place] = tuple(columns[place])
    columns[_number] = open_number(columns[_number])
    return NormalisedRecord(*columns)


def columns_of(records: Sequence[NormalisedRecord], brought: Sequence[Candidate]) -> RecordColumns:
    """Records and candidates, one after the other."""
    return RecordColumns.of_rows([*map(values_of, records), *(opened_columns(each.values) for each in brought)])


def candidates(conn: Connection, keys: Collection[int], bound: int) -> Candidates:
    """Linked records that share one of the keys; keys shared by more records than `bound` are left out."""
    wanted = list(keys)
    rows = conn.execute(_candidates, {"keys": wanted, "limit": CANDIDATES_AT_ONCE + 1}, binary=True).fetchall()
    if len(rows) <= CANDIDATES_AT_ONCE:
        return _of_rows(rows, frozenset(wanted), bound)
    counts = conn.execute(_bearers, {"keys": wanted, "bound": bound + 1}).fetchall()
    outgrown = _outgrown(counts, bound)
    rest = {"keys": [key for key in wanted if key not in outgrown], "limit": None}
    return _kept(conn.execute(_candidates, rest, binary=True).fetchall(), frozenset(wanted), outgrown)


async def read_candidates(conn: AsyncConnection, keys: Keys, bound: int, within: Within | None = None) -> Candidates:
    """As `candidates`, where nothing may block; of the records that may take part in what is told."""
    found, counted = (_candidates_within, _bearers_within) if within else (_candidates_told, _bearers_told)
    chosen = within.parameters if within else {}
    asked = {**keys.parameters, "limit": CANDIDATES_AT_ONCE + 1, **chosen}
    rows = await (await conn.execute(found, asked, binary=True)).fetchall()
    if len(rows) <= CANDIDATES_AT_ONCE:
        return _of_rows([_told(row, keys) for row in rows], keys.every, bound)
    counts = await (await conn.execute(counted, {**asked, "bound": bound + 1})).fetchall()
    outgrown = _outgrown(counts, bound)
    rest = {**keys.without(outgrown).parameters, "limit": None, **chosen}
    rows = await (await conn.execute(found, rest, binary=True)).fetchall()
    return _kept([_told(row, keys) for row in rows], keys.every, outgrown)


def _told(row: TupleRow, asked: Keys) -> TupleRow:
    """A candidate without the whereabouts of a protected person, and the keys that they are in."""
    record_id, keys, person_id, version, without_place, *values = row
    if not without_place:
        return row
    told = as_it_may_be_told(values, without_place=True)
    return (record_id, [key for key in keys if key in asked.of_no_place], person_id, version, True, *told)


def _of_rows(rows: Sequence[TupleRow], asked: frozenset[int], bound: int) -> Candidates:
    shared = Counter(key for row in rows for key in row[1] if key in asked) if len(rows) > bound else Counter()
    return _kept(rows, asked, frozenset(key for key, count in shared.items() if count > bound))


def _outgrown(counts: Sequence[TupleRow], bound: int) -> frozenset[int]:
    return frozenset(key for key, count in counts if count > bound)


def _kept(rows: Sequence[TupleRow], asked: frozenset[int], outgrown: frozenset[int]) -> Candidates:
    kept = asked - outgrown
    return Candidates(
        tuple(
            Candidate(record_id, version, person_id, frozenset(keys), values)
            for record_id, keys, person_id, version, _, *values in rows
            if not outgrown or not kept.isdisjoint(keys)
        ),
        outgrown,
    )


@dataclass(frozen=True, slots=True)
class Member:
    """A record of a person, as matching sees it."""

    person_id: PersonId
    key: RecordKey
    record: NormalisedRecord


async def read_records_of_persons(
    conn: AsyncConnection, persons: Collection[PersonId], within: Within | None = None
) -> list[Member]:
    """All records of persons that may take part, person by person in the order of their ids."""
    statement = _records_of_persons if within is None else _records_of_persons_within
    parameters = {"persons": list(persons), **(within.parameters if within else {})}
    cursor = await conn.execute(statement, parameters, binary=True)
    return [
        Member(
            person_id,
            (source, source_record_id),
            normalised_of(as_it_may_be_told(values, without_place=without_place)),
        )
        for person_id, source, source_record_id, without_place, *values in await cursor.fetchall()
    ]


def records_of_persons(conn: Connection, persons: Collection[PersonId]) -> list[Member]:
    """As `read_records_of_persons`, of all records, sealed ones too: for linking."""
    rows = conn.execute(_all_records_of_persons, {"persons": list(persons)}, binary=True)
    return [
        Member(person_id, (source, source_record_id), normalised_of(values))
        for person_id, source, source_record_id, _, *values in rows
    ]


async def read_persons_named(conn: AsyncConnection, keys: Collection[RecordKey]) -> dict[RecordKey, PersonId]:
    """Whom records belong to, by key; records that are unknown, withdrawn or not linked yet are left out."""
    parameters = {"sources": [source for source, _ in keys], "ids": [record_id for _, record_id in keys]}
    rows = await (await conn.execute(_sql["persons_named"], parameters)).fetchall()
    return {(source, record_id): person for source, record_id, person in rows}


def scope_of(conn: Connection, record_ids: Iterable[int]) -> set[int]:
    """The records that a change to these may move: all of their components, and what judgements tie to them."""
    return {record_id for (record_id,) in conn.execute(_sql["scope"], {"record_ids": list(record_ids)})}


def standings(conn: Connection, record_ids: Iterable[int]) -> dict[int, Standing]:
    """Records as they are now, by record id, in its order."""
    return _standings(conn, _records, record_ids, normalised_of)


def outlines(conn: Connection, record_ids: Iterable[int]) -> dict[int, Standing]:
    """The same for records that may be very many: of what they say, their key alone."""
    return _standings(conn, _sql["outlines"].encode(), record_ids, lambda key: NormalisedRecord(*key))


def _standings(
    conn: Connection,
    statement: bytes,
    record_ids: Iterable[int],
    record_of: Callable[[Sequence[Any]], NormalisedRecord],
) -> dict[int, Standing]:
    found = {}
    for row in conn.execute(statement, {"record_ids": sorted(record_ids)}, binary=True):
        record_id, version, withdrawn, person_id, created_at, normalised_version, *values = row
        record = None if withdrawn or normalised_version is None else record_of(values)
        found[record_id] = Standing(record_id, version, person_id, created_at, record)
    return dict(sorted(found.items()))


def components_of(conn: Connection, persons: Collection[PersonId]) -> dict[PersonId, int]:
    """The components that persons share with others; those alone in theirs are left out."""
    return dict(conn.execute(_sql["components_of"], {"persons": list(persons)}).fetchall())


def persons_created(conn: Connection, persons: Collection[PersonId]) -> dict[PersonId, datetime]:
    """When persons were published first."""
    return dict(conn.execute(_sql["persons_created"], {"persons": list(persons)}).fetchall())


def constraints_among(conn: Connection, keys: Collection[RecordKey]) -> Constraints:
    """What the judgements and adoption seals in force demand of these records."""
    return with_seals(constraints_of(said_about(conn, keys), keys), sealed_sides(conn, keys))
