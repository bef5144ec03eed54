"""Publishes partitions by hand, as a relink would: for tests of what follows from a publication."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from index_service.store.connection import Connection
from index_service.store.extract import read_snapshot
from index_service.store.lookup import IdentityEvent
from index_service.store.publish import Assignment, Change, Publication, Review, publish_change
from index_service.store.records import begin_load, copy_records
from index_service.store.runs import relinking
from linkage.record import RecordKey
from tests.index_service.store.invented import incoming

SOURCE = "cws_cms"


def load_ids(
    conn: Connection, ids: Iterable[str], *, source: str = SOURCE, deleted: bool = False, **values: str
) -> None:
    """Load records with these ids."""
    load_id = begin_load(conn, source, "extract.csv", "00")
    copy_records(conn, load_id, source, [incoming(i, source=source, deleted=deleted, **values) for i in ids])


def assignment(conn: Connection, persons: Mapping[str, str]) -> Assignment:
    """Give the records with these ids (of any source) these persons; withdrawn ones are given none."""
    snapshot = read_snapshot(conn)
    rows = {
        r["record_id"]: r for r in snapshot.records.select(["record_id", "version", "source_record_id"]).to_pylist()
    }
    gone = {m["record_id"]: m for m in snapshot.memberships.to_pylist() if m["record_id"] not in rows}
    wanted = [(r["record_id"], r["version"], persons.get(r["source_record_id"])) for r in rows.values()]
    wanted = [entry for entry in wanted if entry[2] is not None]
    wanted += [(m["record_id"], m["version"], None) for m in gone.values()]
    return Assignment(
        np.array([record_id for record_id, _, _ in wanted], dtype=np.int64),
        np.array([version for _, version, _ in wanted], dtype=np.int32),
        [person for _, _, person in wanted],
        np.full(len(wanted), 0.99),
    )


def publish(conn: Connection, persons: Mapping[str, str], reviews: Sequence[Review] = ()) -> Publication:
    """Relink by hand: record id to person id."""
    with relinking(conn, "full") as run_id:
        return publish_change(conn, run_id, Change(assignment(conn, persons), reviews=reviews))


def current(conn: Connection) -> dict[str, str]:
    """Record id to person id, as the memberships that hold say."""
    return {m["source_record_id"]: m["person_id"] for m in read_snapshot(conn).memberships.to_pylist()}


def replay(events: Iterable[IdentityEvent]) -> dict[RecordKey, str]:
    """What a consumer that has seen only the events holds for true."""
    members: dict[RecordKey, str] = {}
    for event in events:
        for key in event.records:
            match event.kind:
                case "created" | "joined" | "moved" | "added":
                    members[key] = event.person_id
                case "split":
                    members[key] = event.other_person_ids[0]
                case "removed":
                    del members[key]
    return members
