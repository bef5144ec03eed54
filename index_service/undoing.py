"""Undo a relink: records go back to the persons they had, ids live again, events tell it, and what waited waits again.

So do stewards' questions, the components, the model, and after a full relink the blocking keys that were pinned.

Persons that live linking or a judgement has changed since are left as they are: their records wait for the next relink.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from index_service.satellites.following import follow_index
from index_service.store.connection import Connection
from index_service.store.proposals import (
    ChangedRecord,
    beside,
    changed_by_run,
    conclude_undoing,
    persons_moved_on,
    require_run,
    restore_components,
    restore_pinned_keys,
    restore_tasks,
    retired_among,
    tasks_as_left,
    wait_again,
)
from index_service.store.publish import Assignment, Change, Publication, lock_publication, write_change
from index_service.store.runs import RunId, finish_run, relinking, set_current_model
from linkage.record import PersonId


@dataclass(frozen=True, slots=True)
class Undone:
    """What undoing did: records that went back, and records left as they are, for they were changed since."""

    run_id: RunId
    restored: int
    left: int
    publication: Publication


def undo_relink(conn: Connection, run_id: RunId, *, who: str) -> Undone:
    """Restore the persons that a published relink changed; segregated records follow.

    Raises:
        NoSuchRun, NotInThisState: it is no published relink, or another was published after it.
        RelinkRunning: a relink is under way.
    """
    kind = require_run(conn, run_id, "published")
    with relinking(conn, "undo") as undoing, conn.transaction():
        lock_publication(conn)
        changed = changed_by_run(conn, run_id)
        left = _moved_on(conn, run_id, changed)
        restored = [each for each in changed if each.record_id not in left and not each.withdrawn]
        before = sorted({each.before for each in restored if each.before is not None})
        touched = beside(conn, run_id, {p for each in restored for p in (each.before, each.after) if p is not None})
        tasks = tasks_as_left(conn, run_id, left)
        publication = write_change(
            conn,
            undoing,
            Change(
                Assignment(
                    np.array([each.record_id for each in restored], dtype=np.int64),
                    np.array([each.version for each in restored], dtype=np.int32),
                    [each.before for each in restored],
                    reasons=f"relink {run_id} undone",
                ),
                revives=retired_among(conn, before),
            ),
        )
        restore_components(conn, run_id, touched)
        restore_tasks(conn, run_id, tasks, publication.at)
        if kind == "full":
            restore_pinned_keys(conn, run_id)
        model = conclude_undoing(conn, run_id)
        wait_again(conn, left)
        if model is not None:
            set_current_model(conn, model)
        counts = {"undoes": run_id, "by": who, "restored": len(restored), "left": len(left)}
        finish_run(conn, undoing, "published", counts=counts | {"events": dict(publication.events)})
    follow_index(conn)
    return Undone(run_id, len(restored), len(left), publication)


def _moved_on(conn: Connection, run_id: RunId, changed: Iterable[ChangedRecord]) -> set[int]:
    """The records of persons, tied together by this run, of which one was changed since."""
    changed = list(changed)
    group: dict[PersonId, PersonId] = {}

    def first(person: PersonId) -> PersonId:
        while group.setdefault(person, person) != person:
            person = group[person]
        return person

    for each in changed:
        if each.before is not None and each.after is not None:
            group[first(each.before)] = first(each.after)
    persons = {person for each in changed for person in (each.before, each.after) if person is not None}
    moved = {first(PersonId(person)) for person in persons_moved_on(conn, run_id, persons)}
    moved |= {
        first(person)
        for each in changed
        if not each.stands
        for person in (each.before, each.after)
        if person is not None
    }
    return {
        each.record_id
        for each in changed
        if any(person is not None and first(person) in moved for person in (each.before, each.after))
    }
