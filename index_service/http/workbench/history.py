"""The page of an id's life: from when to when, every record it ever had, everything that happened to it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from index_service.http.workbench.desk import DeskDep
from index_service.http.workbench.looks import note_look
from index_service.http.workbench.pages import page
from index_service.http.workbench.person import Somebody, judgements_of, no_such_person
from index_service.http.workbench.timeline import timeline
from index_service.store import workbench as store

router = APIRouter()


@router.get("/persons/{person_id}/history")
def read_history(request: Request, desk: DeskDep, who: Somebody, person_id: str) -> Response:
    """The life of an id, retired or not."""
    with desk.connect() as conn:
        life = store.life(conn, person_id)
        if life is None:
            return no_such_person(request)
        note_look(conn, who, "history", person_id=person_id)
        memberships = store.memberships_ever(conn, person_id)
        keys = sorted({(past.source, past.source_record_id) for past in memberships})
        return page(
            request,
            "history.html",
            who=who,
            life=life,
            former=store.former_ids(conn, person_id),
            memberships=list(reversed(memberships)),
            happenings=timeline(person_id, store.events_of_person(conn, person_id), judgements_of(keys, conn)),
        )
