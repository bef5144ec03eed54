"""Who decides over the API, and how what a steward cannot do is told."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from index_service.access.callers import Caller
from index_service.access.errors import InsufficientScope
from index_service.accounts.roles import Role
from index_service.errors import IndexServiceError
from index_service.http.access import caller_if_known, note_insufficient, refusal
from index_service.http.problems import RequestProblem
from index_service.stewardship.deciding import Steward
from index_service.stewardship.errors import (
    ClaimedByAnother,
    ContradictoryJudgement,
    ImpossibleChoice,
    ImpossibleSeal,
    LeaseExpired,
    NeedsSecondPerson,
    NoCourtOrder,
    NotClaimed,
    NothingWaits,
    RecordVanished,
    SealChanged,
    SealedPerson,
    SupervisorsOnly,
    TaskChanged,
    TaskClosed,
    UnknownRecord,
    UnknownTask,
)
from index_service.stewardship.files import MalformedJudgements
from index_service.store.adoptions import AlreadySaid, UnknownSeal
from index_service.store.judgements import AlreadyUndone, UnknownJudgement

SCOPE = "index/review"
NOBODY_IN_PARTICULAR = "a caller on this machine"
"""Who decides where nobody has to say who calls: the service then listens on its own machine only."""

_ANSWERS: dict[type[IndexServiceError], tuple[int, str]] = {
    UnknownTask: (404, "unknown-task"),
    UnknownJudgement: (404, "unknown-judgement"),
    UnknownRecord: (409, "unknown-record"),
    TaskClosed: (409, "task-closed"),
    TaskChanged: (412, "task-changed"),
    NotClaimed: (409, "not-claimed"),
    LeaseExpired: (409, "lease-expired"),
    ClaimedByAnother: (409, "claimed-by-another"),
    RecordVanished: (409, "record-vanished"),
    ImpossibleChoice: (422, "impossible-choice"),
    NeedsSecondPerson: (403, "needs-second-person"),
    NothingWaits: (409, "nothing-waits"),
    ContradictoryJudgement: (409, "contradictory-judgement"),
    AlreadyUndone: (409, "already-undone"),
    MalformedJudgements: (422, "malformed-judgements"),
    SealedPerson: (409, "sealed-person"),
    SupervisorsOnly: (403, "supervisors-only"),
    ImpossibleSeal: (422, "impossible-seal"),
    SealChanged: (412, "seal-changed"),
    NoCourtOrder: (409, "no-court-order"),
    UnknownSeal: (404, "unknown-seal"),
    AlreadySaid: (409, "already-said"),
}
"""What a steward can be told -> status, and the name for programs."""


class StewardsRoute(APIRoute):
    """A route on which a steward may be told that it cannot be done so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handle(request)
            except tuple(_ANSWERS) as error:
                status, kind = _ANSWERS[type(error)]
                raise RequestProblem(status, kind, f"{error} {error.hint}".strip()) from None

        return told


async def steward_of(request: Request) -> Steward:
    """Who decides: the human being that the caller says it acts for, or the client itself.

    Raises:
        RequestProblem: the caller may not review.
    """
    caller = caller_if_known(request)
    if caller is None:
        return Steward(NOBODY_IN_PARTICULAR)
    try:
        caller.require_scope(SCOPE)
    except InsufficientScope as refused:
        await note_insufficient(request, caller, refused)
        raise refusal(refused) from None
    return _steward(caller)


def _steward(caller: Caller) -> Steward:
    user = caller.user
    if user is None:
        return Steward(caller.client_id)
    return Steward(
        f"{user.subject} ({user.issuer})",
        senior=Role.SENIOR_STEWARD in user.roles,
        supervisor=Role.SUPERVISOR in user.roles,
    )


StewardDep = Annotated[Steward, Depends(steward_of)]
