"""Weigh a question (a record that nobody keeps) against persons, as clustering weighs a record against a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import exp2

import numpy as np
from numpy.typing import NDArray

from config.policy import LinkagePolicy
from linkage.cluster import EvidenceSums, are_opposed, pair_evidence, weigh_clusters
from linkage.columns import RecordColumns, one_against_many
from linkage.compare import agreement_levels
from linkage.evidence_rules import opposed_pairs
from linkage.persons_of_few import opposed_patterns
from linkage.record import NormalisedRecord
from linkage.weights import (
    Bits,
    CompiledModel,
    Explanation,
    PairWeights,
    class_priors,
    explanation_of,
    frequency_bits,
    layer_evidence,
    of_one_source,
    weigh,
)
from linkage.weights_of_few import WeighedPair, cell_of, together, weigh_cell, weigh_single


@dataclass(frozen=True, slots=True)
class WeighedRecords:
    """A question beside records, weighed one by one.

    Attributes:
        levels: shape (n_records, n_comparisons).
        correction: the same shape, what value frequencies correct u by, in bits.
        priors: shape (4, n_records), in bits.
        one_source: shape (n_records,), whether the record is of the question's source.
        weights: of the pairs, arrays of shape (n_records,).
    """

    levels: NDArray[np.int8]
    correction: Bits
    priors: Bits
    one_source: NDArray[np.bool_]
    weights: PairWeights

    @classmethod
    def of(cls, question: NormalisedRecord, records: RecordColumns, compiled: CompiledModel) -> WeighedRecords:
        """Weigh the question with each record; generic values are out on both sides."""
        pairs = one_against_many(question, records)
        levels = agreement_levels(pairs, compiled.comparisons)
        correction = frequency_bits(pairs, levels, compiled)
        shared, chance = layer_evidence(levels, correction, compiled)
        sources = pairs.sides("source")
        priors = class_priors(sources, compiled.model)
        return cls(levels, correction, priors, of_one_source(sources), weigh(shared, chance, priors))

    def some(self, rows: NDArray[np.int64]) -> WeighedRecords:
        """Some of the records, in this order."""
        weights = PairWeights(*(getattr(self.weights, name)[rows] for name in PairWeights.__slots__))
        return WeighedRecords(
            self.levels[rows], self.correction[rows], self.priors[:, rows], self.one_source[rows], weights
        )

    def explanation(self, row: int, compiled: CompiledModel) -> Explanation:
        """Why the question weighs what it does with one of the records."""
        return explanation_of(row, self.levels, self.correction, self.priors, self.weights, compiled)


@dataclass(frozen=True, slots=True)
class PersonOfFew:
    """What a question weighs against one of a few persons: as `PersonWeights`, `strongest` being the pair itself."""

    weight: float
    against_stranger: float
    against_sibling: float
    opposed: bool
    strongest: WeighedPair
    probability: float


def weigh_few_persons(
    persons: Sequence[Sequence[WeighedPair]], compiled: CompiledModel, policy: LinkagePolicy
) -> list[PersonOfFew]:
    """Weigh a question against a few persons, each given as the question's pairs with its records, in order."""
    rules = opposed_patterns(compiled, policy)
    found = []
    for pairs in persons:
        opposed = [rules[pair.codes] for pair in pairs]
        if len(pairs) == 1:
            weights = weigh_single(pairs[0], compiled)
        else:
            cells = [cell_of(pair, is_against, compiled) for pair, is_against in zip(pairs, opposed, strict=True)]
            weights = weigh_cell(reduce(together, cells), 1, len(pairs), compiled)
        strongest = max(pairs, key=lambda pair: pair.weight)
        found.append((*weights, 3 * sum(opposed) >= 2 * len(pairs), strongest))
    highest = max(0.0, *(weight for weight, *_ in found)) if found else 0.0
    odds = [exp2(weight - highest) for weight, *_ in found]
    total = exp2(-highest) + sum(odds)
    return [PersonOfFew(*of, share / total) for of, share in zip(found, odds, strict=True)]


@dataclass(frozen=True, slots=True)
class PersonWeights:
    """What a question weighs against each of some persons: arrays of shape (n_persons,), bits unless said otherwise.

    Attributes:
        weight, against_stranger, against_sibling: from the evidence of all records of the person.
        opposed: a rule of evidence keeps two in three of the records from linking by themselves.
        strongest: row of the record that weighs most.
        probability: that the question is this person and none of the others: at most one of them is.
    """

    weight: Bits
    against_stranger: Bits
    against_sibling: Bits
    opposed: NDArray[np.bool_]
    strongest: NDArray[np.int64]
    probability: Bits


def pair_weights(question: NormalisedRecord, records: RecordColumns, compiled: CompiledModel) -> Bits:
    """The match weight of the question with each record; generic values are out on both sides: shape (n_records,)."""
    return WeighedRecords.of(question, records, compiled).weights.weight


def person_weights(
    question: NormalisedRecord,
    records: RecordColumns,
    persons: Sequence[int],
    compiled: CompiledModel,
    policy: LinkagePolicy,
) -> PersonWeights:
    """Weigh a question against persons.

    Args:
        records: all records of the persons; generic values are out on both sides.
        persons: per record, the number of its person, 0 … n−1, ascending.
    """
    return weigh_persons(WeighedRecords.of(question, records, compiled), persons, compiled, policy)


def weigh_persons(
    records: WeighedRecords, persons: Sequence[int], compiled: CompiledModel, policy: LinkagePolicy
) -> PersonWeights:
    """The same for records that are weighed already."""
    opposed = opposed_pairs(records.levels, compiled.names, policy)
    evidence = pair_evidence(records.levels, records.correction, records.priors, opposed, compiled, records.one_source)
    number = np.asarray(persons)
    starts = np.flatnonzero(np.r_[True, number[1:] != number[:-1]])
    sizes = np.diff(np.r_[starts, len(number)])
    found = weigh_clusters(EvidenceSums.of_runs(evidence, starts), np.ones_like(sizes), sizes, compiled)
    order = np.lexsort((-records.weights.weight, number))
    return PersonWeights(
        weight=found.weight,
        against_stranger=found.against_stranger,
        against_sibling=found.against_sibling,
        opposed=are_opposed(np.add.reduceat(opposed.astype(np.int64), starts), sizes),
        strongest=order[starts],
        probability=_only_one(found.weight),
    )


def _only_one(weight: Bits) -> Bits:
    """Probabilities that belong to odds against nobody: the question is one of the persons or none of them."""
    highest = max(0.0, float(weight.max(initial=0.0)))
    odds = np.exp2(weight - highest)
    share: Bits = odds / (np.exp2(-highest) + odds.sum())
    return share
