"""Routes: who a record belongs to, who a person is and was; as far as the caller may learn of it."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from config.record_ids import record_key
from index_service.http.access import RequiresScope
from index_service.http.answering import ReleasingDep
from index_service.http.answers import HistoryAnswer, PersonAnswer
from index_service.http.encoded_paths import EncodedPathRoute
from index_service.http.problems import NotFound, documented
from index_service.http.requests import AsOf, PersonIdPath, RecordIdPath, SourcePath
from index_service.store.releasing import BEGINNING

router = APIRouter(
    prefix="/v1", tags=["persons"], route_class=EncodedPathRoute, dependencies=[Depends(RequiresScope("index/read"))]
)

MOST_EVENTS_OF_ONE = 10_000


@router.get("/sources/{source}/records/{source_record_id}/person", responses=documented(400, 404, 422, 503))
async def read_person_of_record(
    releasing: ReleasingDep, source: SourcePath, source_record_id: RecordIdPath, as_of: AsOf = None
) -> PersonAnswer:
    """The person that a record belongs to, with all records of that person that the caller may learn of.

    404 also where the record is known but withdrawn, not linked yet, or not for this caller to know.
    """
    told = await releasing.person_of_record(record_key(source, source_record_id), as_of=as_of)
    if not told:
        raise NotFound("No such record belongs to a person.")
    return PersonAnswer.of(told, as_of)


@router.get("/persons/{person_id}", responses=documented(400, 404, 422, 503))
async def read_person(releasing: ReleasingDep, person_id: PersonIdPath, as_of: AsOf = None) -> PersonAnswer:
    """A person with the records that the caller may learn of, now or as believed at a past moment.

    A retired id answers with its survivor, and says so in `retired`. 404 also where there are no such records.
    """
    told = await releasing.persons([person_id], asked={"person": person_id, "as_of": as_of}, as_of=as_of)
    if not told:
        raise NotFound("There is no person of this id.")
    return PersonAnswer.of(told, as_of)


@router.get("/persons/{person_id}/history", responses=documented(400, 404, 422, 503))
async def read_history(releasing: ReleasingDep, person_id: PersonIdPath) -> HistoryAnswer:
    """What happened to a person id: records that came and left, events on either side; as the caller may learn."""
    told = await releasing.history(person_id)
    if not told:
        raise NotFound("There is no person of this id.")
    page = await releasing.events(BEGINNING, MOST_EVENTS_OF_ONE, person_id)
    return HistoryAnswer.of(told, page.events, releasing.position)
