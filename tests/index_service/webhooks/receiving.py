"""A receiver of webhooks: a server on this machine that keeps what it gets, and checks signatures by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """A POST."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def body(self) -> dict[str, Any]:
        return dict(json.loads(self.raw))

    @property
    def told(self) -> tuple[str, tuple[str, ...]]:
        """Kind of the event, and the ids of its records."""
        data = self.body["data"]
        return data["kind"], tuple(record["source_record_id"] for record in data["records"])

    def is_signed_with(self, secret: str) -> bool:
        """As standardwebhooks.com says: HMAC-SHA256 over id, time and body, among the signatures of the header."""
        assert abs(time.time() - int(self.headers["webhook-timestamp"])) < 300
        content = b".".join([self.message_id.encode(), self.headers["webhook-timestamp"].encode(), self.raw])
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return expected in self.headers["webhook-signature"].split(" ")


Answering = Callable[[Received], "int | tuple[int, dict[str, str]]"]


def content(_: Received) -> int:
    return 204


@dataclass
class Receiver:
    """`answering` says what a POST is answered with: a status, or status and headers."""

    url: str
    answering: Answering = content
    got: list[Received] = field(default_factory=list)

    @property
    def told(self) -> list[tuple[str, tuple[str, ...]]]:
        return [each.told for each in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that runs inside the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            received = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, raw)
            receiver.got.append(received)
            answer = receiver.answering(received)
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            self.send_response(status)
            for name, value in {**headers, "content-length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}/events")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
