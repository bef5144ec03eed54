"""What happens around every request: its number, its log line, and the refusal of what cannot be one of ours."""

from __future__ import annotations

import re
import time
import traceback
import uuid
from urllib.parse import unquote_to_bytes

import structlog
from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index_service.http.loopback import is_loopback
from index_service.http.problems import problem
from index_service.logs import Event

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = structlog.get_logger()


class RequestLog:
    """Gives every request an id, which the answer carries too, and logs how it was answered, without its values."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        scope["request_id"] = _request_id(Headers(scope=scope).get("x-request-id", ""))
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = scope["request_id"]
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=scope["request_id"]):
            try:
                await self.app(scope, receive, send_with_id)
            except Exception as error:
                _log.error(Event.REQUEST_FAILED, error=type(error).__name__, place=_place(error))
                if status:  # an answer has begun: all that is left is to break it off
                    raise
                detail = "The service failed. Its log names this request."
                await problem(Request(scope), 500, "failed", "Failed", detail)(scope, receive, send_with_id)
            route = getattr(scope.get("route"), "path", None)
            milliseconds = round((time.perf_counter() - began) * 1000, 1)
            _log.info(Event.REQUEST, method=scope["method"], route=route, status=status, ms=milliseconds)


class OnlyOurs:
    """Refuses a Host that is not this machine (a browser lured here by a foreign name), and paths that are no text."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (reason := _refusal(scope)):
            await problem(Request(scope), 400, "bad-request", "Bad request", reason)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _refusal(scope: Scope) -> str | None:
    if not is_loopback(_host_name(Headers(scope=scope).get("host", ""))):
        return "Until access control exists, this service answers only to loopback names such as localhost."
    try:
        path = unquote_to_bytes(scope.get("raw_path") or scope["path"].encode()).decode()
    except UnicodeDecodeError:
        return "The path is not percent-encoded UTF-8."
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        return "The path holds control characters."
    return None


def _host_name(host: str) -> str:
    """The name in a Host header, without port and without the brackets of an IPv6 address."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _request_id(wanted: str) -> str:
    return wanted if _REQUEST_ID.fullmatch(wanted) else uuid.uuid4().hex


def _place(error: Exception) -> str:
    """Where an error arose; its message could hold values and is not for the log."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}:{frames[-1].lineno}" if frames else "unknown"
