"""What the medication process needs of the store beside pointers, which come through `releasing` alone."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from index_service.store.connection import AsyncConnection, Connection
from index_service.store.statements import statements
from index_service.store.stewardship import answer_court_question, note_court_question
from linkage.doubts import DoubtKind
from linkage.record import PersonId, RecordKey

_sql = statements("pmap")
TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a pointer comes from.

    source_date: the source's own date of the record as it holds, ISO; None if it states none.
    received_at: when that version came. confirmed_at: when a steward held it together with another that is told.
    """

    source_date: str | None
    received_at: datetime
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Whose a record is now, and when it came first."""

    person_id: PersonId | None
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A question that stewards have not decided; persons are the same where a part of one may leave."""

    task_id: int
    kind: DoubtKind
    persons: frozenset[PersonId]
    left: frozenset[RecordKey]
    right: frozenset[RecordKey]


@dataclass(frozen=True, slots=True)
class ToldRecord:
    """A record that was told, or that stands for a child it may be, and whose it was then."""

    source: str
    source_record_id: str
    person_id: PersonId

    @property
    def key(self) -> RecordKey:
        return (self.source, self.source_record_id)


@dataclass(frozen=True, slots=True)
class Packet:
    """What a token stands for. `person_id` None: it was not certain who the child is."""

    person_id: PersonId | None
    records: tuple[ToldRecord, ...]
    tasks: frozenset[int]
    asked_at: datetime


async def provenance(conn: AsyncConnection, keys: Collection[RecordKey]) -> dict[RecordKey, Provenance]:
    """Where the pointers with these keys come from, all of which are told together."""
    rows = await (await conn.execute(_sql["provenance"], _named(keys))).fetchall()
    return {(source, record_id): Provenance(*rest) for source, record_id, *rest in rows}


async def standings(conn: AsyncConnection, keys: Collection[RecordKey]) -> dict[RecordKey, Standing]:
    """Whose some records are now."""
    rows = await (await conn.execute(_sql["standing"], _named(keys))).fetchall()
    return {(source, record_id): Standing(*rest) for source, record_id, *rest in rows}


async def open_tasks(conn: AsyncConnection, person_id: str) -> list[OpenTask]:
    """The questions about a person that stewards have not decided."""
    rows = await (await conn.execute(_sql["open_tasks"], {"person": person_id})).fetchall()
    return [
        OpenTask(task, kind, frozenset({left, right}), _keys(left_keys), _keys(right_keys))
        for task, kind, left, right, left_keys, right_keys in rows
    ]


async def still_open(conn: AsyncConnection, tasks: Collection[int]) -> frozenset[int]:
    """Those of some questions that are not decided yet."""
    rows = await (await conn.execute(_sql["still_open"], {"tasks": list(tasks)})).fetchall()
    return frozenset(task for (task,) in rows)


async def notices(conn: AsyncConnection, client: str, purpose: str) -> list[str]:
    """The words that agreements send along with what a client may learn for a purpose."""
    rows = await (await conn.execute(_sql["notices"], {"client": client, "purpose": purpose})).fetchall()
    return [text for (text,) in rows]


async def packet_of(conn: AsyncConnection, token: str, client: str, purpose: str) -> Packet | None:
    """What a token stands for; None if it means nothing to this client for this purpose, or has expired."""
    asked = {"digest": _digest(token), "client": client, "purpose": purpose}
    row = await (await conn.execute(_sql["packet"], asked)).fetchone()
    if row is None:
        return None
    person_id, records, tasks, asked_at = row
    return Packet(person_id, tuple(ToldRecord(*record) for record in records), frozenset(tasks), asked_at)


def keep_packet(
    conn: Connection,
    *,
    client: str,
    purpose: str,
    person_id: PersonId | None,
    records: Sequence[ToldRecord],
    tasks: Collection[int],
    days: int,
) -> str:
    """Keep what was told for so many days; returns the token, which is kept nowhere."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    kept = [[record.source, record.source_record_id, record.person_id] for record in records]
    conn.execute(_sql["forget_expired"])
    conn.execute(
        _sql["add_packet"],
        {
            "digest": _digest(token),
            "client": client,
            "purpose": purpose,
            "person": person_id,
            "records": json.dumps(kept),
            "tasks": sorted(tasks),
            "days": days,
        },
    )
    return token


def wait_for_stewards(conn: Connection, records: Collection[RecordKey], *, matter: str, due_on: date, who: str) -> None:
    """A caller waits for an answer about the children of these records: their tasks come first. Once per caller."""
    for record in records:
        asked = {"source": record[0], "source_record_id": record[1], "matter": matter, "due_on": due_on, "who": who}
        (waits,) = conn.execute(_sql["is_waiting"], asked).fetchone() or (False,)
        if not waits:
            note_court_question(conn, record, matter=matter, due_on=due_on, who=who)


def wait_no_longer(conn: Connection, person_id: PersonId, *, matters: Collection[str], who: str) -> None:
    """A caller has its answer about a child: what it asked no longer hastens tasks."""
    asked = {"person": person_id, "matters": list(matters), "who": who}
    for (question,) in conn.execute(_sql["waiting_about"], asked).fetchall():
        answer_court_question(conn, question)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _named(keys: Collection[RecordKey]) -> dict[str, list[str]]:
    return {"sources": [source for source, _ in keys], "ids": [record_id for _, record_id in keys]}


def _keys(told: Sequence[Sequence[str]] | None) -> frozenset[RecordKey]:
    return frozenset((source, record_id) for source, record_id in told or ())
