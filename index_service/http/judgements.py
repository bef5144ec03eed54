"""Routes: what stewards and courts said of records; made without a task, undone, agreed to, imported and exported."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from config.record_ids import record_key
from index_service.http.problems import RequestProblem, documented
from index_service.http.requests import PRINTABLE
from index_service.http.review_answers import (
    DecidedAnswer,
    EffectAnswer,
    ImportAnswer,
    ImportedAnswer,
    JudgementAnswer,
    JudgementsAnswer,
)
from index_service.http.reviewing import Reviewing, ReviewingDep
from index_service.http.reviews import MOST_RECORDS, DecisionBody, Reason, ReasonBody, RecordName
from index_service.http.stewards import StewardDep, StewardsRoute
from index_service.http.workbench.desk import DeskDep
from index_service.stewardship import deciding
from index_service.stewardship.deciding import Decided
from index_service.stewardship.errors import UnknownRecord
from index_service.stewardship.files import (
    COLUMNS,
    Imported,
    MalformedJudgements,
    export_rows,
    import_judgements,
    read_judgements,
)
from index_service.stewardship.saying import Sides
from index_service.store import judgements as store
from index_service.store.connection import Connection
from linkage.record import RecordKey

router = APIRouter(prefix="/v1/judgements", tags=["judgements"], route_class=StewardsRoute)

_LARGEST = 2**63 - 1
JudgementIdPath = Annotated[int, Path(ge=1, le=_LARGEST, description="Number of the judgement.", examples=[4])]


class JudgementBody(DecisionBody):
    """What is to be decided of records, without a task: of two sides, or of a person of which some records leave."""

    left: list[RecordName] = Field(default=[], max_length=MOST_RECORDS, description="Records of one side.")
    right: list[RecordName] = Field(default=[], max_length=MOST_RECORDS, description="Records of the other side.")
    person_id: str | None = Field(
        default=None,
        max_length=50,
        pattern=PRINTABLE,
        description="The person whose chosen records leave, instead of sides.",
        examples=["K7Q2-MX9T-4RWA"],
    )

    def sides(self, conn: Connection) -> Sides:
        if self.person_id is not None:
            return deciding.sides_of_person(conn, self.person_id)
        return Sides(frozenset(each.key for each in self.left), frozenset(each.key for each in self.right))


class SecondBody(BaseModel):
    """What the second person says."""

    model_config = ConfigDict(extra="forbid")

    agrees: StrictBool = Field(description="Whether it shall take effect.")
    reason: Reason


@router.get("", responses=documented(400, 403, 422, 503))
def list_judgements(
    desk: DeskDep,
    reviewing: ReviewingDep,
    _steward: StewardDep,
    source: Annotated[
        str | None,
        Query(max_length=100, pattern=PRINTABLE, description="About a record of it.", examples=["meds"]),
    ] = None,
    source_record_id: Annotated[
        str | None, Query(max_length=500, pattern=PRINTABLE, description="That record's id.", examples=["0Ab3"])
    ] = None,
    review_id: Annotated[int | None, Query(ge=1, le=_LARGEST, description="Of this task.", examples=[17])] = None,
    before: Annotated[int | None, Query(ge=1, le=_LARGEST, description="Older than this one.", examples=[9])] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="At most so many.")] = 50,
) -> JudgementsAnswer:
    """What was said, the newest first; undone judgements too."""
    if (source is None) != (source_record_id is None):
        raise RequestProblem(422, "invalid", "Give source and source_record_id together, or neither.")
    record = None if source is None or source_record_id is None else record_key(source, source_record_id)
    with desk.connect() as conn:
        found = store.judgements(
            conn, task_id=review_id, record=record, before=before, limit=limit + 1, reviewer=reviewing.reviewer
        )
    reviewing.told({key for made in found[:limit] for key in _named_in(made)}, {"record": record, "review": review_id})
    told = [JudgementAnswer.of(made) for made in found[:limit]]
    return JudgementsAnswer(judgements=told, next_before=told[-1].judgement_id if len(found) > limit else None)


@router.get(
    "/export",
    response_class=Response,
    responses={
        200: {
            "description": "CSV",
            "content": {"text/csv": {"schema": {"type": "string"}, "example": ",".join(COLUMNS)}},
        },
        **documented(400, 403, 503),
    },
)
def export(desk: DeskDep, reviewing: ReviewingDep, _steward: StewardDep) -> Response:
    """The judgements in force that linking obeys, as CSV: one row for each record of each part, if you may export all
    records that it names.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    with desk.connect() as conn:
        made = store.judgements(conn, reviewer=reviewing.reviewer)
    told = reviewing.told({key for each in made for key in _named_in(each)}, {"export": True}, action="export")
    writer.writerows(export_rows(each for each in made if told.keys() >= _named_in(each)))
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8")


