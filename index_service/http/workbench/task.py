"""The page of a task: two sides as one table, what a decision would do, deciding, undoing, the second person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal, get_args

from fastapi import APIRouter, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from index_service.accounts.sessions import Session
from index_service.http.workbench.addresses import addresses
from index_service.http.workbench.close_by import competitors, family, nearest
from index_service.http.workbench.component_picture import Dot, Group, component_picture, fair_share
from index_service.http.workbench.desk import DeskDep, desk_of
from index_service.http.workbench.error_pages import error_page
from index_service.http.workbench.evidence import evidence
from index_service.http.workbench.just_decided import just_decided
from index_service.http.workbench.links import QUEUE, person_path, task_path
from index_service.http.workbench.looks import note_look
from index_service.http.workbench.outcomes import Outcome, tried_out
from index_service.http.workbench.pages import page
from index_service.http.workbench.person import SeesNumbers, Somebody, judgements_of, may_decide, name_of
from index_service.http.workbench.plain_words import JUDGEMENTS
from index_service.http.workbench.queue import Decides, court_time, next_page, steward_of
from index_service.http.workbench.said import Said, said
from index_service.http.workbench.signed_in import SignedIn
from index_service.http.workbench.task_words import CLOSED_WHY, KINDS
from index_service.http.workbench.why_asked import why_asked
from index_service.linking_context import LinkingContext, current
from index_service.sentinel import reach_of
from index_service.side_by_side import weights_among
from index_service.stewardship import deciding
from index_service.stewardship.deciding import GENERIC_FIELDS
from index_service.stewardship.errors import StewardshipError
from index_service.stewardship.saying import Decision, Sides
from index_service.store import stewardship as tasks
from index_service.store import workbench as store
from index_service.store.connection import Connection
from index_service.store.judgements import Judgement, JudgementKind, UnknownJudgement, judgement
from index_service.store.stewardship import Task
from index_service.store.workbench import PersonRecord
from linkage.record import RecordKey

router = APIRouter()
LONGEST_REASON = 2000
_RECORDS_DRAWN = 40
_KINDS: tuple[JudgementKind, ...] = get_args(JudgementKind)


@dataclass(frozen=True, slots=True)
class Shown:
    """A record of a side, for its table."""

    record: PersonRecord
    said: Said


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a task."""

    person_id: str
    name: str
    records: tuple[Shown, ...]

    @property
    def said(self) -> list[Said]:
        return [shown.said for shown in self.records]


@router.get("/tasks/{task_id}")
def read_task(request: Request, desk: DeskDep, who: Somebody, task_id: int, done: int = 0) -> Response:
    """A task. `done`: number of the decision just taken, on another task."""
    with desk.connect() as conn:
        note_look(conn, who, "task", task_id=task_id)
        return _task_page(request, conn, who, task_id, done=done)


@router.post("/tasks/{task_id}/numbers")
def show_numbers(request: Request, desk: DeskDep, who: SeesNumbers, task_id: int) -> Response:
    """The task with whole social security numbers: a deliberate act, written down before it is answered."""
    with desk.connect() as conn:
        note_look(conn, who, "numbers", task_id=task_id)
        return _task_page(request, conn, who, task_id, whole_numbers=True)


@router.post("/tasks/{task_id}/claim")
def claim(request: Request, desk: DeskDep, who: Decides, task_id: int) -> Response:
    """Keep the task for this steward."""
    with desk.connect() as conn:
        try:
            deciding.claim(conn, task_id, steward_of(who))
        except StewardshipError as error:
            return _task_page(request, conn, who, task_id, wrong={"claim": _told(error)}, status=409)
    return RedirectResponse(f"{task_path(task_id)}#task", 303)


@router.post("/tasks/{task_id}/release")
def release(request: Request, desk: DeskDep, who: Decides, task_id: int) -> Response:
    """Give the task back."""
    with desk.connect() as conn:
        try:
            deciding.release(conn, task_id, steward_of(who))
        except StewardshipError as error:
            return _task_page(request, conn, who, task_id, wrong={"claim": _told(error)}, status=409)
    return RedirectResponse(f"{task_path(task_id)}#task", 303)


