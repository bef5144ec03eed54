"""Answer who somebody is, from whatever traits and identifiers the caller has; nothing of the question is kept.

Persons answer, not records. Where two are plausible, both are told: there is never a silent best guess.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

import numpy as np

from config.policy import LinkagePolicy, threshold_for
from index_service.linking_context import LinkingContext
from index_service.linking_live import blocking_keys
from index_service.store.asking import NOTHING, Basis, Surroundings, read_basis, read_surroundings
from index_service.store.connection import AsyncConnection
from index_service.store.neighbourhood import (
    Candidate,
    Member,
    read_candidates,
    read_persons_named,
    read_records_of_persons,
)
from index_service.store.within import Keys, Within, of_no_place
from linkage.columns import RecordColumns, one_against_many
from linkage.generic_values import columns_without_generic_values, without_generic_values
from linkage.question import WeighedRecords, pair_weights, weigh_few_persons, weigh_persons
from linkage.record import NormalisedRecord, PersonId, RecordKey
from linkage.weights import Explanation
from linkage.weights_of_few import WeighedPair, explain_few, weigh_few

Grade = Literal["certain", "probable", "possible"]

POSSIBLE_FROM = 0.005
"""A person is told from this probability on, which all persons that may be meant share with nobody."""

POSSIBLE_FROM_BITS = -8.0
"""Records that weigh less lead to no person that could be told."""

EVEN = 0.5

FEW_CANDIDATES = 100
"""Up to so many candidates, the records of their persons are read at once; beyond, only those of the likeliest."""

FEW_BESIDE = 400
"""Up to so many records that share no key, but their person with one that does, are read at once."""

FEW_RECORDS = 40
"""Up to so many records are weighed without arrays, and on the event loop: handing them to a thread would take longer.

