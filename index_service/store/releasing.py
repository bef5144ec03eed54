"""What leaves the database about persons: each call reads and writes the ledger in one statement.

Several questions may share a call; each has its own answer, and its own row of the ledger.

The connections of the service belong to a role that may call these functions and read no table: there is no other way
out (docs/decisions, disclosure). No row means: nobody, or nobody for this caller; neither the caller nor we can tell.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any, Literal, NamedTuple

from psycopg.rows import TupleRow, class_row
from psycopg_pool import AsyncConnectionPool

from config.agreements import Action, Agreement
from index_service.store.connection import (
    CONNECT_TIMEOUT_S,
    LOOKUP_TIMEOUT_MS,
    WAITING_PER_CONNECTION,
    AsyncConnection,
    Pool,
    check_connection,
)
from index_service.store.ledger import ToldPointer
from index_service.store.lookup import EventKind
from index_service.store.statements import statements
from linkage.record import PersonId, RecordKey

_sql = statements("releasing")


def answering_pool(url: str, size: int, *, role: str | None = None) -> Pool:
    """A pool for answers, not yet open.

    Args:
        url: of a login that may release and read no table.
        role: to step down to, where the login is another.
    """
    options = [f"statement_timeout={LOOKUP_TIMEOUT_MS}", *([f"role={role}"] if role else [])]
    return AsyncConnectionPool(
        url,
        min_size=size,
        max_size=size,
        open=False,
        check=check_connection,
        timeout=LOOKUP_TIMEOUT_MS / 1000,
        max_waiting=size * WAITING_PER_CONNECTION,
        name="answers",
        kwargs={
            "autocommit": True,
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "person-index answers",
            "options": " ".join(f"-c {option}" for option in options),
        },
    )


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks, for which purpose, under which request; and what, sealed, for the ledger."""

    client: str
    user: str | None
    purpose: str
    request_id: str | None
    sealed: bytes | None


@dataclass(frozen=True, slots=True)
class Pointer:
    """One record of a person, as released to the caller.

    asked_person_id: the id asked for, which `person_id` answers for; retired_at: when that id retired, if it did.
    from_at, to_at, probability, reason: of the membership.
    attributes: canonical field to value, as far as asked for and granted; None if nothing was.
    disclosure_id: the row of the ledger.
    """

    asked_person_id: PersonId
    person_id: PersonId
    retired_at: datetime | None
    source: str
    source_record_id: str
    from_at: datetime
    to_at: datetime | None
    probability: float | None
    reason: str
    attributes: Mapping[str, object] | None
    disclosure_id: int


class Place(NamedTuple):
    """How far somebody has read: the number of the last event, and of the last one of segregated records."""

    seq: int
    segregated_seq: int


