"""The sentinel: after each relink it looks for persons that may be several, asks stewards, and counts.

What changed since its last pass, persons or their records, is looked at; after a full relink everybody. A person that
shows a sign (`linkage.overmerged`) becomes a steward's task with a proposed split, or the sign is put on the question
that linking already asks about the person. Two persons of different components that bear one identifier are asked about
too: linking compares only what shares a component. The ledger tells who was told of the person since both sides have
been one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, combinations
from math import ceil
from typing import TypeVar

import numpy as np

from config.nights import SentinelConfig
from config.policy import LinkagePolicy
from config.sources import SourceConfig
from index_service.stages import Advance, unwatched
from index_service.store import sentinel as store
from index_service.store.changes import records_by_source
from index_service.store.connection import Connection
from index_service.store.neighbourhood import components_of, constraints_among, records_of_persons
from index_service.store.publish import lock_publication
from index_service.store.sentinel import PassBefore, SentinelQuestion, Shared, Told
from index_service.store.stewardship import records_of_persons as records_named
from linkage.model import Model, value_digest
from linkage.native import NativeEngine
from linkage.overmerged import KINDS, Sign, Surroundings, Suspicion, deduplicated_sources, suspicion
from linkage.record import NormalisedRecord, PersonId, RecordKey
from linkage.weights import CompiledModel, compile_model

T = TypeVar("T")
STAGE = "Look for persons that are several"
PERSONS_AT_ONCE = 400
LARGEST = 400
"""Records of a person beyond which no pair is weighed: it is told of by its size, and what came last may leave."""
EXAMPLES = 20
NUMBER_OF_ANOTHER = "number_of_another"
"""The sign of two persons that bear one identifier though they have nothing else in common."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a doubtful link has gone: since when both sides are one person, and which clients were told of it."""

    since: datetime | None
    told: tuple[Told, ...]

    def figures(self) -> dict[str, object]:
        return {
            "since": self.since.isoformat() if self.since else None,
            "clients": [
                {
                    "client": told.client_id,
                    "times": told.times,
                    "of_the_part": told.of_the_part,
                    "first_at": told.first_at.isoformat(),
                    "last_at": told.last_at.isoformat(),
                    "purposes": list(told.purposes),
                }
                for told in self.told
            ],
        }


@dataclass(frozen=True, slots=True)
class Watch:
    """What a pass found.

    Attributes:
        persons: how many had changed, and could be several.
        weighed: of these, how many were looked into.
        asked: tasks that stand for what this pass found.
        signs: sign to how many persons show it, of those that this pass found.
        numbers: column to how many of its values too many persons bear, of those on records that were looked at.
        open: open tasks with signs, from this pass and those before.
        told: clients to how many of the persons in those tasks they were told of since the doubtful link.
        examples: the largest, with their reach.
    """

    persons: int
    weighed: int
    asked: int
    signs: Mapping[str, int]
    numbers: Mapping[str, int]
    open: int
    told: Mapping[str, int]
    examples: tuple[Mapping[str, object], ...]

    def figures(self) -> dict[str, object]:
        """For the night's report."""
        return {
            "persons": self.persons,
            "weighed": self.weighed,
            "asked": self.asked,
            "signs": dict(self.signs),
            "numbers_of_many": dict(self.numbers),
            "open": self.open,
            "told": dict(self.told),
            "examples": list(self.examples),
        }


@dataclass(frozen=True, slots=True)
class Screen:
    """What a relink says of the persons that it linked: whose pairs may show a sign, who may bear another's number.

    Attributes:
        run_id: of the relink.
        known: the persons that it linked; None: everybody.
        showing: those of them whose pairs may show a sign.
        sharing: of a full relink, numbers of the records that bear an identifier which another person bears too.
        last_event, at: up to where the relink has read.
    """

    run_id: int
    known: frozenset[PersonId] | None
    showing: frozenset[PersonId]
    sharing: Sequence[int]
    last_event: int
    at: datetime


