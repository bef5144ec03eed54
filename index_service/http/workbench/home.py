"""The first page: who you are here, and what you may do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from index_service.accounts.sessions import Session
from index_service.http.workbench.broken_glass import may_review_glass
from index_service.http.workbench.desk import DeskDep
from index_service.http.workbench.pages import page
from index_service.http.workbench.person import may_decide
from index_service.http.workbench.signed_in import SignedIn
from index_service.store.on_file import glass_waiting

router = APIRouter()


@router.get("/")
def read_home(request: Request, desk: DeskDep, who: Annotated[Session, SignedIn()]) -> HTMLResponse:
    """The first page after signing in; it tells those who review broken glass that some waits for them."""
    waiting = 0
    if may_review_glass(who):
        with desk.connect() as conn:
            waiting = glass_waiting(conn)
    return page(request, "home.html", who=who, may_decide=may_decide(who), glass_waiting=waiting)