@router.post("/tasks/{task_id}/decide")
def decide(
    request: Request,
    desk: DeskDep,
    who: Decides,
    task_id: int,
    kind: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
    missing: Annotated[str, Form()] = "",
    field: Annotated[str, Form()] = "",
    version: Annotated[int, Form()] = 0,
    record: Annotated[list[int] | None, Form()] = None,
) -> Response:
    """Decide the task, and go on to the next; the page again, with what was typed, where that is not possible."""
    given = {"kind": kind, "reason": reason, "missing": missing, "field": field}
    wrong = _faults(kind, reason)
    with desk.connect() as conn:
        if not wrong:
            try:
                decision = _decision(conn, kind, reason, missing, field, record or [])
                made = deciding.decide(conn, task_id, decision, steward_of(who), seen_version=version or None)
            except StewardshipError as error:
                wrong = {"kind": _told(error)}
            else:
                if kind == "note":
                    return RedirectResponse(f"{task_path(task_id)}?done={made.judgement_id}#task", 303)
                query = f"?done={made.judgement_id}"
                return RedirectResponse(next_page(conn, who, query=query), 303)
        status = 409 if set(wrong) == {"kind"} and kind in _KINDS else 422
        return _task_page(request, conn, who, task_id, wrong=wrong, given=given, chosen=record or (), status=status)


@router.post("/tasks/{task_id}/preview")
def preview(
    request: Request,
    desk: DeskDep,
    who: Decides,
    task_id: int,
    kind: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
    missing: Annotated[str, Form()] = "",
    field: Annotated[str, Form()] = "",
    record: Annotated[list[int] | None, Form()] = None,
) -> Response:
    """What the chosen decision would do; nothing is done, and what was typed stays."""
    given = {"kind": kind, "reason": reason, "missing": missing, "field": field}
    wrong, outcome = _faults(kind, reason="none is asked for yet"), None
    with desk.connect() as conn:
        if not wrong:
            try:
                decision = _decision(conn, kind, reason or "What would happen?", missing, field, record or [])
                outcome = _tried_out(conn, task_id, decision, who)
            except StewardshipError as error:
                wrong = {"kind": _told(error)}
            else:
                wrong = {} if outcome else {"kind": "Others publish changes just now. Ask again in a moment."}
        status = 200 if outcome else 409 if kind in _KINDS else 422
        return _task_page(
            request, conn, who, task_id, wrong=wrong, given=given, chosen=record or (), outcome=outcome, status=status
        )


