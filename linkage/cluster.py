"""Stage 6: partition the records of a component into persons.

Connected components chain twins together through one bad record. So every pair inside a component is scored,
and persons grow from the strongest link down. Whether two clusters are one person is asked of the clusters,
not of single pairs: for each comparison the evidence of all pairs that can make it is averaged, so that a record
which says little neither helps nor hurts; and a difference that several records on both sides repeat counts
for each of them, since a slip of the pen happens once but twins differ every time
(docs/decisions/0004-clustering.md).

The partition is a function of records, model and constraints alone: sums are whole millionths of a bit, hence
exact in any order, weights are compared in millionths, and ties go by record order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from linkage.comparisons import LAYERS, MISSING
from linkage.weights import Bits, CompiledModel, PairWeights, weigh

Indices = NDArray[np.int64]
Units = NDArray[np.int64]

BITS_TO_UNITS = 1_000_000
"""Evidence is added in whole millionths of a bit."""

RATIO_BITS = (-14.0, 20.0)
"""What one comparison of one pair says is added up as a ratio only between these bounds."""

RATIO_UNITS = 24
"""Ratios are added in units of 2^−24, hence exactly in any order."""

REPEATS_COUNTED = 3
"""A difference between two clusters, or two records of one source, count so many times at most."""

CELLS_AT_ONCE = 20_000
"""So many pairs of clusters are weighed in one go: some 20 MB."""

_PRIORS = 8
_NEVER = np.iinfo(np.int64).min


def to_units(bits: Bits) -> Units:
    return np.rint(_between(bits, -1000.0, 1000.0) * BITS_TO_UNITS).astype(np.int64)


def _between(bits: Bits, least: float, most: float) -> Bits:
    """As `np.clip`, whose own cost is several times that of clipping the evidence of a few pairs."""
    found: Bits = np.minimum(np.maximum(bits, least), most)
    return found


def connected_components(size: int, left: Indices, right: Indices) -> Indices:
    """Label each record with the smallest row number of its component: shape (size,)."""
    parent = np.arange(size, dtype=np.int64)
    left, right = left.astype(np.int64), right.astype(np.int64)
    while len(left):
        low, high = np.minimum(parent[left], parent[right]), np.maximum(parent[left], parent[right])
        differ = low != high
        left, right, low, high = left[differ], right[differ], low[differ], high[differ]
        np.minimum.at(parent, high, low)
        while True:
            grand = parent[parent]
            if np.array_equal(grand, parent):
                break
            parent = grand
    return parent


@dataclass(frozen=True, slots=True)
class PairEvidence:
    """What each pair of records says, comparison by comparison.

    Attributes:
        shared, chance: shape (n_pairs, n_comparisons), log2 P of the level if the layer is shared (m) and if it is
            not (u, with the value's frequency), in units; 0 where missing.
        ratio: the same as one ratio, 2^(shared − chance), in units of 2^−24; 0 where missing.
        twins: what twins deviate by, in units.
        spoken: whether both sides have a value.
        differs: whether they disagree, or differ as by a slip of the pen.
        priors: shape (n_pairs, 8), log2 class frequencies, in units: the first four if the records are of two
            sources, the last if of one; 0 else.
        one_source: shape (n_pairs,), whether both records are of one source.
        opposed: shape (n_pairs,), pairs that a rule of evidence keeps from linking by themselves.
    """

    shared: Units
    chance: Units
    ratio: Units
    twins: Units
    spoken: NDArray[np.bool_]
    differs: NDArray[np.bool_]
    priors: Units
    one_source: NDArray[np.bool_]
    opposed: NDArray[np.bool_]

    def __getitem__(self, pairs: Indices) -> PairEvidence:
        return PairEvidence(*(getattr(self, name)[pairs] for name in PairEvidence.__slots__))

    def side_by_side(self) -> Units:
        """All of it in one array, shape (n_pairs, n): the columns of `EvidenceSums` in order, then `opposed`.

        To add up one wide array costs a tenth of adding up nine narrow ones.
        """
        columns = [getattr(self, name) for name in EvidenceSums.__slots__]
        wide = [values if values.ndim == 2 else values[:, np.newaxis] for values in (*columns, self.opposed)]
        return np.concatenate(wide, axis=1, dtype=np.int64)


def pair_evidence(
    levels: NDArray[np.int8],
    correction: Bits,
    priors: Bits,
    opposed: NDArray[np.bool_],
    compiled: CompiledModel,
    one_source: NDArray[np.bool_],
) -> PairEvidence:
    """Look up the evidence of agreement patterns.

    Args:
        levels: shape (n_pairs, n_comparisons).
        correction: the same shape, the value frequencies' correction of u in bits.
        priors: shape (4, n_pairs), in bits.
        opposed, one_source: shape (n_pairs,).
    """
    bits = compiled.tables.take(levels.T + compiled.level_zero, axis=1)
    bits[1] += correction.T
    shared, chance, twins = (np.ascontiguousarray(units.T) for units in to_units(bits))
    spoken = levels != MISSING
    bits = _between((shared - chance) / BITS_TO_UNITS, *RATIO_BITS)
    ratio = np.where(spoken, np.rint(np.exp2(bits + RATIO_UNITS)), 0.0).astype(np.int64)
    split = np.concatenate([priors.T * ~one_source[:, np.newaxis], priors.T * one_source[:, np.newaxis]], axis=1)
    return PairEvidence(
        shared, chance, ratio, twins, spoken, spoken & (levels <= compiled.slips), to_units(split), one_source, opposed
    )


@dataclass(frozen=True, slots=True)
class EvidenceSums:
    """The evidence of all pairs between two clusters, added up: shape (…, n_comparisons), priors (…, 8); in units.

    Attributes:
        spoken, differs: how many of the pairs have both values, and how many of these differ.
        one_source: shape (…), how many of the pairs are of one source.
    """

    shared: Units
    chance: Units
    ratio: Units
    twins: Units
    spoken: Units
    differs: Units
    priors: Units
    one_source: Units

    @classmethod
    def of_runs(cls, evidence: PairEvidence, starts: Indices) -> EvidenceSums:
        """Add up runs of pairs, each from one start to before the next."""
        return cls.of_columns(np.add.reduceat(evidence.side_by_side(), starts))

    @classmethod
    def of_columns(cls, columns: Units) -> EvidenceSums:
        """From an array of shape (…, n), with the columns of `PairEvidence.side_by_side`."""
        comparisons = (columns.shape[-1] - _PRIORS - 2) // 6
        shared, chance, ratio, twins, spoken, differs = (
            columns[..., k * comparisons : (k + 1) * comparisons] for k in range(6)
        )
        priors, one_source = columns[..., -_PRIORS - 2 : -2], columns[..., -2]
        return cls(shared, chance, ratio, twins, spoken, differs, priors, one_source)


def weigh_clusters(sums: EvidenceSums, own: Indices, others: Indices, compiled: CompiledModel) -> PairWeights:
    """Weigh that two clusters are one person, from the evidence of all pairs between them.

    Args:
        own, others: records in the clusters on either side, of shapes that broadcast to that of the sums.
    """
    evidence = cluster_evidence(sums, own, others, compiled)
    in_layer = _in_layer(compiled.layers)
    chance = np.concatenate([evidence.chance @ in_layer, evidence.twins.sum(axis=-1, keepdims=True)], axis=-1)
    by_layer = (evidence.shared @ in_layer, chance, evidence.priors)
    return weigh(*(np.moveaxis(bits, -1, 0) for bits in by_layer))


@dataclass(frozen=True, slots=True)
class ClusterEvidence:
    """What two clusters say of each other: shape (…, n_comparisons), priors (…, 4); in bits.

    Attributes:
        shared, chance: as of a pair.
        twins: what twins deviate by.
        priors: log2 class frequencies.
    """

    shared: Bits
    chance: Bits
    twins: Bits
    priors: Bits


def cluster_evidence(sums: EvidenceSums, own: Indices, others: Indices, compiled: CompiledModel) -> ClusterEvidence:
    """Put the evidence of all pairs between two clusters together, comparison by comparison; see `weigh_clusters`.

    What is a person's for good is averaged, and a difference that all pairs show is repeated. What changes in a life
    (surname, address, mother's name on the record) and dates, which are guessed for want of better, are taken as of
    one history: a record agrees with any part of it as likely as with another, so that ratios are averaged, not bits.
    """
    count = np.maximum(sums.spoken, 1)
    repeats = np.minimum(np.minimum(own, others)[..., None], np.floor(np.sqrt(sums.spoken + 0.5)))
    repeated = (sums.spoken > 0) & (sums.differs == sums.spoken)
    times = np.where(repeated, _between(repeats, 1, REPEATS_COUNTED), 1)
    mean = times * sums.shared / (count * BITS_TO_UNITS)
    chance = sums.chance / (count * BITS_TO_UNITS)
    history = _in_a_history(compiled.layers) & (sums.spoken > 1) & ~repeated
    ratio = np.log2(np.maximum(sums.ratio, 1) / count) - RATIO_UNITS
    return ClusterEvidence(
        shared=np.where(history, chance + ratio, mean),
        chance=chance,
        twins=sums.twins / (count * BITS_TO_UNITS),
        priors=_cluster_priors(sums, own, others),
    )


def _cluster_priors(sums: EvidenceSums, own: Indices, others: Indices) -> Bits:
    """log2 class frequencies between two clusters: shape (…, 4).

    Pairs of two sources are averaged. That both clusters have a record of one source, which seldom has two of a
    person, is a fact by itself and counts in full, once for each record of the smaller cluster, but `REPEATS_COUNTED`
    times at most: a source that has forty records of a child repeats one fault of its own.
    """
    between, within = sums.priors[..., :4] / BITS_TO_UNITS, sums.priors[..., 4:] / BITS_TO_UNITS
    same = sums.one_source[..., None]
    other = (own * others)[..., None] - same
    base = np.where(other > 0, between / np.maximum(other, 1), within / np.maximum(same, 1))
    times = np.minimum(same, np.minimum(np.minimum(own, others)[..., None], REPEATS_COUNTED))
    priors: Bits = base + times * (within / np.maximum(same, 1) - base * (same > 0))
    return priors


def are_opposed(opposed: Indices, pairs: Indices) -> NDArray[np.bool_]:
    """Whether so many of the pairs between two clusters are opposed that the two must not be joined: two in three."""
    return 3 * opposed >= 2 * pairs


@cache
def _in_layer(layers: tuple[int, ...]) -> Bits:
    """Which layer each comparison is of, as ones and zeros: shape (n_comparisons, n_layers)."""
    return np.array([[layer == n for n in range(len(LAYERS))] for layer in layers], dtype=np.float64)


@cache
def _in_a_history(layers: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which comparisons are of what changes in a life, or of dates: shape (n_comparisons,)."""
    return np.array([layer != LAYERS.index("person") for layer in layers])


@dataclass(frozen=True, slots=True)
class CloseClusters:
    """Two clusters of one component (by the position of their first record) that stayed apart at `weight_bits`."""

    component: int
    left: int
    right: int
    weight_bits: float


class Agglomeration:
    """Components of equal size, agglomerated in step.

    Positions 0 … n−1 in each component follow the order of the record keys; a cluster goes by the position of its
    first record. Matrices have shape (n_components, n, n, …) and are symmetric.

    Attributes:
        aside: shape (n_components, n), records that are joined with nothing but what a steward decided.
    """

    def __init__(
        self,
        components: int,
        size: int,
        evidence: PairEvidence,
        compiled: CompiledModel,
        at: tuple[Indices, Indices, Indices],
    ) -> None:
        """Args: `at` gives each pair's component, left and right position."""
        self.compiled = compiled
        component, left, right = at
        values = evidence.side_by_side()
        self.evidence = np.zeros((components, size, size, values.shape[1]), dtype=np.int64)
        self.evidence[component, left, right] = self.evidence[component, right, left] = values
        self.forbidden = np.broadcast_to(np.eye(size, dtype=bool), (components, size, size)).copy()
        self.aside = np.zeros((components, size), dtype=bool)
        self.sizes = np.ones((components, size), dtype=np.int64)
        self.labels = np.broadcast_to(np.arange(size), (components, size)).copy()
        self.weights = np.zeros((components, size, size), dtype=np.int64)
        self.weights[component, left, right] = self.weights[component, right, left] = self._weights_of_pairs(values)

    def _weights_of_pairs(self, values: Units) -> Units:
        """Match weights of pairs of records, some at a time: shape (n_pairs,), in units."""
        found = [np.zeros(0, dtype=np.int64)]
        for first in range(0, len(values), CELLS_AT_ONCE):
            sums = EvidenceSums.of_columns(values[first : first + CELLS_AT_ONCE])
            one = np.ones(len(sums.one_source), dtype=np.int64)
            found.append(to_units(weigh_clusters(sums, one, one, self.compiled).weight))
        return np.concatenate(found)

    def _weights_of(self, component: Indices, cluster: Indices) -> Units:
        """Match weight of one cluster with each other, per component: shape (n, size), in units."""
        sums, own = EvidenceSums.of_columns(self.evidence[component, cluster]), self.sizes[component, cluster]
        return to_units(weigh_clusters(sums, own[:, None], self.sizes[component], self.compiled).weight)

    def forbid(self, component: int, left: int, right: int) -> None:
        self.forbidden[component, left, right] = self.forbidden[component, right, left] = True

    def join(self, component: Indices, left: Indices, right: Indices) -> None:
        """Join two clusters in each of the given components."""
        keep, gone = np.minimum(left, right), np.maximum(left, right)
        row = self.evidence[component, keep] + self.evidence[component, gone]
        self.evidence[component, keep] = row
        self.evidence[component, :, keep] = row
        barred = self.forbidden[component, keep] | self.forbidden[component, gone]
        self.forbidden[component, keep] = barred
        self.forbidden[component, :, keep] = barred
        self.forbidden[component, gone] = True
        self.forbidden[component, :, gone] = True
        self.sizes[component, keep] += self.sizes[component, gone]
        labels = self.labels[component]
        self.labels[component] = np.where(labels == gone[:, None], keep[:, None], labels)
        weights = self._weights_of(component, keep)
        self.weights[component, keep] = weights
        self.weights[component, :, keep] = weights

    def _allowed(self, component: Indices) -> Units:
        """Weights between clusters that may be joined; the rest never."""
        sizes = self.sizes[component]
        opposed = are_opposed(self.evidence[component, :, :, -1], sizes[:, :, None] * sizes[:, None, :])
        aside = self.aside[component]
        barred = self.forbidden[component] | opposed | aside[:, :, None] | aside[:, None, :]
        return np.where(barred, _NEVER, self.weights[component])

    def run(self, threshold_bits: float) -> None:
        """Join the closest two clusters of every component until none are close enough."""
        threshold = int(np.rint(threshold_bits * BITS_TO_UNITS))
        active = np.arange(len(self.weights))
        while len(active):
            allowed = self._allowed(active).reshape(len(active), -1)
            best = allowed.argmax(axis=1)  # the first of equals: ties go by record order
            joins = allowed[np.arange(len(active)), best] >= threshold
            active, best = active[joins], best[joins]
            if len(active):
                self.join(active, *np.divmod(best, self.weights.shape[1]))

    def join_decided(self, component: int, pairs: Sequence[tuple[int, int]]) -> None:
        """Join what stewards decided to be one person, whatever the weights."""
        for left, right in sorted(pairs):
            a, b = int(self.labels[component, left]), int(self.labels[component, right])
            if a != b:
                self.join(np.array([component]), np.array([a]), np.array([b]))

    def close(self, review_bits: float) -> list[CloseClusters]:
        """Clusters that stayed apart although their weight is worth a steward's look, and no steward has looked."""
        threshold = int(np.rint(review_bits * BITS_TO_UNITS))
        found = np.argwhere(
            np.triu(np.ones(self.weights.shape[1:], dtype=bool), 1) & ~self.forbidden & (self.weights >= threshold)
        )
        return [
            CloseClusters(int(c), int(a), int(b), float(self.weights[c, a, b] / BITS_TO_UNITS)) for c, a, b in found
        ]
