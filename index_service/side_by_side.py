"""Weigh two sides, each of one or more records, as clustering weighs two clusters; and say what each comparison adds.

Nothing is left out of the sums: the bits of all comparisons and of how rare such pairs are add up to the weight
against a stranger, and likewise to the weight against a sibling or twin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index_service.linking_context import LinkingContext
from linkage.cluster import (
    ClusterEvidence,
    EvidenceSums,
    PairEvidence,
    are_opposed,
    cluster_evidence,
    pair_evidence,
    weigh_clusters,
)
from linkage.columns import RecordColumns, one_against_many
from linkage.compare import agreement_levels
from linkage.comparisons import MISSING, Layer
from linkage.evidence_rules import opposed_pairs
from linkage.generic_values import without_generic_values
from linkage.question import pair_weights
from linkage.record import NormalisedRecord
from linkage.weights import Bits, class_priors, frequency_bits, of_one_source


@dataclass(frozen=True, slots=True)
class SidePart:
    """What one comparison says of the two sides.

    Attributes:
        level, level_label: the strongest agreement of any pair of records; -1 and "missing" where no pair has both.
        pairs: pairs of records in which both have a value; `at_level` of them agree so, `differing` differ.
        shared_bits: log2 of how often such an agreement is seen where the layer is shared.
        chance_bits: log2 of how often where it is not.
        against_sibling_bits: what it adds to the weight against a sibling or twin, after the comparisons before it.
    """

    comparison: str
    layer: Layer
    level: int
    level_label: str
    pairs: int
    at_level: int
    differing: int
    shared_bits: float
    chance_bits: float
    against_sibling_bits: float

    @property
    def against_stranger_bits(self) -> float:
        return self.shared_bits - self.chance_bits


@dataclass(frozen=True, slots=True)
class SidesWeighed:
    """Two sides weighed, in bits.

    Attributes:
        prior_bits, sibling_prior_bits: how rare such pairs are, beside strangers and beside relatives: where the two
            sums begin.
        opposed: a rule of evidence keeps the sides from linking by themselves.
    """

    weight: float
    against_stranger: float
    against_sibling: float
    prior_bits: float
    sibling_prior_bits: float
    opposed: bool
    parts: tuple[SidePart, ...]

    def part(self, comparison: str) -> SidePart | None:
        return next((part for part in self.parts if part.comparison == comparison), None)


def weigh_sides(
    left: Sequence[NormalisedRecord], right: Sequence[NormalisedRecord], context: LinkingContext
) -> SidesWeighed:
    """Weigh that all records of two sides, neither empty, are of one person."""
    compiled = context.compiled
    seen = [without_generic_values(record, context.model) for record in left]
    others = RecordColumns.of([without_generic_values(record, context.model) for record in right])
    levels_of, evidence_of = [], []
    for record in seen:
        pairs = one_against_many(record, others)
        levels = agreement_levels(pairs, compiled.comparisons)
        sources = pairs.sides("source")
        priors = class_priors(sources, context.model)
        opposed = opposed_pairs(levels, compiled.names, context.policy)
        levels_of.append(levels)
        correction = frequency_bits(pairs, levels, compiled)
        evidence_of.append(pair_evidence(levels, correction, priors, opposed, compiled, of_one_source(sources)))
    levels = np.concatenate(levels_of)
    sums, opposed_count = _summed(evidence_of)
    own, beside = np.array([len(left)]), np.array([len(right)])
    found = weigh_clusters(sums, own, beside, compiled)
    evidence = cluster_evidence(sums, own, beside, compiled)
    reached = _reached_against_siblings(evidence, context)
    return SidesWeighed(
        weight=float(found.weight[0]),
        against_stranger=float(found.against_stranger[0]),
        against_sibling=float(found.against_sibling[0]),
        prior_bits=float(evidence.priors[0, 0] - evidence.priors[0, 3]),
        sibling_prior_bits=float(reached[0]),
        opposed=bool(are_opposed(np.array(opposed_count), np.array(len(levels)))),
        parts=tuple(
            _part(
                k,
                context,
                levels[:, k],
                float(evidence.shared[0, k]),
                float(evidence.chance[0, k]),
                float(reached[k + 1] - reached[k]),
                int(sums.differs[0, k]),
            )
            for k in range(len(compiled.comparisons))
        ),
    )


def weights_among(records: Sequence[NormalisedRecord], context: LinkingContext) -> Bits:
    """Match weights of all pairs of a few records: shape (n, n), symmetric; the diagonal says nothing."""
    seen = [without_generic_values(record, context.model) for record in records]
    columns = RecordColumns.of(seen)
    return np.stack([pair_weights(record, columns, context.compiled) for record in seen])


def _summed(evidence: Sequence[PairEvidence]) -> tuple[EvidenceSums, int]:
    def total(name: str) -> NDArray[np.int64]:
        rows: NDArray[np.int64] = np.concatenate([getattr(part, name) for part in evidence]).astype(np.int64)
        return np.asarray(rows.sum(axis=0)[np.newaxis], dtype=np.int64)

    return EvidenceSums(*map(total, EvidenceSums.__slots__)), int(sum(part.opposed.sum() for part in evidence))


def _reached_against_siblings(evidence: ClusterEvidence, context: LinkingContext) -> Bits:
    """The weight against a sibling or twin after 0, 1, 2 … comparisons: shape (n_comparisons + 1,).

    The two are weighed together, so that what a comparison adds hangs on those before it: the same birth date, that
    of brothers and sisters only twins are left.
    """
    layers = np.array([comparison.layer for comparison in context.compiled.comparisons])
    bits, priors = (evidence.shared - evidence.chance)[0], evidence.priors[0]
    twins = np.cumsum(np.r_[priors[0] - priors[1], bits * (layers == "person") - evidence.twins[0]])
    household = np.cumsum(np.r_[priors[0] - priors[2], bits * (layers != "family")])
    reached: Bits = -np.logaddexp2(-twins, -household)
    return reached


def _part(
    k: int,
    context: LinkingContext,
    levels: NDArray[np.int8],
    shared: float,
    chance: float,
    against_sibling: float,
    differing: int,
) -> SidePart:
    comparison = context.compiled.comparisons[k]
    strongest = int(levels.max())
    return SidePart(
        comparison=comparison.name,
        layer=comparison.layer,
        level=strongest,
        level_label="missing" if strongest == MISSING else comparison.labels[strongest],
        pairs=int((levels != MISSING).sum()),
        at_level=int((levels == strongest).sum()),
        differing=differing,
        shared_bits=shared,
        chance_bits=chance,
        against_sibling_bits=against_sibling,
    )
