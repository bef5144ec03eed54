"""Who is asking: permission as a parameter type, `who: Annotated[Session, SignedIn(Role.STEWARD)]`."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, Request

from index_service.accounts.roles import Role, with_included
from index_service.accounts.sessions import Session, find_session
from index_service.http.workbench import cookies
from index_service.http.workbench.cookies import Cookie
from index_service.http.workbench.desk import desk_of
from index_service.http.workbench.local_paths import wanted_page


class NotSignedIn(Exception):
    """Nobody is signed in; `timed_out`: somebody was. `wanted`: the page to come back to."""

    def __init__(self, wanted: str, *, timed_out: bool) -> None:
        super().__init__()
        self.wanted = wanted
        self.timed_out = timed_out


class NotAllowed(Exception):
    """The person's roles do not allow this page; any of `roles` would."""

    def __init__(self, roles: tuple[Role, ...]) -> None:
        super().__init__()
        self.roles = roles


def SignedIn(*roles: Role) -> Any:  # noqa: N802 - reads as a type, as FastAPI's own Depends
    """Somebody is signed in who has one of the roles, or any role if none is named.

    Raises:
        NotSignedIn: the browser is sent to sign in, and comes back to the page it wanted.
        NotAllowed: a page says which role is needed.
    """

    def signed_in(request: Request) -> Session:
        session = session_of(request)
        if session is None:
            timed_out = cookies.read(request, Cookie.SESSION) is not None
            raise NotSignedIn(wanted_page(request), timed_out=timed_out)
        if roles and not with_included(session.roles).intersection(roles):
            raise NotAllowed(roles)
        return session

    return Depends(signed_in)


def session_of(request: Request, *, is_use: bool = True) -> Session | None:
    """Who holds this browser's session, if anybody; the page's head shows it. Not for the event loop's thread."""
    token = cookies.read(request, Cookie.SESSION)
    if token is None:
        return None
    desk = desk_of(request)
    with desk.connect() as conn:
        session = find_session(conn, token, desk.rules, is_use=is_use)
    request.state.session = session
    return session
