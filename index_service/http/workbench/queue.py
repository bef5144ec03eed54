"""The queue: what is asked of stewards, in its order, with filters and counts; and taking the next task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from config.counties import COUNTIES
from config.pmap import load_pmap
from config.sources import load_sources
from index_service.accounts.roles import Role
from index_service.accounts.sessions import Session
from index_service.court_days import court_days_left
from index_service.http.workbench.desk import DeskDep
from index_service.http.workbench.just_decided import just_decided
from index_service.http.workbench.links import QUEUE, task_path
from index_service.http.workbench.pages import page
from index_service.http.workbench.person import Somebody, may_decide, name_of
from index_service.http.workbench.plain_words import JUDGEMENTS, time_left
from index_service.http.workbench.said import said, source_title
from index_service.http.workbench.signed_in import SignedIn
from index_service.http.workbench.task_words import KINDS
from index_service.stewardship.deciding import Steward, claim
from index_service.stewardship.errors import StewardshipError
from index_service.store import stewardship as tasks
from index_service.store import workbench as store
from index_service.store.connection import Connection
from index_service.store.stewardship import Filter, Task

router = APIRouter()
Decides = Annotated[Session, SignedIn(Role.STEWARD)]
_A_PAGE = 30
_TRIES = 20

OF = "of:"
"""Before the name of a steward in the choice whose tasks are shown."""

WEIGHTS: dict[str, tuple[str, float | None, float | None]] = {
    "near": ("Near even odds, −3 to 3 bits", -3.0, 3.0),
    "likely": ("More likely one person, over 3 bits", 3.0, None),
    "unlikely": ("More likely two people, under −3 bits", None, -3.0),
}
"""Choice -> label, least and most bits."""
AGES: dict[str, tuple[str, int]] = {
    "day": ("Older than a day", 1),
    "week": ("Older than a week", 7),
    "month": ("Older than 30 days", 30),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A task as one line: the names of both sides, who works on it now, and how long a court still waits for it."""

    task: Task
    left: str
    right: str
    sources: tuple[str, ...]
    holder: str | None
    days: int
    court: str


@router.get("/queue")
def read_queue(
    request: Request,
    desk: DeskDep,
    who: Somebody,
    kind: str = "",
    source: str = "",
    county: str = "",
    weight: str = "",
    age: str = "",
    whose: str = "",
    start: Annotated[int, Query(ge=0, le=100_000)] = 0,
    done: int = 0,
) -> Response:
    """Open tasks, the most urgent first."""
    wanted = wanted_of(who, kind=kind, source=source, county=county, weight=weight, age=age, whose=whose)
    with desk.connect() as conn:
        found = tasks.tasks(conn, wanted, limit=_A_PAGE + 1, skip=start)
        counts = tasks.counts(conn)
        lines = _lines(conn, found[:_A_PAGE], datetime.now(desk.zone).date())
        holders = tasks.holders(conn)
        lately = [day for day in tasks.throughput(conn, 7) if day.status == "decided"]
        just_done = just_decided(conn, done)
    return page(
        request,
        "queue.html",
        who=who,
        lines=lines,
        kinds=KINDS,
        counts={count.kind: count for count in counts},
        open=sum(count.open for count in counts),
        waiting=sum(count.waiting for count in counts),
        claimed=sum(count.claimed for count in counts),
        oldest=min((count.oldest for count in counts), default=None),
        first_due=min((count.first_due for count in counts if count.first_due), default=None),
        decided_lately=sum(day.tasks for day in lately),
        chosen={"kind": kind, "source": source, "county": county, "weight": weight, "age": age, "whose": whose},
        holders=[name for name in holders if name != who.name],
        sources=sorted((config.title, name) for name, config in load_sources().items()),
        counties=COUNTIES,
        weights=WEIGHTS,
        ages=AGES,
        start=start,
        further=start + _A_PAGE if len(found) > _A_PAGE else None,
        back_to=max(0, start - _A_PAGE),
        may_decide=may_decide(who),
        now=datetime.now(UTC),
        just_done=just_done,
        judged=JUDGEMENTS,
    )


@router.post("/queue/next")
def take_next(desk: DeskDep, who: Decides) -> Response:
    """Claim the most urgent task that nobody works on, and go to it; to the queue where there is none."""
    with desk.connect() as conn:
        return RedirectResponse(next_page(conn, who), 303)


def next_page(conn: Connection, who: Session, *, query: str = "") -> str:
    """The page of the next task, claimed for this steward; the queue where nothing is left."""
    steward = steward_of(who)
    free = Filter(statuses=("open",), unclaimed=True, for_steward=(steward.name, steward.senior))
    for task in [*_mine(conn, who), *tasks.tasks(conn, free, limit=_TRIES)]:
        try:
            claim(conn, task.task_id, steward)
        except StewardshipError:  # somebody else was quicker, or it settled itself: the one after it, then
            continue
        return f"{task_path(task.task_id)}{query}#task"
    return f"{QUEUE}{query}"


def _mine(conn: Connection, who: Session) -> list[Task]:
    return tasks.tasks(conn, Filter(statuses=("open",), assignee=who.name), limit=2)


def steward_of(who: Session) -> Steward:
    """Who is signed in, as one who decides."""
    return Steward(who.name, senior=Role.SENIOR_STEWARD in who.roles, supervisor=Role.SUPERVISOR in who.roles)


def wanted_of(who: Session, *, kind: str, source: str, county: str, weight: str, age: str, whose: str) -> Filter:
    """The filter that a steward chose; what is no choice is left out."""
    _, least, most = WEIGHTS.get(weight, ("", None, None))
    _, days = AGES.get(age, ("", 0))
    return Filter(
        kinds=[kind] if kind in KINDS else None,  # type: ignore[list-item]
        source=source or None,
        county=county if county in COUNTIES else None,
        least_bits=least,
        most_bits=most,
        opened_before=datetime.now(UTC) - timedelta(days=days) if days else None,
        assignee=who.name if whose == "mine" else whose.removeprefix(OF) if whose.startswith(OF) else None,
        unclaimed=whose == "free",
        for_second=whose == "second",
    )


def court_time(task: Task, today: date) -> str:
    """How long a court still waits for a task, in words; empty where none does."""
    return time_left(court_days_left(today, task.due_on, _closures())) if task.due_on else ""


@cache
def _closures() -> tuple[date, ...]:
    return load_pmap().court_closures


def _lines(conn: Connection, found: Sequence[Task], today: date) -> list[Line]:
    ids = {number for task in found for number in (*task.left_records, *task.right_records)}
    records = store.records_by_number(conn, ids)
    now = datetime.now(UTC)
    return [
        Line(
            task=task,
            left=_name(task.left_records, records),
            right=_name(task.right_records, records),
            sources=tuple(source_title(source) for source in task.sources),
            holder=task.holder(now),
            days=(now - task.created_at).days,
            court=court_time(task, today),
        )
        for task in found
    ]


def _name(numbers: Sequence[int], records: Mapping[int, store.PersonRecord]) -> str:
    return name_of([said(records[number]) for number in numbers if number in records])
