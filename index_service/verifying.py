"""Whether what is published is what linking everything at once gives: the proof that nothing was missed on the way."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from config.policy import LinkagePolicy
from index_service.stages import Advance, StageByStage, unwatched
from index_service.store.connection import Connection
from index_service.store.current_model import pinned_keys
from index_service.store.extract import read_snapshot, records_to_link
from linkage.model import Model
from linkage.pipeline import link
from linkage.record import PersonId

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
        waiting: records that wait for a relink; they are not compared, nor what they touch.
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
    memory_limit_gb: float = 4.0,
) -> Verification:
    """Link all records with the keys that the last full relink pinned, and compare with what is published."""
    progress = StageByStage(advance)
    progress("read snapshot")
    snapshot, waiting = read_snapshot(conn), set(records_to_link(conn))
    result = link(
        snapshot.records,
        model,
        policy,
        snapshot.constraints,
        pinned_keys=pinned_keys(conn),
        progress=progress,
        memory_limit_gb=memory_limit_gb,
    )
    progress.done()
    members = snapshot.memberships
    person_of = dict(zip(members["record_id"].to_pylist(), members["person_id"].to_pylist(), strict=True))
    found = {
        record_id: label
        for record_id, label in zip(snapshot.records["record_id"].to_pylist(), result.cluster.tolist(), strict=True)
        if record_id in person_of and record_id not in waiting
    }
    return Verification(snapshot.records.num_rows, len(waiting), _differences({i: person_of[i] for i in found}, found))


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
