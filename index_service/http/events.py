"""Route: the sequence of identity events that the caller may learn of, from which it resumes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from index_service.http.access import RequiresScope
from index_service.http.answering import ReleasingDep
from index_service.http.answers import EventAnswer, EventsAnswer
from index_service.http.problems import documented
from index_service.store.releasing import BEGINNING

router = APIRouter(prefix="/v1", tags=["events"], dependencies=[Depends(RequiresScope("index/events"))])


@router.get("/events", responses=documented(400, 422, 503))
async def read_events(
    releasing: ReleasingDep,
    after: Annotated[
        str,
        Query(
            max_length=200,
            pattern="^[A-Za-z0-9_-]*$",
            description="`next_after` of the last answer, or the `position` of the last event seen; left out: from the "
            "beginning.",
        ),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
) -> EventsAnswer:
    """What became of persons, in order; ask again with `next_after`.

    Positions are opaque, and another each time: they do not tell how many events there are that are not told.
    """
    page = await releasing.events(releasing.place(after) if after else BEGINNING, limit)
    return EventsAnswer(
        events=[EventAnswer.of(event, releasing.position) for event in page.events],
        next_after=releasing.position(page.place),
        more=page.more,
    )
