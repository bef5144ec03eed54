"""Route: the sequence of identity events, from which a consumer resumes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from index_service.http.answers import EventAnswer, EventsAnswer
from index_service.http.problems import documented
from index_service.http.requests import ConnectionDep
from index_service.store import lookup

router = APIRouter(prefix="/v1", tags=["events"])

_LARGEST_SEQ = 2**63 - 1


@router.get("/events", responses=documented(400, 422, 503))
async def read_events(
    conn: ConnectionDep,
    after: Annotated[int, Query(ge=0, le=_LARGEST_SEQ, description="The last event seen; 0 from the beginning.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
) -> EventsAnswer:
    """What became of persons, in one gapless sequence; ask again with `next_after`."""
    found = await lookup.events(conn, after, limit + 1)
    told = [EventAnswer.of(event) for event in found[:limit]]
    return EventsAnswer(events=told, next_after=told[-1].seq if told else after, more=len(found) > limit)
