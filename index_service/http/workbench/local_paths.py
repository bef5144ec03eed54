"""Paths of the workbench as pages to go on to. A redirect never leaves it, whatever a request asks for."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from fastapi import Request

MOUNTED_AT = "/workbench"
HOME = f"{MOUNTED_AT}/"
SIGN_IN = f"{MOUNTED_AT}/sign-in"
SIGNED_OUT = f"{MOUNTED_AT}/signed-out"
TIMED_OUT = f"{MOUNTED_AT}/timed-out"
OPEN_PAGES = (SIGN_IN, SIGNED_OUT, TIMED_OUT)
"""Pages for who is not signed in."""
_LONGEST = 2000
_PATH = re.compile(r"/workbench/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*(\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")
_NOT_TO_RETURN_TO = ("sign-in", "sign-out", "signed-out", "timed-out", "session", "appearance", "static")


def local_path(wanted: str | None) -> str:
    """The path if it is a page of the workbench in plain characters; otherwise the first page."""
    if not wanted or len(wanted) > _LONGEST or not _PATH.fullmatch(wanted):
        return HOME
    segments = unquote(wanted.partition("?")[0]).removeprefix(HOME).split("/")
    if any(segment in (".", "..") or "\\" in segment for segment in segments) or "//" in wanted.partition("?")[0]:
        return HOME
    return HOME if segments[0] in _NOT_TO_RETURN_TO else wanted


def wanted_page(request: Request) -> str:
    """The page to come back to after signing in: the one asked for, or the one whose form was sent."""
    return local_path(_path_asked_for(request))


def page_to_stay_on(request: Request) -> str:
    """The page that answers this request, or whose form was sent, also where nobody is signed in on it."""
    return open_path(_path_asked_for(request))


def open_path(wanted: str | None) -> str:
    """As `local_path`, and the pages for who is not signed in too, with the page that they lead on to."""
    path, _, query = (wanted or "").partition("?")
    if path in OPEN_PAGES:
        return with_wanted(path, local_path(unquote(query.removeprefix("next="))))
    return local_path(wanted)


def _path_asked_for(request: Request) -> str:
    if request.method in ("GET", "HEAD"):
        query = request.scope["query_string"].decode("ascii", "replace")
        return quote(request.scope["path"], safe="/:@!$&'()*+,;=~-._") + (f"?{query}" if query else "")
    came_from = urlsplit(request.headers.get("referer", ""))
    if came_from.netloc != request.headers.get("host"):
        return HOME
    return came_from.path + (f"?{came_from.query}" if came_from.query else "")


def with_wanted(page: str, wanted: str) -> str:
    """A path of ours that carries the page to go on to."""
    return page if wanted == HOME else f"{page}?next={quote(wanted, safe='/')}"
