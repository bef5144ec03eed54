"""The cookies of the workbench: out of reach for scripts, for this host alone, and never over the open network.

On the same machine plain HTTP is allowed; there the names carry the port, for cookies of one host are shared by all its
ports, and two installations shall not sign each other's people out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from fastapi import Request
from starlette.responses import Response

from index_service.http.loopback import is_loopback


class Cookie(StrEnum):
    """Every cookie."""

    SESSION = "person_index_session"  # who is signed in
    FORM = "person_index_form"  # binds forms to a browser in which nobody is signed in yet
    AWAY = "person_index_away"  # binds the answer of the identity provider to the browser that was sent there
    THEME = "person_index_theme"  # light or dark
    SHORTCUTS = "person_index_shortcuts"  # off


_SAME_SITE: dict[Cookie, Literal["lax", "strict"]] = {
    Cookie.SESSION: "lax",  # a link from a message leads to the page, not to signing in again
    Cookie.FORM: "lax",  # such a link may open a second sign-in page, and the first must go on working
    Cookie.AWAY: "lax",  # comes with the browser that the provider sends back
    Cookie.THEME: "strict",
    Cookie.SHORTCUTS: "strict",
}


def is_secure(request: Request) -> bool:
    """Whether cookies go by TLS only: always, except by plain HTTP on this machine."""
    return request.url.scheme == "https" or not is_loopback(request.url.hostname or "")


def read(request: Request, cookie: Cookie) -> str | None:
    """What the browser holds."""
    return request.cookies.get(_name(request, cookie)) or None


def put(request: Request, response: Response, cookie: Cookie, value: str, *, max_age_s: int | None = None) -> None:
    """Have the browser hold this, until it is closed unless an age is given."""
    response.set_cookie(
        _name(request, cookie),
        value,
        max_age=max_age_s,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite=_SAME_SITE[cookie],
    )


def drop(request: Request, response: Response, cookie: Cookie) -> None:
    """Have the browser forget it."""
    response.delete_cookie(
        _name(request, cookie),
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite=_SAME_SITE[cookie],
    )


def _name(request: Request, cookie: Cookie) -> str:
    return f"__Host-{cookie}" if is_secure(request) else f"{cookie}_{request.url.port or 80}"