BEGINNING = Place(0, 0)


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """One published change, as far as the caller may learn of it.

    records, other_person_ids: those that the caller may learn of. kind: as the index has it, but that a record added to
    a person of whom the caller could know nothing has created that person for it.
    segregated_seq: where the caller stands among events of segregated records when it has had this one.
    """

    seq: int
    segregated_seq: int
    kind: EventKind
    person_id: PersonId
    other_person_ids: Sequence[PersonId]
    records: Sequence[RecordKey]
    at: datetime

    @property
    def place(self) -> Place:
        return Place(self.seq, self.segregated_seq)


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of events: all that the caller may learn of up to the number `reaches`; more: there are more beyond.

    reaches_segregated: the same for events of segregated records, which have numbers of their own.
    """

    events: Sequence[ToldEvent]
    reaches: int
    reaches_segregated: int
    more: bool

    @property
    def place(self) -> Place:
        return Place(self.reaches, self.reaches_segregated)


@dataclass(frozen=True, slots=True)
class AskedPersons:
    """What a caller wants to know of persons, or of the person of a record if it may know that record itself.

    attributes: values to tell beside the pointers, as far as they are granted.
    as_of: as it was believed at a past moment, for which the caller needs the action history; ever: at any time.
    """

    question: Question
    action: Action = "pointers"
    persons: Sequence[str] = ()
    record: RecordKey | None = None
    attributes: Collection[str] = ()
    as_of: datetime | None = None
    ever: bool = False


def asking(asked: Sequence[AskedPersons]) -> dict[str, object]:
    """The parameters of the statement that releases persons."""
    firsts, lasts = _stretches([each.persons for each in asked])
    attributes_from, attributes_to = _stretches([each.attributes for each in asked])
    return {
        **_columns_of([each.question for each in asked]),
        "actions": [each.action for each in asked],
        "persons": [person for each in asked for person in each.persons],
        "firsts": firsts,
        "lasts": lasts,
        "sources": [each.record and each.record[0] for each in asked],
        "ids": [each.record and each.record[1] for each in asked],
        "attributes": [attribute for each in asked for attribute in sorted(each.attributes)],
        "attributes_from": attributes_from,
        "attributes_to": attributes_to,
        "as_of": [each.as_of for each in asked],
        "ever": [each.ever for each in asked],
    }


async def released_persons(conn: AsyncConnection, asked: Sequence[AskedPersons]) -> list[list[Pointer]]:
    """What callers may learn, question by question; in the order of the persons asked for, then by source and id."""
    cursor = await conn.execute(_sql["released"], asking(asked))
    return answers_of(asked, await cursor.fetchall())


def answers_of(asked: Sequence[AskedPersons], rows: Iterable[TupleRow]) -> list[list[Pointer]]:
    """What the rows of the statement tell, question by question."""
    told: list[list[Pointer]] = [[] for _ in asked]
    for number, *pointer in rows:
        told[number - 1].append(Pointer(*pointer))
    return [_in_order(pointers, each.persons) for pointers, each in zip(told, asked, strict=True)]


def _in_order(pointers: Sequence[Pointer], persons: Sequence[str]) -> list[Pointer]:
    """Sorted here and not in the database, where it costs a tenth of the look-up."""
    places = {person_id: place for place, person_id in enumerate(persons)}
    return sorted(
        pointers,
        key=lambda row: (places.get(row.asked_person_id, 0), row.source, row.source_record_id, row.from_at),
    )


@dataclass(frozen=True, slots=True)
class AskedRecords:
    """Which of some records a caller may learn of."""

    question: Question
    action: Action
    keys: Collection[RecordKey]


async def released_records(conn: AsyncConnection, asked: Sequence[AskedRecords]) -> list[dict[RecordKey, PersonId]]:
    """Question by question the records that the caller may learn of and that belong to somebody, with their persons."""
    firsts, lasts = _stretches([each.keys for each in asked])
    parameters = {
        **_columns_of([each.question for each in asked]),
        "actions": [each.action for each in asked],
        "sources": [source for each in asked for source, _ in each.keys],
        "ids": [record_id for each in asked for _, record_id in each.keys],
        "firsts": firsts,
        "lasts": lasts,
    }
    told: list[dict[RecordKey, PersonId]] = [{} for _ in asked]
    cursor = await conn.execute(_sql["released_records"], parameters)
    for number, source, record_id, person_id, _ in await cursor.fetchall():
        told[number - 1][source, record_id] = person_id
    return told


async def released_events(
    conn: AsyncConnection,
    question: Question,
    *,
    after: int,
    limit: int,
    after_segregated: int = 0,
    person_id: str | None = None,
) -> Page:
    """What the caller may learn of the events after a number; of one person's events, for which it needs history."""
    asked = {
        "action": "events" if person_id is None else "history",
        "person": person_id,
        "after": after,
        "after_segregated": after_segregated,
        "limit": limit,
    }
    rows = await (await conn.execute(_sql["released_events"], {**_common(question), **asked})).fetchall()
    reaches, reaches_segregated, more = rows[-1][:3]
    events = [
        ToldEvent(seq, segregated, kind, person, others, [(source, record_id) for source, record_id in records], at)
        for seq, segregated, kind, person, others, records, at in rows[:-1]
    ]
    return Page(events, reaches, reaches_segregated, more is not None)


