"""What a judgement did, or would do, to persons: which ids retire, come back and are new, and whose records move."""

from __future__ import annotations

from dataclasses import dataclass

from index_service.linking_live import Settlement
from index_service.store import stewardship as store
from index_service.store.connection import Connection
from index_service.store.runs import RunId
from linkage.record import PersonId, RecordKey


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes of persons.

    Attributes:
        retired: ids that retire, each with who answers for it.
        revived: ids that had retired and live again.
        created: ids that are new; in a preview only their number means anything.
        moved: records with the persons that they leave and come to.
        events: how many events of each kind consumers are told.
        tasks_opened, tasks_closed: questions that arise from it, and that it settles.
        waits: the component is too large to settle at once: the next relink does.
    """

    retired: tuple[tuple[PersonId, PersonId | None], ...] = ()
    revived: tuple[PersonId, ...] = ()
    created: tuple[PersonId, ...] = ()
    moved: tuple[tuple[RecordKey, PersonId | None, PersonId | None], ...] = ()
    events: tuple[tuple[str, int], ...] = ()
    tasks_opened: int = 0
    tasks_closed: int = 0
    waits: bool = False


def effect_of(conn: Connection, run_id: RunId, settlement: Settlement) -> Effect:
    """What the run of a settlement did."""
    told = store.events_of_run(conn, run_id)
    return Effect(
        retired=tuple((person, next(iter(others), None)) for kind, person, others in told if kind == "retired"),
        revived=tuple(person for kind, person, _ in told if kind == "revived"),
        created=tuple(
            sorted(
                {p for kind, _, others in told if kind == "split" for p in others}
                | {person for kind, person, _ in told if kind == "created"}
            )
        ),
        moved=tuple(store.changes_of_run(conn, run_id, settlement.records)),
        events=tuple(sorted(settlement.publication.events.items())),
        tasks_opened=settlement.publication.tasks_opened,
        tasks_closed=settlement.publication.tasks_closed,
        waits=bool(settlement.waiting),
    )
