"""What stewards and courts decide of records: facts, added and undone, never changed. Every linking obeys them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Literal

import psycopg
from psycopg.types.json import Jsonb

from index_service.errors import IndexServiceError
from index_service.store.connection import Connection
from index_service.store.reviewing import ANYBODY, Reviewer
from index_service.store.statements import statements
from linkage.judged import Part, Said
from linkage.record import PersonId, RecordKey

JudgementKind = Literal["same", "different", "cannot_tell", "split", "move", "detach", "generic", "note", "ask_second"]
_sql = statements("judgements")
_NOT_SAID = 0
_ALL: Mapping[str, object] = {
    "judgement_id": None,
    "task_id": None,
    "before": None,
    "source": None,
    "source_record_id": None,
    "limit": None,
    "sealed_too": False,
    **ANYBODY,
}


class UnknownJudgement(IndexServiceError):
    """There is no judgement of this number."""

    hint = "Look it up: `person-index review show TASK` lists those of a task, the page of a person those about it."


class AlreadyUndone(IndexServiceError):
    """The judgement was undone before; nothing was done now."""

    hint = "Its history says who undid it, and why."


@dataclass(frozen=True, slots=True)
class NewJudgement:
    """What a steward says.

    parts: what it demands of records; see `linkage.judged`.
    looked_at: records that were before the steward, and of which nothing is demanded.
    evidence: what was known: weight, versions; no values.
    missing: what would be needed to tell.
    needs_second: it waits for a second person.
    """

    kind: JudgementKind
    reason: str
    who: str
    parts: tuple[Part, ...] = ()
    looked_at: frozenset[RecordKey] = frozenset()
    task_id: int | None = None
    evidence: Mapping[str, object] = field(default_factory=dict)
    model_fingerprint: str | None = None
    missing: str | None = None
    needs_second: bool = False


@dataclass(frozen=True, slots=True)
class Second:
    """What the second person said."""

    agrees: bool
    reason: str
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Undone:
    """That a judgement no longer holds."""

    reason: str
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judgement, and what became of it. `parts` are as in `NewJudgement`."""

    judgement_id: int
    kind: JudgementKind
    reason: str
    who: str
    at: datetime
    task_id: int | None
    evidence: Mapping[str, object]
    model_fingerprint: str | None
    missing: str | None
    needs_second: bool
    second: Second | None
    undone: Undone | None
    parts: tuple[Part, ...]
    looked_at: frozenset[RecordKey]

    @property
    def waits(self) -> bool:
        """A second person has still to agree."""
        return self.needs_second and self.second is None and self.undone is None

    @property
    def in_force(self) -> bool:
        agreed = not self.needs_second or (self.second is not None and self.second.agrees)
        return agreed and self.undone is None

    @property
    def said(self) -> Said:
        return Said(self.judgement_id, self.parts)


def add_judgement(conn: Connection, new: NewJudgement) -> int:
    """Note a judgement; returns its number."""
    parameters = {
        "kind": new.kind,
        "reason": new.reason,
        "who": new.who,
        "task_id": new.task_id,
        "evidence": Jsonb(dict(new.evidence)),
        "model_fingerprint": new.model_fingerprint,
        "missing": new.missing,
        "needs_second": new.needs_second,
    }
    row = conn.execute(_sql["add"], parameters).fetchone()
    if row is None:
        raise LookupError("add")
    judgement_id = int(row[0])
    _add_records(conn, judgement_id, new)
    return judgement_id


def _add_records(conn: Connection, judgement_id: int, new: NewJudgement) -> None:
    rows = [(key, number, part.held) for number, part in enumerate(new.parts, 1) for key in sorted(part.records)]
    named = {key for key, _, _ in rows}
    if len(named) < len(rows):
        raise ValueError("a record cannot be judged against itself")
    rows += [(key, _NOT_SAID, False) for key in sorted(new.looked_at - named)]
    parameters = {
        "judgement_id": judgement_id,
        "sources": [source for (source, _), _, _ in rows],
        "ids": [record_id for (_, record_id), _, _ in rows],
        "parts": [number for _, number, _ in rows],
        "held": [held for _, _, held in rows],
    }
    conn.execute(_sql["add_records"], parameters)


def undo_judgement(conn: Connection, judgement_id: int, *, reason: str, who: str) -> None:
    """Note that a judgement no longer holds.

    Raises:
        AlreadyUndone: it was undone before.
        UnknownJudgement: there is no such judgement.
    """
    try:
        with conn.transaction():
            conn.execute(_sql["undo"], {"judgement_id": judgement_id, "reason": reason, "who": who})
    except psycopg.errors.UniqueViolation:
        raise AlreadyUndone from None
    except psycopg.errors.ForeignKeyViolation:
        raise UnknownJudgement from None


def note_second(conn: Connection, judgement_id: int, *, agrees: bool, reason: str, who: str) -> None:
    """Note what the second person said."""
    parameters = {"judgement_id": judgement_id, "agrees": agrees, "reason": reason, "who": who}
    conn.execute(_sql["second"], parameters)


def note_effect(conn: Connection, judgement_id: int, run_id: int) -> None:
    """Note by which run a judgement took effect."""
    conn.execute(_sql["took_effect"], {"judgement_id": judgement_id, "run_id": run_id})


