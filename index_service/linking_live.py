"""Settle what a few changed records touch: the same computation as a relink, on their components alone.

Everything happens in the caller's transaction, which holds the lock of publications: one writer at a time, so that
no order of arrival can give another answer (docs/decisions/0014-live-linking.md).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

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
    components_of,
    constraints_among,
    outlines,
    persons_created,
    scope_of,
    standings,
)
from index_service.store.publish import (
    Assignment,
    Change,
    Publication,
    Question,
    expect_few,
    note_records_to_link,
    write_change,
)
from index_service.store.runs import RunId, RunKind, finish_run, published_run
from linkage.blocking import key_maker
from linkage.columns import pairs_within
from linkage.generic_values import columns_without_generic_values, without_generic_values
from linkage.person_ids import assign_person_ids
from linkage.pipeline import Partition, link_few
from linkage.record import Constraints, NormalisedRecord, PersonId, RecordKey
from linkage.weights_of_few import weights_of

WaitReason = Literal["outgrown_key", "large_scope"]
"""Why a changed record waits for the next relink: more records than the policy's hard bound share a key of it, and it
was linked by its other keys; or it touches more records than the policy's live bound, and stays as it was."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of the records that a change touched.

    Attributes:
        records: every record of the scope as it stood before, by record id.
        persons: record id to person, as published now; withdrawn records are left out.
        partition: how the records in `rows` were linked.
        rows: record ids in the order of the partition's rows.
        questions: what is asked of stewards about persons of the scope.
        candidates: records that blocking brought beside the changed ones.
        waiting: changed records that wait for the next relink, each with the reason.
        cut: changed records whose component is above the policy's cap, and was cut at higher thresholds.
    """

    records: Mapping[int, Standing]
    persons: Mapping[int, PersonId]
    partition: Partition
    rows: Sequence[int]
    questions: Sequence[Question]
    candidates: int
    waiting: Mapping[int, WaitReason]
    cut: frozenset[int]
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
    with conn.pipeline():
        expect_few(conn)
        found = _neighbours(conn, context, _read(conn, changed) if arrived is None else arrived)
    scope, large = _scope(conn, context, changed, found, puts_off=sealed is None)
    linked = _link(
        conn, context, {i: s for i, s in scope.items() if i not in large}, found, restore or {}, sealed or ()
    )
    put_off = _put_off(conn, {i: s for i, s in scope.items() if i in large}, changed)
    publication = write_change(conn, run_id, _change(context, linked, put_off, reason, restore or {}))
    waiting: dict[int, WaitReason] = dict.fromkeys(found.cut, "outgrown_key")
    waiting |= dict.fromkeys(large.intersection(changed), "large_scope")
    if waiting:
        note_records_to_link(conn, {i: scope[i].version for i in {*waiting, *put_off.remaining}})
    return Settlement(
        records=scope,
        persons=linked.persons | put_off.persons,
        partition=linked.partition,
        rows=linked.rows,
        questions=linked.questions,
        candidates=found.candidates,
        waiting=waiting,
        cut=_cut(linked, context.policy.max_component_records).intersection(changed),
        publication=publication,
    )


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
    """What blocking brought.

    Attributes:
        ties: changed records, each with a record that belongs in one component with it.
        candidates: records that were compared.
        outgrown: keys that more records share than the hard bound; they brought nothing.
        cut: changed records with such a key.
    """

    ties: frozenset[tuple[int, int]]
    candidates: int
    outgrown: frozenset[int]
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
    changed_ids = list(asked)
    beside = [
        (row, place)
        for row, (record_id, keys) in enumerate(asked.items())
        for place, candidate in enumerate(brought.found)
        if candidate.record_id != record_id and not (keys - brought.outgrown).isdisjoint(candidate.keys)
    ]
    close = _close(list(seen.values()), brought.found, beside, context)
    ties = frozenset((changed_ids[row], brought.found[place].record_id) for row, place in close)
    cut = frozenset(record_id for record_id, keys in asked.items() if not keys.isdisjoint(brought.outgrown))
    return _Neighbours(ties, len(brought.found), brought.outgrown, cut)


def blocking_keys(record: NormalisedRecord, context: LinkingContext) -> frozenset[int]:
    """Numbers of the keys under which a record (without generic values) finds candidates."""
    return frozenset(key_maker(tuple(context.model.blocking_rules)).numbers(record)) - context.pinned_keys


def _close(
    records: Sequence[NormalisedRecord],
    brought: Sequence[Candidate],
    beside: Sequence[tuple[int, int]],
    context: LinkingContext,
) -> list[tuple[int, int]]:
    """The pairs of a record (by row) and a candidate (by place) that reach the component threshold."""
    if not beside:
        return []
    rows, places = np.array(beside).T
    columns = columns_without_generic_values(columns_of(records, brought), context.model)
    weights = weights_of(pairs_within(columns, rows, places + len(records)), context.compiled)
    threshold = context.policy.component_threshold_bits
    return [pair for pair, weight in zip(beside, weights, strict=True) if weight >= threshold]


def _scope(
    conn: Connection, context: LinkingContext, changed: Collection[int], found: _Neighbours, *, puts_off: bool
) -> tuple[dict[int, Standing], frozenset[int]]:
    """The records that the change may move, and those of them that are too many to be linked while somebody waits.

    Of these only the outline is read: a model that fits badly can tie tens of thousands together.
    """
    records, bound = scope_of(conn, {*changed, *(near for _, near in found.ties)}), context.policy.max_live_records
    if not puts_off or len(records) <= bound:
        return standings(conn, records), frozenset()
    outlined = outlines(conn, records)
    large = _too_large(conn, outlined, found, bound)
    return {**outlined, **standings(conn, records - large)}, large


def _too_large(conn: Connection, scope: Mapping[int, Standing], found: _Neighbours, bound: int) -> frozenset[int]:
    """The records of the scope that are tied together in groups of more records than the bound.

    The bound is each group's own: what else arrives at the same time changes no answer.
    """
    groups = _groups(scope, _ties(conn, scope, found))
    large = [group for group in groups if sum(scope[i].record is not None for i in group) > bound]
    return frozenset().union(*large)


def _ties(conn: Connection, scope: Mapping[int, Standing], found: _Neighbours) -> Iterable[tuple[object, object]]:
    """What ties records together: close pairs, persons, components of persons, and judgements."""
    yield from found.ties
    components = components_of(conn, {s.person_id for s in scope.values() if s.person_id is not None})
    for record_id, standing in scope.items():
        if standing.person_id is not None:
            component = components.get(standing.person_id)
            yield record_id, standing.person_id if component is None else ("component", component)
    record_of = {record.key: record_id for record_id, record in _present(scope).items()}
    yield from ((record_of[a], record_of[b]) for a, b in constraints_among(conn, list(record_of)).must_link)


def _groups(records: Collection[int], ties: Iterable[tuple[object, object]]) -> list[list[int]]:
    """The records parted into those that ties lead from one to another; a tie may be to a name of something else."""
    leads: dict[object, object] = {}

    def first(of: object) -> object:
        while (to := leads.setdefault(of, of)) != of:
            leads[of] = of = leads[to]
        return of

    for a, b in ties:
        leads[first(b)] = first(a)
    groups: dict[object, list[int]] = defaultdict(list)
    for record_id in records:
        groups[first(record_id)].append(record_id)
    return list(groups.values())


@dataclass(frozen=True, slots=True)
class _Linked:
    """The records that are linked: whom they belong to, what stewards are asked, and which are withdrawn (`ended`)."""

    records: Mapping[int, Standing]
    rows: list[int]
    partition: Partition
    persons: dict[int, PersonId]
    questions: Sequence[Question]
    ended: list[int]


def _link(
    conn: Connection,
    context: LinkingContext,
    scope: Mapping[int, Standing],
    found: _Neighbours,
    restore: Mapping[int, PersonId],
    sealed: Collection[PersonId],
) -> _Linked:
    records = _present(scope)
    rows, keys = list(records), [record.key for record in records.values()]
    constraints = constraints_among(conn, keys) if keys else Constraints()
    left_out = context.pinned_keys | found.outgrown
    partition = link_few(list(records.values()), context.compiled, context.policy, constraints, left_out)
    person_of_label = _person_ids(conn, partition, [scope[record_id] for record_id in rows], restore, sealed)
    persons = {
        record_id: person_of_label[label] for record_id, label in zip(rows, partition.cluster.tolist(), strict=True)
    }
    doubts = doubts_of(partition, keys, constraints, context.compiled.names, context.policy)
    questions = questions_of(doubts, rows, list(persons.values()), [source for source, _ in keys], context.policy)
    ended = [record_id for record_id, standing in scope.items() if standing.record is None]
    return _Linked(scope, rows, partition, persons, questions, ended)


def _cut(linked: _Linked, cap: int) -> frozenset[int]:
    """The records whose component is above the cap."""
    if not linked.partition.oversized_components:
        return frozenset()
    labels = linked.partition.component.tolist()
    sizes = Counter(labels)
    return frozenset(i for i, label in zip(linked.rows, labels, strict=True) if sizes[label] > cap)


@dataclass(frozen=True, slots=True)
class _PutOff:
    """Records that are too many to link while somebody waits.

    Attributes:
        persons: whom they belong to; new ones stand alone.
        alone: the new ones.
        ended: changed ones that are withdrawn.
        components: person to component, of persons that lose a withdrawn record and are still in one.
        remaining: a record that each withdrawn one leaves behind in its component: it leads the next relink there.
    """

    records: Mapping[int, Standing]
    persons: dict[int, PersonId]
    alone: list[int]
    ended: list[int]
    components: dict[PersonId, int]
    remaining: frozenset[int]


def _put_off(conn: Connection, records: Mapping[int, Standing], changed: Collection[int]) -> _PutOff:
    alone = [i for i in changed if i in records and records[i].record is not None and records[i].person_id is None]
    ended = [i for i in changed if i in records and records[i].record is None]
    fresh = assign_person_ids({record_id: [(str(record_id), "")] for record_id in alone}, {}, {})
    persons = {i: s.person_id for i, s in records.items() if s.record is not None and s.person_id is not None}
    components = components_of(conn, set(persons.values()) | _persons_of(records, ended)) if ended else {}
    left_behind: dict[object, int] = {}
    for record_id, person in persons.items():
        left_behind.setdefault(person, record_id)
        left_behind.setdefault(components.get(person), record_id)
    remaining = frozenset(
        left_behind[place]
        for person in _persons_of(records, ended)
        for place in (person, components.get(person))
        if place is not None and place in left_behind
    )
    kept = {p: components[p] for p in _persons_of(records, ended) if p in components and p in left_behind}
    return _PutOff(records, persons | fresh, alone, ended, kept, remaining)


def _persons_of(records: Mapping[int, Standing], record_ids: Iterable[int]) -> set[PersonId]:
    return {person for i in record_ids if (person := records[i].person_id) is not None}


def _change(
    context: LinkingContext, linked: _Linked, put_off: _PutOff, reason: str, restore: Mapping[int, PersonId]
) -> Change:
    """Both as one change: a record that is put off and belongs to somebody already is not named, and stays."""
    named = [*linked.rows, *put_off.alone]
    ended = [*linked.ended, *put_off.ended]
    persons = linked.persons | put_off.persons
    versions = {i: standing.version for i, standing in {**linked.records, **put_off.records}.items()}
    return Change(
        assignment=Assignment(
            record_ids=np.array([*named, *ended], dtype=np.int64),
            versions=np.array([versions[record_id] for record_id in (*named, *ended)], dtype=np.int32),
            person_ids=[*(persons[record_id] for record_id in named), *([None] * len(ended))],
            probabilities=np.concatenate([linked.partition.probability, np.ones(len(put_off.alone) + len(ended))]),
            reasons=reason,
        ),
        questions=linked.questions,
        components=_components(linked.rows, linked.partition, linked.persons) | put_off.components,
        revives=set(restore.values()),
        material_change_bits=context.policy.stewardship.material_change_bits,
    )


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