def watch(
    conn: Connection,
    model: Model,
    policy: LinkagePolicy,
    config: SentinelConfig,
    sources: Mapping[str, SourceConfig],
    advance: Advance = unwatched,
    screen: Screen | None = None,
) -> Watch:
    """Look for persons that may be several, among those changed since the last pass, and ask stewards.

    Args:
        screen: by the relink that has just been published, and linked everything if it is the first of its kind since
            the last pass; without it all pairs are weighed again.
    """
    advance(STAGE, 0.0)
    before, up_to = store.last_pass(conn), store.newest(conn)
    scope = _scope(conn, before, screen)
    shared = _shared(conn, model, scope)
    numbers = {each.number: each for each in shared if len(each.persons) > config.most_persons_of_a_number}
    around = _surroundings(conn, model, config, sources, frozenset(numbers))
    chosen = sorted({*_suspects(conn, config, around, scope), *_bearers(conn, numbers.values())})
    compiled, asked, signs = compile_model(model), list[int](), Counter[str]()
    sharing = _sharing(conn, [each for each in shared if each.number not in numbers], scope.changed)
    looks = chain(
        (_look_into(conn, some, compiled, policy, config, around) for some in _some(chosen)),
        (_look_between(conn, some, compiled, policy) for some in _some(sharing)),
    )
    steps = max(1, ceil(len(chosen) / PERSONS_AT_ONCE) + ceil(len(sharing) / PERSONS_AT_ONCE))
    for step, found in enumerate(looks, start=1):
        advance(STAGE, step / (steps + 1))
        with conn.transaction():
            lock_publication(conn)
            standing = store.ask(conn, up_to.run_id, found, policy.stewardship.material_change_bits)
        asked.extend(standing)
        signs.update(sign for question in standing.values() for sign in question.signs)
    with conn.transaction():
        lock_publication(conn)
        store.settle_others(conn, asked, scope.changed)
        persons = store.count_persons_with_several_records(conn) if scope.changed is None else len(scope.changed)
        found_now = _watch(conn, persons, len(chosen), asked, signs, around)
        store.add_pass(conn, up_to, persons, found_now.figures())
    advance(STAGE, 1.0)
    return found_now


@dataclass(frozen=True, slots=True)
class _Scope:
    """Whom a pass looks at.

    Attributes:
        changed: these; None: everybody.
        screen: what the latest relink says of them, if it is known.
        since: who has changed since that relink read.
    """

    changed: list[str] | None
    screen: Screen | None = None
    since: Sequence[str] = ()

    @property
    def unknown(self) -> list[str]:
        """The persons of whom no screen says whether their pairs may show a sign."""
        if self.screen is None or self.screen.known is None:
            return list(self.since)
        return [*self.since, *(person for person in self.changed or () if person not in self.screen.known)]


def _scope(conn: Connection, before: PassBefore | None, screen: Screen | None) -> _Scope:
    changed: list[str] | None = None
    if before is not None and not before.relinked_in_full:
        changed = store.changed_persons(conn, before.up_to_seq, before.at)
    if screen is None or (changed is None and screen.known is not None):
        return _Scope(changed)
    return _Scope(changed, screen, store.changed_persons(conn, screen.last_event, screen.at, screen.run_id))


def _shared(conn: Connection, model: Model, scope: _Scope) -> list[Shared]:
    """Identifiers that several persons bear, on the records of changed ones or on any; generic ones say nothing."""
    if scope.changed is not None:
        found = store.numbers_of_several_on(conn, scope.changed)
    elif scope.screen is None:
        found = store.numbers_of_several(conn)
    else:
        found = store.numbers_of_several(conn, {*scope.screen.sharing, *store.bearers_beside(conn, scope.since)})
    return [each for each in found if value_digest(each.value) not in model.generic_values.get(each.column, ())]


def _bearers(conn: Connection, numbers: Collection[Shared]) -> set[PersonId]:
    """The persons of whom several records bear one of these identifiers, and whom no seal hides."""
    found = {person for each in numbers for person, records in each.persons.items() if records > 1}
    return found - store.sealed_away(conn, found)


def _some(every: Sequence[T]) -> Iterator[Sequence[T]]:
    return (every[start : start + PERSONS_AT_ONCE] for start in range(0, len(every), PERSONS_AT_ONCE))


def _sharing(
    conn: Connection, shared: Sequence[Shared], changed: Collection[str] | None
) -> list[tuple[PersonId, PersonId, tuple[str, ...]]]:
    """Two persons of different components that bear one identifier, and which; of changed ones, if not all are
    looked at. Whom a seal hides is left out.
    """
    found: dict[tuple[PersonId, PersonId], list[str]] = defaultdict(list)
    for each in shared:
        for one, other in combinations(sorted(each.persons), 2):
            found[one, other].append(each.column)
    named = sorted({person for persons in found for person in persons})
    component, hidden = components_of(conn, named), store.sealed_away(conn, named)
    wanted = None if changed is None else frozenset(changed)
    return [
        (one, other, tuple(sorted(set(columns))))
        for (one, other), columns in sorted(found.items())
        if (one not in component or component[one] != component.get(other))
        and hidden.isdisjoint((one, other))
        and (wanted is None or not wanted.isdisjoint((one, other)))
    ]


def reach_of(conn: Connection, left_records: Sequence[int], right_records: Sequence[int]) -> Reach:
    """Who was told of a person while these two sides of it have been one."""
    return Reach(
        store.together_since(conn, left_records, right_records),
        tuple(store.told_since(conn, left_records, right_records)),
    )


