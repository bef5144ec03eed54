"""Forms: each carries a token that follows from a cookie of this browser; without it nothing that is sent is done."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import Response

from index_service.accounts.sessions import csrf_token, is_csrf_token, new_token
from index_service.http.workbench import cookies
from index_service.http.workbench.cookies import Cookie

FIELD = "form_token"
HEADER = "x-form-token"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class FormNotOurs(Exception):
    """A form was sent that does not come from a page of this browser's."""


async def require_form_token(request: Request) -> None:
    """Raises FormNotOurs unless a request that may change something comes from one of our own pages."""
    if request.method in _READS:
        return
    key = _key(request)
    if key is None or _is_from_elsewhere(request) or not is_csrf_token(await _given(request), key):
        raise FormNotOurs


def form_token(request: Request) -> str:
    """The token for the forms of the page that answers this request."""
    key = _key(request) or getattr(request.state, "new_form_key", None)
    if key is None:
        key = request.state.new_form_key = new_token()
    return csrf_token(key)


def keep_form_key(request: Request, response: Response) -> None:
    """Give the browser the cookie from which the page's tokens follow, if it has none yet."""
    key = getattr(request.state, "new_form_key", None)
    if key is not None:
        cookies.put(request, response, Cookie.FORM, key)


def _key(request: Request) -> str | None:
    """The session's token where there is one: a form outlives no sign-in."""
    return cookies.read(request, Cookie.SESSION) or cookies.read(request, Cookie.FORM)


async def _given(request: Request) -> str:
    if HEADER in request.headers:
        return request.headers[HEADER]
    given = (await request.form()).get(FIELD)
    return given if isinstance(given, str) else ""


def _is_from_elsewhere(request: Request) -> bool:
    """Whether the browser says that a page of another site, or none, has sent this."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")
