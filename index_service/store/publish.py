"""Publishes what a linking found: memberships, persons, events and stewards' tasks change together or not at all.

The caller says which record belongs to whom; which persons are new, which retire and to whom they forward, and which
events tell of it, follows here from comparing that with the memberships that hold. So they cannot contradict it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import repeat
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from psycopg import Pipeline, sql
from psycopg.rows import TupleRow
from pyarrow import csv

from index_service.store.connection import Connection
from index_service.store.errors import PublicationRefused
from index_service.store.locks import AdvisoryLock
from index_service.store.runs import RunId, finish_run, relink_running
from index_service.store.statements import statements
from linkage.blocks import OversizedKey
from linkage.doubts import DoubtKind
from linkage.record import PersonId

_sql = statements("publish")
_ROWS_AT_A_TIME = 1 << 16
ANALYZE_FROM = 1000
"""Records in the scope of a run from which the planner is told how many they are."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which record shall belong to which person: one entry per record in the scope of the run, changed or not.

    record_ids: int64; a record that is not named keeps its membership.
    versions: int32, the version of each record that the run has read; where another holds by now, the record is left
        alone and waits for the next run.
    person_ids: the person of each record, an id that is there or a new one; None ends the membership (withdrawn).
    probabilities: float64, that the record belongs to the person; kept with memberships that begin.
    reasons: why, for memberships that begin; one for all, or one per record.
    """

    record_ids: NDArray[np.int64]
    versions: NDArray[np.int32]
    person_ids: Sequence[str | None]
    probabilities: NDArray[np.float64] | None = None
    reasons: str | Sequence[str] = "relink"


@dataclass(frozen=True, slots=True)
class Question:
    """What a steward shall be asked: whether two sides are one person.

    left_person_id, right_person_id: the persons of the sides; the same where a part of one person may leave.
    left_records, right_records: record ids of the sides, ascending; the first of each name the question.
    weight_bits: that both sides are one person.
    pairs: of records that were weighed between the sides.
    fields: comparisons that raise the question.
    sources: of all records, sorted.
    in_care: a side is a child in care.
    """

    kind: DoubtKind
    left_person_id: str
    right_person_id: str
    left_records: tuple[int, ...]
    right_records: tuple[int, ...]
    weight_bits: float
    pairs: int
    fields: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    in_care: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What a run found, to be made to hold.

    assignment: record to person.
    questions: what stewards shall be asked of persons of the assignment.
    components: person to number of its component, for the persons of the assignment that share one with another.
    keys: record_id int64, version int32, keys list<int64>; blocking keys of records that have none yet or older ones.
    oversized_keys: replaces what the last full relink pinned; None leaves that.
    revives: ids that a judgement had retired, which is undone: they may be given records again.
    material_change_bits: a question that was decided is asked again once its weight has moved by more than this.
    """

    assignment: Assignment
    questions: Sequence[Question] = ()
    components: Mapping[PersonId, int] = field(default_factory=dict)
    keys: pa.Table | None = None
    oversized_keys: Sequence[OversizedKey] | None = None
    revives: Collection[str] = ()
    material_change_bits: float = 0.0


@dataclass(frozen=True, slots=True)
class Publication:
    """What was published. `events` counts per kind; `last_seq` is None where nothing changed."""

    at: datetime
    events: Mapping[str, int]
    first_seq: int | None
    last_seq: int | None
    records_changed: int
    records_left_alone: int
    tasks_opened: int
    tasks_closed: int


