"""Answers who a record belongs to, and who a person is, was and became. Each answer is of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from psycopg.rows import class_row

from index_service.store.connection import AsyncConnection
from index_service.store.errors import SchemaNotCurrent
from index_service.store.migrate import migrations
from index_service.store.statements import statements
from linkage.record import PersonId, RecordKey

EventKind = Literal[
    "created", "revived", "split", "joined", "moved", "added", "removed", "retired", "review_decided", "review_undone"
]

_sql = statements("lookup")
_NOW = "infinity"


@dataclass(frozen=True, slots=True)
class Member:
    """A record of a person: since when, why, and with which probability when it came."""

    source: str
    source_record_id: str
    from_at: datetime
    probability: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Person:
    """A person as it is, or was at `as_of`.

    asked_person_id, asked_retired_at: the id that was asked for and when it retired; `person_id` answers for it.
    is_retired: nobody answers for the id any more: all its records were withdrawn.
    """

    person_id: PersonId
    created_at: datetime
    is_retired: bool
    asked_person_id: PersonId
    asked_retired_at: datetime | None
    as_of: datetime | None
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class RecordStanding:
    """Where a known record stands. `person_id` is None while no relink has seen it."""

    withdrawn: bool
    person_id: PersonId | None


@dataclass(frozen=True, slots=True)
class PastMember:
    """A record that belonged to a person for a time; `to_at` None: it still does."""

    source: str
    source_record_id: str
    from_at: datetime
    to_at: datetime | None
    probability: float | None
    reason: str
    run_id: int


@dataclass(frozen=True, slots=True)
class IdentityEvent:
    """One published change.

    records: keys of the records concerned. They came to `person_id` (created, revived, joined, moved, added), left it
        for `other_person_ids` (split) or left the index (removed). `other_person_ids` of a retired person: who answers.
    """

    seq: int
    kind: EventKind
    person_id: PersonId
    other_person_ids: Sequence[PersonId]
    records: Sequence[RecordKey]
    run_id: int
    at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "records", [(source, record_id) for source, record_id in self.records])


@dataclass(frozen=True, slots=True)
class History:
    """Everything that ever happened to a person id."""

    person_id: PersonId
    created_at: datetime
    retired_at: datetime | None
    forwards_to: PersonId | None
    memberships: tuple[PastMember, ...]
    events: tuple[IdentityEvent, ...]


@dataclass(frozen=True, slots=True)
class _PersonRow:
    """A row of the statement `person`: the person, and one of its records or nothing."""

    person_id: PersonId
    created_at: datetime
    is_retired: bool | None
    asked_person_id: PersonId
    asked_retired_at: datetime | None
    source: str | None
    source_record_id: str | None
    from_at: datetime | None
    probability: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class _Life:
    """A row of the statement `person_ever`."""

    person_id: PersonId
    created_at: datetime
    retired_at: datetime | None
    forwards_to: PersonId | None


async def person_of_record(
    conn: AsyncConnection, source: str, source_record_id: str, as_of: datetime | None = None
) -> RecordStanding | None:
    """Where a record stands, now or at a past time; None if no such record ever came."""
    parameters = {"source": source, "source_record_id": source_record_id, "at": _moment(as_of)}
    cursor = conn.cursor(row_factory=class_row(RecordStanding))
    await cursor.execute(_sql["person_of_record"], parameters)
    return await cursor.fetchone()


async def person(conn: AsyncConnection, person_id: str, as_of: datetime | None = None) -> Person | None:
    """The person of an id, now or at a past time; the survivor, if the id was retired by then.

    None if there was no such id then. Records that their source has withdrawn are not shown, except in the past.
    """
    parameters = {"person_id": person_id, "at": _moment(as_of), "is_past": as_of is not None}
    cursor = conn.cursor(row_factory=class_row(_PersonRow))
    rows = await (await cursor.execute(_sql["person"], parameters)).fetchall()
    if not rows:
        return None
    first = rows[0]
    return Person(
        person_id=first.person_id,
        created_at=first.created_at,
        is_retired=bool(first.is_retired),
        asked_person_id=first.asked_person_id,
        asked_retired_at=first.asked_retired_at,
        as_of=as_of,
        members=tuple(member for member in map(_member, rows) if member is not None),
    )


async def history(conn: AsyncConnection, person_id: str) -> History | None:
    """Everything that ever happened to a person id, retired or not; None if it was never given out."""
    async with conn.transaction():
        lives = conn.cursor(row_factory=class_row(_Life))
        life = await (await lives.execute(_sql["person_ever"], {"person_id": person_id})).fetchone()
        if life is None:
            return None
        members = conn.cursor(row_factory=class_row(PastMember))
        await members.execute(_sql["memberships_ever"], {"person_id": person_id})
        told = conn.cursor(row_factory=class_row(IdentityEvent))
        await told.execute(_sql["events_of_person"], {"person_id": person_id})
        return History(
            person_id=life.person_id,
            created_at=life.created_at,
            retired_at=life.retired_at,
            forwards_to=life.forwards_to,
            memberships=tuple(await members.fetchall()),
            events=tuple(await told.fetchall()),
        )


async def events(conn: AsyncConnection, after: int, limit: int) -> list[IdentityEvent]:
    """Up to `limit` events with a sequence number above `after`, in order; a consumer resumes from the last it saw."""
    cursor = conn.cursor(row_factory=class_row(IdentityEvent))
    await cursor.execute(_sql["events"], {"after": after, "limit": limit})
    return await cursor.fetchall()


async def last_seq(conn: AsyncConnection) -> int:
    """The newest sequence number; 0 before the first event."""
    row = await (await conn.execute(_sql["last_seq"])).fetchone()
    return int(row[0]) if row else 0


async def require_current(conn: AsyncConnection) -> None:
    """Raises SchemaNotCurrent unless every migration of this version is applied."""
    row = await (await conn.execute(_sql["count_migrations"])).fetchone()
    if row is None or row[0] < len(migrations()):
        raise SchemaNotCurrent


def _member(row: _PersonRow) -> Member | None:
    if row.source is None or row.source_record_id is None or row.from_at is None or row.reason is None:
        return None
    return Member(row.source, row.source_record_id, row.from_at, row.probability, row.reason)


def _moment(as_of: datetime | None) -> datetime | str:
    return _NOW if as_of is None else as_of.astimezone(UTC)
