"""What happens around every request: its number, its log line, and the refusal of what cannot be one of ours."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from urllib.parse import unquote_to_bytes, urlsplit

import structlog
from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index_service.http import metrics
from index_service.http.loopback import is_loopback
from index_service.http.problems import problem, response_to, stopping
from index_service.logs import Event, place_of

_REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,64}", re.IGNORECASE)
"""A caller's request id that is kept: a UUID or a long hexadecimal number. A name, date or SSN is none."""
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")
CALLER_GONE = 499
"""Stands in logs and metrics for the status of an answer that nobody waited for, as nginx writes it."""
_log = structlog.get_logger()


class RequestLog:
    """Gives every request an id, which its answer carries; logs and counts how it was answered, without values."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["request_id"] = _request_id(Headers(scope=scope).get("x-request-id", ""))
        with structlog.contextvars.bound_contextvars(request_id=scope["request_id"]), metrics.request_under_way():
            began = time.perf_counter()
            status = await self._answer(scope, receive, send)
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", None)
            metrics.observe_request(scope["method"], route, status, seconds)
            client = {"client": scope["person_index.client"]} if "person_index.client" in scope else {}
            ms = round(seconds * 1000, 1)
            _log.info(Event.REQUEST, method=scope["method"], route=route, status=status, ms=ms, **client)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Have the request answered; returns the status. An answer that fails half-way is broken off."""
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = scope["request_id"]
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception as error:
            _log.error(Event.REQUEST_FAILED, error=type(error).__name__, place=place_of(error.__traceback__))
            if not status:
                detail = "The service failed. Its log names this request."
                await problem(Request(scope), 500, "failed", "Failed", detail)(scope, receive, send_with_id)
        except asyncio.CancelledError:  # the service stops and has waited long enough
            if not status:
                await response_to(Request(scope), stopping())(scope, receive, send_with_id)
        return status or CALLER_GONE


class OnlyOurs:
    """Refuses a Host that is not ours (a browser lured here by a foreign name), and paths that are no text.

    Ours are the names of this machine, and that under which a proxy is reached.
    """

    def __init__(self, app: ASGIApp, public_url: str | None = None) -> None:
        self.app = app
        self.public_name = urlsplit(public_url).hostname if public_url else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (reason := _refusal(scope, self.public_name)):
            await problem(Request(scope), 400, "bad-request", "Bad request", reason)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _refusal(scope: Scope, public_name: str | None) -> str | None:
    name = _host_name(Headers(scope=scope).get("host", ""))
    if not is_loopback(name) and (public_name is None or name.lower() != public_name):
        return "This service does not answer to this name: PERSON_INDEX_PUBLIC_URL says under which it is reached."
    try:
        path = unquote_to_bytes(scope.get("raw_path") or scope["path"].encode()).decode()
    except UnicodeDecodeError:
        return "The path is not percent-encoded UTF-8."
    if _CONTROL_CHARACTERS.search(path):
        return "The path holds control characters."
    return None


def _host_name(host: str) -> str:
    """The name in a Host header, without port and without the brackets of an IPv6 address."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _request_id(wanted: str) -> str:
    return wanted if _REQUEST_ID.fullmatch(wanted) else uuid.uuid4().hex
