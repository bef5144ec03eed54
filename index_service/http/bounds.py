"""Every request is bounded: in bytes, in seconds, and by the caller's patience.

What is given up is cancelled, and with it the statement that it waits for: the database is free at once.
"""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index_service.http.problems import RequestProblem, response_to, too_large, took_too_long, write_took_too_long

_PATIENCE_S = 0.05
"""So long nobody looks whether the caller is still there: most answers are given sooner, and looking costs them."""

QUESTIONS_BY_POST = frozenset({"/v1/resolve", "/v1/compare", "/v1/pmap/resolve"})
"""What a POST to these paths asks is not worth an answer once the caller has gone. Every other POST is a write."""


ONE_THING_BYTES = 262_144
_HOLD_MANY = (":batch", "/import")
"""A record, question or decision is smaller than that; only bodies of many are read up to the whole limit. While a body
is taken apart, nobody else is answered: a thread would not help, for it is done in one step that no other Python may
enter."""


class Bounded:
    """Reads the body whole, up to a limit, and gives the answer a deadline.

    A question is also given up when its caller hangs up; a write goes on, for what was accepted is done. Past the
    deadline the answer is 503; once an answer has begun, it is broken off.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int, seconds: float) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, gone = False, False
        loop = asyncio.get_running_loop()
        watch: asyncio.Task[None] | None = None
        patience: asyncio.TimerHandle | None = None

        async def send_and_note(message: Message) -> None:
            nonlocal began
            began = True
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                stop_looking()  # what follows an answer is not for the caller
            await send(message)

        def begin_looking() -> None:
            nonlocal watch
            watch = loop.create_task(end_when_gone())

        def stop_looking() -> None:
            for waiting in (patience, watch):
                if waiting:
                    waiting.cancel()

        async def end_when_gone() -> None:
            nonlocal gone
            while (await receive())["type"] != "http.disconnect":
                pass
            gone = True
            limit.reschedule(loop.time())

        try:
            async with asyncio.timeout(self.seconds) as limit:
                body = await _whole_body(scope, receive, self._most_bytes(scope["path"]))
                if _is_question(scope):
                    patience = loop.call_later(_PATIENCE_S, begin_looking)
                await self.app(scope, _once(body), send_and_note)
        except RequestProblem as refusal:
            await response_to(Request(scope), refusal)(scope, receive, send)
        except _HungUp:
            pass
        except TimeoutError:
            if not limit.expired():
                raise
            if not (began or gone):
                late = took_too_long if _is_question(scope) else write_took_too_long
                await response_to(Request(scope), late())(scope, receive, send)
        finally:
            stop_looking()

    def _most_bytes(self, path: str) -> int:
        return self.max_body_bytes if path.endswith(_HOLD_MANY) else min(self.max_body_bytes, ONE_THING_BYTES)


def _is_question(scope: Scope) -> bool:
    return scope["method"] in ("GET", "HEAD") or (scope["method"] == "POST" and scope["path"] in QUESTIONS_BY_POST)


class _HungUp(Exception):
    """The caller hung up before the whole request was there."""


async def _whole_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    declared = Headers(scope=scope).get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large(limit)
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _HungUp
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise too_large(limit)
        more = message.get("more_body", False)
    return b"".join(chunks)


def _once(body: bytes) -> Receive:
    """Hands out the body, then waits for ever: nobody but us looks out for the caller."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            await asyncio.Future()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
