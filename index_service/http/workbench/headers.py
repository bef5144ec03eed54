"""What every answer of the workbench tells the browser not to do."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index_service.http.workbench.cookies import is_secure
from index_service.http.workbench.local_paths import MOUNTED_AT

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # paths may name a person; nobody else is to learn them
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class SecurityHeaders:
    """Adds the headers to every answer, and the mount's name to the route that the log names."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
                if is_secure(Request(scope)):
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        outside = scope.get("route")
        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            route = scope.get("route")
            if route is not outside and route is not None:
                scope["route"] = _NamedRoute(f"{MOUNTED_AT}{getattr(route, 'path', '')}")


@dataclass(frozen=True, slots=True)
class _NamedRoute:
    """A route as the log names it."""

    path: str