def publish_change(
    conn: Connection,
    run_id: RunId,
    change: Change,
    *,
    model_fingerprint: str | None = None,
    counts: Mapping[str, object] | None = None,
    timings: Mapping[str, float] | None = None,
) -> Publication:
    """Make what a relink found hold, in one transaction; writes only what differs, and closes the run.

    Args:
        conn: the connection that holds the relink (`runs.relinking`), or any while none runs.
        run_id: the run that found the change.
        model_fingerprint: becomes the current model.
        counts: kept with the run, beside the counts of what changed.
        timings: stage to seconds, kept with the run.

    Raises:
        RelinkRunning: another connection relinks.
        PublicationRefused: a retired person is given records, or a withdrawn record a person. Nothing is published.
    """
    with conn.transaction():
        if not _scalar(conn, "try_lock_relink_until_commit", {"key": AdvisoryLock.RELINK}):
            raise relink_running(conn)
        lock_publication(conn)
        if len(change.assignment.record_ids) < ANALYZE_FROM:
            expect_few(conn)
        publication = write_change(conn, run_id, change)
        conn.execute(_sql["lock_records_to_link"])
        conn.execute(_sql["clear_records_to_link"])
        if model_fingerprint is not None:
            conn.execute(_sql["no_model_is_current"], {"fingerprint": model_fingerprint})
            conn.execute(_sql["model_is_current"], {"fingerprint": model_fingerprint})
        _close_run(conn, run_id, publication, counts, timings)
    return publication


def lock_publication(conn: Connection) -> None:
    """Memberships and the sequence of events are written by one at a time: waits its turn; held until the commit."""
    conn.execute(_sql["lock_publication"], {"key": AdvisoryLock.PUBLICATION})


def expect_few(conn: Connection) -> None:
    """Until the commit, the planner expects what a live request needs: a few records, found by index."""
    conn.execute(_sql["expect_few"])


def write_change(conn: Connection, run_id: RunId, change: Change) -> Publication:
    """Make a change hold within the caller's transaction, which holds the lock of publications.

    Raises:
        PublicationRefused: a retired person is given records, or a withdrawn record a person. Roll back.
    """
    differs = _stage(conn, change)
    at, left_alone = _judge(conn, change.revives)
    if change.revives:
        conn.execute(_sql["revive_persons"], {"revives": list(change.revives), "at": at})
    with conn.pipeline() as pipeline:  # what does not hang on the answer to another statement is sent with it
        events = _write_memberships(conn, run_id, at, change.assignment, differs)
        if change.questions:
            conn.execute(_sql["hide_questions"])
        opened, closed = _write_tasks(conn, pipeline, run_id, at, change)
        _write_components(conn, change)
    _write_keys(conn, change)
    return Publication(
        at=at,
        events={kind: count for kind, count, _, _ in events},
        first_seq=min((first for _, _, first, _ in events), default=None),
        last_seq=max((last for _, _, _, last in events), default=None),
        records_changed=differs.records,
        records_left_alone=left_alone,
        tasks_opened=opened,
        tasks_closed=closed,
    )


def forget_records_to_link(conn: Connection, record_ids: Iterable[int]) -> None:
    """These records no longer wait for a relink: live linking has settled them."""
    conn.execute(_sql["forget_records_to_link"], {"record_ids": list(record_ids)})


def note_records_to_link(conn: Connection, versions: Mapping[int, int]) -> None:
    """These records (with their versions) wait for a relink: live linking could not settle them."""
    parameters = {"record_ids": list(versions), "versions": list(versions.values())}
    conn.execute(_sql["note_records_to_link"], parameters)


@dataclass(frozen=True, slots=True)
class _Differs:
    """How many records differ from the memberships that hold, and how many of them belong to somebody now."""

    records: int
    members: int


def _stage(conn: Connection, change: Change) -> _Differs:
    large = len(change.assignment.record_ids) >= ANALYZE_FROM
    if not _scalar(conn, "has_staging"):
        conn.execute(_sql["create_staging"])
    elif large:
        conn.execute(_sql["empty_staging"])
    if large:
        _copy_table(conn, "copy_wanted", _wanted(change.assignment))
        _copy_table(conn, "copy_wanted_questions", _wanted_questions(change.questions))
        _copy_table(conn, "copy_wanted_components", _wanted_components(change.components))
        conn.execute(_sql["analyze_wanted"])
    else:
        conn.execute(_sql["stage_few"], _few(change))
    records, members = conn.execute(_sql["find_change"]).fetchall()[0]
    if large:
        conn.execute(_sql["analyze_change"])
    return _Differs(records, members)