def _surroundings(
    conn: Connection,
    model: Model,
    config: SentinelConfig,
    sources: Mapping[str, SourceConfig],
    numbers: frozenset[tuple[str, str]],
) -> Surroundings:
    held = records_by_source(conn)
    fitted_on = model.statistics.get("records", 0.0) / max(1, sum(held.values()))
    learned = {name: model.frequencies_between(name, name).same_person for name in held}
    stated = {name: source.deduplicated for name, source in sources.items()}
    outlier = max(config.most_records, round(config.times_the_usual * store.usual_size(conn)))
    return Surroundings(
        year=datetime.now(UTC).year,
        deduplicated=deduplicated_sources(learned, {name: count * fitted_on for name, count in held.items()}, stated),
        without_adults=frozenset(name for name, source in sources.items() if not source.adults_possible),
        many_records=outlier,
        numbers_of_many=numbers,
    )


def _suspects(conn: Connection, config: SentinelConfig, around: Surroundings, scope: _Scope) -> list[PersonId]:
    """Those of which something may be found, beside the bearers of identifiers of many."""
    asked = {
        "persons": scope.changed,
        "may_show_a_sign": None if scope.screen is None else list(scope.screen.showing),
        "unknown": scope.unknown,
        "many_records": around.many_records,
        "bridged_records": 2 * config.bridge_sides,
        "most_years_between": config.most_years_between_births,
        "year": around.year,
        "oldest_person": config.oldest_person,
        "oldest_child": config.oldest_child,
        "without_adults": sorted(around.without_adults),
        "deduplicated": sorted(around.deduplicated),
    }
    return store.suspects(conn, asked)


@dataclass(frozen=True, slots=True)
class _Person:
    """A person with its records, the oldest first."""

    person_id: PersonId
    record_ids: list[int]
    records: list[NormalisedRecord]


def _persons(conn: Connection, chosen: Collection[PersonId], least: int = 2) -> Iterator[_Person]:
    normalised = {member.key: member.record for member in records_of_persons(conn, chosen)}
    held: dict[PersonId, list[tuple[int, RecordKey]]] = defaultdict(list)
    for named in records_named(conn, chosen):
        if named.person_id is not None and named.key in normalised:
            held[PersonId(named.person_id)].append((named.record_id, named.key))
    for person, records in sorted(held.items()):
        records.sort()
        if len(records) >= least:
            yield _Person(person, [number for number, _ in records], [normalised[key] for _, key in records])


def _look_into(
    conn: Connection,
    chosen: Sequence[PersonId],
    compiled: CompiledModel,
    policy: LinkagePolicy,
    config: SentinelConfig,
    around: Surroundings,
) -> list[SentinelQuestion]:
    """Weigh all pairs of some persons at once, and say of each what it shows."""
    every_person = list(_persons(conn, chosen))
    persons = [person for person in every_person if len(person.records) <= LARGEST]
    starts = np.cumsum([0, *(len(person.records) for person in persons)])
    engine = NativeEngine([record for person in persons for record in person.records], compiled)
    rows = [
        (start + a, start + b)
        for person, start in zip(persons, starts.tolist(), strict=False)
        for a, b in combinations(range(len(person.records)), 2)
    ]
    every = np.array(rows, dtype=np.int64).reshape(-1, 2)
    pairs = engine.weigh_pairs(every[:, 0].copy(), every[:, 1].copy(), compiled)
    ends = np.searchsorted(pairs.left, starts)
    found = [_told_by_size(person, policy) for person in every_person if len(person.records) > LARGEST]
    suspicions = list[tuple[_Person, Suspicion]]()
    for place, person in enumerate(persons):
        mine = pairs.where(np.arange(ends[place], ends[place + 1]))
        mine = replace(mine, left=mine.left - starts[place], right=mine.right - starts[place])
        suspected = suspicion(person.records, mine, compiled.names, around, config, policy.link_threshold_bits)
        if suspected is not None:
            suspicions.append((person, suspected))
    together = constraints_among(conn, [record.key for person, _ in suspicions for record in person.records]).must_link
    found += [_question(*each, policy) for each in suspicions if not _held_together(*each, together)]
    return found