@dataclass(frozen=True, slots=True)
class Count:
    """How many persons there are of a kind (`of_what`: all, source, age or sex); None: fewer than may be told, or
    withheld so that another count that is too small cannot be computed. smallest: the smallest count that is told.
    """

    of_what: str
    cell: str
    persons: int | None
    smallest: int


async def released_counts(conn: AsyncConnection, question: Question) -> list[Count]:
    """How many persons there are among the records of which the caller may learn counts; nothing where it may not."""
    cursor = conn.cursor(row_factory=class_row(Count))
    return await (await cursor.execute(_sql["released_counts"], _common(question))).fetchall()


@dataclass(frozen=True, slots=True)
class ToldAccounting:
    """What was told of a person's records; the agreements that it was told under, by id/version."""

    person_id: PersonId
    from_at: datetime
    until_at: datetime
    pointers: Sequence[ToldPointer]
    agreements: Mapping[str, Agreement]


async def released_accounting(
    conn: AsyncConnection, question: Question, person_id: str, years: int
) -> ToldAccounting | None:
    """To whom those records of a person were disclosed whose ledger the caller may read; None: there are none."""
    parameters = _common(question) | {"person": person_id, "years": years}
    row = await (await conn.execute(_sql["released_accounting"], parameters)).fetchone()
    if row is None:
        return None
    person, from_at, until_at, told, agreements = row
    documents = {name: Agreement.model_validate_json(json.dumps(document)) for name, document in agreements.items()}
    return ToldAccounting(person, from_at, until_at, [_told_pointer(line) for line in told], documents)


def _told_pointer(line: Mapping[str, Any]) -> ToldPointer:
    return ToldPointer(
        disclosure_id=line["disclosure_id"],
        at=datetime.fromisoformat(line["at"]),
        client=line["client_id"],
        user=line["user_id"],
        purpose=line["purpose"],
        action=line["action"],
        person_id=line["person_id"],
        source=line["source"],
        source_record_id=line["id"],
        clauses=tuple(line["clauses"]),
        attributes=tuple(line["attributes"]),
        request_id=line["request_id"],
        seal=line["seal"],
    )


@dataclass(frozen=True, slots=True)
class Broken:
    """Under which agreement the glass is broken, whom to alert, until when, and by when somebody looks at it."""

    agreement: str
    alerts: Sequence[str]
    expires_at: datetime
    review_by: datetime


async def break_glass(conn: AsyncConnection, question: Question, person_id: str, reason: str) -> list[Broken]:
    """Break the glass for the caller's user and a person; nothing where no agreement lets it be broken.

    An id that nobody has is answered as one that somebody has.
    """
    parameters = _common(question) | {"person": person_id, "reason": reason}
    cursor = conn.cursor(row_factory=class_row(Broken))
    return await (await cursor.execute(_sql["break_glass"], parameters)).fetchall()


async def note_refusal(
    conn: AsyncConnection, question: Question, action: Action | Literal["access"], reason: str
) -> int:
    """Enter into the ledger that the question was refused before anything was read; returns the number of the row.

    action: "access" where the caller was turned away before it could be told what was asked for.
    """
    parameters = _common(question) | {"action": action, "reason": reason}
    row = await (await conn.execute(_sql["refusal"], parameters)).fetchone()
    if row is None:
        raise LookupError("refusal")
    return int(row[0])


def _common(question: Question) -> dict[str, object]:
    return {
        "client": question.client,
        "user": question.user,
        "purpose": question.purpose,
        "request": question.request_id,
        "question": question.sealed,
    }


def _columns_of(questions: Sequence[Question]) -> dict[str, object]:
    """What is common to all questions, one array for each column."""
    return {
        "clients": [question.client for question in questions],
        "users": [question.user for question in questions],
        "purposes": [question.purpose for question in questions],
        "requests": [question.request_id for question in questions],
        "questions": [question.sealed for question in questions],
    }


def _stretches(each: Sequence[Collection[object]]) -> tuple[list[int], list[int]]:
    """Where in one array, counted from 1, the things of each question begin and end."""
    lasts = list(accumulate(map(len, each)))
    return [last - len(things) + 1 for last, things in zip(lasts, each, strict=True)], lasts