def tell_of_review(
    conn: Connection, judgement_id: int, kind: Literal["review_decided", "review_undone"], run_id: int
) -> None:
    """Publish what became of a judgement, if it decides a task and somebody has a record of it left.

    The caller's transaction holds the lock of publications.
    """
    conn.execute(_sql["tell_of_review"], {"judgement_id": judgement_id, "kind": kind, "run_id": run_id})


def persons_before(conn: Connection, judgement_id: int) -> dict[int, PersonId]:
    """Whom the records that a judgement moved belonged to before it took effect, by record id."""
    return dict(conn.execute(_sql["before_effect"], {"judgement_id": judgement_id}).fetchall())


def judgement(conn: Connection, judgement_id: int, *, sealed_too: bool = False) -> Judgement:
    """A judgement by its number; one that names what an adoption seal hides is not told of, unless `sealed_too`.

    Raises:
        UnknownJudgement: there is none.
    """
    for found in _judgements(conn, {"judgement_id": judgement_id, "sealed_too": sealed_too}):
        return found
    raise UnknownJudgement(f"There is no judgement {judgement_id}.")


def judgements(
    conn: Connection,
    *,
    task_id: int | None = None,
    record: RecordKey | None = None,
    before: int | None = None,
    limit: int | None = None,
    reviewer: Reviewer | None = None,
) -> list[Judgement]:
    """Judgements, the newest first: of a task, about a record, with numbers below `before`; for a caller of the API
    those that it may review.
    """
    source, record_id = record or (None, None)
    asked = {"task_id": task_id, "source": source, "source_record_id": record_id, "before": before, "limit": limit}
    return _judgements(conn, {**asked, **(reviewer.parameters if reviewer else {})})


def _judgements(conn: Connection, asked: Mapping[str, object]) -> list[Judgement]:
    return [_judgement(*row) for row in conn.execute(_sql["judgements"], {**_ALL, **asked})]


def _judgement(
    judgement_id: int,
    kind: JudgementKind,
    reason: str,
    who: str,
    at: datetime,
    task_id: int | None,
    evidence: Mapping[str, object],
    model_fingerprint: str | None,
    missing: str | None,
    needs_second: bool,
    agrees: bool | None,
    second_reason: str,
    second_who: str,
    second_at: datetime,
    undone_reason: str,
    undone_by: str,
    undone_at: datetime | None,
    records: Sequence[tuple[str, str, int, bool]] | None,
) -> Judgement:
    named = records or ()
    return Judgement(
        judgement_id,
        kind,
        reason,
        who,
        at,
        task_id,
        evidence,
        model_fingerprint,
        missing,
        needs_second,
        None if agrees is None else Second(agrees, second_reason, second_who, second_at),
        None if undone_at is None else Undone(undone_reason, undone_by, undone_at),
        _parts((part, held, (source, record_id)) for source, record_id, part, held in named if part != _NOT_SAID),
        frozenset((source, record_id) for source, record_id, part, _ in named if part == _NOT_SAID),
    )


def _parts(rows: Iterable[tuple[int, bool, RecordKey]]) -> tuple[Part, ...]:
    """Parts from their records, which come part by part."""
    return tuple(
        Part(frozenset(key for _, _, key in of_part), held)
        for (_, held), of_part in groupby(rows, key=lambda row: row[:2])
    )


def said_in_force(conn: Connection) -> list[Said]:
    """What all judgements in force demand."""
    return _said(conn.execute(_sql["in_force"]).fetchall())


def said_about(conn: Connection, keys: Collection[RecordKey]) -> list[Said]:
    """What the judgements in force demand that name one of these records."""
    parameters = {"sources": [source for source, _ in keys], "ids": [record_id for _, record_id in keys]}
    return _said(conn.execute(_sql["about"], parameters).fetchall())


def said_around(conn: Connection, keys: Collection[RecordKey]) -> list[Said]:
    """The same, and those that name a record which judgements hold together with one of these, and so on."""
    found: dict[int, Said] = {}
    reached: set[RecordKey] = set()
    frontier = set(keys)
    while frontier:
        reached |= frontier
        fresh = [said for said in said_about(conn, frontier) if said.judgement_id not in found]
        found |= {said.judgement_id: said for said in fresh}
        frontier = {key for said in fresh for part in said.parts if part.held for key in part.records} - reached
    return list(found.values())


def _said(rows: Sequence[tuple[int, int, bool, str, str]]) -> list[Said]:
    return [
        Said(judgement_id, _parts((part, held, (source, record_id)) for _, part, held, source, record_id in of_one))
        for judgement_id, of_one in groupby(rows, key=lambda row: row[0])
    ]


def mark_generic(conn: Connection, judgement_id: int, field_name: str, digest: str) -> None:
    """Note the digest of a value that many people share."""
    conn.execute(_sql["mark_generic"], {"judgement_id": judgement_id, "field": field_name, "digest": digest})


def marked_generic(conn: Connection) -> dict[str, tuple[str, ...]]:
    """Digests of the values that stewards have marked as shared by many people, by column: for the next model."""
    rows = conn.execute(_sql["generic_values"]).fetchall()
    return {name: tuple(digest for _, digest in group) for name, group in groupby(rows, key=lambda row: row[0])}
