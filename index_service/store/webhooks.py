"""Webhooks in the database: who is told where, how far each receiver has been told, what could not be delivered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg.rows import TupleRow, args_row

from index_service.store.connection import AsyncConnection, Connection
from index_service.store.locks import AdvisoryLock
from index_service.store.releasing import Place
from index_service.store.statements import statements

_sql = statements("webhooks")

Settled = Literal["delivered", "no longer told"]


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as its administrator sees it.

    is_on, why, switched_by, switched_at: as it was last switched. waiting_letters: dead letters that nobody settled.
    attempts, problem, next_attempt_at: of what could not be delivered yet.
    """

    webhook_id: int
    client_id: str
    purpose: str
    url: str
    is_on: bool
    why: str
    switched_by: str
    switched_at: datetime
    delivered: int
    delivered_at: datetime | None
    attempts: int
    problem: str | None
    next_attempt_at: datetime | None
    waiting_letters: int


@dataclass(frozen=True, slots=True)
class DueWebhook:
    """A webhook whose receiver may have something to be told.

    client_purposes: what the client may state. sealed_key, sealed_secrets: as stored; the newest secret first.
    place: up to which everything was delivered. message_id, failures, refusals: of what could not be delivered yet.
    newest: the last events that there are.
    """

    webhook_id: int
    client_id: str
    client_purposes: frozenset[str]
    purpose: str
    url: str
    sealed_key: bytes
    sealed_secrets: tuple[bytes, ...]
    place: Place
    message_id: str | None
    failures: int
    refusals: int
    newest: Place


@dataclass(frozen=True, slots=True)
class EventNumber:
    """Which event: its number among those of the index, or among those of segregated records."""

    is_segregated: bool
    seq: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up; `event` is what it was about, `request_id` the last attempt's, as in the ledger."""

    letter_id: int
    webhook_id: int
    client_id: str
    message_id: str
    event: EventNumber
    attempts: int
    problem: str
    request_id: str
    dead_at: datetime
    asked_by: str | None
    settled_how: Settled | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook to be added; `place` None: it is told of what happens from now on."""

    client_id: str
    purpose: str
    url: str
    sealed_key: bytes
    sealed_secret: bytes
    place: Place | None


def add_webhook(conn: Connection, new: NewWebhook, *, who: str, reason: str, now: datetime) -> int:
    """Add a webhook and switch it on; returns its number."""
    asked = {
        "client_id": new.client_id,
        "purpose": new.purpose,
        "url": new.url,
        "message_key": new.sealed_key,
        "who": who,
    }
    begins = {
        "seq": None if new.place is None else new.place.seq,
        "segregated_seq": None if new.place is None else new.place.segregated_seq,
    }
    with conn.transaction():
        row = conn.execute(_sql["add"], asked).fetchone()
        if row is None:
            raise LookupError("add")
        number = int(row[0])
        conn.execute(_sql["begin"], begins | {"webhook_id": number})
        add_secret(conn, number, new.sealed_secret, former_until=now, who=who)
        _switch(conn, number, is_on=True, reason=reason, who=who)
    return number


def add_secret(conn: Connection, webhook_id: int, sealed: bytes, *, former_until: datetime, who: str) -> None:
    """Sign with this secret from now on; with the one before it too until `former_until`."""
    conn.execute(
        _sql["add_secret"], {"webhook_id": webhook_id, "sealed": sealed, "former_until": former_until, "who": who}
    )


def switch(conn: Connection, webhook_id: int, *, is_on: bool, reason: str, who: str) -> None:
    """Switch a webhook on or off; it stays where it is, and what stood in the way counts no longer."""
    with conn.transaction():
        _switch(conn, webhook_id, is_on=is_on, reason=reason, who=who)
        conn.execute(_sql["forget_failures"], {"webhook_id": webhook_id})


def _switch(conn: Connection, webhook_id: int, *, is_on: bool, reason: str, who: str) -> None:
    conn.execute(_sql["switch"], {"webhook_id": webhook_id, "is_on": is_on, "reason": reason, "who": who})


def webhooks(conn: Connection) -> list[Webhook]:
    """All webhooks, those switched off too."""
    return conn.cursor(row_factory=args_row(Webhook)).execute(_sql["webhooks"]).fetchall()


def dead_letters(conn: Connection, webhook_id: int | None = None, *, settled_too: bool = False) -> list[DeadLetter]:
    """Messages that were given up, of one webhook or of all."""
    asked = {"webhook_id": webhook_id, "settled_too": settled_too}
    return [_letter(row) for row in conn.execute(_sql["dead_letters"], asked).fetchall()]


def ask_again(conn: Connection, letters: Collection[int], *, who: str) -> list[int]:
    """Have dead letters sent again; returns those that wait for it."""
    rows = conn.execute(_sql["ask_again"], {"letters": list(letters), "who": who}).fetchall()
    return sorted(row[0] for row in rows)


# ----------------------------------------------------------------------------------------------- for who sends, async


async def take_sending(conn: AsyncConnection) -> bool:
    """Whether this connection alone may send, until it ends."""
    row = await (await conn.execute(_sql["take_sending"], {"lock": AdvisoryLock.WEBHOOKS})).fetchone()
    return bool(row and row[0])


async def give_back_sending(conn: AsyncConnection) -> None:
    """Let another send: all that this connection had taken."""
    await conn.execute(_sql["give_back_sending"])


async def due(conn: AsyncConnection, now: datetime, webhook_id: int | None = None) -> list[DueWebhook]:
    """Webhooks that may have something to be told now: all of them, or one if it is among them."""
    rows = await (await conn.execute(_sql["due"], {"now": now, "webhook_id": webhook_id})).fetchall()
    return [
        DueWebhook(
            webhook_id=row[0],
            client_id=row[1],
            client_purposes=frozenset(row[2]),
            purpose=row[3],
            url=row[4],
            sealed_key=bytes(row[5]),
            sealed_secrets=tuple(bytes(sealed) for sealed in row[6]),
            place=Place(row[7], row[8]),
            message_id=row[9],
            failures=row[10],
            refusals=row[11],
            newest=Place(row[12], row[13]),
        )
        for row in rows
    ]


async def note_nothing_more(conn: AsyncConnection, webhook_id: int, place: Place, looked: Place) -> None:
    """There was nothing more to tell up to the events `looked`; the receiver stands at `place`."""
    asked = {"looked_seq": looked.seq, "looked_segregated_seq": looked.segregated_seq}
    await conn.execute(_sql["nothing_more"], _at(webhook_id, place) | asked)


async def note_delivered(conn: AsyncConnection, webhook_id: int, place: Place, now: datetime) -> None:
    """The receiver has confirmed what brings it to this place."""
    await conn.execute(_sql["delivered"], _at(webhook_id, place) | {"now": now})


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt in vain: how often in a row nobody received (`failures`), or the receiver refused the message."""

    message_id: str
    request_id: str
    failures: int
    refusals: int
    problem: str


