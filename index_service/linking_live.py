"""Settle what a few changed records touch: the same computation as a relink, on their components alone.

Everything happens in the caller's transaction, which holds the lock of publications: one writer at a time, so that
no order of arrival can give another answer (docs/decisions/0014-live-linking.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from index_service.linking_context import LinkingContext
from index_service.stewardship.questions import doubts_of, questions_of
from index_service.store.arrivals import write_keys
from index_service.store.connection import Connection
from index_service.store.neighbourhood import (
    Candidate,
    Standing,
    candidates,
    columns_of,
    constraints_among,
    persons_created,
    scope_of,
    standings,
)
from index_service.store.publish import Assignment, Change, Publication, Question, expect_few, write_change
from index_service.store.runs import RunId, RunKind, finish_run, published_run
from linkage.blocking import key_maker
from linkage.columns import pairs_within
from linkage.generic_values import columns_without_generic_values, without_generic_values
from linkage.person_ids import assign_person_ids
from linkage.pipeline import Partition, link_few
from linkage.record import NormalisedRecord, PersonId, RecordKey
from linkage.weights_of_few import weights_of


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of the records that a change touched.

    Attributes:
        records: every record of the scope as it stood before, by record id.
        persons: record id to person, as published now; withdrawn records are left out.
        partition: how the records in `rows` were linked; None where nothing was.
        rows: record ids in the order of the partition's rows.
        questions: what is asked of stewards about persons of the scope.
        candidates: records that blocking brought beside the changed ones.
        unsettled: changed records that wait for the next relink: their component or a key has outgrown its bound.
    """

    records: Mapping[int, Standing]
    persons: Mapping[int, PersonId]
    partition: Partition | None
    rows: Sequence[int]
    questions: Sequence[Question]
    candidates: int
    unsettled: frozenset[int]
    publication: Publication


def settle(
    conn: Connection,
    run_id: RunId,
    context: LinkingContext,
    changed: Collection[int],
    *,
    reason: str = "arrival",
    restore: Mapping[int, PersonId] | None = None,
    arrived: Mapping[int, NormalisedRecord] | None = None,
    sealed: Collection[PersonId] | None = None,
) -> Settlement:
    """Link the changed records and everything they touch, and publish what that changes.

    Args:
        changed: records that are new, changed or withdrawn, or that a judgement names; their facts and normalised
            records are already written, and the keys of those that `arrived`.
        reason: kept with memberships that begin.
        restore: record id to the person that it belonged to before a judgement that is undone: ids go by this, and one
            that the judgement retired lives again.
        arrived: those of the changed records that are not withdrawn, where the caller has them; read if left out.
        sealed: ids that no record keeps, since a seal lets them lead to nothing; such a change is never put off.
    """
    expect_few(conn)
    found = _neighbours(conn, context, _read(conn, changed) if arrived is None else arrived)
    scope = standings(conn, scope_of(conn, {*changed, *found.neighbours}))
    size = sum(standing.record is not None for standing in scope.values())
    if size > context.policy.max_live_records and sealed is None:
        return _put_off(conn, run_id, changed, scope, found.candidates, reason)
    return _publish(conn, run_id, context, scope, found, reason, restore or {}, sealed or ())


def settle_again(conn: Connection, context: LinkingContext, records: Collection[int]) -> Settlement:
    """Settle records whose surroundings were linked without them, as a run of its own."""
    run_id = live_run(conn, "online", context)
    settlement = settle(conn, run_id, context, records, reason="relink")
    close_live_run(conn, run_id, records, settlement)
    return settlement


def live_run(conn: Connection, kind: RunKind, context: LinkingContext) -> RunId:
    """Begin a run that publishes within the caller's transaction."""
    policy = context.policy.model_dump(mode="json")
    return published_run(conn, kind, model_fingerprint=context.fingerprint, policy=policy)


def close_live_run(conn: Connection, run_id: RunId, changed: Collection[int], settlement: Settlement) -> None:
    """Note what the run changed or moved: a relink that began before it must leave these alone."""
    moved = {i for i, s in settlement.records.items() if s.person_id != settlement.persons.get(i)}
    finish_run(conn, run_id, "published", counts={"settled": sorted({*changed, *moved})})


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """Records that belong in one component with a changed one, and changed records with a key beyond the bound."""

    neighbours: frozenset[int]
    candidates: int
    cut: frozenset[int]


def _read(conn: Connection, changed: Collection[int]) -> dict[int, NormalisedRecord]:
    """The changed records that are not withdrawn; those that were loaded and not linked yet get their blocking keys."""
    held = standings(conn, changed)
    write_keys(conn, [(s.record_id, s.version, s.record) for s in held.values() if s.record is not None])
    return _present(held)


def _present(records: Mapping[int, Standing]) -> dict[int, NormalisedRecord]:
    """Those that are not withdrawn."""
    return {record_id: standing.record for record_id, standing in records.items() if standing.record is not None}


def _neighbours(conn: Connection, context: LinkingContext, changed: Mapping[int, NormalisedRecord]) -> _Neighbours:
    """The candidates of the changed records that weigh enough to be looked at together with them."""
    seen = {record_id: without_generic_values(record, context.model) for record_id, record in changed.items()}
    asked = {record_id: blocking_keys(record, context) for record_id, record in seen.items()}
    brought = candidates(conn, frozenset().union(*asked.values()), context.policy.hard_block_records)
    beside = [
        (row, place)
        for row, (record_id, keys) in enumerate(asked.items())
        for place, candidate in enumerate(brought.found)
        if candidate.record_id != record_id and not (keys - brought.outgrown).isdisjoint(candidate.keys)
    ]
    neighbours = {
        brought.found[place].record_id for place in _close(list(seen.values()), brought.found, beside, context)
    }
    cut = frozenset(record_id for record_id, keys in asked.items() if not keys.isdisjoint(brought.outgrown))
    return _Neighbours(frozenset(neighbours), len(brought.found), cut)


