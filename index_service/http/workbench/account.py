"""The page of one's own account: roles, password, sessions, and what happened last."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from index_service.accounts import sessions
from index_service.accounts.errors import AccountError, SignInHeld, WrongPassword
from index_service.accounts.events import AccountEvent
from index_service.accounts.passwords import SHORTEST
from index_service.accounts.sessions import Session
from index_service.accounts.signing_in import change_password
from index_service.http.workbench import cookies
from index_service.http.workbench.cookies import Cookie
from index_service.http.workbench.desk import Desk, DeskDep
from index_service.http.workbench.local_paths import MOUNTED_AT
from index_service.http.workbench.pages import page
from index_service.http.workbench.signed_in import SignedIn
from index_service.http.workbench.times import duration
from index_service.store import accounts as store

router = APIRouter()
ACCOUNT = f"{MOUNTED_AT}/account"
_LAST_EVENTS = 20
Somebody = Annotated[Session, SignedIn()]


@router.get("/account")
def read_account(request: Request, desk: DeskDep, who: Somebody, done: str = "") -> Response:
    """One's own account."""
    return _account_page(request, desk, who, done=done)


@router.post("/account/password")
def set_password(
    request: Request,
    desk: DeskDep,
    who: Somebody,
    present: Annotated[str, Form()] = "",
    wanted: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
) -> Response:
    """Another password; every other session ends."""
    if wanted != again:
        return _account_page(request, desk, who, errors={"again": "The two new passwords differ."}, status=422)
    token = cookies.read(request, Cookie.SESSION) or ""
    try:
        renewed = change_password(desk.connect, who, token, present, wanted)
    except WrongPassword:
        return _account_page(request, desk, who, errors={"present": "This is not your present password."}, status=422)
    except SignInHeld as held:
        wrong = f"The present password was wrong too often. Wait {duration(held.seconds)}, then try again."
        return _account_page(request, desk, who, errors={"present": wrong}, status=429)
    except AccountError as error:
        return _account_page(request, desk, who, errors={"wanted": error.message}, status=422)
    response = RedirectResponse(f"{ACCOUNT}?done=password", 303)
    cookies.put(request, response, Cookie.SESSION, renewed)
    return response


@router.post("/account/sessions/{session_id}/end")
def end_session(desk: DeskDep, who: Somebody, session_id: int) -> Response:
    """End another of one's own sessions; one that has ended by itself is no error."""
    with desk.connect() as conn:
        sessions.sign_out_elsewhere(conn, who, session_id)
    return RedirectResponse(f"{ACCOUNT}?done=session", 303)


_DONE = {
    "password": "Your password is changed, and all your other sessions have ended.",
    "session": "The other session has ended.",
}


def _account_page(
    request: Request,
    desk: Desk,
    who: Session,
    *,
    done: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    with desk.connect() as conn:
        open_sessions = store.open_sessions(conn, who.account_id, desk.rules.idle)
        events = store.events(conn, who.account_id, _LAST_EVENTS)
    return page(
        request,
        "account.html",
        status,
        who=who,
        done=_DONE.get(done, ""),
        errors=errors or {},
        shortest=SHORTEST,
        open_sessions=open_sessions,
        events=[(event.at, AccountEvent(event.kind).sentence, event.detail.get("agent", "")) for event in events],
    )
