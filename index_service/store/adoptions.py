"""Adoption seals as facts: which records stand on which side of an adoption, and which ids lead to nothing since.

What is hidden, and that no person ever has records of both sides, is decided in the schema (`sealed_away`,
`keep_sides`); here seals are written and read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import psycopg

from index_service.errors import IndexServiceError
from index_service.store.connection import Connection
from index_service.store.statements import statements
from index_service.store.stewardship import Named
from linkage.judged import Sealed
from linkage.record import PersonId, RecordKey

_sql = statements("adoptions")
Side = Literal["before", "after"]
SealState = Literal["waiting", "refused", "in_force", "opening", "open"]


class UnknownSeal(IndexServiceError):
    """There is no such seal."""

    hint = "Look it up: person-index seal list"


class AlreadySaid(IndexServiceError):
    """A second person has said so before; nothing was done now."""

    hint = "Look at the seal: person-index seal list"


@dataclass(frozen=True, slots=True)
class Second:
    """What the second person said."""

    agrees: bool
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Unsealing:
    """That a seal shall be opened, and what the second person said of it."""

    unsealing_id: int
    reason: str
    who: str
    at: datetime
    second: Second | None


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal and what became of it; no person and no record.

    before, after, apart: how many records stand on either side, and how many bear names of both times.
    """

    seal_id: int
    reason: str
    keeps_name: bool
    who: str
    at: datetime
    second: Second | None
    unsealing: Unsealing | None
    before: int
    after: int
    apart: int

    @property
    def state(self) -> SealState:
        if self.second is None:
            return "waiting"
        if not self.second.agrees:
            return "refused"
        if self.unsealing is None or (self.unsealing.second is not None and not self.unsealing.second.agrees):
            return "in_force"
        return "opening" if self.unsealing.second is None else "open"


def add_seal(
    conn: Connection, *, before: Collection[int], after: Collection[int], reason: str, keeps_name: bool, who: str
) -> int:
    """Note that a seal is asked for, with the records of both sides by number; returns its number."""
    row = conn.execute(_sql["add_seal"], {"reason": reason, "keeps_name": keeps_name, "who": who}).fetchone()
    if row is None:
        raise LookupError("add_seal")
    for side, record_ids in (("before", before), ("after", after)):
        conn.execute(_sql["name_records"], {"seal_id": row[0], "side": side, "record_ids": sorted(record_ids)})
    return int(row[0])


def note_second(conn: Connection, seal_id: int, *, agrees: bool, reason: str, who: str) -> None:
    """Note what the second person said of a seal. Raises AlreadySaid."""
    _second(conn, "second", seal_id, agrees=agrees, reason=reason, who=who)


def put_in_force(conn: Connection, seal_id: int) -> frozenset[PersonId]:
    """Keep what tells the sides of a seal apart, and let the ids of the time before lead to nothing; returns these."""
    for statement in ("values_before", "values_after"):
        conn.execute(_sql[statement], {"seal_id": seal_id})
    return frozenset(person for (person,) in conn.execute(_sql["retire_ids"], {"seal_id": seal_id}))


def court_order(conn: Connection, seal_id: int) -> int | None:
    """Number of a court order on file for the child of a seal, if one is in force."""
    row = conn.execute(_sql["court_order"], {"seal_id": seal_id}).fetchone()
    return None if row is None else int(row[0])


def add_unsealing(conn: Connection, seal_id: int, consent_id: int, *, reason: str, who: str) -> int:
    """Note that a seal shall be opened; returns the number."""
    asked = {"seal_id": seal_id, "consent_id": consent_id, "reason": reason, "who": who}
    row = conn.execute(_sql["add_unsealing"], asked).fetchone()
    if row is None:
        raise LookupError("add_unsealing")
    return int(row[0])


def note_second_of_unsealing(conn: Connection, unsealing_id: int, *, agrees: bool, reason: str, who: str) -> None:
    """Note what the second person said of an unsealing. Raises AlreadySaid."""
    _second(conn, "second_of_unsealing", unsealing_id, agrees=agrees, reason=reason, who=who)


def _second(conn: Connection, statement: str, number: int, *, agrees: bool, reason: str, who: str) -> None:
    try:
        with conn.transaction():
            conn.execute(_sql[statement], {"number": number, "agrees": agrees, "reason": reason, "who": who})
    except psycopg.errors.UniqueViolation:
        raise AlreadySaid from None


