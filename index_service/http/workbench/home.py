"""The first page: who you are here, and what you may do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from index_service.accounts.sessions import Session
from index_service.http.workbench.pages import page
from index_service.http.workbench.person import may_decide
from index_service.http.workbench.signed_in import SignedIn

router = APIRouter()


@router.get("/")
def read_home(request: Request, who: Annotated[Session, SignedIn()]) -> HTMLResponse:
    """The first page after signing in."""
    return page(request, "home.html", who=who, may_decide=may_decide(who))
