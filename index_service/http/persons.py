"""Routes: who a record belongs to, who a person is and was."""

from __future__ import annotations

from fastapi import APIRouter

from index_service.http.answers import HistoryAnswer, PersonAnswer
from index_service.http.encoded_paths import EncodedPathRoute
from index_service.http.problems import NotFound, documented
from index_service.http.requests import AsOf, ConnectionDep, PersonIdPath, RecordIdPath, SourcePath
from index_service.store import lookup

router = APIRouter(prefix="/v1", tags=["persons"], route_class=EncodedPathRoute)


@router.get("/sources/{source}/records/{source_record_id}/person", responses=documented(400, 404, 422, 503))
async def read_person_of_record(
    conn: ConnectionDep, source: SourcePath, source_record_id: RecordIdPath, as_of: AsOf = None
) -> PersonAnswer:
    """The person that a record belongs to, with all records of that person.

    404 also where the record is known but withdrawn, or not linked yet.
    """
    standing = await lookup.person_of_record(conn, source, source_record_id, as_of)
    if standing is None or standing.person_id is None or (standing.withdrawn and as_of is None):
        raise NotFound("No such record belongs to a person.")
    person = await lookup.person(conn, standing.person_id, as_of)
    if person is None:
        raise NotFound("No such record belongs to a person.")
    return PersonAnswer.of(person)


@router.get("/persons/{person_id}", responses=documented(400, 404, 422, 503))
async def read_person(conn: ConnectionDep, person_id: PersonIdPath, as_of: AsOf = None) -> PersonAnswer:
    """A person with its records, now or as believed at a past moment.

    A retired id answers with its survivor, and says so in `retired`.
    """
    person = await lookup.person(conn, person_id, as_of)
    if person is None:
        raise NotFound("There is no person of this id.")
    return PersonAnswer.of(person)


@router.get("/persons/{person_id}/history", responses=documented(400, 404, 422, 503))
async def read_history(conn: ConnectionDep, person_id: PersonIdPath) -> HistoryAnswer:
    """Everything that ever happened to a person id: records that came and left, events on either side."""
    history = await lookup.history(conn, person_id)
    if history is None:
        raise NotFound("There is no person of this id.")
    return HistoryAnswer.of(history)
