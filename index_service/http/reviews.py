"""Routes: the stewards' queue. What the workbench does, programs can do too."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from config.record_ids import record_key
from index_service.http.answers import RecordIdText, SourceText
from index_service.http.problems import NotFound, RequestProblem, documented
from index_service.http.requests import PRINTABLE, Moment
from index_service.http.review_answers import (
    CountsAnswer,
    DayCountAnswer,
    DecidedAnswer,
    EffectAnswer,
    KindCountAnswer,
    ReviewAnswer,
    ReviewsAnswer,
)
from index_service.http.review_evidence import EvidenceAnswer, evidence_of
from index_service.http.reviewing import Reviewing, ReviewingDep
from index_service.http.stewards import StewardDep, StewardsRoute
from index_service.http.workbench.desk import DeskDep
from index_service.stewardship import deciding
from index_service.stewardship.errors import NotClaimed
from index_service.stewardship.saying import Decision
from index_service.store import stewardship as store
from index_service.store.connection import Connection
from index_service.store.judgements import JudgementKind
from index_service.store.stewardship import Filter, Task, TaskStatus
from linkage.doubts import DoubtKind

router = APIRouter(prefix="/v1/reviews", tags=["reviews"], route_class=StewardsRoute)

_LARGEST = 2**63 - 1
MOST_RECORDS = 500
TaskIdPath = Annotated[int, Path(ge=1, le=_LARGEST, description="Number of the task.", examples=[17])]
IfMatch = Annotated[
    str | None,
    Header(
        pattern=r'^"\d{1,9}"$',
        description="The ETag of the task as it was looked at; required.",
        examples=['"3"'],
    ),
]
Reason = Annotated[
    str,
    Field(min_length=1, max_length=2000, description="Why; kept for ever.", examples=["Birth certificates compared."]),
]


class RecordName(BaseModel):
    """Names a record."""

    model_config = ConfigDict(extra="forbid")

    source: SourceText = Field(max_length=100, pattern=PRINTABLE)
    source_record_id: RecordIdText = Field(max_length=500, pattern=PRINTABLE)

    @property
    def key(self) -> tuple[str, str]:
        return record_key(self.source, self.source_record_id)


class DecisionBody(BaseModel):
    """What a steward decides of a task."""

    model_config = ConfigDict(extra="forbid")

    kind: JudgementKind = Field(
        description="same, different: of the two sides. split: those chosen are another person. move: those chosen are "
        "of the other side. detach: those chosen are not this person. cannot_tell. generic: the value that the chosen "
        "record has in `field` is shared by many people. note. ask_second: another steward shall look."
    )
    reason: Reason
    chosen: list[RecordName] = Field(
        default=[], max_length=MOST_RECORDS, description="Records that leave; default for a split: the proposed part."
    )
    field: str | None = Field(
        default=None, max_length=50, pattern=PRINTABLE, description="For `generic`.", examples=["phone"]
    )
    missing: str | None = Field(
        default=None, max_length=2000, description="What would be needed to tell.", examples=["A birth certificate."]
    )

    def decision(self) -> Decision:
        return Decision(self.kind, self.reason, frozenset(each.key for each in self.chosen), self.field, self.missing)


class ReviewWithEvidence(ReviewAnswer):
    """A question for a steward with what it follows from."""

    evidence: EvidenceAnswer | None = Field(description="Empty where a side has no record any more.")


class ReasonBody(BaseModel):
    """Why something is done."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


