"""Signing in at the identity provider: the browser is sent there, and comes back with a code."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from index_service.accounts.errors import AccountError
from index_service.accounts.identity_provider import IdentityProvider
from index_service.accounts.provider_sign_in import Return, arrive, depart
from index_service.http.workbench import cookies
from index_service.http.workbench.cookies import Cookie
from index_service.http.workbench.desk import Desk, DeskDep
from index_service.http.workbench.local_paths import SIGN_IN, local_path
from index_service.http.workbench.pages import page
from index_service.http.workbench.sign_in import Wanted
from index_service.http.workbench.user_agents import agent_of

router = APIRouter()
_AWAY_S = 600


@router.get("/sign-in/provider")
def leave_for_provider(request: Request, desk: DeskDep, wanted: Wanted = "") -> Response:
    """Send the browser to the identity provider."""
    provider = _provider(desk)
    try:
        departure = depart(desk.connect, provider, redirect_uri=_redirect_uri(request, desk), wanted=local_path(wanted))
    except AccountError as error:
        return _refusal(request, error)
    response = RedirectResponse(departure.url, 303)
    cookies.put(request, response, Cookie.AWAY, departure.browser_token, max_age_s=_AWAY_S)
    return response


@router.get("/sign-in/return")
def return_from_provider(
    request: Request,
    desk: DeskDep,
    state: str | None = None,
    code: str | None = None,
    error: str | None = None,
    issuer: Annotated[str | None, Query(alias="iss")] = None,
) -> Response:
    """Take what the browser brings back; go on to the page that was wanted."""
    provider = _provider(desk)
    came = Return(cookies.read(request, Cookie.AWAY), state, code, error, issuer)
    try:
        signed_in = arrive(
            desk.connect,
            provider,
            came,
            desk.rules,
            redirect_uri=_redirect_uri(request, desk),
            agent=agent_of(request),
            replaces=cookies.read(request, Cookie.SESSION),
        )
    except AccountError as refusal:
        response = _refusal(request, refusal)
    else:
        response = RedirectResponse(signed_in.wanted, 303)
        cookies.put(request, response, Cookie.SESSION, signed_in.token)
    cookies.drop(request, response, Cookie.AWAY)
    return response


def _provider(desk: Desk) -> IdentityProvider:
    if desk.provider is None:
        raise HTTPException(404)
    return desk.provider


def _redirect_uri(request: Request, desk: Desk) -> str:
    base = desk.public_url or f"{request.url.scheme}://{request.url.netloc}"
    return f"{base}{SIGN_IN}/return"


def _refusal(request: Request, error: AccountError) -> Response:
    return page(request, "provider_refusal.html", 403, message=error.message, hint=error.hint)
