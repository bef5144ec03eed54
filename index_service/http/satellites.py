"""Routes: what stewards with the right to a segregated source are asked about its records, and what they decide.

Who may learn of the source's records for the action `review` has the right; to anybody else there is nothing here.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from config.record_ids import record_key
from index_service.disclosure.notices import notices_for
from index_service.http.access import RequiresScope
from index_service.http.answering import Releasing, ReleasingDep
from index_service.http.answers import Answer, NoticesText, PersonIdText, RecordIdText, SourceText
from index_service.http.problems import NotFound, RequestProblem, documented
from index_service.http.requests import PRINTABLE, ConnectionsDep
from index_service.http.stewards import SCOPE, StewardDep
from index_service.http.workbench.desk import Desk, DeskDep
from index_service.satellites.judging import (
    Judged,
    NoSuchPerson,
    NoSuchSatellite,
    NothingToUndo,
    judge_satellite,
    undo_satellite_judgement,
)
from index_service.store.satellites import AskedQuestion, SaidKind, open_questions
from linkage.record import RecordKey

router = APIRouter(prefix="/v1/satellites", tags=["satellites"], dependencies=[Depends(RequiresScope(SCOPE))])

_LARGEST = 2**63 - 1
Reason = Annotated[
    str,
    Field(min_length=1, max_length=2000, description="Why; kept for ever.", examples=["Intake papers compared."]),
]


class PossiblePerson(Answer):
    """A person that a segregated record may be of."""

    person_id: PersonIdText
    weight: float = Field(description="Weight of the record with all evidence of the person, in bits.", examples=[4.2])


class SatelliteReview(Answer):
    """A question: is a segregated record of one of these persons?"""

    review_id: int = Field(description="Number of the question.", examples=[3])
    source: SourceText
    source_record_id: RecordIdText
    persons: list[PossiblePerson] = Field(description="Whom it may be of, the likeliest first.")
    created_at: datetime = Field(description="When it was asked first.")
    notices: NoticesText

    @classmethod
    def of(cls, asked: AskedQuestion) -> SatelliteReview:
        pairs = zip(asked.persons, asked.weights_bits, strict=True)
        return cls(
            review_id=asked.question_id,
            source=asked.record[0],
            source_record_id=asked.record[1],
            persons=[PossiblePerson(person_id=person, weight=bits) for person, bits in pairs],
            created_at=asked.asked_at,
            notices=notices_for([asked.record[0]]),
        )


class SatelliteReviews(Answer):
    """The questions about segregated records that the caller may learn of."""

    reviews: list[SatelliteReview] = Field(description="The oldest first.")


class SatelliteJudgementBody(BaseModel):
    """What a steward says of a segregated record and a person."""

    model_config = ConfigDict(extra="forbid")

    kind: SaidKind = Field(description="same: the record is of this person. different: it is not.")
    source: SourceText = Field(max_length=100, pattern=PRINTABLE)
    source_record_id: RecordIdText = Field(max_length=500, pattern=PRINTABLE)
    person_id: PersonIdText = Field(max_length=50, pattern=PRINTABLE)
    reason: Reason

    @property
    def key(self) -> RecordKey:
        return record_key(self.source, self.source_record_id)


class SatelliteReasonBody(BaseModel):
    """Why something is undone."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class SatelliteJudgement(Answer):
    """What was decided, and whom the record belongs to since."""

    judgement_id: int = Field(description="Number of the judgement, by which it can be undone.", examples=[4])
    person_id: PersonIdText | None = Field(description="Whom the record belongs to.")
    alone: bool = Field(description="Whether it stands alone, under an id of its own.")

    @classmethod
    def of(cls, judged: Judged) -> SatelliteJudgement:
        return cls(judgement_id=judged.judgement_id, person_id=judged.person_id, alone=judged.is_alone)


async def _rights(releasing: ReleasingDep, connections: ConnectionsDep) -> frozenset[str]:
    """Sources about whose records the caller may decide, whoever the person is."""
    async with connections.lend() as conn:
        return (await releasing.permission(conn, "review")).unconditional_sources


RightsDep = Annotated[frozenset[str], Depends(_rights)]


@router.get("/reviews", responses=documented(400, 403, 503))
async def list_satellite_reviews(
    releasing: ReleasingDep, desk: DeskDep, rights: RightsDep, _steward: StewardDep
) -> SatelliteReviews:
    """Records of segregated sources that may be of one person or another: attached to nobody until it is decided."""
    asked = await asyncio.to_thread(_open_questions, desk, rights)
    known = await releasing.records([each.record for each in asked], action="review")
    return SatelliteReviews(reviews=[SatelliteReview.of(each) for each in asked if each.record in known])


@router.post("/judgements", responses=documented(400, 403, 404, 422, 503))
async def judge(
    releasing: ReleasingDep,
    desk: DeskDep,
    rights: RightsDep,
    steward: StewardDep,
    body: Annotated[SatelliteJudgementBody, Body()],
) -> SatelliteJudgement:
    """Say that a segregated record is, or is not, of a person; effective at once, and only for that record."""
    await _known(releasing, body)

    def decide() -> Judged:
        with desk.connect() as conn:
            return judge_satellite(
                conn,
                body.kind,
                body.key,
                body.person_id,
                sources=rights,
                reason=body.reason,
                who=steward.name,
            )

    try:
        return SatelliteJudgement.of(await asyncio.to_thread(decide))
    except NoSuchSatellite:
        raise _no_such_record() from None
    except NoSuchPerson as error:
        raise RequestProblem(422, "no-such-person", f"{error} {error.hint}") from None


@router.post("/judgements/{judgement_id}/undo", responses=documented(400, 403, 404, 422, 503))
async def undo(
    desk: DeskDep,
    rights: RightsDep,
    steward: StewardDep,
    judgement_id: Annotated[int, Path(ge=1, le=_LARGEST, description="Number of the judgement.", examples=[4])],
    body: Annotated[SatelliteReasonBody, Body()],
) -> SatelliteJudgement:
    """End a judgement: the record is where the evidence puts it."""

    def end() -> Judged:
        with desk.connect() as conn:
            return undo_satellite_judgement(conn, judgement_id, sources=rights, reason=body.reason, who=steward.name)

    try:
        return SatelliteJudgement.of(await asyncio.to_thread(end))
    except NothingToUndo as error:
        raise NotFound(str(error)) from None


async def _known(releasing: Releasing, body: SatelliteJudgementBody) -> None:
    """Raises NotFound if the caller may not learn of the record, or there is none."""
    if body.key not in await releasing.records([body.key], action="review"):
        raise _no_such_record()


def _no_such_record() -> NotFound:
    return NotFound("There is no such record.")


def _open_questions(desk: Desk, sources: frozenset[str]) -> list[AskedQuestion]:
    with desk.connect() as conn:
        return open_questions(conn, sources)