async def note_failed(
    conn: AsyncConnection, webhook_id: int, attempt: Attempt, next_attempt_at: datetime | None
) -> None:
    """A message was not delivered, and is tried again then."""
    asked = {
        "webhook_id": webhook_id,
        "message_id": attempt.message_id,
        "failures": attempt.failures,
        "refusals": attempt.refusals,
        "problem": attempt.problem,
        "next_attempt_at": next_attempt_at,
    }
    await conn.execute(_sql["failed"], asked)


async def postpone(conn: AsyncConnection, webhook_id: int, problem: str, until: datetime) -> None:
    """Nothing was tried, for a reason of our own; look again then."""
    await conn.execute(_sql["postpone"], {"webhook_id": webhook_id, "problem": problem, "until": until})


async def give_up(conn: AsyncConnection, webhook_id: int, attempt: Attempt, event: EventNumber, place: Place) -> None:
    """Put a message aside as a dead letter; what comes after `place` is sent next."""
    asked = {
        "message_id": attempt.message_id,
        "request_id": attempt.request_id,
        "attempts": attempt.refusals,
        "problem": attempt.problem,
        "is_segregated": event.is_segregated,
        "event_seq": event.seq,
    }
    await conn.execute(_sql["give_up"], _at(webhook_id, place) | asked)


async def switch_off(conn: AsyncConnection, webhook_id: int, *, reason: str, who: str) -> None:
    """Switch a webhook off, which stays where it is."""
    await conn.execute(_sql["switch"], {"webhook_id": webhook_id, "is_on": False, "reason": reason, "who": who})


async def asked_letters(conn: AsyncConnection, webhook: DueWebhook) -> Sequence[DeadLetter]:
    """Dead letters of a webhook that shall be sent again."""
    asked = {"webhook_id": webhook.webhook_id, "client_id": webhook.client_id}
    return [_letter(row) for row in await (await conn.execute(_sql["asked_letters"], asked)).fetchall()]


async def settle_letter(conn: AsyncConnection, letter_id: int, how: Settled, now: datetime) -> None:
    """A dead letter was delivered after all, or may not be told any more."""
    await conn.execute(_sql["settle_letter"], {"letter": letter_id, "how": how, "now": now})


async def note_refused_again(conn: AsyncConnection, letter_id: int, *, problem: str, request_id: str) -> None:
    """A dead letter was sent again in vain, and waits to be asked for anew."""
    await conn.execute(_sql["refused_again"], {"letter": letter_id, "problem": problem, "request_id": request_id})


def _at(webhook_id: int, place: Place) -> dict[str, object]:
    return {"webhook_id": webhook_id, "seq": place.seq, "segregated_seq": place.segregated_seq}


def _letter(row: TupleRow) -> DeadLetter:
    letter_id, webhook_id, client_id, message_id, is_segregated, seq, *rest = row
    return DeadLetter(letter_id, webhook_id, client_id, message_id, EventNumber(is_segregated, seq), *rest)
