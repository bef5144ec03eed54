"""The page of a person: its records now or on a past day, what they say, what happened to it, what is asked of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import Response

from index_service.accounts.roles import Role
from index_service.accounts.sessions import Session
from index_service.http.workbench.addresses import addresses
from index_service.http.workbench.desk import Desk, DeskDep
from index_service.http.workbench.error_pages import error_page
from index_service.http.workbench.just_decided import just_decided
from index_service.http.workbench.looks import note_look
from index_service.http.workbench.pages import page
from index_service.http.workbench.plain_words import COMPARED, JUDGEMENTS
from index_service.http.workbench.said import Said, Value, said, values_compared
from index_service.http.workbench.signed_in import SignedIn
from index_service.http.workbench.task_words import KINDS
from index_service.http.workbench.timeline import said_by, timeline
from index_service.linking_context import LinkingContext, current
from index_service.store import stewardship as tasks
from index_service.store import workbench as store
from index_service.store.connection import Connection
from index_service.store.judgements import Judgement, judgements
from index_service.store.stewardship import Filter
from index_service.store.workbench import Life, PersonRecord
from linkage.record import RecordKey

router = APIRouter()
Somebody = Annotated[Session, SignedIn()]
SeesNumbers = Annotated[Session, SignedIn(Role.STEWARD, Role.SUPERVISOR)]
_LAST_LOOKS = 10
_MOST_TASKS = 10


@dataclass(frozen=True, slots=True)
class Trait:
    """One thing that is known of a person, as the sources wrote it."""

    comparison: str
    label: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Pointer:
    """A record of the person, for one row of the table."""

    record: PersonRecord
    said: Said


@router.get("/persons/{person_id}")
def read_person(
    request: Request, desk: DeskDep, who: Somebody, person_id: str, as_of: str = "", done: int = 0
) -> Response:
    """A person now, or as it was believed at the end of a past day."""
    at, wrong = moment_of(as_of, desk.zone)
    with desk.connect() as conn:
        note_look(conn, who, "person", person_id=person_id)
        return _person_page(request, desk, conn, who, person_id, at=at, as_of=as_of, wrong=wrong, done=done)


@router.post("/persons/{person_id}/numbers")
def show_numbers(request: Request, desk: DeskDep, who: SeesNumbers, person_id: str) -> Response:
    """The person with whole social security numbers: a deliberate act, written down before it is answered."""
    with desk.connect() as conn:
        note_look(conn, who, "numbers", person_id=person_id)
        return _person_page(request, desk, conn, who, person_id, whole_numbers=True)


def moment_of(as_of: str, zone: ZoneInfo) -> tuple[datetime | None, str]:
    """The end of a day as a moment, or what is wrong with it; None for now, also where the day is today."""
    if not as_of.strip():
        return None, ""
    try:
        day = date.fromisoformat(as_of.strip())
        end = datetime.combine(day + timedelta(days=1), time(), zone)
    except (ValueError, OverflowError):
        return None, "Write the day as 2026-03-05: year, month, day."
    now = datetime.now(UTC)
    if day > now.astimezone(zone).date():
        return None, "The day lies in the future. What is believed now is shown."
    return (end if end < now else None), ""


def no_such_person(request: Request) -> Response:
    """404, as a page."""
    detail = "There is no person of this id. Ids are sixteen characters or so, and end in a check character."
    return error_page(request, 404, "No such person", detail, hint="Copy the id again, or search by traits.")


def _person_page(
    request: Request,
    desk: Desk,
    conn: Connection,
    who: Session,
    person_id: str,
    *,
    at: datetime | None = None,
    as_of: str = "",
    wrong: str = "",
    done: int = 0,
    whole_numbers: bool = False,
) -> Response:
    life = store.life(conn, person_id)
    if life is None:
        return no_such_person(request)
    context = current(conn)
    records = store.records_of_persons(conn, [person_id], at)
    shown = [record for record in records if at is not None or not record.withdrawn]
    pointers = [Pointer(record, said(record)) for record in shown]
    decisions = said_by(judgements_of([pointer.said.key for pointer in pointers], conn), at)
    events = [event for event in store.events_of_person(conn, person_id) if at is None or event.at <= at]
    return page(
        request,
        "person.html",
        who=who,
        life=life,
        name=name_of([pointer.said for pointer in pointers]),
        pointers=pointers,
        traits=traits([pointer.said for pointer in pointers], context, whole_numbers=whole_numbers),
        whole_numbers=whole_numbers,
        stays=addresses(conn, ([pointer.said for pointer in pointers],), desk.zone) if at is None else [],
        former=[each for each in store.former_ids(conn, person_id) if at is None or each.retired_at <= at],
        happenings=timeline(person_id, events, decisions),
        decisions=decisions,
        as_of=as_of if not wrong else "",
        at=at,
        wrong=wrong,
        today=datetime.now(desk.zone).date().isoformat(),
        existed=at is None or life.created_at <= at,
        is_retired=_is_retired(life, at),
        looks=store.looks_at_person(conn, person_id, _LAST_LOOKS) if _may_see_looks(who) else [],
        may_decide=may_decide(who),
        may_seal=Role.SUPERVISOR in who.roles,
        asked=tasks.tasks(conn, Filter(person_id=person_id), limit=_MOST_TASKS) if at is None else [],
        kinds=KINDS,
        just_done=just_decided(conn, done),
        judged=JUDGEMENTS,
    )


def may_decide(who: Session) -> bool:
    """Whether the person may take decisions."""
    return bool({Role.STEWARD, Role.SENIOR_STEWARD} & set(who.roles))


def _may_see_looks(who: Session) -> bool:
    return bool({Role.AUDITOR, Role.SUPERVISOR} & set(who.roles))


def _is_retired(life: Life, at: datetime | None) -> bool:
    return life.retired_at is not None and (at is None or life.retired_at <= at)


def name_of(records: Sequence[Said]) -> str:
    """What a person is called by most of its records; of equals, the first."""
    names = Counter(record.name for record in records if record.normalised.first_name or record.normalised.last_name)
    return names.most_common(1)[0][0] if names else "No name known"


def traits(records: Sequence[Said], context: LinkingContext, *, whole_numbers: bool = False) -> list[Trait]:
    """All that records say of a person; what none of them says is left out."""
    found = (
        Trait(name, label, tuple(values_compared(name, records, context, whole_numbers=whole_numbers)))
        for name, label in COMPARED.items()
    )
    return [trait for trait in found if trait.values]


def judgements_of(keys: Sequence[RecordKey], conn: Connection) -> list[Judgement]:
    """The decisions that name one of the records, each once."""
    found = {judgement.judgement_id: judgement for key in keys for judgement in judgements(conn, record=key)}
    return [found[number] for number in sorted(found, reverse=True)]