def seals(conn: Connection, record: RecordKey | None = None) -> list[Seal]:
    """All seals, or those that name a record, the newest first."""
    source, record_id = record or (None, None)
    return _seals(conn, None, source, record_id)


def seal(conn: Connection, seal_id: int) -> Seal:
    """A seal by its number. Raises UnknownSeal."""
    for found in _seals(conn, seal_id, None, None):
        return found
    raise UnknownSeal(f"There is no seal {seal_id}.")


def _seals(conn: Connection, seal_id: int | None, source: str | None, record_id: str | None) -> list[Seal]:
    asked = {"seal_id": seal_id, "source": source, "source_record_id": record_id}
    return [_seal(*row) for row in conn.execute(_sql["seals"], asked)]


def _seal(
    seal_id: int,
    reason: str,
    keeps_name: bool,
    who: str,
    at: datetime,
    agrees: bool | None,
    second_who: str,
    second_at: datetime,
    unsealing_id: int | None,
    unsealing_reason: str,
    unsealing_who: str,
    unsealing_at: datetime,
    opens: bool | None,
    opens_who: str,
    opens_at: datetime,
    before: int,
    after: int,
    apart: int,
) -> Seal:
    opened_by = None if opens is None else Second(opens, opens_who, opens_at)
    unsealing = (
        None
        if unsealing_id is None
        else Unsealing(unsealing_id, unsealing_reason, unsealing_who, unsealing_at, opened_by)
    )
    second = None if agrees is None else Second(agrees, second_who, second_at)
    return Seal(seal_id, reason, keeps_name, who, at, second, unsealing, before, after, apart)


def named_records(conn: Connection, seal_id: int) -> dict[Side, list[Named]]:
    """The records that a seal names, by side."""
    found: dict[Side, list[Named]] = {"before": [], "after": []}
    for side, *columns in conn.execute(_sql["named"], {"seal_id": seal_id}):
        found[side].append(Named(*columns))
    return found


def records_under(conn: Connection, seal_id: int) -> list[int]:
    """Numbers of all records that stand under a seal."""
    return [int(record_id) for (record_id,) in conn.execute(_sql["records_of"], {"seal_id": seal_id})]


def first_reason(conn: Connection, seal_id: int) -> str:
    """Why most records of the time after came to their first person."""
    row = conn.execute(_sql["first_reason"], {"seal_id": seal_id}).fetchone()
    return "relink" if row is None else str(row[0])


def sealed_sides(conn: Connection, keys: Collection[RecordKey] | None = None) -> list[Sealed]:
    """What the seals in force keep apart: all of it, or among the records of some keys."""
    if not any_seals(conn):
        return []
    asked = {
        "sources": None if keys is None else [source for source, _ in keys],
        "ids": None if keys is None else [record_id for _, record_id in keys],
    }
    found: dict[int, dict[str, set[RecordKey]]] = defaultdict(lambda: defaultdict(set))
    for seal_id, side, source, record_id in conn.execute(_sql["sides"], asked):
        found[seal_id][side].add((source, record_id))
    return [
        Sealed(frozenset(sides["before"]), frozenset(sides["after"]), frozenset(sides["apart"]))
        for sides in found.values()
    ]


def any_seals(conn: Connection) -> bool:
    """Whether a seal was ever made: where none was, nothing further is asked."""
    row = conn.execute(_sql["any_seals"]).fetchone()
    return bool(row and row[0])


@dataclass(frozen=True, slots=True)
class Touched:
    """How records stand to seals. sealed: some are of a sealed time. adopted: some are of a person with one."""

    sealed: bool
    adopted: bool


def touched_by_seals(conn: Connection, keys: Collection[RecordKey]) -> Touched:
    """How records stand to the seals in force."""
    if not keys or not any_seals(conn):
        return Touched(sealed=False, adopted=False)
    asked = {"sources": [source for source, _ in keys], "ids": [record_id for _, record_id in keys]}
    rows: Sequence[tuple[bool, bool]] = conn.execute(_sql["touched"], asked).fetchall()
    return Touched(*rows[0])


def hidden_records(conn: Connection) -> list[int]:
    """Numbers of all records that seals hide: they are of no list of persons."""
    if not any_seals(conn):
        return []
    return [int(record_id) for (record_id,) in conn.execute(_sql["hidden"])]