def _few(change: Change) -> dict[str, str]:
    """What is staged, as JSON documents; they hold ids, weights and names of fields."""
    given = change.assignment
    probabilities = repeat(None) if given.probabilities is None else given.probabilities.tolist()
    reasons = repeat(None) if isinstance(given.reasons, str) else given.reasons
    rows = zip(given.record_ids.tolist(), given.versions.tolist(), given.person_ids, probabilities, reasons)  # noqa: B905 - two may be endless
    names = ("record_id", "version", "person_id", "probability", "reason")
    documents = {
        "wanted": [dict(zip(names, row, strict=True)) for row in rows],
        "questions": [{name: getattr(question, name) for name in _QUESTION_COLUMNS} for question in change.questions],
        "components": dict(change.components),
    }
    return {name: orjson.dumps(document).decode() for name, document in documents.items()}


def _write_components(conn: Connection, change: Change) -> None:
    conn.execute(_sql["delete_components"])
    if change.components:
        conn.execute(_sql["insert_components"])


def _write_keys(conn: Connection, change: Change) -> None:
    if None in change.assignment.person_ids:
        conn.execute(_sql["delete_keys"])
    if change.keys is not None and change.keys.num_rows:
        first = change.keys.num_rows >= ANALYZE_FROM and not _scalar(conn, "has_keys")
        if first:  # an index made once is made several times as fast
            conn.execute(_sql["drop_key_index"])
        _copy_table(conn, "copy_wanted_keys", _wanted_keys(change.keys))
        conn.execute(_sql["write_keys"])
        if first:
            conn.execute(_sql["create_key_index"])
    if change.oversized_keys is not None:
        conn.execute(_sql["forget_oversized_keys"])
        columns = {name: [getattr(k, name) for k in change.oversized_keys] for name in ("key", "rule", "records")}
        pinned = {"keys": columns["key"], "rules": columns["rule"], "records": columns["records"]}
        conn.execute(_sql["pin_oversized_keys"], pinned)


def _judge(conn: Connection, revives: Collection[str]) -> tuple[datetime, int]:
    """Returns the moment of the publication, and how many records are left alone.

    Raises:
        PublicationRefused: the change contradicts itself.
    """
    retired, withdrawn, left_alone, at = conn.execute(_sql["judge_change"], {"revives": list(revives)}).fetchall()[0]
    if retired:
        raise PublicationRefused(f"{retired} retired person(s) would get records again; ids are never used twice.")
    if withdrawn:
        raise PublicationRefused(f"{withdrawn} withdrawn record(s) would belong to a person.")
    return at, left_alone


def _write_memberships(
    conn: Connection, run_id: RunId, at: datetime, assignment: Assignment, differs: _Differs
) -> Sequence[TupleRow]:
    """Returns the events: kind, how many, first and last number."""
    if not differs.records:
        return ()
    reason = assignment.reasons if isinstance(assignment.reasons, str) else "relink"
    parameters = {"run_id": run_id, "at": at, "reason": reason}
    conn.execute(_sql["create_persons"], parameters)
    if differs.members:
        conn.execute(_sql["end_memberships"], parameters)
    conn.execute(_sql["begin_memberships"], parameters)
    if differs.members:
        conn.execute(_sql["retire_persons"], parameters)
    return conn.execute(_sql["insert_events"], parameters).fetchall()


