"""Signing in with name and password."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from index_service.accounts import signing_in
from index_service.accounts.errors import SignInFailed, SignInHeld
from index_service.http.workbench import cookies
from index_service.http.workbench.cookies import Cookie
from index_service.http.workbench.desk import DeskDep
from index_service.http.workbench.local_paths import SIGN_IN, local_path, with_wanted
from index_service.http.workbench.pages import page
from index_service.http.workbench.signed_in import session_of
from index_service.http.workbench.times import duration
from index_service.http.workbench.user_agents import agent_of

router = APIRouter()
Wanted = Annotated[str, Query(alias="next")]


@router.get("/sign-in")
def read_sign_in(request: Request, desk: DeskDep, wanted: Wanted = "") -> Response:
    """The ways to sign in; who is signed in goes on at once."""
    if session_of(request) is not None:
        return RedirectResponse(local_path(wanted), 303)
    return _sign_in_page(request, desk, wanted=local_path(wanted))


@router.post("/sign-in")
def sign_in(
    request: Request,
    desk: DeskDep,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    wanted: Annotated[str, Form(alias="next")] = "",
) -> Response:
    """Sign in and go on to the page that was wanted; otherwise the form again, with what is wrong."""
    if not desk.local_accounts:
        raise HTTPException(404)
    wanted = local_path(wanted)
    if not name.strip() or not password:
        error = "Enter both your name and your password."
        return _sign_in_page(request, desk, wanted=wanted, name=name, error=error, status=422)
    try:
        former = cookies.read(request, Cookie.SESSION)
        token = signing_in.sign_in(desk.connect, name, password, desk.rules, agent=agent_of(request), replaces=former)
    except SignInFailed:
        error = "The name or the password is not right. Capital letters count in passwords."
        return _sign_in_page(request, desk, wanted=wanted, name=name, error=error, status=401)
    except SignInHeld as held:
        error = f"Too many attempts under this name have failed. Wait {duration(held.seconds)}, then try again."
        response = _sign_in_page(request, desk, wanted=wanted, name=name, error=error, status=429)
        response.headers["Retry-After"] = str(round(held.seconds) + 1)
        return response
    response = RedirectResponse(wanted, 303)
    cookies.put(request, response, Cookie.SESSION, token)
    return response


def _sign_in_page(
    request: Request, desk: DeskDep, *, wanted: str, name: str = "", error: str = "", status: int = 200
) -> Response:
    return page(
        request,
        "sign_in.html",
        status,
        wanted=wanted,
        name=name[:100],
        error=error,
        local_accounts=desk.local_accounts,
        provider=with_wanted(f"{SIGN_IN}/provider", wanted) if desk.provider else None,
    )
