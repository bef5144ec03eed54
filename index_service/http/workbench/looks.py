"""Every look at a person is entered into the ledger, before anything is read for the answer."""

from __future__ import annotations

from index_service.accounts.sessions import Session
from index_service.store.connection import Connection
from index_service.store.workbench import LookedAt, Looker, add_look
from linkage.record import RecordKey


def note_look(
    conn: Connection,
    who: Session,
    at_what: LookedAt,
    *,
    person_id: str | None = None,
    record: RecordKey | None = None,
    task_id: int | None = None,
) -> None:
    """Write down that this person looks."""
    looker = Looker(who.account_id, who.session_id, who.name)
    add_look(conn, looker, at_what, person_id=person_id, record=record, task_id=task_id)