@router.post("/tasks/{task_id}/second")
def answer_as_second(
    request: Request,
    desk: DeskDep,
    who: Decides,
    task_id: int,
    judgement_id: Annotated[int, Form()],
    agrees: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Agree or not, as the second person."""
    wrong = {} if agrees in ("yes", "no") else {"agrees": "Choose whether you agree."}
    if not reason.strip():
        wrong["second_reason"] = "Write why: the first person and the auditor will read it."
    with desk.connect() as conn:
        if not wrong:
            try:
                deciding.agree(conn, judgement_id, steward_of(who), agrees=agrees == "yes", reason=_cut(reason))
            except StewardshipError as error:
                wrong = {"agrees": _told(error)}
            else:
                return RedirectResponse(f"{task_path(task_id)}?done={judgement_id}#task", 303)
        given = {"agrees": agrees, "second_reason": reason}
        return _task_page(request, conn, who, task_id, wrong=wrong, given=given, status=422)


@router.post("/judgements/{judgement_id}/undo")
def undo(
    request: Request, desk: DeskDep, who: Decides, judgement_id: int, reason: Annotated[str, Form()] = ""
) -> Response:
    """Undo a decision: what was before holds again, and both facts stay."""
    with desk.connect() as conn:
        try:
            made = judgement(conn, judgement_id)
            deciding.undo(conn, judgement_id, steward_of(who), reason=_cut(reason) or "Decided by mistake.")
        except UnknownJudgement:
            raise HTTPException(404) from None
        except StewardshipError as error:
            return error_page(request, 409, "Not undone", str(error), hint=error.hint)
        if made.task_id is not None:
            return RedirectResponse(f"{task_path(made.task_id)}?done={judgement_id}#task", 303)
        person_id = _person_of(conn, made)
    return RedirectResponse(f"{person_path(person_id) if person_id else QUEUE}?done={judgement_id}", 303)


@router.get("/tasks/{task_id}/component.svg", dependencies=[SignedIn()])
def draw_component(desk: DeskDep, task_id: int, theme: Literal["light", "dark"] = "light") -> Response:
    """The component of a task as a picture."""
    with desk.connect() as conn:
        asked = tasks.task(conn, task_id)
        if asked is None:
            raise HTTPException(404)
        left, right = _sides(conn, asked)
        context = current(conn)
        beside = nearest(conn, (left.said, right.said), _persons(asked), context)
    groups: list[Sequence[Said]] = [left.said, right.said]
    names = _side_names(asked)
    if beside:
        groups.append([record for person in beside.values() for record in person])
        names.append("Others close by")
    drawn = fair_share(groups, _RECORDS_DRAWN)
    weights = weights_among([record.normalised for _, record in drawn], context)
    dots = [Dot(record.source_title, group) for group, record in drawn]
    named = [Group(name, len(records)) for name, records in zip(names, groups, strict=True)]
    cut = "before and now" if asked.one_record else "proposed cut" if asked.one_person else "two persons now"
    picture = component_picture(dots, weights, named, cut=cut, theme=theme)
    return Response(picture, media_type="image/svg+xml")


def _task_page(
    request: Request,
    conn: Connection,
    who: Session,
    task_id: int,
    *,
    wrong: dict[str, str] | None = None,
    given: dict[str, str] | None = None,
    chosen: Sequence[int] = (),
    done: int = 0,
    whole_numbers: bool = False,
    outcome: Outcome | None = None,
    status: int = 200,
) -> Response:
    asked = tasks.task(conn, task_id)
    if asked is None:
        return error_page(request, 404, "No such task", f"There is no task {task_id}.", hint="Go back to the queue.")
    context = current(conn)
    left, right = _sides(conn, asked)
    now = datetime.now(UTC)
    holder = asked.holder(now)
    vanished = not left.records or not right.records
    shown = None if vanished else evidence(left.said, right.said, context, whole_numbers=whole_numbers)
    sides = (left.said, right.said)
    beside = {} if vanished else nearest(conn, sides, _persons(asked), context)
    return page(
        request,
        "task.html" if not vanished else "task_gone.html",
        status,
        who=who,
        task=asked,
        kind=KINDS[asked.kind],
        side_names=_side_names(asked),
        left=left,
        right=right,
        evidence=shown,
        competitors=competitors(beside, sides, _side_names(asked), context, shown.weighed.weight) if shown else (),
        family=() if vanished else family(conn, sides, _persons(asked), context),
        decisions=judgements_of([shown.said.key for side in (left, right) for shown in side.records], conn),
        waiting=judgement(conn, asked.judgement_id) if asked.status == "waiting" and asked.judgement_id else None,
        stays=addresses(conn, sides, desk_of(request).zone),
        court=court_time(asked, now.astimezone(desk_of(request).zone).date()),
        why=why_asked(asked, context.policy),
        reach=reach_of(conn, asked.left_records, asked.right_records) if asked.of_two_parts else None,
        usual=_usual_outcome(conn, asked, who) if asked.is_open and not (vanished or asked.one_record) else None,
        outcome=outcome,
        second_needed=None if vanished else _second_needed(conn, asked, left, right, context),
        holder=holder,
        is_mine=holder == who.name,
        closed_why=CLOSED_WHY.get(asked.closed_why or "", ""),
        just_done=just_decided(conn, done),
        judged=JUDGEMENTS,
        wrong=wrong or {},
        given=given or {},
        chosen=frozenset(chosen),
        generic_fields=GENERIC_FIELDS,
        whole_numbers=whole_numbers,
        may_decide=may_decide(who),
        is_senior=steward_of(who).senior,
        longest=LONGEST_REASON,
    )


def _side_names(asked: Task) -> list[str]:
    if asked.one_record:
        return ["Before", "Now"]
    return ["Stays", "May leave"] if asked.one_person else ["Person A", "Person B"]


def _persons(asked: Task) -> set[str]:
    return {asked.left_person_id, asked.right_person_id}


def _sides(conn: Connection, asked: Task) -> tuple[Side, Side]:
    records = store.records_by_number(conn, (*asked.left_records, *asked.right_records))
    sides: list[Side] = []
    for person_id, numbers in (
        (asked.left_person_id, asked.left_records),
        (asked.right_person_id, asked.right_records),
    ):
        found = [records[number] for number in numbers if number in records and not records[number].withdrawn]
        if not sides and asked.before_version is not None:
            found = [store.as_it_was(conn, record, asked.before_version) for record in found]
        shown = tuple(Shown(record, said(record)) for record in found)
        sides.append(Side(person_id, name_of([each.said for each in shown]), shown))
    return sides[0], sides[1]


def _usual_outcome(conn: Connection, asked: Task, who: Session) -> Outcome | None:
    """What joining, or splitting, would do; None where it cannot be told now."""
    kind: JudgementKind = "split" if asked.one_person else "same"
    try:
        return _tried_out(conn, asked.task_id, Decision(kind, "What would happen?"), who)
    except StewardshipError:
        return None


def _tried_out(conn: Connection, task_id: int, decision: Decision, who: Session) -> Outcome | None:
    return tried_out(conn, decision.kind, lambda: deciding.preview(conn, task_id, decision, steward_of(who)))


def _second_needed(
    conn: Connection, asked: Task, left: Side, right: Side, context: LinkingContext
) -> dict[JudgementKind, bool]:
    """Which decisions wait for a second person."""
    sides = Sides(
        frozenset(record.key for record in left.said),
        frozenset(record.key for record in right.said),
        asked.one_person,
        one_record=asked.one_record,
    )
    kinds: tuple[JudgementKind, ...] = ("same", "different", "split", "move", "detach")
    return {kind: deciding.waits_for_second(conn, Decision(kind, ""), sides, context) for kind in kinds}


def _decision(
    conn: Connection, kind: str, reason: str, missing: str, field: str, record_ids: Sequence[int]
) -> Decision:
    chosen: frozenset[RecordKey] = frozenset()
    if record_ids and kind in ("split", "move", "detach", "generic"):
        chosen = frozenset(record.key for record in store.records_by_number(conn, record_ids).values())
    return Decision(
        kind=kind,  # type: ignore[arg-type]  # `_faults` has looked
        reason=_cut(reason),
        chosen=chosen,
        field=field if kind == "generic" and field in GENERIC_FIELDS else None,
        missing=_cut(missing) or None if kind == "cannot_tell" else None,
    )


def _faults(kind: str, reason: str) -> dict[str, str]:
    wrong = {}
    if kind not in _KINDS:
        wrong["kind"] = "Choose what you decide."
    if not reason.strip():
        wrong["reason"] = "Write the reason, as you would to a colleague."
    return wrong


def _cut(text: str) -> str:
    return " ".join(text.split())[:LONGEST_REASON]


def _told(error: StewardshipError) -> str:
    return f"{error} {error.hint}".strip()


def _person_of(conn: Connection, made: Judgement) -> str | None:
    for key in sorted(made.said.records | made.looked_at):
        head = store.record_head(conn, *key)
        if head is not None and head.person_id is not None:
            return head.person_id
    return None
