"""The way out: what is told of persons and records, to whom, what for; each answer with its row in the ledger.

A route that tells of persons or records takes `ReleasingDep`. Its connections belong to a role that can read no table;
what it asks for and may not learn is not there, and it cannot tell that from what does not exist.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated

import orjson
from fastapi import Depends, FastAPI, Request

from config.agreements import Action
from index_service.access.callers import Caller
from index_service.disclosure import positions
from index_service.disclosure.decide import Permission
from index_service.disclosure.keep_sealed import keep_sealed
from index_service.disclosure.sealing import Keyring, load_keyring
from index_service.http.access import caller_of
from index_service.http.connections import Connections
from index_service.http.faults import FieldProblem
from index_service.http.problems import RequestProblem
from index_service.http.together import Together
from index_service.settings import Settings
from index_service.store import releasing
from index_service.store.agreements import PermissionsHeld
from index_service.store.connection import AsyncConnection
from index_service.store.releasing import (
    AskedPersons,
    AskedRecords,
    Broken,
    Count,
    Page,
    Place,
    Pointer,
    Question,
    ToldAccounting,
    answering_pool,
)
from index_service.store.roles import AnsweringLogin
from linkage.record import PersonId, RecordKey


class Answering:
    """What answers need while the service runs: connections that only release, and the keys that seal questions."""

    def __init__(self, url: str, settings: Settings) -> None:
        login = AnsweringLogin.of(url, settings)
        self.url = login.url
        self.pool = answering_pool(login.url, settings.pool_size, role=login.role)
        self.connections = Connections(self.pool, settings.pool_wait_s)
        self.persons_together = Together(self.connections, releasing.released_persons)
        self.records_together = Together(self.connections, releasing.released_records)
        self.permissions = PermissionsHeld()
        self.seals = Path(settings.ledger_seals)
        self._keys = Path(settings.sealing_keys)

    @cached_property
    def keyring(self) -> Keyring:
        return load_keyring(self._keys)


@asynccontextmanager
async def answering_open(app: FastAPI) -> AsyncIterator[None]:
    """Inside, answers can be given, and the ledger is sealed every few seconds."""
    answering: Answering = app.state.answering
    await answering.pool.open()
    sealing = asyncio.create_task(keep_sealed(answering.url, answering.seals))
    try:
        yield
    finally:
        await answering.pool.close()
        sealing.cancel()
        with suppress(asyncio.CancelledError):
            await sealing


@dataclass(frozen=True, slots=True)
class Releasing:
    """What one caller may learn, for the purpose of one request.

    `asked`, in each call, is the question as the ledger keeps it, sealed.
    """

    answering: Answering
    caller: Caller
    route: str
    request_id: str | None

    async def persons(
        self,
        persons: Sequence[str],
        *,
        asked: Mapping[str, object],
        action: Action = "pointers",
        attributes: Collection[str] = (),
        as_of: datetime | None = None,
    ) -> list[Pointer]:
        """What the caller may learn of these persons, now or as was believed at a past moment.

        attributes: values to tell beside the pointers, as far as they are granted.
        """
        question = self._question(asked)
        return await self._told(AskedPersons(question, action, persons, attributes=attributes, as_of=as_of))

    async def person_of_record(self, record: RecordKey, *, as_of: datetime | None = None) -> list[Pointer]:
        """What the caller may learn of the person of a record; nothing, if not that record itself."""
        question = self._question({"source": record[0], "id": record[1], "as_of": as_of})
        return await self._told(AskedPersons(question, record=record, as_of=as_of))

    async def history(self, person_id: str) -> list[Pointer]:
        """Every membership that an id ever had, as far as the caller may learn of it."""
        question = self._question({"person": person_id})
        return await self._told(AskedPersons(question, "history", [person_id], ever=True))

    async def _told(self, asked: AskedPersons) -> list[Pointer]:
        """What is quick to tell shares a statement with others; the past may be long, and keeps nobody waiting."""
        if asked.as_of is None and not asked.ever:
            return await self.answering.persons_together.ask(asked)
        async with self.answering.connections.lend() as conn:
            (told,) = await releasing.released_persons(conn, [asked])
            return told

    async def records(
        self, keys: Collection[RecordKey], *, action: Action, asked: Mapping[str, object] | None = None
    ) -> dict[RecordKey, PersonId]:
        """Of some records those that the caller may learn of and that belong to somebody, with their persons."""
        question = self._question({"records": list(keys)} if asked is None else asked)
        return await self.answering.records_together.ask(AskedRecords(question, action, keys))

    async def events(self, after: Place, limit: int, person_id: str | None = None) -> Page:
        """What the caller may learn of the events after a place; of one person's, if one is named."""
        question = self._question({"after": after.seq, "person": person_id})
        async with self.answering.connections.lend() as conn:
            return await releasing.released_events(
                conn,
                question,
                after=after.seq,
                after_segregated=after.segregated_seq,
                limit=limit,
                person_id=person_id,
            )

    async def counts(self) -> list[Count]:
        """How many persons there are, as far as the caller may learn of it."""
        async with self.answering.connections.lend() as conn:
            return await releasing.released_counts(conn, self._question({}))

    async def accounting(self, person_id: str, years: int) -> ToldAccounting | None:
        """To whom those records of a person were disclosed whose ledger the caller may read; None: there are none."""
        async with self.answering.connections.lend() as conn:
            return await releasing.released_accounting(conn, self._question({"person": person_id}), person_id, years)

    async def break_glass(self, person_id: str, reason: str) -> list[Broken]:
        """Break the glass for the caller's user and a person; nothing where no agreement lets it be broken."""
        async with self.answering.connections.lend() as conn:
            return await releasing.break_glass(conn, self._question({"person": person_id}), person_id, reason)

    async def refuse(self, action: Action, reason: str, *, asked: Mapping[str, object]) -> None:
        """Enter into the ledger that the caller was refused before anything was done."""
        async with self.answering.connections.lend() as conn:
            await releasing.note_refusal(conn, self._question(asked), action, reason)

    async def permission(self, conn: AsyncConnection, action: Action) -> Permission:
        """What agreements allow the caller now: chosen by before a search, so that the rest takes no part in it."""
        caller, held = self.caller, self.answering.permissions
        (permission,) = await held.now(conn, caller.client_id, caller.purpose, [action], datetime.now(UTC))
        return permission

    async def permissions(
        self, connections: Connections, application: int | None, actions: Sequence[Action]
    ) -> list[Permission]:
        """What an application of agreements allows the caller now, by action; takes a connection where that is new."""
        held, at = self.answering.permissions, datetime.now(UTC)
        asked = application, self.caller.client_id, self.caller.purpose
        if (known := held.known(*asked, actions, at)) is not None:
            return known
        async with connections.lend() as conn:
            return [await held.under(conn, *asked, action, at) for action in actions]

    def position(self, place: Place) -> str:
        """An event's place as it is told: sealed, for this client, so that nobody can count what is not told."""
        return positions.position(self.answering.keyring, self.caller.client_id, place)

    def place(self, position: str) -> Place:
        """The place of an event from its position.

        Raises:
            RequestProblem: it is no position that this client was told.
        """
        try:
            return positions.place(self.answering.keyring, self.caller.client_id, position)
        except positions.NoPosition:
            raise _no_position() from None

    def _question(self, asked: Mapping[str, object]) -> Question:
        caller = self.caller
        text = orjson.dumps({"route": self.route, **asked}, default=str)
        return Question(
            client=caller.client_id,
            user=caller.user.subject if caller.user else None,
            purpose=caller.purpose,
            request_id=self.request_id,
            sealed=self.answering.keyring.seal(text, "ledger question"),
        )


def _no_position() -> RequestProblem:
    fault = FieldProblem(
        field="query.after",
        problem="is no position in the events of this client",
        mend="Take `next_after` of an answer, or the `position` of an event; leave it out for the beginning.",
    )
    return RequestProblem(422, "invalid", "The request cannot be understood: see errors.", errors=[fault])


async def _releasing(request: Request) -> Releasing:
    caller = await caller_of(request)
    route = getattr(request.scope.get("route"), "path", "")
    return Releasing(request.app.state.answering, caller, route, request.scope.get("request_id"))


ReleasingDep = Annotated[Releasing, Depends(_releasing)]
