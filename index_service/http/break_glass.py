"""Routes: breaking the glass in an emergency, and the review that follows."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from config.agreements import BREAK_GLASS
from index_service.accounts.roles import Role
from index_service.disclosure.reviewing_glass import OwnGlass, review_glass
from index_service.http import metrics
from index_service.http.access import RequiresScope, caller_if_known
from index_service.http.answering import ReleasingDep
from index_service.http.answers import Answer, PersonIdText
from index_service.http.problems import RequestProblem, documented
from index_service.http.requests import PRINTABLE
from index_service.http.reviews import Reason
from index_service.http.stewards import StewardDep
from index_service.http.workbench.desk import DeskDep
from index_service.logs import Event
from index_service.store.on_file import GlassCase, NotOnFile, glass_cases
from index_service.store.releasing import Broken

_log = structlog.get_logger()
_LARGEST = 2**63 - 1


class _TellingRoute(APIRoute):
    """A route on which a reviewer may be told that it cannot be done so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handle(request)
            except NotOnFile as error:
                raise RequestProblem(404, "not-found", f"{error}") from None
            except OwnGlass as error:
                raise RequestProblem(403, "own-glass", f"{error} {error.hint}") from None

        return told


router = APIRouter(prefix="/v1/break-glass", tags=["break glass"], route_class=_TellingRoute)


class BreakGlassBody(BaseModel):
    """For whom the glass is broken, and why."""

    model_config = ConfigDict(extra="forbid")

    person_id: PersonIdText = Field(max_length=50, pattern=PRINTABLE)
    reason: Reason


class BrokenGlassAnswer(Answer):
    """Under which agreement the glass is broken, and until when."""

    agreement: str = Field(description="The agreement, as id/version.", examples=["cws_worker/1"])
    expires_at: datetime = Field(description="When it ends by itself.")
    review_by: datetime = Field(description="By when somebody looks at it.")

    @classmethod
    def of(cls, broken: Broken) -> BrokenGlassAnswer:
        return cls(agreement=broken.agreement, expires_at=broken.expires_at, review_by=broken.review_by)


class BreakGlassAnswer(Answer):
    """That the glass is broken; the same where there is no such person."""

    broken: list[BrokenGlassAnswer] = Field(description="By agreement.")


@router.post("", responses=documented(400, 403, 422, 503), dependencies=[Depends(RequiresScope("index/read"))])
async def break_glass(releasing: ReleasingDep, body: Annotated[BreakGlassBody, Body()]) -> BreakGlassAnswer:
    """Pass over the conditions of an agreement for one person, in an emergency; it is reviewed afterwards.

    Takes a human user and the purpose BTG; the look-ups that follow state it too.
    """
    if releasing.caller.purpose != BREAK_GLASS or releasing.caller.user is None:
        await releasing.refuse("pointers", "no user, or another purpose", asked={"person": body.person_id})
        detail = "The glass is broken by a human user, whom the token names, for the purpose BTG."
        raise RequestProblem(403, "not-broken", detail)
    broken = await releasing.break_glass(body.person_id, body.reason)
    if not broken:
        raise RequestProblem(403, "not-broken", "No agreement lets this client break the glass.")
    for each in broken:
        _log.warning(Event.GLASS_BROKEN, agreement=each.agreement, alerts=list(each.alerts))
    metrics.count_broken_glass()
    return BreakGlassAnswer(broken=[BrokenGlassAnswer.of(each) for each in broken])


class GlassReviewBody(BaseModel):
    """What the review found."""

    model_config = ConfigDict(extra="forbid")

    was_justified: StrictBool = Field(description="Whether it was right to break it.")
    remark: Reason


class GlassCaseAnswer(Answer):
    """Broken glass, and what its review found."""

    broken_glass_id: int = Field(description="Number of the case.", examples=[5])
    agreement: str = Field(description="The agreement, as id/version.", examples=["cws_worker/1"])
    client_id: str = Field(description="The client through which the user asked.", examples=["cws_worker"])
    user_id: str = Field(description="The user.", examples=["w.worker"])
    person_id: PersonIdText
    reason: str = Field(description="Why, in the user's words.", examples=["A child at the door."])
    broken_at: datetime = Field(description="When.")
    expires_at: datetime = Field(description="When it ends, or ended.")
    review_by: datetime = Field(description="By when it has to be reviewed.")
    answers: int = Field(description="Answers that were given by it.", examples=[2])
    was_justified: bool | None = Field(description="What the review found; empty while it waits.")
    reviewed_by: str | None = Field(description="Who reviewed it.", examples=["r.supervisor"])

    @classmethod
    def of(cls, case: GlassCase) -> GlassCaseAnswer:
        glass, review = case.glass, case.review
        return cls(
            broken_glass_id=glass.broken_glass_id,
            agreement=glass.agreement,
            client_id=glass.client,
            user_id=glass.user,
            person_id=glass.person_id,
            reason=glass.reason,
            broken_at=glass.broken_at,
            expires_at=glass.expires_at,
            review_by=glass.review_by,
            answers=case.answers,
            was_justified=None if review is None else review.was_justified,
            reviewed_by=None if review is None else review.who,
        )


class GlassCasesAnswer(Answer):
    """The queue of reviews."""

    cases: list[GlassCaseAnswer] = Field(description="Those that wait, the most urgent first; then those reviewed.")


def _reviewer(request: Request, steward: StewardDep) -> tuple[str, str]:
    """Who reviews broken glass, as it is kept and as the provider names them: a supervisor or an auditor.

    Raises:
        RequestProblem: it is neither.
    """
    caller = caller_if_known(request)
    user = caller.user if caller else None
    if user is None or not {Role.SUPERVISOR, Role.AUDITOR}.intersection(user.roles):
        raise RequestProblem(403, "reviewers-only", "Broken glass is reviewed by a supervisor or an auditor.")
    return steward.name, user.subject


ReviewerDep = Annotated[tuple[str, str], Depends(_reviewer)]


@router.get("", responses=documented(400, 403, 422, 503))
def list_cases(
    desk: DeskDep,
    _reviewer: ReviewerDep,
    reviewed_too: Annotated[bool, Query(description="Those reviewed, too.")] = False,
) -> GlassCasesAnswer:
    """Broken glass that waits for its review."""
    with desk.connect() as conn:
        return GlassCasesAnswer(cases=[GlassCaseAnswer.of(c) for c in glass_cases(conn, reviewed_too=reviewed_too)])


@router.post("/{broken_glass_id:int}/review", status_code=204, responses=documented(400, 403, 404, 422, 503))
def review(
    desk: DeskDep,
    reviewer: ReviewerDep,
    broken_glass_id: Annotated[int, Path(ge=1, le=_LARGEST, description="Number of the case.", examples=[5])],
    body: Annotated[GlassReviewBody, Body()],
) -> None:
    """Say what the review found."""
    who, subject = reviewer
    with desk.connect() as conn:
        review_glass(
            conn, broken_glass_id, who=who, subject=subject, was_justified=body.was_justified, remark=body.remark
        )
