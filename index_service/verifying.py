"""Whether what is published is what linking everything at once gives: the proof that nothing was missed on the way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.policy import LinkagePolicy
from index_service.stages import Advance, StageByStage, unwatched
from index_service.store.connection import Connection
from index_service.store.current_model import pinned_keys
from index_service.store.extract import read_snapshot, records_to_link
from linkage.model import Model
from linkage.pipeline import link
from linkage.record import PersonId

Rows = NDArray[np.int64]
EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """Persons that published records make, and how many they would be: together or apart, with all of their records."""

    persons: tuple[PersonId, ...]
    records: int
    would_be: int


@dataclass(frozen=True, slots=True)
class Verification:
    """What comparing found.

    Attributes:
        records: how many were linked.
        waiting: records that wait for a relink. They are not compared, nor what they touch: the components they lie in
            and the persons they are published in, whole.
        differences: groups of persons whose records are divided differently, the largest first.
    """

    records: int
    waiting: int
    differences: tuple[Difference, ...]

    @property
    def holds(self) -> bool:
        return not self.differences


def verify(
    conn: Connection,
    model: Model,
    policy: LinkagePolicy,
    advance: Advance = unwatched,
    *,
    anew: bool = False,
    memory_limit_gb: float = 4.0,
) -> Verification:
    """Link all records and compare with what is published; publishes nothing.

    Args:
        anew: as a full relink that reviews which blocking keys too many records share; by default with the keys that
            are pinned.
    """
    progress = StageByStage(advance)
    progress("read snapshot")
    snapshot, waiting = read_snapshot(conn), records_to_link(conn)
    progress.records = snapshot.records.num_rows
    result = link(
        snapshot.records,
        model,
        policy,
        snapshot.constraints,
        pinned_keys=None if anew else pinned_keys(conn),
        progress=progress,
        memory_limit_gb=memory_limit_gb,
    )
    progress("compare with what is published")
    members = snapshot.memberships
    person_of = dict(zip(members["record_id"].to_pylist(), members["person_id"].to_pylist(), strict=True))
    record_ids = snapshot.records["record_id"].to_numpy()
    compared = _untouched(record_ids, result.component, person_of, waiting).tolist()
    found = {
        record_id: label
        for record_id, label, is_compared in zip(record_ids.tolist(), result.cluster.tolist(), compared, strict=True)
        if is_compared
    }
    differences = _differences({record_id: person_of[record_id] for record_id in found}, found)
    progress.done()
    return Verification(snapshot.records.num_rows, len(waiting), differences)


def _untouched(
    record_ids: Rows, component: Rows, person_of: Mapping[int, PersonId], waiting: Sequence[int]
) -> NDArray[np.bool_]:
    """Which records belong to somebody, and no waiting record has to do with them: shape (n_records,).

    A waiting record may join or part others of its component, and of the person it was published in.
    """
    waits = np.isin(record_ids, np.array(waiting, dtype=np.int64))
    left = {person_of[record_id] for record_id in waiting if record_id in person_of}
    unsettled = waits | np.fromiter(
        (person_of.get(record_id) in left or record_id not in person_of for record_id in record_ids.tolist()),
        bool,
        len(record_ids),
    )
    untouched: NDArray[np.bool_] = ~np.isin(component, component[unsettled])
    return untouched


def _differences(published: dict[int, PersonId], found: dict[int, int]) -> tuple[Difference, ...]:
    clusters: dict[PersonId, set[int]] = defaultdict(set)
    persons: dict[int, set[PersonId]] = defaultdict(set)
    sizes: dict[PersonId, int] = defaultdict(int)
    for record_id, person in published.items():
        clusters[person].add(found[record_id])
        persons[found[record_id]].add(person)
        sizes[person] += 1
    groups, seen = [], set()
    for first in sorted(clusters):
        if first in seen or (len(clusters[first]) == 1 and len(persons[next(iter(clusters[first]))]) == 1):
            continue
        group, labels, waiting = set[PersonId](), set[int](), [first]
        while waiting:
            person = waiting.pop()
            if person not in group:
                group.add(person)
                labels |= clusters[person]
                waiting.extend(other for label in clusters[person] for other in persons[label])
        seen |= group
        groups.append(Difference(tuple(sorted(group)), sum(sizes[person] for person in group), len(labels)))
    return tuple(sorted(groups, key=lambda group: (-group.records, group.persons)))
