"""A linking in terms of persons: who each record is now, and how that differs from what is published.

Nearly all clusters are what they were, or hold new records only; what becomes of them is plain and found for all at
once. The rest is decided by `linkage.person_ids` and `linkage.change_set`, whose answer over everything would be the
same (tests/index_service/test_found_persons.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from index_service.store.extract import Snapshot
from index_service.store.publish import Assignment
from linkage.change_set import ChangeSet, Created, compute
from linkage.person_ids import assign_person_ids, new_person_ids
from linkage.pipeline import LinkResult
from linkage.record import PersonId, RecordKey

Rows = NDArray[np.int64]
Persons = NDArray[np.object_]

NOBODY = -1


@dataclass(frozen=True, slots=True)
class FoundPersons:
    """What to publish, and what that changes.

    Attributes:
        person_ids: label of each cluster, its smallest row, to its person.
        change: how that differs from what is published.
    """

    person_ids: Mapping[int, PersonId]
    change: ChangeSet
    assignment: Assignment

    @classmethod
    def of(cls, snapshot: Snapshot, result: LinkResult) -> FoundPersons:
        clusters = _Clusters.of(snapshot, result.cluster)
        of_label = clusters.persons()
        persons = of_label[result.cluster]
        return cls(
            person_ids=dict(zip(clusters.labels.tolist(), of_label[clusters.labels].tolist(), strict=True)),
            change=clusters.change_set(persons),
            assignment=_assignment(snapshot, persons, result.probability),
        )


@dataclass(frozen=True, slots=True)
class _Clusters:
    """Clusters of records beside the persons that hold the records now, by number.

    Attributes:
        labels: shape (n_clusters,), the smallest row of each cluster, ascending.
        cluster: shape (n_records,), the number of each record's cluster.
        before: shape (n_records,), the number of the person that each record belongs to by what is published.
        names: shape (n_persons,), the published persons by number, the oldest first.
        as_before: shape (n_clusters,), clusters that are one person's records, neither more nor less.
        all_new: shape (n_clusters,), clusters of records that belong to nobody yet.
    """

    snapshot: Snapshot
    labels: Rows
    cluster: Rows
    before: Rows
    names: Persons
    as_before: NDArray[np.bool_]
    all_new: NDArray[np.bool_]

    @classmethod
    def of(cls, snapshot: Snapshot, label: Rows) -> _Clusters:
        labels, cluster = np.unique(label, return_inverse=True)
        names, number = _persons_by_age(snapshot.memberships)
        before = np.full(len(label), NOBODY)
        mine = snapshot.records["record_id"].to_numpy()
        theirs = snapshot.memberships["record_id"].to_numpy()
        place = np.searchsorted(theirs, mine)
        known = np.zeros(len(mine), dtype=bool)
        known[place < len(theirs)] = theirs[place[place < len(theirs)]] == mine[place < len(theirs)]
        before[known] = number[place[known]]
        sizes = np.bincount(cluster, minlength=len(labels))
        lowest, highest = np.full(len(labels), np.iinfo(np.int64).max), np.full(len(labels), NOBODY)
        np.minimum.at(lowest, cluster, before)
        np.maximum.at(highest, cluster, before)
        held = np.r_[np.bincount(number, minlength=len(names)), 0]  # the last place is nobody's
        as_before = (lowest == highest) & (highest != NOBODY) & (held[highest] == sizes)
        return cls(snapshot, labels, cluster, before, names, as_before, highest == NOBODY)

    def persons(self) -> Persons:
        """The person of each cluster, by its smallest row: shape (n_records,)."""
        of_cluster = np.empty(len(self.labels), dtype=object)
        of_cluster[self.as_before] = self.names[self.before[self.labels[self.as_before]]]
        of_cluster[self.all_new] = new_person_ids(int(self.all_new.sum()))
        for number, person in self._decided().items():
            of_cluster[number] = person
        of_label = np.empty(len(self.cluster), dtype=object)
        of_label[self.labels] = of_cluster
        return of_label

    @property
    def _mixed(self) -> Rows:
        """Rows of the records in clusters that take thought."""
        return np.flatnonzero(~(self.as_before | self.all_new)[self.cluster])

    def _decided(self) -> Mapping[int, PersonId]:
        rows = self._mixed
        keys = _keys(self.snapshot.records.take(rows))
        clusters: dict[int, list[RecordKey]] = {}
        for key, number in zip(keys, self.cluster[rows].tolist(), strict=True):
            clusters.setdefault(number, []).append(key)
        age = {self.names[number]: number for number in np.unique(self.before[rows]).tolist() if number != NOBODY}
        return assign_person_ids(clusters, self._previous(keys, rows), age)

    def _previous(self, keys: Sequence[RecordKey], rows: Rows) -> dict[RecordKey, PersonId]:
        before = zip(keys, self.before[rows].tolist(), strict=True)
        return {key: self.names[number] for key, number in before if number != NOBODY}

    def change_set(self, persons: Persons) -> ChangeSet:
        """What changes if the records belong to these persons: shape (n_records,)."""
        rows, memberships = self._mixed, self.snapshot.memberships
        keys = _keys(self.snapshot.records.take(rows))
        gone = memberships.filter(pa.array(self._gone(memberships)))
        previous = self._previous(keys, rows) | dict(zip(_keys(gone), gone["person_id"].to_pylist(), strict=True))
        thought_of = compute(previous, dict(zip(keys, persons[rows].tolist(), strict=True)))
        fresh = np.flatnonzero(self.all_new[self.cluster])
        newcomers = dict(zip(_keys(self.snapshot.records.take(fresh)), persons[fresh].tolist(), strict=True))
        created = (*thought_of.created, *_created(newcomers))
        return replace(
            thought_of,
            created=tuple(sorted(created, key=lambda new: new.person)),
            added={**thought_of.added, **newcomers},
            persons_before=len(self.names),
        )

    def _gone(self, memberships: pa.Table) -> NDArray[np.bool_]:
        """Which memberships are of records that are not there any more."""
        gone: NDArray[np.bool_] = ~np.isin(
            memberships["record_id"].to_numpy(), self.snapshot.records["record_id"].to_numpy(), assume_unique=True
        )
        return gone


def _persons_by_age(memberships: pa.Table) -> tuple[Persons, Rows]:
    """The persons that hold records now, the oldest first (ties: by id), and the number of each membership's person."""
    encoded = memberships["person_id"].combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = encoded.indices.to_numpy().astype(np.int64)
    names = np.array(encoded.dictionary.to_pylist(), dtype=object)
    created = np.zeros(len(names), dtype=np.int64)
    created[codes] = memberships["person_created_at"].cast(pa.int64()).to_numpy()
    order = np.lexsort((names.astype(str), created))
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return names[order], rank[codes]


def _created(newcomers: Mapping[RecordKey, PersonId]) -> list[Created]:
    records: dict[PersonId, list[RecordKey]] = {}
    for key, person in newcomers.items():
        records.setdefault(person, []).append(key)
    return [Created(person, tuple(sorted(keys))) for person, keys in records.items()]


def _keys(table: pa.Table) -> list[RecordKey]:
    return list(zip(table["source"].to_pylist(), table["source_record_id"].to_pylist(), strict=True))


def _assignment(snapshot: Snapshot, persons: Persons, probability: NDArray[np.float64]) -> Assignment:
    """Every record with its person; the memberships of withdrawn records end."""
    withdrawn = snapshot.memberships.filter(snapshot.memberships["withdrawn"])
    ended = withdrawn.num_rows
    return Assignment(
        record_ids=_together(snapshot.records["record_id"], withdrawn["record_id"]).astype(np.int64),
        versions=_together(snapshot.records["version"], withdrawn["version"]).astype(np.int32),
        person_ids=[*persons.tolist(), *([None] * ended)],
        probabilities=np.concatenate([probability, np.ones(ended)]),
    )


def _together(first: Any, second: Any) -> NDArray[Any]:
    return np.concatenate([first.to_numpy(), second.to_numpy()])