class ImportBody(BaseModel):
    """A file of judgements."""

    model_config = ConfigDict(extra="forbid")

    csv: str = Field(
        max_length=10_000_000,
        description=f"Text of the file; columns {', '.join(COLUMNS)}.",
        examples=[
            ",".join(COLUMNS) + "\n1,same,1,meds,0Ab3,Same CIN.\n1,same,1,cws_cms,7,Same CIN.\n",
        ],
    )
    dry_run: StrictBool = Field(default=True, description="Find out what it would do, and keep nothing.")


@router.post("/import", responses=documented(400, 403, 422, 503))
def import_file(
    desk: DeskDep, reviewing: ReviewingDep, steward: StewardDep, body: Annotated[ImportBody, Body()]
) -> ImportAnswer:
    """Make the judgements of a file, all or none; by default only find out what they would do."""
    written = read_judgements(body.csv)
    with desk.connect() as conn:
        for each in written:
            if not reviewing.may_see_records(conn, each.records):
                raise MalformedJudgements(f"Line {each.line}: {UnknownRecord().message}", hint=UnknownRecord.hint)
        done = import_judgements(conn, written, steward, dry_run=body.dry_run)
    told = [
        ImportedAnswer(
            judgement=each.written.name,
            line=each.written.line,
            already_in_force=each.decided is None,
            decided=None if each.decided is None else DecidedAnswer.of(reviewing.seen(_shown(each, each.decided))),
        )
        for each in done
    ]
    return ImportAnswer(dry_run=body.dry_run, judgements=told)


def _shown(imported: Imported, decided: Decided) -> Decided:
    """As decided; of a dry run that waits, with what it would do once somebody agrees."""
    return decided if imported.would is None else replace(decided, effect=imported.would)


@router.post("", responses=documented(400, 403, 409, 422, 503))
def make_judgement(
    desk: DeskDep, reviewing: ReviewingDep, steward: StewardDep, body: Annotated[JudgementBody, Body()]
) -> DecidedAnswer:
    """Decide about records without a task."""
    with desk.connect() as conn:
        decided = deciding.judge(conn, body.decision(), _sides(conn, body, reviewing), steward)
    return DecidedAnswer.of(reviewing.seen(decided))


@router.post("/preview", responses=documented(400, 403, 409, 422, 503))
def preview(
    desk: DeskDep, reviewing: ReviewingDep, steward: StewardDep, body: Annotated[JudgementBody, Body()]
) -> EffectAnswer:
    """What a judgement would do to persons; nothing is kept."""
    with desk.connect() as conn:
        effect = deciding.preview_judgement(conn, body.decision(), _sides(conn, body, reviewing), steward)
    return EffectAnswer.of(reviewing.seen_effect(effect))


@router.get("/{judgement_id:int}", responses=documented(400, 403, 404, 422, 503))
def read_judgement(
    desk: DeskDep, reviewing: ReviewingDep, _steward: StewardDep, judgement_id: JudgementIdPath
) -> JudgementAnswer:
    """What was said, by whom and why, and what became of it."""
    with desk.connect() as conn:
        reviewing.require_judgement(conn, judgement_id)
        made = store.judgement(conn, judgement_id)
    reviewing.told(_named_in(made), {"judgement": judgement_id})
    return JudgementAnswer.of(made)


@router.post("/{judgement_id:int}/undo", responses=documented(400, 403, 404, 409, 422, 503))
def undo_judgement(
    desk: DeskDep,
    reviewing: ReviewingDep,
    steward: StewardDep,
    judgement_id: JudgementIdPath,
    body: Annotated[ReasonBody, Body()],
) -> DecidedAnswer:
    """Let it no longer hold: persons and ids are as before, and both facts stay in the history."""
    with desk.connect() as conn:
        reviewing.require_judgement(conn, judgement_id)
        decided = deciding.undo(conn, judgement_id, steward, reason=body.reason)
    return DecidedAnswer.of(reviewing.seen(decided))


@router.post("/{judgement_id:int}/second", responses=documented(400, 403, 404, 409, 422, 503))
def second(
    desk: DeskDep,
    reviewing: ReviewingDep,
    steward: StewardDep,
    judgement_id: JudgementIdPath,
    body: Annotated[SecondBody, Body()],
) -> DecidedAnswer:
    """Say as the second person whether a judgement that waits shall take effect."""
    with desk.connect() as conn:
        reviewing.require_judgement(conn, judgement_id)
        decided = deciding.agree(conn, judgement_id, steward, agrees=body.agrees, reason=body.reason)
    return DecidedAnswer.of(reviewing.seen(decided))


def _sides(conn: Connection, body: JudgementBody, reviewing: Reviewing) -> Sides:
    """The records that a judgement is about: those named, or those of a person that may be seen.

    Raises:
        UnknownRecord: one that is named may not be seen.
    """
    sides = body.sides(conn)
    if body.person_id is None:
        reviewing.require_records(conn, sides.left | sides.right | body.decision().chosen)
        return sides
    told = reviewing.told(sides.left, {"person": body.person_id})
    return replace(sides, left=frozenset(told))


def _named_in(made: store.Judgement) -> frozenset[RecordKey]:
    return frozenset(made.looked_at).union(*(part.records for part in made.parts))