@router.get("", responses=documented(400, 403, 422, 503))
def list_reviews(  # the filters of the queue
    desk: DeskDep,
    reviewing: ReviewingDep,
    _steward: StewardDep,
    status: Annotated[list[TaskStatus] | None, Query(description="Default: open and waiting.")] = None,
    kind: Annotated[list[DoubtKind] | None, Query(description="Default: all.")] = None,
    source: Annotated[
        str | None,
        Query(max_length=100, pattern=PRINTABLE, description="A side has a record of it.", examples=["meds"]),
    ] = None,
    county: Annotated[
        str | None,
        Query(
            pattern=r"^\d\d$",
            description="A side has a number of this county, by its two digits: a court number, a case, a client.",
            examples=["19"],
        ),
    ] = None,
    least_weight: Annotated[float | None, Query(allow_inf_nan=False, description="In bits.", examples=[3.0])] = None,
    most_weight: Annotated[float | None, Query(allow_inf_nan=False, description="In bits.", examples=[12.0])] = None,
    opened_before: Annotated[
        Moment | None, Query(description="Asked before this.", examples=["2026-01-31T12:00:00Z"])
    ] = None,
    person_id: Annotated[
        str | None, Query(max_length=50, pattern=PRINTABLE, description="About it.", examples=["K7Q2-MX9T-4RWA"])
    ] = None,
    assignee: Annotated[
        str | None,
        Query(max_length=200, pattern=PRINTABLE, description="Works on it now.", examples=["a.steward"]),
    ] = None,
    unclaimed: Annotated[bool, Query(description="Only what nobody works on.")] = False,
    for_second: Annotated[bool, Query(description="Only what a second person is asked for.")] = False,
    limit: Annotated[int, Query(ge=1, le=500, description="At most so many.")] = 50,
    skip: Annotated[int, Query(ge=0, le=1_000_000, description="Leave out so many.")] = 0,
) -> ReviewsAnswer:
    """The queue: what a court waits for comes first, then children in care, then what concerns most systems."""
    wanted = Filter(
        statuses=status or ("open", "waiting"),
        kinds=kind,
        source=source,
        county=county,
        least_bits=least_weight,
        most_bits=most_weight,
        opened_before=opened_before,
        person_id=person_id,
        assignee=assignee,
        unclaimed=unclaimed,
        for_second=for_second,
    )
    with desk.connect() as conn:
        found = store.tasks(conn, wanted, limit=limit + 1, skip=skip, reviewer=reviewing.reviewer)
        records = store.records_by_id(conn, {i for t in found[:limit] for i in (*t.left_records, *t.right_records)})
    reviewing.told([record.key for record in records], {"limit": limit, "skip": skip})
    return ReviewsAnswer(reviews=[ReviewAnswer.of(task) for task in found[:limit]], more=len(found) > limit)


@router.get("/counts", responses=documented(400, 403, 422, 503))
def count_reviews(desk: DeskDep, reviewing: ReviewingDep, _steward: StewardDep) -> CountsAnswer:
    """How much waits, how old it is, and how much was done: of what you may review whoever the person is."""
    reviewing.told([], {"counts": True})
    sources = reviewing.reviewer.always
    with desk.connect() as conn:
        return CountsAnswer(
            kinds=[KindCountAnswer.of(count) for count in store.counts(conn, sources)],
            days=[DayCountAnswer.of(count) for count in store.throughput(conn, sources=sources)],
        )


@router.get("/{review_id:int}", responses=documented(400, 403, 404, 422, 503))
def read_review(
    desk: DeskDep, reviewing: ReviewingDep, _steward: StewardDep, review_id: TaskIdPath, response: Response
) -> ReviewWithEvidence:
    """A task with the records of both sides, what each comparison of them is worth, and who else they may be."""
    with desk.connect() as conn:
        task = _visible(conn, review_id, reviewing)
        whole = _whole(conn, task, reviewing, response)
        return ReviewWithEvidence(**dict(whole), evidence=evidence_of(conn, task, reviewing))


@router.post("/{review_id:int}/claim", responses=documented(400, 403, 404, 409, 422, 503))
def claim_review(
    desk: DeskDep, reviewing: ReviewingDep, steward: StewardDep, review_id: TaskIdPath, response: Response
) -> ReviewAnswer:
    """Keep a task for oneself, or keep it longer: only who holds it decides."""
    with desk.connect() as conn:
        reviewing.require_task(conn, review_id)
        return _whole(conn, deciding.claim(conn, review_id, steward), reviewing, response)


