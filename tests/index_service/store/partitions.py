"""Publishes partitions by hand, as a relink would: for tests of what follows from a publication."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from index_service.store.connection import Connection
from index_service.store.extract import read_snapshot
from index_service.store.judgements import NewJudgement, add_judgement, tell_of_review
from index_service.store.lookup import IdentityEvent
from index_service.store.publish import Assignment, Change, Publication, Question, lock_publication, publish_change
from index_service.store.records import begin_load, copy_records
from index_service.store.runs import relinking
from linkage.judged import Part
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


Asked = tuple[str, str, float, int]
"""Two records (of any source) whose persons may be one, the weight, and the pairs weighed."""


def question(conn: Connection, persons: Mapping[str, str], asked: Asked) -> Question:
    """A question about the persons of two records, each with that record alone."""
    left, right, weight_bits, pairs = asked
    number = {row[1]: row[0] for row in conn.execute("SELECT record_id, source_record_id FROM source_record")}
    now = current(conn) | dict(persons)
    return Question("possible_duplicate", now[left], now[right], (number[left],), (number[right],), weight_bits, pairs)


def publish(conn: Connection, persons: Mapping[str, str], asked: Sequence[Asked] = ()) -> Publication:
    """Relink by hand: record id to person id."""
    questions = [question(conn, persons, each) for each in asked]
    with relinking(conn, "full") as run_id:
        return publish_change(conn, run_id, Change(assignment(conn, persons), questions=questions))


def decide_question(conn: Connection, left: Collection[RecordKey], right: Collection[RecordKey]) -> None:
    """A task about two sides is decided: they are different people. Nobody changes."""
    parts = (Part(frozenset(left)), Part(frozenset(right)))
    with conn.transaction():
        lock_publication(conn)
        said = NewJudgement("different", "two children", "ann", parts, parts[0].records | parts[1].records, task_id=1)
        ((run_id,),) = conn.execute("SELECT max(run_id) FROM run").fetchall()
        tell_of_review(conn, add_judgement(conn, said), "review_decided", run_id)


def current(conn: Connection) -> dict[str, str]:
    """Record id to person id, as the memberships that hold say."""
    return {m["source_record_id"]: m["person_id"] for m in read_snapshot(conn).memberships.to_pylist()}


def replay(events: Iterable[IdentityEvent]) -> dict[RecordKey, str]:
    """What a consumer that has seen only the events holds for true."""
    members: dict[RecordKey, str] = {}
    for event in events:
        for key in event.records:
            match event.kind:
                case "created" | "revived" | "joined" | "moved" | "added":
                    members[key] = event.person_id
                case "split":
                    members[key] = event.other_person_ids[0]
                case "removed":
                    del members[key]
    return members
