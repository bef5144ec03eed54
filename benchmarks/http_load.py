"""Sends requests over some connections at once and times each: `python -m benchmarks.http_load PLAN`.

A process of its own, so that it does not share the interpreter with what it measures; the HTTP is written here, since
a client library would take more of the machine than the server. PLAN is a JSON file: host, port, clients, seconds,
token (or null), requests as [method, path, body or null]. The answer is one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import orjson
import uvloop

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length:"


@dataclass(slots=True)
class Tally:
    """What came back."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


class Caller(asyncio.Protocol):
    """One keep-alive connection: sends the next request when the last is answered."""

    def __init__(self, messages: Iterator[bytes], tally: Tally, until: float, done: asyncio.Future[None]) -> None:
        self._messages, self._tally, self._until, self._done = messages, tally, until, done
        self._received = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not derived from it
        self._next()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if (size := whole_size(self._received)) is None or len(self._received) < size:
            return
        now = time.perf_counter()
        self._tally.seconds.append(now - self._began)
        self._tally.statuses[int(self._received[9:12])] += 1
        self._received = self._received[size:]
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or ConnectionError("the service closed a connection"))

    def _next(self) -> None:
        self._began = time.perf_counter()
        message = next(self._messages, None) if self._began < self._until else None
        if message is None:
            if not self._done.done():
                self._done.set_result(None)
            self._transport.close()
            return
        self._transport.write(message)


def whole_size(received: bytes) -> int | None:
    """Bytes of the answer that begins here, head and body; None while the head is not whole."""
    end = received.find(END_OF_HEAD)
    if end < 0:
        return None
    head = received[:end].lower()
    at = head.find(LENGTH)
    if at < 0:
        raise ValueError("an answer without content-length")
    return end + len(END_OF_HEAD) + int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0])


def message_of(request: Sequence[Any], host: str, port: int, token: str | None) -> bytes:
    """The bytes of a request."""
    method, path, body = request
    content = b"" if body is None else orjson.dumps(body)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}"]
    if token is not None:
        lines += [f"Authorization: Bearer {token}", "X-Purpose-Of-Use: TREAT"]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


async def send(plan: dict[str, Any]) -> dict[str, Any]:
    """Run a plan; returns how long each request took, what the statuses were, and this process's own cost."""
    host, port = plan["host"], plan["port"]
    prepared = [message_of(request, host, port, plan["token"]) for request in plan["requests"]]
    messages = iter(prepared)
    tally = Tally()
    loop = asyncio.get_running_loop()
    began, cpu = time.perf_counter(), time.process_time()
    until = began + plan["seconds"]
    waits: list[asyncio.Future[None]] = []
    for _ in range(plan["clients"]):
        done = loop.create_future()
        waits.append(done)
        await loop.create_connection(lambda done=done: Caller(messages, tally, until, done), host, port)  # type: ignore[misc]
    await asyncio.gather(*waits)
    return {
        "elapsed_s": time.perf_counter() - began,
        "client_cpu_s": time.process_time() - cpu,
        "seconds": tally.seconds,
        "statuses": {str(status): count for status, count in tally.statuses.items()},
    }


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps(uvloop.run(send(plan))))


if __name__ == "__main__":
    main()