def blocking_keys(record: NormalisedRecord, context: LinkingContext) -> frozenset[int]:
    """Numbers of the keys under which a record (without generic values) finds candidates."""
    return frozenset(key_maker(tuple(context.model.blocking_rules)).numbers(record)) - context.pinned_keys


def _close(
    records: Sequence[NormalisedRecord],
    brought: Sequence[Candidate],
    beside: Sequence[tuple[int, int]],
    context: LinkingContext,
) -> set[int]:
    """The candidates (by place) whose pair with a record (by row) reaches the component threshold."""
    if not beside:
        return set()
    rows, places = np.array(beside).T
    columns = columns_without_generic_values(columns_of(records, brought), context.model)
    weights = weights_of(pairs_within(columns, rows, places + len(records)), context.compiled)
    threshold = context.policy.component_threshold_bits
    return {place for (_, place), weight in zip(beside, weights, strict=True) if weight >= threshold}


def _publish(
    conn: Connection,
    run_id: RunId,
    context: LinkingContext,
    scope: Mapping[int, Standing],
    found: _Neighbours,
    reason: str,
    restore: Mapping[int, PersonId],
    sealed: Collection[PersonId],
) -> Settlement:
    records = _present(scope)
    rows = list(records)
    keys = [record.key for record in records.values()]
    constraints = constraints_among(conn, keys)
    partition = link_few(list(records.values()), context.compiled, context.policy, constraints, context.pinned_keys)
    person_of_label = _person_ids(conn, partition, [scope[record_id] for record_id in rows], restore, sealed)
    persons = {
        record_id: person_of_label[label] for record_id, label in zip(rows, partition.cluster.tolist(), strict=True)
    }
    doubts = doubts_of(partition, keys, constraints, context.compiled.names, context.policy)
    questions = questions_of(doubts, rows, list(persons.values()), [source for source, _ in keys], context.policy)
    ended = [record_id for record_id, standing in scope.items() if standing.record is None]
    change = Change(
        assignment=Assignment(
            record_ids=np.array([*rows, *ended], dtype=np.int64),
            versions=np.array([scope[record_id].version for record_id in (*rows, *ended)], dtype=np.int32),
            person_ids=[*persons.values(), *([None] * len(ended))],
            probabilities=np.concatenate([partition.probability, np.ones(len(ended))]),
            reasons=reason,
        ),
        questions=questions,
        components=_components(rows, partition, persons),
        revives=set(restore.values()),
        material_change_bits=context.policy.stewardship.material_change_bits,
    )
    publication = write_change(conn, run_id, change)
    return Settlement(scope, persons, partition, rows, questions, found.candidates, found.cut, publication)


def _person_ids(
    conn: Connection,
    partition: Partition,
    standing: Sequence[Standing],
    restore: Mapping[int, PersonId],
    sealed: Collection[PersonId],
) -> Mapping[int, PersonId]:
    """Label of each cluster to its person id, old or new."""
    clusters: dict[int, list[RecordKey]] = defaultdict(list)
    previous: dict[RecordKey, PersonId] = {}
    for each, label in zip(standing, partition.cluster.tolist(), strict=True):
        assert each.record is not None  # noqa: S101 - the partition is of records that are there
        clusters[label].append(each.record.key)
        person = restore.get(each.record_id, each.person_id)
        if person is not None and person not in sealed:
            previous[each.record.key] = person
    created = {s.person_id: s.person_created_at for s in standing if s.person_id is not None}
    created |= persons_created(conn, set(restore.values()) - created.keys()) if restore else {}
    by_age = sorted(created, key=lambda person: (created[person], person))
    return assign_person_ids(clusters, previous, {person: rank for rank, person in enumerate(by_age)})


def _components(rows: Sequence[int], partition: Partition, persons: Mapping[int, PersonId]) -> dict[PersonId, int]:
    """Person to number of its component, for persons that are not alone in theirs."""
    together: dict[int, dict[PersonId, int]] = defaultdict(dict)
    for record_id, label in zip(rows, partition.component.tolist(), strict=True):
        together[label][persons[record_id]] = rows[label]
    return {person: number for members in together.values() if len(members) > 1 for person, number in members.items()}


def _put_off(
    conn: Connection,
    run_id: RunId,
    changed: Collection[int],
    scope: Mapping[int, Standing],
    found: int,
    reason: str,
) -> Settlement:
    """A component too large to settle while somebody waits: new records stand alone until the next relink."""
    moved = {record_id: scope[record_id] for record_id in changed if scope[record_id].record is None}
    alone = {i: scope[i] for i in changed if scope[i].record is not None and scope[i].person_id is None}
    keys = {(str(record_id), ""): record_id for record_id in alone}
    fresh = assign_person_ids({record_id: [key] for key, record_id in keys.items()}, {}, {})
    named = [*alone, *moved]
    assignment = Assignment(
        record_ids=np.array(named, dtype=np.int64),
        versions=np.array([scope[record_id].version for record_id in named], dtype=np.int32),
        person_ids=[*(fresh[record_id] for record_id in alone), *([None] * len(moved))],
        probabilities=np.ones(len(named)),
        reasons=reason,
    )
    publication = write_change(conn, run_id, Change(assignment))
    persons = {i: s.person_id for i, s in scope.items() if s.record is not None and s.person_id is not None} | fresh
    unsettled = frozenset(record_id for record_id in changed)
    return Settlement(scope, persons, None, (), (), found, unsettled, publication)
