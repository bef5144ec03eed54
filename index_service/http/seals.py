"""Routes: adoption seals, as supervisors ask for them and a second person agrees. Whom a seal concerns is not told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Path
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from index_service.http.answers import Answer, PersonIdText
from index_service.http.judgements import SecondBody
from index_service.http.problems import documented
from index_service.http.requests import PRINTABLE
from index_service.http.reviews import MOST_RECORDS, Reason, ReasonBody, RecordName
from index_service.http.stewards import StewardDep, StewardsRoute
from index_service.http.workbench.desk import DeskDep
from index_service.stewardship import adoptions
from index_service.stewardship.adoptions import Sealed
from index_service.stewardship.deciding import Steward
from index_service.stewardship.errors import SupervisorsOnly
from index_service.store import adoptions as store
from index_service.store.adoptions import Seal

router = APIRouter(prefix="/v1/seals", tags=["seals"], route_class=StewardsRoute)

_LARGEST = 2**63 - 1
SealIdPath = Annotated[int, Path(ge=1, le=_LARGEST, description="Number of the seal.", examples=[3])]


class SealBody(BaseModel):
    """Which person is to be sealed, and which records are of the time after the adoption."""

    model_config = ConfigDict(extra="forbid")

    person_id: PersonIdText = Field(max_length=50, pattern=PRINTABLE)
    after: list[RecordName] = Field(
        min_length=1, max_length=MOST_RECORDS, description="Records of the time after; all others are of before."
    )
    reason: Reason
    keeps_name: StrictBool = Field(default=False, description="The child keeps its name.")


class SealAnswer(Answer):
    """A seal and what became of it."""

    seal_id: int = Field(description="Number of the seal.", examples=[3])
    state: Literal["waiting", "refused", "in_force", "opening", "open"] = Field(
        description="waiting: for the second person. opening: its opening waits for one."
    )
    asked_by: str = Field(description="Who asked for it.", examples=["r.supervisor"])
    asked_at: datetime = Field(description="When.")
    before: int = Field(description="Records of the time before.", examples=[4])
    after: int = Field(description="Records of the time after.", examples=[2])
    apart: int = Field(description="Records that show both times, and are of neither.", examples=[0])

    @classmethod
    def of(cls, seal: Seal) -> SealAnswer:
        return cls(
            seal_id=seal.seal_id,
            state=seal.state,
            asked_by=seal.who,
            asked_at=seal.at,
            before=seal.before,
            after=seal.after,
            apart=seal.apart,
        )


class SealsAnswer(Answer):
    """Seals, the newest first."""

    seals: list[SealAnswer] = Field(description="The newest first.")


class SealedAnswer(Answer):
    """A seal, and what the step did."""

    seal: SealAnswer
    person_ids: list[PersonIdText] = Field(description="The child after the adoption, once the seal is in force.")
    retired_person_ids: list[PersonIdText] = Field(description="Ids that lead to nothing from now on.")

    @classmethod
    def of(cls, done: Sealed) -> SealedAnswer:
        return cls(seal=SealAnswer.of(done.seal), person_ids=list(done.persons), retired_person_ids=list(done.retired))


def _sealer(steward: StewardDep) -> Steward:
    """Who may ask for seals or agree to them. Raises SupervisorsOnly."""
    if not (steward.supervisor or steward.senior):
        raise SupervisorsOnly
    return steward


SealerDep = Annotated[Steward, Depends(_sealer)]


@router.get("", responses=documented(400, 403, 503))
def list_seals(desk: DeskDep, _sealer: SealerDep) -> SealsAnswer:
    """All seals with what became of them."""
    with desk.connect() as conn:
        return SealsAnswer(seals=[SealAnswer.of(each) for each in store.seals(conn)])


@router.post("", responses=documented(400, 403, 409, 422, 503))
def propose(desk: DeskDep, sealer: SealerDep, body: Annotated[SealBody, Body()]) -> SealedAnswer:
    """Ask that a person be sealed. Nothing happens before a second person agrees."""
    after = {each.key for each in body.after}
    with desk.connect() as conn:
        done = adoptions.propose_seal(
            conn, body.person_id, after, sealer, reason=body.reason, keeps_name=body.keeps_name
        )
    return SealedAnswer.of(done)


@router.post("/{seal_id:int}/second", responses=documented(400, 403, 404, 409, 412, 422, 503))
def second(desk: DeskDep, sealer: SealerDep, seal_id: SealIdPath, body: Annotated[SecondBody, Body()]) -> SealedAnswer:
    """Say as the second person whether the seal, or its opening, takes effect."""
    with desk.connect() as conn:
        return SealedAnswer.of(adoptions.agree(conn, seal_id, sealer, agrees=body.agrees, reason=body.reason))


@router.post("/{seal_id:int}/open", responses=documented(400, 403, 404, 409, 422, 503))
def open_seal(
    desk: DeskDep, sealer: SealerDep, seal_id: SealIdPath, body: Annotated[ReasonBody, Body()]
) -> SealedAnswer:
    """Ask that a seal be opened by the court order on file. Nothing happens before a second person agrees."""
    with desk.connect() as conn:
        return SealedAnswer.of(adoptions.propose_unsealing(conn, seal_id, sealer, reason=body.reason))
