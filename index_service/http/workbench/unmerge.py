"""Splitting a person by choosing records: first a page that says what would happen, then the deed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from index_service.http.workbench.desk import DeskDep
from index_service.http.workbench.error_pages import error_page
from index_service.http.workbench.evidence import evidence
from index_service.http.workbench.links import person_path
from index_service.http.workbench.looks import note_look
from index_service.http.workbench.outcomes import outcome_of
from index_service.http.workbench.pages import page
from index_service.http.workbench.person import name_of, no_such_person
from index_service.http.workbench.queue import Decides, steward_of
from index_service.http.workbench.said import said
from index_service.linking_context import current
from index_service.stewardship import deciding
from index_service.stewardship.errors import StewardshipError
from index_service.stewardship.saying import Decision, Sides
from index_service.store import workbench as store
from index_service.store.connection import Connection
from index_service.store.workbench import PersonRecord

router = APIRouter()
Chosen = Annotated[list[int] | None, Form()]
_LONGEST_REASON = 2000
_TITLE = "Not split"


@router.post("/persons/{person_id}/unmerge")
def preview_split(request: Request, desk: DeskDep, who: Decides, person_id: str, record: Chosen = None) -> Response:
    """What would happen if the chosen records left the person."""
    with desk.connect() as conn:
        return _preview_page(request, conn, who, person_id, record or [])


@router.post("/persons/{person_id}/unmerge/now")
def split_now(
    request: Request,
    desk: DeskDep,
    who: Decides,
    person_id: str,
    record: Chosen = None,
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Let the chosen records leave."""
    with desk.connect() as conn:
        if not reason.strip():
            wrong = {"reason": "Write the reason, as you would to a colleague."}
            return _preview_page(request, conn, who, person_id, record or [], wrong=wrong)
        leaving, staying = _parted(conn, person_id, record or [])
        try:
            decision, sides = _split(leaving, staying, " ".join(reason.split())[:_LONGEST_REASON])
            made = deciding.judge(conn, decision, sides, steward_of(who))
        except StewardshipError as error:
            return error_page(request, 409, _TITLE, str(error), hint=error.hint)
    return RedirectResponse(f"{person_path(person_id)}?done={made.judgement_id}", 303)


def _preview_page(
    request: Request,
    conn: Connection,
    who: Decides,
    person_id: str,
    record_ids: Collection[int],
    *,
    wrong: dict[str, str] | None = None,
) -> Response:
    if store.life(conn, person_id) is None:
        return no_such_person(request)
    note_look(conn, who, "person", person_id=person_id)
    leaving, staying = _parted(conn, person_id, record_ids)
    if not leaving or not staying:
        detail = "Mark some of the person’s records, not none and not all: those that are of somebody else."
        return error_page(request, 422, _TITLE, detail, hint="Go back to the person and choose.")
    decision, sides = _split(leaving, staying, "What would happen?")
    context = current(conn)
    try:
        effect = deciding.preview_judgement(conn, decision, sides, steward_of(who))
    except StewardshipError as error:
        return error_page(request, 409, _TITLE, str(error), hint=error.hint)
    left, right = [said(record) for record in staying], [said(record) for record in leaving]
    return page(
        request,
        "unmerge.html",
        422 if wrong else 200,
        who=who,
        person_id=person_id,
        leaving=[(record, each) for record, each in zip(leaving, right, strict=True)],
        staying=[(record, each) for record, each in zip(staying, left, strict=True)],
        leaving_name=name_of(right),
        staying_name=name_of(left),
        evidence=evidence(left, right, context),
        outcome=outcome_of(conn, decision.kind, effect),
        waits=deciding.waits_for_second(conn, decision, sides, context),
        wrong=wrong or {},
        longest=_LONGEST_REASON,
    )


def _parted(
    conn: Connection, person_id: str, record_ids: Collection[int]
) -> tuple[list[PersonRecord], list[PersonRecord]]:
    """The person's records that leave, and those that stay; a number that is not of this person is no choice."""
    records = [record for record in store.records_of_persons(conn, [person_id]) if not record.withdrawn]
    wanted = set(record_ids)
    return (
        [record for record in records if record.record_id in wanted],
        [record for record in records if record.record_id not in wanted],
    )


def _split(leaving: Collection[PersonRecord], staying: Collection[PersonRecord], reason: str) -> tuple[Decision, Sides]:
    chosen = frozenset(record.key for record in leaving)
    sides = Sides(frozenset(record.key for record in staying), chosen, one_person=True)
    return Decision("split", reason, chosen=chosen), sides