def _look_between(
    conn: Connection,
    sharing: Sequence[tuple[PersonId, PersonId, tuple[str, ...]]],
    compiled: CompiledModel,
    policy: LinkagePolicy,
) -> list[SentinelQuestion]:
    """Weigh two persons that bear one identifier by their strongest pair, unless they are judged to be two.

    Not by the average: further records without the number would move it, and the question is about the number.
    """
    named = sorted({person for one, other, _ in sharing for person in (one, other)})
    persons = {person.person_id: person for person in _persons(conn, named, least=1) if len(person.records) <= LARGEST}
    starts = dict(zip(persons, np.cumsum([0, *(len(person.records) for person in persons.values())]), strict=False))
    records = [record for person in persons.values() for record in person.records]
    apart = _kept_apart(conn, persons)
    asked = [
        (*_by_age(persons[one], persons[other]), fields)
        for one, other, fields in sharing
        if one in persons and other in persons and frozenset((one, other)) not in apart
    ]
    if not asked:
        return []
    rows = [
        (starts[left.person_id] + a, starts[right.person_id] + b)
        for left, right, _ in asked
        for a in range(len(left.records))
        for b in range(len(right.records))
    ]
    every = np.array(rows, dtype=np.int64)
    weight = NativeEngine(records, compiled).weigh_pairs(every[:, 0].copy(), every[:, 1].copy(), compiled).weight
    counts = np.array([len(left.records) * len(right.records) for left, right, _ in asked])
    strongest = np.maximum.reduceat(weight, np.cumsum(counts) - counts)
    return [
        _question_between(left, right, fields, bits, pairs, policy)
        for (left, right, fields), bits, pairs in zip(asked, strongest.tolist(), counts.tolist(), strict=True)
    ]


def _by_age(one: _Person, other: _Person) -> tuple[_Person, _Person]:
    """The person with the oldest record first."""
    return (one, other) if one.record_ids[0] < other.record_ids[0] else (other, one)


def _kept_apart(conn: Connection, persons: Mapping[PersonId, _Person]) -> set[frozenset[PersonId]]:
    """Which two of the persons a judgement or seal in force keeps apart."""
    whose = {record.key: person.person_id for person in persons.values() for record in person.records}
    kept = constraints_among(conn, list(whose)).cannot_link
    return {frozenset((whose[a], whose[b])) for a, b in kept if a in whose and b in whose}


def _question_between(
    left: _Person, right: _Person, fields: tuple[str, ...], bits: float, pairs: int, policy: LinkagePolicy
) -> SentinelQuestion:
    named = {record.source for person in (left, right) for record in person.records}
    return SentinelQuestion(
        person_id=left.person_id,
        other_person_id=right.person_id,
        kind="identifier_conflict",
        signs=(NUMBER_OF_ANOTHER,),
        left_records=left.record_ids,
        right_records=right.record_ids,
        weight_bits=round(bits, 6),
        pairs=pairs,
        fields=fields,
        sources=sorted(named),
        in_care=not named.isdisjoint(policy.stewardship.in_care_sources),
    )


def _told_by_size(person: _Person, policy: LinkagePolicy) -> SentinelQuestion:
    rows = tuple(range(len(person.records)))
    suspected = Suspicion(KINDS["many_records"], ("many_records",), rows[:LARGEST], rows[LARGEST:], 0.0, 0, ())
    return _question(person, suspected, policy)


def _held_together(person: _Person, suspected: Suspicion, together: Collection[tuple[RecordKey, RecordKey]]) -> bool:
    """Whether a judgement in force holds the two sides together: pairs of records that are one person."""
    keys = {record.key for record in person.records}
    leaves = {person.records[row].key for row in suspected.leaves}
    return any((a in leaves) != (b in leaves) for a, b in together if a in keys and b in keys)


def _question(person: _Person, suspected: Suspicion, policy: LinkagePolicy) -> SentinelQuestion:
    named = {record.source for record in person.records}
    return SentinelQuestion(
        person_id=person.person_id,
        other_person_id=person.person_id,
        kind=suspected.kind,
        signs=suspected.signs,
        left_records=[person.record_ids[row] for row in suspected.stays],
        right_records=[person.record_ids[row] for row in suspected.leaves],
        weight_bits=round(suspected.weight_bits, 6),
        pairs=suspected.pairs,
        fields=suspected.fields,
        sources=sorted(named),
        in_care=not named.isdisjoint(policy.stewardship.in_care_sources),
    )


def _watch(
    conn: Connection, persons: int, weighed: int, asked: Collection[int], signs: Counter[str], around: Surroundings
) -> Watch:
    standing = store.standing(conn)
    largest = sorted(standing, key=lambda each: -len(each.left_records) - len(each.right_records))
    examples = [
        {
            "task_id": each.task_id,
            "person_id": each.person_id,
            "signs": list(each.signs),
            "records": len(each.left_records) + len(each.right_records),
            "may_leave": len(each.right_records),
            **reach_of(conn, each.left_records, each.right_records).figures(),
        }
        for each in largest[:EXAMPLES]
    ]
    return Watch(
        persons=persons,
        weighed=weighed,
        asked=len(asked),
        signs=dict(sorted(signs.items())),
        numbers=dict(Counter(name for name, _ in sorted(around.numbers_of_many))),
        open=len(standing),
        told=store.told_by_client(conn, [each.task_id for each in standing]),
        examples=tuple(examples),
    )


__all__ = ["Reach", "Screen", "Sign", "Watch", "reach_of", "watch"]
