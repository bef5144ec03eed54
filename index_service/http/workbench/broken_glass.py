"""The page on which supervisors and auditors review where users broke the glass."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from index_service.accounts.roles import Role
from index_service.accounts.sessions import Session
from index_service.disclosure.reviewing_glass import OwnGlass, review_glass
from index_service.http.workbench.desk import DeskDep
from index_service.http.workbench.error_pages import error_page
from index_service.http.workbench.links import BROKEN_GLASS
from index_service.http.workbench.pages import page
from index_service.http.workbench.signed_in import SignedIn
from index_service.store.connection import Connection
from index_service.store.on_file import NotOnFile, glass_cases

router = APIRouter()
REVIEWERS = (Role.SUPERVISOR, Role.AUDITOR)
Reviews = Annotated[Session, SignedIn(*REVIEWERS)]
_LONGEST_REMARK = 2000
_MOST = 100


def may_review_glass(who: Session) -> bool:
    """Whether somebody reviews broken glass."""
    return any(role in REVIEWERS for role in who.roles)


@router.get("/broken-glass")
def read_cases(request: Request, desk: DeskDep, who: Reviews) -> Response:
    """Broken glass that waits for its review, the most urgent first; then what was reviewed."""
    with desk.connect() as conn:
        return _cases_page(request, conn, who)


@router.post("/broken-glass/{number}/review")
def review(
    request: Request,
    desk: DeskDep,
    who: Reviews,
    number: int,
    justified: Annotated[bool, Form()] = False,
    remark: Annotated[str, Form()] = "",
) -> Response:
    """Note what the review found."""
    with desk.connect() as conn:
        if not remark.strip():
            return _cases_page(request, conn, who, wrong="Write what you found, without names.")
        said = " ".join(remark.split())[:_LONGEST_REMARK]
        try:
            review_glass(conn, number, who=who.name, subject=who.name, was_justified=justified, remark=said)
        except (NotOnFile, OwnGlass) as error:
            return error_page(request, 409, "Not reviewed", str(error), hint=error.hint)
    return RedirectResponse(BROKEN_GLASS, 303)


def _cases_page(request: Request, conn: Connection, who: Session, *, wrong: str = "") -> Response:
    cases = glass_cases(conn, reviewed_too=True, limit=_MOST)
    return page(
        request,
        "broken_glass.html",
        422 if wrong else 200,
        who=who,
        waiting=[case for case in cases if case.review is None],
        reviewed=[case for case in cases if case.review is not None],
        now=datetime.now(UTC),
        wrong=wrong,
        longest=_LONGEST_REMARK,
    )
