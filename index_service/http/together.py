"""Puts questions that arrive together to the database in one statement: one round trip and one commit for all of them.

A question that comes alone does not wait. Those that come while statements are under way, or in the same turn of the
event loop, go into the next one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Generic, TypeVar

import psycopg

from index_service.http.connections import Connections
from index_service.store.connection import AsyncConnection

STATEMENTS_AT_ONCE = 2
"""While the database works on one, the next is gathered and the answers of the one before are written."""

QUESTIONS_AT_ONCE = 32

Asked = TypeVar("Asked")
Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Asked, Told]):
    asked: Asked
    answer: asyncio.Future[Told]


class Together(Generic[Asked, Told]):
    """Questions of one kind, over the connections of one pool."""

    def __init__(
        self,
        connections: Connections,
        put: Callable[[AsyncConnection, Sequence[Asked]], Awaitable[Sequence[Told]]],
    ) -> None:
        """Args: `put`: puts questions in one statement, and returns their answers in order."""
        self._connections = connections
        self._put = put
        self._waiting: deque[_Waiting[Asked, Told]] = deque()
        self._under_way: dict[asyncio.Task[None], list[_Waiting[Asked, Told]]] = {}

    async def ask(self, asked: Asked) -> Told:
        """The answer to a question. Given up by all whom it would answer, a statement is cancelled.

        Raises:
            RequestProblem, PoolTimeout: as `Connections.lend`.
        """
        waiting: _Waiting[Asked, Told] = _Waiting(asked, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._begin_if_free()
        try:
            return await waiting.answer
        except asyncio.CancelledError:
            self._give_up()
            raise

    def _begin_if_free(self) -> None:
        if self._waiting and len(self._under_way) < STATEMENTS_AT_ONCE:
            # in a context of its own: what is logged there belongs to no single request
            task = asyncio.get_running_loop().create_task(self._statement(), context=Context())
            self._under_way[task] = []
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._begin_if_free()

    def _give_up(self) -> None:
        """Cancel the statements that answer nobody any more."""
        for task, answered in self._under_way.items():
            if answered and all(each.answer.cancelled() for each in answered):
                task.cancel()

    async def _statement(self) -> None:
        """Answer those who wait when a connection is had; where none is to be had, all are told so."""
        answered = self._under_way[_current_task()]
        try:
            async with self._connections.lend() as conn:
                self._take(answered, QUESTIONS_AT_ONCE)
                if answered:
                    await self._answer(conn, answered)
        except Exception as error:  # whatever it is, it is the answer of each
            if not answered:
                self._take(answered, len(self._waiting))
            for each in answered:
                if not each.answer.done():
                    each.answer.set_exception(error)

    def _take(self, answered: list[_Waiting[Asked, Told]], most: int) -> None:
        """Take from the queue those who have not gone."""
        while self._waiting and len(answered) < most:
            each = self._waiting.popleft()
            if not each.answer.cancelled():
                answered.append(each)

    async def _answer(self, conn: AsyncConnection, answered: Sequence[_Waiting[Asked, Told]]) -> None:
        """One statement; where it cannot be written for one of the questions, each by itself."""
        try:
            told = await self._put(conn, [each.asked for each in answered])
        except psycopg.DataError:
            if len(answered) == 1:
                raise
            for each in answered:
                await self._answer_alone(conn, each)
            return
        for each, answer in zip(answered, told, strict=True):
            if not each.answer.done():
                each.answer.set_result(answer)

    async def _answer_alone(self, conn: AsyncConnection, waiting: _Waiting[Asked, Told]) -> None:
        try:
            await self._answer(conn, [waiting])
        except psycopg.DataError as error:
            if not waiting.answer.done():
                waiting.answer.set_exception(error)


def _current_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - asked within one
    return task
