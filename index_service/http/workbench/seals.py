"""The pages of adoption seals: choosing the records of the time after, the second person, opening by a court order."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from index_service.accounts.roles import Role
from index_service.accounts.sessions import Session
from index_service.http.workbench.desk import DeskDep
from index_service.http.workbench.error_pages import error_page
from index_service.http.workbench.links import SEALS
from index_service.http.workbench.looks import note_look
from index_service.http.workbench.pages import page
from index_service.http.workbench.person import no_such_person
from index_service.http.workbench.queue import steward_of
from index_service.http.workbench.said import said
from index_service.http.workbench.signed_in import SignedIn
from index_service.stewardship import adoptions
from index_service.stewardship.errors import StewardshipError
from index_service.store import workbench as store
from index_service.store.adoptions import AlreadySaid, Seal, UnknownSeal, seals
from index_service.store.connection import Connection

router = APIRouter()
Seals = Annotated[Session, SignedIn(Role.SUPERVISOR)]
SeesSeals = Annotated[Session, SignedIn(Role.SUPERVISOR, Role.SENIOR_STEWARD)]
Chosen = Annotated[list[int] | None, Form()]
Reason = Annotated[str, Form()]
_LONGEST_REASON = 2000
_TITLE = "Not sealed"
_NO_REASON = {"reason": "Write the reason, without names: the file of the order."}
STATES = {
    "waiting": "waits for a second person",
    "refused": "refused",
    "in_force": "in force",
    "opening": "its opening waits for a second person",
    "open": "opened",
}


@router.get("/seals")
def read_seals(request: Request, desk: DeskDep, who: SeesSeals) -> Response:
    """All seals with what became of them; whom they concern is not shown."""
    with desk.connect() as conn:
        return _seals_page(request, conn, who)


@router.get("/persons/{person_id}/seal")
def choose_records(request: Request, desk: DeskDep, who: Seals, person_id: str) -> Response:
    """The records of a person, to mark those of the time after the adoption."""
    with desk.connect() as conn:
        return _choice_page(request, conn, who, person_id)


@router.post("/persons/{person_id}/seal")
def propose(
    request: Request,
    desk: DeskDep,
    who: Seals,
    person_id: str,
    record: Chosen = None,
    keeps_name: Annotated[bool, Form()] = False,
    reason: Reason = "",
) -> Response:
    """Ask that the person be sealed."""
    with desk.connect() as conn:
        wanted = set(record or [])
        after = {each.key for each in store.records_of_persons(conn, [person_id]) if each.record_id in wanted}
        if not reason.strip():
            return _choice_page(request, conn, who, person_id, wrong=_NO_REASON)
        try:
            adoptions.propose_seal(conn, person_id, after, steward_of(who), reason=_said(reason), keeps_name=keeps_name)
        except StewardshipError as error:
            return error_page(request, 409, _TITLE, str(error), hint=error.hint)
    return RedirectResponse(SEALS, 303)


@router.post("/seals/{seal_id}/second")
def second(
    request: Request,
    desk: DeskDep,
    who: SeesSeals,
    seal_id: int,
    agrees: Annotated[bool, Form()] = False,
    reason: Reason = "",
) -> Response:
    """Say as the second person whether a seal, or its opening, takes effect."""
    with desk.connect() as conn:
        if not reason.strip():
            return _seals_page(request, conn, who, wrong=_NO_REASON)
        try:
            done = adoptions.agree(conn, seal_id, steward_of(who), agrees=agrees, reason=_said(reason))
        except (StewardshipError, UnknownSeal, AlreadySaid) as error:
            return error_page(request, 409, _TITLE, str(error), hint=error.hint)
        return _seals_page(request, conn, who, done=done)


@router.post("/seals/{seal_id}/open")
def open_seal(request: Request, desk: DeskDep, who: Seals, seal_id: int, reason: Reason = "") -> Response:
    """Ask that a seal be opened by the court order on file."""
    with desk.connect() as conn:
        if not reason.strip():
            return _seals_page(request, conn, who, wrong=_NO_REASON)
        try:
            adoptions.propose_unsealing(conn, seal_id, steward_of(who), reason=_said(reason))
        except (StewardshipError, UnknownSeal) as error:
            return error_page(request, 409, "Not opened", str(error), hint=error.hint)
    return RedirectResponse(SEALS, 303)


def _said(reason: str) -> str:
    return " ".join(reason.split())[:_LONGEST_REASON]


def _seals_page(
    request: Request,
    conn: Connection,
    who: Session,
    *,
    done: adoptions.Sealed | None = None,
    wrong: dict[str, str] | None = None,
) -> Response:
    return page(
        request,
        "seals.html",
        422 if wrong else 200,
        who=who,
        seals=seals(conn),
        states=STATES,
        waits=waits,
        asked_by=asked_by,
        is_supervisor=Role.SUPERVISOR in who.roles,
        done=done,
        wrong=wrong or {},
        longest=_LONGEST_REASON,
    )


def waits(seal: Seal) -> bool:
    """Whether a second person is asked for."""
    return seal.state in ("waiting", "opening")


def asked_by(seal: Seal) -> str:
    """Who asked for what waits."""
    return seal.unsealing.who if seal.state == "opening" and seal.unsealing else seal.who


def _choice_page(
    request: Request, conn: Connection, who: Session, person_id: str, *, wrong: dict[str, str] | None = None
) -> Response:
    if store.life(conn, person_id) is None:
        return no_such_person(request)
    note_look(conn, who, "person", person_id=person_id)
    records = [record for record in store.records_of_persons(conn, [person_id]) if not record.withdrawn]
    return page(
        request,
        "seal.html",
        422 if wrong else 200,
        who=who,
        person_id=person_id,
        records=[(record, said(record)) for record in records],
        wrong=wrong or {},
        longest=_LONGEST_REASON,
    )
