"""Sends: looks which receivers have something to be told, tells each in order, and keeps how far it came.

One process sends at a time, by a lock of the database. What is told is read at every attempt by the one way out, so
that the agreements of that moment decide, and the ledger has a row for every attempt. A message whose confirmation is
not kept, for the process was killed, is sent again under the same id: at least once, never less.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import httpx
import orjson
import psycopg
import structlog
from psycopg_pool import PoolTimeout

from config.purposes import Purposes, load_purposes
from index_service.disclosure.sealing import CannotUnseal, SealingKeysUnusable, load_keyring
from index_service.http import metrics
from index_service.http.problems import RequestProblem
from index_service.logs import Event
from index_service.store import webhooks as store
from index_service.store.connection import CONNECT_TIMEOUT_S, AsyncConnection
from index_service.store.releasing import Page, Place, Question, released_events
from index_service.store.webhooks import Attempt, DeadLetter, DueWebhook
from index_service.webhooks.messages import Message, OpenedWebhook, just_before
from index_service.webhooks.pauses import Tried, pause_s, tried_again
from index_service.webhooks.posting import Outcome, Verdict, is_safe_url, post

LOOK_EVERY_S = 1.0
LOST_KEY, LOST_KEY_S = "its secret cannot be opened: the sealing key is missing", 60.0
OURSELVES = "person index"
_PASSING = (psycopg.Error, PoolTimeout, RequestProblem, SealingKeysUnusable)
"""What ends a look and is no fault of a receiver: the next look comes."""

_log = structlog.get_logger()


class Lending(Protocol):
    """Connections of the role that answers."""

    def lend(self) -> contextlib.AbstractAsyncContextManager[AsyncConnection]:
        """One of them for the block."""


@dataclass(slots=True)
class Sent:
    """What was done: messages confirmed, attempts in vain, messages given up."""

    delivered: int = 0
    failed: int = 0
    dead_letters: int = 0


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Sender:
    """Tells receivers.

    url: the database, for bookkeeping; telling goes over `answering`. keys: the file of the sealing keys.
    """

    url: str
    answering: Lending
    keys: Path
    clock: Callable[[], datetime] = _now
    sent: Sent = field(default_factory=Sent)
    purposes: Purposes = field(default_factory=load_purposes)
    _hindered: bool = False
    _ours: bool = False
    _conn: AsyncConnection | None = None
    _under_way: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    async def look(self) -> bool:
        """Begin to tell whoever has something to be told; whether it is this process that sends."""
        if not await self._connect() or self._conn is None:
            return False
        for found in await store.due(self._conn, self.clock()):
            if found.webhook_id not in self._under_way and self._may_still(found):
                self._under_way[found.webhook_id] = asyncio.create_task(self._tell(found.webhook_id))
        return True

    async def send_all(self) -> bool:
        """Tell everybody all that there is to tell now; whether it is this process that sends."""
        while await self.look():
            if not self._under_way or self._hindered:
                return True
            await asyncio.gather(*self._under_way.values())
        return False

    async def close(self) -> None:
        """End what is under way; what was not confirmed is sent again by whoever sends next."""
        under_way = list(self._under_way.values())
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self.disconnect()

    async def disconnect(self) -> None:
        """Give back the lock, at once: the server notices only after a while that a connection is closed."""
        if self._conn is not None:
            conn, self._conn = self._conn, None
            with contextlib.suppress(psycopg.Error):
                await store.give_back_sending(conn)
            await conn.close()

    async def _connect(self) -> bool:
        """Whether the lock is ours."""
        if self._conn is None or self._conn.closed:
            self._ours = False
            self._conn = await AsyncConnection.connect(
                self.url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, application_name="person-index webhooks"
            )
        self._ours = self._ours or await store.take_sending(self._conn)
        return self._ours

    async def _tell(self, webhook_id: int) -> None:
        """Tell one receiver until there is no more, or it does not receive."""
        try:
            async with httpx.AsyncClient() as client:
                while await self._tell_next(client, webhook_id):
                    client.cookies.clear()
        except _PASSING as error:
            self._hindered = True
            _log.error(Event.WEBHOOKS_WAIT, webhook=webhook_id, error=type(error).__name__)
        finally:
            self._under_way.pop(webhook_id, None)

    async def _tell_next(self, client: httpx.AsyncClient, webhook_id: int) -> bool:
        """Make one attempt; whether another may follow at once. Registration and secrets are read anew for each."""
        found = await store.due(self._bookkeeping, self.clock(), webhook_id)
        if not found or not self._may_still(found[0]):
            return False
        try:
            webhook = OpenedWebhook.of(found[0], load_keyring(self.keys))
        except CannotUnseal:
            await store.postpone(self._bookkeeping, webhook_id, LOST_KEY, self.clock() + timedelta(seconds=LOST_KEY_S))
            _log.error(Event.WEBHOOKS_WAIT, webhook=webhook_id, error="CannotUnseal")
            return False
        letters = await store.asked_letters(self._bookkeeping, webhook.due)
        if letters:
            await self._resend(client, webhook, letters[0])
            return True
        page, request_id = await self._told(webhook, webhook.due.place)
        message = webhook.message(page, webhook.due.place)
        if message is None:
            await store.note_nothing_more(self._bookkeeping, webhook_id, page.place, webhook.due.newest)
            return False
        outcome = await self._post(client, webhook, message, request_id)
        if outcome.verdict is Verdict.DELIVERED:
            await store.note_delivered(self._bookkeeping, webhook_id, message.place, self.clock())
            return True
        return await self._note_failure(webhook.due, message, request_id, outcome)

    async def _told(self, webhook: OpenedWebhook, after: Place) -> tuple[Page, str]:
        """The next event that the client may learn of now, with its row in the ledger; and the request's id."""
        request_id = secrets.token_hex(16)
        question = _question(webhook, request_id, {"after": after.seq})
        async with self.answering.lend() as conn:
            page = await released_events(
                conn, question, after=after.seq, after_segregated=after.segregated_seq, limit=1
            )
        return page, request_id

    async def _resend(self, client: httpx.AsyncClient, webhook: OpenedWebhook, letter: DeadLetter) -> None:
        """Send a dead letter once more, if its event may still be told: else neither it nor another is."""
        request_id = secrets.token_hex(16)
        message = await self._told_again(webhook, letter, request_id)
        if message is None:
            await store.settle_letter(self._bookkeeping, letter.letter_id, "no longer told", self.clock())
            return
        outcome = await self._post(client, webhook, message, request_id)
        if outcome.verdict is Verdict.DELIVERED:
            await store.settle_letter(self._bookkeeping, letter.letter_id, "delivered", self.clock())
        else:
            await store.note_refused_again(
                self._bookkeeping, letter.letter_id, problem=outcome.problem, request_id=request_id
            )

    async def _told_again(self, webhook: OpenedWebhook, letter: DeadLetter, request_id: str) -> Message | None:
        """The message of a dead letter, if it may still be told; another that is found instead enters no ledger."""
        after = just_before(letter.event)
        question = _question(webhook, request_id, {"dead_letter": letter.letter_id})
        found: Message | None = None
        async with self.answering.lend() as conn, conn.transaction() as reading:
            page = await released_events(
                conn, question, after=after.seq, after_segregated=after.segregated_seq, limit=1
            )
            message = webhook.message(page, after)
            found = message if message is not None and message.message_id == letter.message_id else None
            if found is None:
                raise psycopg.Rollback(reading)
        return found

    async def _post(
        self, client: httpx.AsyncClient, webhook: OpenedWebhook, message: Message, request_id: str
    ) -> Outcome:
        if not is_safe_url(webhook.due.url):
            outcome = Outcome(Verdict.GONE, "the address is not https")
        else:
            outcome = await post(client, webhook.due.url, message.body, webhook.headers(message, request_id))
        metrics.count_webhook_attempt(outcome.verdict.value)
        if outcome.verdict is Verdict.DELIVERED:
            self.sent.delivered += 1
        else:
            self.sent.failed += 1
            _log.warning(
                Event.WEBHOOK_FAILED, webhook=webhook.due.webhook_id, request_id=request_id, problem=outcome.problem
            )
        return outcome

    async def _note_failure(self, due: DueWebhook, message: Message, request_id: str, outcome: Outcome) -> bool:
        """Try again later, or give up the message or the receiver; whether another attempt may follow at once."""
        refused_before = due.refusals if due.message_id == message.message_id else 0
        tried = tried_again(Tried(due.failures, refused_before), outcome)
        attempt = Attempt(message.message_id, request_id, tried.failures, tried.refusals, outcome.problem)
        pause = pause_s(tried, outcome)
        if pause is None and outcome.verdict is Verdict.REFUSED:
            await store.give_up(self._bookkeeping, due.webhook_id, attempt, message.event, message.place)
            self.sent.dead_letters += 1
            _log.error(Event.WEBHOOK_DEAD_LETTER, webhook=due.webhook_id, request_id=request_id)
            return True
        if pause is None:
            reason = "the receiver is gone" if outcome.verdict is Verdict.GONE else "nobody received for days"
            await store.switch_off(
                self._bookkeeping, due.webhook_id, reason=f"{reason}: {outcome.problem}", who=OURSELVES
            )
            _log.error(Event.WEBHOOK_OFF, webhook=due.webhook_id, problem=outcome.problem)
        next_attempt_at = None if pause is None else self.clock() + timedelta(seconds=pause)
        await store.note_failed(self._bookkeeping, due.webhook_id, attempt, next_attempt_at)
        return False

    def _may_still(self, due: DueWebhook) -> bool:
        """Whether the client may still state the purpose."""
        return due.purpose in self.purposes.covered(due.client_purposes)

    @property
    def _bookkeeping(self) -> AsyncConnection:
        if self._conn is None:
            raise psycopg.OperationalError("the connection was given back")
        return self._conn


async def keep_sending(sender: Sender, every_s: float = LOOK_EVERY_S) -> None:
    """Look again and again until cancelled. A database that is away is tried again at the next look."""
    try:
        while True:
            await asyncio.sleep(every_s)
            try:
                await sender.look()
            except _PASSING as error:
                _log.error(Event.WEBHOOKS_WAIT, error=type(error).__name__)
                await sender.close()
    finally:
        await sender.close()


def _question(webhook: OpenedWebhook, request_id: str, asked: Mapping[str, object]) -> Question:
    due = webhook.due
    text = orjson.dumps({"route": "webhook", "webhook": due.webhook_id, **asked})
    return Question(due.client_id, None, due.purpose, request_id, webhook.keyring.seal(text, "ledger question"))
