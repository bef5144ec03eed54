"""The session's end: signing out, running out of time, and asking for more."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from index_service.accounts import sessions
from index_service.accounts.sessions import Session
from index_service.http.workbench import cookies
from index_service.http.workbench.cookies import Cookie
from index_service.http.workbench.desk import DeskDep
from index_service.http.workbench.local_paths import SIGN_IN, SIGNED_OUT, TIMED_OUT, local_path, with_wanted
from index_service.http.workbench.pages import page
from index_service.http.workbench.sign_in import Wanted
from index_service.http.workbench.signed_in import SignedIn, session_of

router = APIRouter()


@router.post("/sign-out")
def sign_out(request: Request, desk: DeskDep) -> Response:
    """End this session, if it still goes on."""
    session = session_of(request)
    if session is not None:
        with desk.connect() as conn:
            sessions.sign_out(conn, session)
    return signed_out(request, at_provider=session is not None and not session.is_local)


@router.post("/sign-out-everywhere")
def sign_out_everywhere(request: Request, desk: DeskDep, who: Annotated[Session, SignedIn()]) -> Response:
    """End all sessions of the person."""
    with desk.connect() as conn:
        sessions.sign_out_everywhere(conn, who)
    return signed_out(request, at_provider=not who.is_local)


@router.get("/signed-out")
def read_signed_out(request: Request, at: str = "") -> Response:
    """That nobody is signed in any more in this browser."""
    return page(request, "signed_out.html", at_provider=at == "provider")


@router.get("/timed-out")
def read_timed_out(request: Request, wanted: Wanted = "") -> Response:
    """That the session is over, why that may be, and the way back to the page that was wanted."""
    wanted = local_path(wanted)
    if cookies.read(request, Cookie.SESSION) is None:
        return page(request, "timed_out.html", sign_in=with_wanted(SIGN_IN, wanted))
    if session_of(request, is_use=False) is not None:
        return RedirectResponse(wanted, 303)
    response = RedirectResponse(with_wanted(TIMED_OUT, wanted), 303)
    cookies.drop(request, response, Cookie.SESSION)
    return response


@router.get("/session")
def read_session(request: Request) -> Response:
    """For the script that warns: seconds left, and whether doing something gives more. Asking is doing nothing."""
    session = session_of(request, is_use=False)
    if session is None:
        return JSONResponse({"left_s": 0, "extendable": False})
    return JSONResponse({"left_s": round(session.left_s), "extendable": session.extendable})


@router.post("/session")
def extend_session(request: Request) -> Response:
    """Doing something for the sake of it: the session goes on, if it has not ended."""
    session_of(request)
    return read_session(request)


def signed_out(request: Request, *, at_provider: bool) -> Response:
    """Go to the page that says so, without the cookie."""
    response = RedirectResponse(f"{SIGNED_OUT}?at=provider" if at_provider else SIGNED_OUT, 303)
    cookies.drop(request, response, Cookie.SESSION)
    return response
