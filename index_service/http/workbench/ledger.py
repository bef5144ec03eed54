"""The auditor's pages: how far the ledger is sealed and whether it stands, and to whom a person was disclosed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from index_service.accounts.roles import Role
from index_service.accounts.sessions import Session
from index_service.disclosure.accounting import Accounting, as_csv
from index_service.disclosure.accounting_for import accounting_for
from index_service.disclosure.heads import HeadsUnreadable, read_heads
from index_service.http.workbench.desk import DeskDep
from index_service.http.workbench.error_pages import error_page
from index_service.http.workbench.looks import note_look
from index_service.http.workbench.pages import page
from index_service.http.workbench.signed_in import SignedIn
from index_service.store.connection import Connection
from index_service.store.ledger import Verification, last_seal, verify

router = APIRouter()
Audits = Annotated[Session, SignedIn(Role.AUDITOR)]
PersonId = Annotated[str, Form()]
_LONGEST_ID = 100
_FAULTS_SHOWN = 200


@router.get("/ledger")
def read_ledger(request: Request, desk: DeskDep, who: Audits) -> Response:
    """How far the ledger is sealed, and the form to ask for an accounting."""
    with desk.connect() as conn:
        return _ledger_page(request, conn, who)


@router.post("/ledger/verify")
def verify_ledger(request: Request, desk: DeskDep, who: Audits) -> Response:
    """Every seal computed anew, and compared with those kept outside the database."""
    try:
        heads = read_heads(desk.ledger_seals)
    except HeadsUnreadable as error:
        return error_page(request, 409, "Not verified", str(error), hint=error.hint)
    with desk.connect() as conn:
        return _ledger_page(request, conn, who, verified=verify(conn, heads), kept_outside=len(heads))


@router.post("/ledger/accounting")
def read_accounting(
    request: Request, desk: DeskDep, who: Audits, person_id: PersonId = "", with_exempt: Annotated[bool, Form()] = False
) -> Response:
    """To whom the records of a person were disclosed. That this was read is itself entered into the ledger."""
    with desk.connect() as conn:
        found = _accounting(conn, who, person_id, with_exempt=with_exempt)
        if found is None:
            wrong = "There is no person of this id. It is case-sensitive; copy it whole."
            return _ledger_page(request, conn, who, wrong=wrong, asked=person_id)
        return _ledger_page(request, conn, who, accounting=found, asked=person_id, with_exempt=with_exempt)


@router.post("/ledger/accounting.csv")
def download_accounting(
    request: Request, desk: DeskDep, who: Audits, person_id: PersonId = "", with_exempt: Annotated[bool, Form()] = False
) -> Response:
    """The same as a file for a spreadsheet."""
    with desk.connect() as conn:
        found = _accounting(conn, who, person_id, with_exempt=with_exempt)
        if found is None:
            return _ledger_page(request, conn, who, wrong="There is no person of this id.", asked=person_id)
    attached = {"Content-Disposition": 'attachment; filename="accounting.csv"'}
    return Response(as_csv(found), media_type="text/csv; charset=utf-8", headers=attached)


def _accounting(conn: Connection, who: Session, person_id: str, *, with_exempt: bool) -> Accounting | None:
    """Without segregated sources: whether a person is known there is no page's to tell."""
    asked = person_id.strip()[:_LONGEST_ID]
    found = accounting_for(conn, asked, who=who.name, with_exempt=with_exempt, segregated_too=False)
    if found is not None:
        note_look(conn, who, "history", person_id=found.person_id)
    return found


def _ledger_page(
    request: Request,
    conn: Connection,
    who: Session,
    *,
    verified: Verification | None = None,
    kept_outside: int = 0,
    accounting: Accounting | None = None,
    asked: str = "",
    with_exempt: bool = False,
    wrong: str = "",
) -> Response:
    return page(
        request,
        "ledger.html",
        422 if wrong else 200,
        who=who,
        seal=last_seal(conn),
        verified=verified,
        faults=verified.faults[:_FAULTS_SHOWN] if verified else (),
        kept_outside=kept_outside,
        accounting=accounting,
        asked=asked,
        with_exempt=with_exempt,
        wrong=wrong,
    )