More would keep other requests waiting."""

NO_KEYS = Keys(frozenset(), frozenset())

PERSONS_WEIGHED = 12
"""Persons whose records are all read and weighed: those with the records that weigh most."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the caller knows.

    Attributes:
        record: the traits, normalised; its source may be "" and its id is nobody's.
        has_traits: whether anything is said besides `pointers`.
        pointers: records that the caller knows to be of the person.
    """

    record: NormalisedRecord
    has_traits: bool
    pointers: Sequence[RecordKey] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """A person that may be the one asked about.

    Attributes:
        grade: certain: as good as sure (the policy's `certain_error_aim`), and nobody else is plausible.
            probable: more likely than not. possible: less.
        probability: that it is this person and none of the others told.
        weight, against_stranger, against_sibling: from all records of the person, in bits.
        is_known: a pointer of the question leads here.
        contradicts: a pointer leads here and the traits speak against it, or a number agrees that names and birth date
            gainsay, or they agree as a twin's would.
        resembles_a_relative: what the question shares with the person, its twin or sibling would share too.
        evidence: how the traits agree with the record of the person that they agree with most; None without traits.
    """

    person_id: PersonId
    grade: Grade
    probability: float
    weight: float
    against_stranger: float
    against_sibling: float
    is_known: bool
    contradicts: bool
    resembles_a_relative: bool
    evidence: Explanation | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Persons, best first.

    Attributes:
        relative_competes: besides the best, a person is told who looks like its twin or sibling.
        pointers_disagree: the question's pointers lead to different persons.
        candidates: records that blocking brought.
        cut: a blocking key was left out because too many records share it: somebody may have been missed.
        seconds: by stage.
    """

    persons: tuple[Resolved, ...]
    relative_competes: bool
    pointers_disagree: bool
    candidates: int
    cut: bool
    seconds: Mapping[str, float]


class BasisChanged(Exception):
    """A question was put on what does not hold any more; nothing was answered. `basis`: what holds."""

    def __init__(self, basis: Basis) -> None:
        super().__init__()
        self.basis = basis


async def resolve(
    conn: AsyncConnection,
    context: LinkingContext,
    question: Question,
    *,
    within: Within | None = None,
    named: Mapping[RecordKey, PersonId] | None = None,
    basis: Basis | None = None,
) -> Answer:
    """Who the question may be about, best first.

    Args:
        within: what may take part, where not everything may.
        named: whom the pointers of the question lead to, as far as the caller may learn that; read if left out.
        basis: what `context` and `within` follow from, if it is to be made sure that it holds still.

    Raises:
        BasisChanged: it does not.
    """
    if named is None:
        named = await read_persons_named(conn, question.pointers) if question.pointers else {}
    known = set(named.values())
    asked = without_generic_values(question.record, context.model)
    keys = keys_of(asked, context) if question.has_traits else NO_KEYS
    few = min(FEW_CANDIDATES, context.policy.hard_block_records)
    began = perf_counter()
    around = await read_surroundings(conn, keys, few + 1, FEW_BESIDE + 1, within) if keys.every else NOTHING
    if basis is not None:
        holds = around.basis or await read_basis(conn)
        if holds != basis:
            raise BasisChanged(holds)
    candidates, cut = around.candidates, False
    step_by_step = candidates > few or len(around.persons) - candidates > FEW_BESIDE
    if question.has_traits and (step_by_step or not known <= set(around.persons)):
        brought = await read_candidates(conn, keys, context.policy.hard_block_records, within)
        likely = await asyncio.to_thread(_likely_persons_of, asked, brought.found, context)
        around = _around(await read_records_of_persons(conn, {*likely, *known}, within), likely)
        candidates, cut = len(brought.found), bool(brought.outgrown)
    found = perf_counter()
    if not question.has_traits:
        persons = _known_alone(known)
    elif len(around.persons) <= FEW_RECORDS:
        persons = _weighed(asked, around, known, context)
    else:
        persons = await asyncio.to_thread(_weighed, asked, around, known, context)
    return Answer(
        persons=persons,
        relative_competes=any(person.resembles_a_relative for person in persons[1:]),
        pointers_disagree=len(known) > 1,
        candidates=candidates,
        cut=cut,
        seconds={"find candidates": found - began, "weigh": perf_counter() - found},
    )


def keys_of(asked: NormalisedRecord, context: LinkingContext) -> Keys:
    """The keys of a question (without generic values), with and without whereabouts."""
    every = blocking_keys(asked, context)
    placeless = of_no_place(asked)
    return Keys(every, every if placeless == asked else blocking_keys(placeless, context))


def weigh_members(question: Question, members: Sequence[Member], context: LinkingContext) -> tuple[Resolved, ...]:
    """Who the question may be about among persons of whom only these records may take part; best first."""
    named = set(question.pointers)
    known = {member.person_id for member in members if member.key in named}
    if not question.has_traits:
        return _known_alone(known)
    asked = without_generic_values(question.record, context.model)
    return _weighed(asked, _around(members, [member.person_id for member in members]), known, context)


def _likely_persons_of(
    asked: NormalisedRecord, brought: Sequence[Candidate], context: LinkingContext
) -> list[PersonId]:
    """The persons of candidates that weigh most, where there are too many to read all of their records."""
    linked = [(candidate.person_id, candidate.record) for candidate in brought if candidate.person_id is not None]
    if not linked:
        return []
    columns = columns_without_generic_values(RecordColumns.of([record for _, record in linked]), context.model)
    return _likely_persons([person for person, _ in linked], pair_weights(asked, columns, context.compiled).tolist())


def _likely_persons(persons: Sequence[PersonId], weights: Sequence[float]) -> list[PersonId]:
    """The persons whose candidates weigh most, as long as they may be told."""
    best: dict[PersonId, None] = {}
    for row in sorted(range(len(weights)), key=lambda row: -weights[row]):
        if weights[row] < POSSIBLE_FROM_BITS or len(best) == PERSONS_WEIGHED:
            break
        best[persons[row]] = None
    return list(best)


def _around(members: Sequence[Member], likely: Sequence[PersonId]) -> Surroundings:
    """Records of persons that were chosen by weight, or that a pointer names."""
    chosen = set(likely)
    return Surroundings(
        [member.person_id for member in members],
        [member.person_id in chosen for member in members],
        RecordColumns.of([member.record for member in members]),
    )


def _weighed(
    asked: NormalisedRecord, around: Surroundings, known: set[PersonId], context: LinkingContext
) -> tuple[Resolved, ...]:
    linked = [(row, person) for row, person in enumerate(around.persons) if person is not None]
    if not linked:
        return ()
    columns = columns_without_generic_values(around.records, context.model)
    if columns.size <= FEW_RECORDS:
        return _weighed_few(asked, columns, around, linked, known, context)
    every = WeighedRecords.of(asked, columns, context.compiled)
    candidates = [(row, person) for row, person in linked if around.is_candidate[row]]
    weights = every.weights.weight[[row for row, _ in candidates]].tolist()
    wanted = {*_likely_persons([person for _, person in candidates], weights), *known}
    told = [(row, person) for row, person in linked if person in wanted]
    if not told:
        return ()
    number = {person: n for n, person in enumerate(dict.fromkeys(person for _, person in told))}
    weighed = every.some(np.array([row for row, _ in told]))
    found = weigh_persons(weighed, [number[person] for _, person in told], context.compiled, context.policy)
    return _in_order(
        _resolved(
            person,
            (float(found.weight[n]), float(found.against_stranger[n]), float(found.against_sibling[n])),
            float(found.probability[n]),
            weighed.explanation(int(found.strongest[n]), context.compiled),
            known,
            context,
            opposed=bool(found.opposed[n]),
        )
        for person, n in number.items()
        if found.probability[n] >= POSSIBLE_FROM or person in known
    )


def _weighed_few(
    asked: NormalisedRecord,
    columns: RecordColumns,
    around: Surroundings,
    linked: Sequence[tuple[int, PersonId]],
    known: set[PersonId],
    context: LinkingContext,
) -> tuple[Resolved, ...]:
    """The same without arrays, which cost more to set up than a few records to weigh."""
    pairs = weigh_few(one_against_many(asked, columns), context.compiled)
    candidates = [(row, person) for row, person in linked if around.is_candidate[row]]
    likely = _likely_persons([person for _, person in candidates], [pairs[row].weight for row, _ in candidates])
    wanted = {*likely, *known}
    told: dict[PersonId, list[WeighedPair]] = {}
    for row, person in linked:
        if person in wanted:
            told.setdefault(person, []).append(pairs[row])
    found = zip(told, weigh_few_persons(list(told.values()), context.compiled, context.policy), strict=True)
    return _in_order(
        _resolved(
            person,
            (of.weight, of.against_stranger, of.against_sibling),
            of.probability,
            explain_few(of.strongest, context.compiled),
            known,
            context,
            opposed=of.opposed,
        )
        for person, of in found
        if of.probability >= POSSIBLE_FROM or person in known
    )


def _in_order(persons: Iterable[Resolved]) -> tuple[Resolved, ...]:
    return tuple(sorted(persons, key=lambda person: (not _is_trusted(person), -person.weight, person.person_id)))


def _is_trusted(person: Resolved) -> bool:
    return person.is_known and not person.contradicts


def _resolved(
    person_id: PersonId,
    weights: tuple[float, float, float],
    probability: float,
    evidence: Explanation,
    known: set[PersonId],
    context: LinkingContext,
    *,
    opposed: bool,
) -> Resolved:
    weight, against_stranger, against_sibling = weights
    is_known = person_id in known
    contradicts = opposed or (is_known and weight < context.policy.review_threshold_bits)
    grade: Grade = "possible"
    if not contradicts and known <= {person_id} and (is_known or _is_clear(weight, probability, context.policy)):
        grade = "certain"
    elif probability >= EVEN:
        grade = "probable"
    return Resolved(
        person_id=person_id,
        grade=grade,
        probability=probability,
        weight=weight,
        against_stranger=against_stranger,
        against_sibling=against_sibling,
        is_known=is_known,
        contradicts=contradicts,
        resembles_a_relative=against_stranger - against_sibling > 0,
        evidence=evidence,
    )


def _is_clear(weight: float, probability: float, policy: LinkagePolicy) -> bool:
    """Whether it is this person to all intents, and nobody else is plausible."""
    needed = max(policy.link_threshold_bits, threshold_for(policy.certain_error_aim))
    return weight >= needed and probability >= 1 - policy.certain_error_aim


def _known_alone(known: set[PersonId]) -> tuple[Resolved, ...]:
    """Pointers answer without weighing; where they disagree, none is certain."""
    grade: Grade = "certain" if len(known) == 1 else "possible"
    share = 1.0 / max(1, len(known))
    return tuple(Resolved(person, grade, share, 0.0, 0.0, 0.0, True, False, False, None) for person in sorted(known))