def _write_tasks(conn: Connection, pipeline: Pipeline, run_id: RunId, at: datetime, change: Change) -> tuple[int, int]:
    """Returns how many were opened and closed."""
    if change.questions:
        matched = conn.execute(_sql["match_tasks"])
        pipeline.sync()
        if matched.rowcount < len(change.questions):
            conn.execute(_sql["match_tasks_by_overlap"])
    closed = conn.execute(_sql["close_tasks"], {"at": at, "run_id": run_id})
    if not change.questions:
        pipeline.sync()
        return 0, closed.rowcount
    conn.execute(_sql["refresh_tasks"])
    parameters = {"run_id": run_id, "at": at, "material_change_bits": change.material_change_bits}
    opened = conn.execute(_sql["insert_tasks"], parameters)
    pipeline.sync()
    if opened.rowcount >= ANALYZE_FROM:
        conn.execute(_sql["analyze_tasks"])
    return opened.rowcount, closed.rowcount


def _close_run(
    conn: Connection,
    run_id: RunId,
    publication: Publication,
    counts: Mapping[str, object] | None,
    timings: Mapping[str, float] | None,
) -> None:
    published = {
        "events": dict(publication.events),
        "records_changed": publication.records_changed,
        "records_left_alone": publication.records_left_alone,
        "tasks_opened": publication.tasks_opened,
        "tasks_closed": publication.tasks_closed,
    }
    finish_run(conn, run_id, "published", counts={**(counts or {}), **published}, timings=timings)


def _wanted(assignment: Assignment) -> pa.Table:
    size = len(assignment.record_ids)
    reasons = pa.nulls(size, pa.string()) if isinstance(assignment.reasons, str) else pa.array(assignment.reasons)
    probabilities = assignment.probabilities
    return pa.table(
        {
            "record_id": pa.array(assignment.record_ids, pa.int64()),
            "version": pa.array(assignment.versions, pa.int32()),
            "person_id": pa.array(assignment.person_ids, pa.string()),
            "probability": pa.nulls(size, pa.float64()) if probabilities is None else pa.array(probabilities),
            "reason": reasons,
        }
    )


def _wanted_questions(questions: Sequence[Question]) -> pa.Table:
    columns = {name: [getattr(q, name) for q in questions] for name in _QUESTION_COLUMNS}
    for name in ("left_records", "right_records", "fields", "sources"):
        columns[name] = [f"{{{','.join(map(str, values))}}}" for values in columns[name]]
    return pa.table({name: pa.array(columns[name], kind) for name, kind in _QUESTION_COLUMNS.items()})


_QUESTION_COLUMNS = {
    "kind": pa.string(),
    "left_person_id": pa.string(),
    "right_person_id": pa.string(),
    "left_records": pa.string(),
    "right_records": pa.string(),
    "weight_bits": pa.float64(),
    "pairs": pa.int32(),
    "fields": pa.string(),
    "sources": pa.string(),
    "in_care": pa.bool_(),
}


def _wanted_components(components: Mapping[PersonId, int]) -> pa.Table:
    return pa.table(
        {
            "person_id": pa.array(components.keys(), pa.string()),
            "component_id": pa.array(components.values(), pa.int64()),
        }
    )


def _wanted_keys(keys: pa.Table) -> pa.Table:
    """The lists as PostgreSQL writes an array."""
    joined = pc.binary_join(keys["keys"].cast(pa.list_(pa.string())), ",")
    literal = pc.binary_join_element_wise("{", joined, "}", "")
    return pa.table({"record_id": keys["record_id"], "version": keys["version"], "keys": literal})


def _copy_table(conn: Connection, name: str, table: pa.Table) -> None:
    """Send Arrow columns through COPY as CSV; null is the unquoted empty field."""
    if not table.num_rows:
        return
    options = csv.WriteOptions(include_header=False)
    with conn.cursor() as cursor, cursor.copy(sql.SQL(_sql[name])) as copy:
        for batch in table.to_batches(max_chunksize=_ROWS_AT_A_TIME):
            block = pa.BufferOutputStream()
            csv.write_csv(batch, block, options)
            copy.write(memoryview(block.getvalue()))


def _scalar(conn: Connection, name: str, parameters: Mapping[str, object] | None = None) -> Any:
    row = conn.execute(_sql[name], parameters).fetchone()
    return row[0] if row else None