@router.post("/{review_id:int}/release", responses=documented(400, 403, 404, 409, 422, 503))
def release_review(
    desk: DeskDep, reviewing: ReviewingDep, steward: StewardDep, review_id: TaskIdPath, response: Response
) -> ReviewAnswer:
    """Give a task back."""
    with desk.connect() as conn:
        if not reviewing.may_see_task(conn, review_id):
            raise NotClaimed  # as of a task that there is not
        deciding.release(conn, review_id, steward)
        return _whole(conn, _visible(conn, review_id, reviewing), reviewing, response)


@router.post("/{review_id:int}/decide", responses=documented(400, 403, 404, 409, 412, 422, 428, 503))
def decide_review(
    desk: DeskDep,
    reviewing: ReviewingDep,
    steward: StewardDep,
    review_id: TaskIdPath,
    body: Annotated[DecisionBody, Body()],
    if_match: IfMatch = None,
) -> DecidedAnswer:
    """Decide a task that one holds. It takes effect at once, unless a second person has to agree."""
    if if_match is None:
        raise RequestProblem(428, "precondition-required", "Send If-Match with the ETag of the task as you saw it.")
    with desk.connect() as conn:
        reviewing.require_task(conn, review_id)
        reviewing.require_records(conn, body.decision().chosen)
        seen = int(if_match.strip('"'))
        decided = deciding.decide(conn, review_id, body.decision(), steward, seen_version=seen)
    return DecidedAnswer.of(reviewing.seen(decided))


@router.post("/{review_id:int}/preview", responses=documented(400, 403, 404, 409, 422, 503))
def preview_review(
    desk: DeskDep,
    reviewing: ReviewingDep,
    steward: StewardDep,
    review_id: TaskIdPath,
    body: Annotated[DecisionBody, Body()],
) -> EffectAnswer:
    """What a decision would do to persons; nothing is kept."""
    with desk.connect() as conn:
        reviewing.require_task(conn, review_id)
        reviewing.require_records(conn, body.decision().chosen)
        effect = deciding.preview(conn, review_id, body.decision(), steward)
    return EffectAnswer.of(reviewing.seen_effect(effect))


@router.post("/{review_id:int}/undo", responses=documented(400, 403, 404, 409, 422, 503))
def undo_review(
    desk: DeskDep,
    reviewing: ReviewingDep,
    steward: StewardDep,
    review_id: TaskIdPath,
    body: Annotated[ReasonBody, Body()],
) -> DecidedAnswer:
    """Undo the decision of a task: persons and ids are as before, and both facts stay in the history."""
    with desk.connect() as conn:
        task = store.task(conn, review_id)
        if task is None or task.judgement_id is None or not reviewing.may_see_task(conn, review_id):
            raise NotFound("There is no decision of such a task.")
        decided = deciding.undo(conn, task.judgement_id, steward, reason=body.reason)
    return DecidedAnswer.of(reviewing.seen(decided))


def _visible(conn: Connection, review_id: int, reviewing: Reviewing) -> Task:
    """Raises NotFound if there is no such task, or not for this caller."""
    task = store.task(conn, review_id)
    if task is None or not reviewing.may_see_task(conn, review_id):
        reviewing.told([], {"review": review_id})
        raise NotFound("There is no such task.")
    return task


def _whole(conn: Connection, task: Task, reviewing: Reviewing, response: Response) -> ReviewAnswer:
    records = store.records_by_id(conn, (*task.left_records, *task.right_records))
    told = reviewing.told([record.key for record in records], {"review": task.task_id})
    response.headers["ETag"] = f'"{task.version}"'
    return ReviewAnswer.of(task, {record.record_id: record for record in records if record.key in told})
