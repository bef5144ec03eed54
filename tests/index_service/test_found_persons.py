"""A linking in terms of persons: the plain cases found for all at once are what the simple functions say of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from index_service.found_persons import FoundPersons
from index_service.store.extract import Snapshot
from linkage.change_set import compute
from linkage.pairs import WeighedPairs
from linkage.person_ids import assign_person_ids
from linkage.pipeline import LinkResult, Reviews
from linkage.record import Constraints, PersonId, RecordKey

CREATED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

Records = Mapping[int, tuple[int | None, int | None]]
"""Record id -> number of its person as published, and of its cluster as found; None for nobody and for withdrawn."""


def key(record_id: int) -> RecordKey:
    return ("meds" if record_id % 2 else "cws_cms", f"{97 * record_id % 31}")


def person_id(number: int) -> PersonId:
    return PersonId(f"{'zyxwvu'[number]}-{number}")


def age(number: int) -> int:
    """Several persons are equally old."""
    return number // 2


def snapshot_of(records: Records) -> Snapshot:
    there = sorted(i for i, (_, cluster) in records.items() if cluster is not None)
    held = sorted(i for i, (person, _) in records.items() if person is not None)
    of = {i: records[i][0] or 0 for i in held}
    ids, int32 = pa.int64(), pa.int32()
    return Snapshot(
        records=pa.table(
            {
                "record_id": pa.array(there, ids),
                "version": pa.array([1] * len(there), int32),
                "source": pa.array([key(i)[0] for i in there], pa.string()),
                "source_record_id": pa.array([key(i)[1] for i in there], pa.string()),
            }
        ),
        memberships=pa.table(
            {
                "record_id": pa.array(held, ids),
                "version": pa.array([2] * len(held), int32),
                "source": pa.array([key(i)[0] for i in held], pa.string()),
                "source_record_id": pa.array([key(i)[1] for i in held], pa.string()),
                "withdrawn": pa.array([records[i][1] is None for i in held], pa.bool_()),
                "person_id": pa.array([person_id(of[i]) for i in held], pa.string()),
                "person_created_at": pa.array(
                    [CREATED + dt.timedelta(days=age(of[i])) for i in held], pa.timestamp("us", tz="UTC")
                ),
            }
        ),
        constraints=Constraints(),
        keyed=pa.table({"record_id": pa.array([], ids), "version": pa.array([], int32)}),
        last_run=0,
        last_event=0,
        at=CREATED,
    )


def result_of(records: Records) -> LinkResult:
    clusters = [records[i][1] for i in sorted(records) if records[i][1] is not None]
    cluster = np.array([clusters.index(c) for c in clusters], dtype=np.int64)
    size = len(cluster)
    left, right = np.triu_indices(size, 1)
    bits = np.zeros(len(left))
    apart = np.unique(cluster)
    return LinkResult(
        cluster=cluster,
        component=np.zeros(size, dtype=np.int64),
        probability=np.linspace(0.5, 1.0, size),
        pairs=WeighedPairs(left, right, np.zeros((len(left), 0), np.int8), bits, bits, bits),
        reviews=Reviews(apart[:-1], apart[1:], np.arange(max(len(apart) - 1, 0), dtype=np.float64)),
        blocking=(),
        oversized_keys=(),
        candidate_pairs=0,
        candidates=None,
        oversized_components=(),
        timings={},
    )


numbers = st.one_of(st.none(), st.integers(0, 5))
histories = st.dictionaries(st.integers(1, 30), st.tuples(numbers, numbers), max_size=14)
small = st.dictionaries(st.integers(1, 30), st.tuples(st.one_of(st.none(), st.integers(0, 1)), numbers), max_size=8)


@settings(max_examples=250, deadline=None)
@given(st.one_of(histories, small))
def test_it_finds_what_the_simple_functions_find(records: Records) -> None:
    snapshot, result = snapshot_of(records), result_of(records)
    found = FoundPersons.of(snapshot, result)

    there = [i for i in sorted(records) if records[i][1] is not None]
    labels = result.cluster.tolist()
    clusters: dict[int, list[RecordKey]] = {}
    for i, label in zip(there, labels, strict=True):
        clusters.setdefault(label, []).append(key(i))
    previous = {key(i): person_id(person) for i, (person, _) in records.items() if person is not None}
    by_age = sorted({(age(p), person_id(p)) for p, _ in records.values() if p is not None})
    simple = assign_person_ids(clusters, previous, {person: rank for rank, (_, person) in enumerate(by_age)})

    known = set(previous.values())
    assert found.person_ids.keys() == simple.keys()
    assert {c: p for c, p in found.person_ids.items() if p in known} == {c: p for c, p in simple.items() if p in known}
    assert len(set(found.person_ids.values())) == len(found.person_ids)

    current = {key(i): found.person_ids[label] for i, label in zip(there, labels, strict=True)}
    assert found.change == compute(previous, current)


@settings(max_examples=60, deadline=None)
@given(histories)
def test_every_record_is_assigned_and_withdrawn_ones_are_let_go(records: Records) -> None:
    snapshot, result = snapshot_of(records), result_of(records)
    found = FoundPersons.of(snapshot, result)
    assigned = dict(zip(found.assignment.record_ids.tolist(), found.assignment.person_ids, strict=True))
    there = [i for i in sorted(records) if records[i][1] is not None]
    labels = result.cluster.tolist()
    gone = [i for i, (person, cluster) in records.items() if cluster is None and person is not None]
    wanted = {i: found.person_ids[label] for i, label in zip(there, labels, strict=True)}
    assert assigned == wanted | dict.fromkeys(gone)
    versions = dict(zip(found.assignment.record_ids.tolist(), found.assignment.versions.tolist(), strict=True))
    assert versions == dict.fromkeys(there, 1) | dict.fromkeys(gone, 2)
