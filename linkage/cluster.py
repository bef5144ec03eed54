"""Stage 6: partition the records of a component into persons.

Connected components chain twins together through one bad record. So every pair inside a component is scored,
and persons grow from the strongest pair down by average weight; a merge that breaks a cannot-link, or whose
average falls under the link threshold, is refused. The partition is a function of records, weights and
constraints alone: sums are exact integers and ties go by record order, so neither the order of arrival nor
rounding can change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

BITS_TO_UNITS = 1_000_000
"""Weights are added as whole millionths of a bit: exact, hence the same in any order."""


@dataclass(frozen=True, slots=True)
class ScoredPairs:
    """Pairs by row number, `left` < `right`; `weight` in bits."""

    left: Indices
    right: Indices
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.left)


@dataclass(frozen=True, slots=True)
class ComponentPartition:
    """How one component fell apart.

    Attributes:
        labels: per record of the component, the position of its cluster's first record.
        close: pairs of clusters (by label) that stayed apart though their average weight (bits) is worth a look.
    """

    labels: NDArray[np.intp]
    close: tuple[tuple[int, int, float], ...]


def to_units(weight_bits: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(np.clip(weight_bits, -1000.0, 1000.0) * BITS_TO_UNITS).astype(np.int64)


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


def partition_component(
    weights: NDArray[np.int64],
    *,
    threshold_bits: float,
    review_bits: float,
    must_link: Iterable[tuple[int, int]] = (),
    cannot_link: Iterable[tuple[int, int]] = (),
    opposed: NDArray[np.bool_] | None = None,
) -> ComponentPartition:
    """Agglomerate the records of one component.

    Args:
        weights: symmetric, shape (n, n), in `BITS_TO_UNITS`; records in the order of their keys.
        threshold_bits: the least average weight at which two clusters become one.
        review_bits: the least average weight at which two clusters that stay apart are worth a steward's look.
        must_link, cannot_link: positions that stewards have decided on.
        opposed: symmetric, shape (n, n): pairs whose evidence contradicts itself; clusters in which at least half
            of the pairs between them are opposed are not joined automatically.

    Returns:
        The partition.
    """
    state = _Agglomeration(weights, cannot_link, opposed)
    for left, right in sorted(must_link):
        state.join(state.cluster_of(left), state.cluster_of(right))
    state.run(threshold_bits * BITS_TO_UNITS)
    return ComponentPartition(state.labels(), state.close(review_bits * BITS_TO_UNITS))


class _Agglomeration:
    """Clusters of one component, by the position of their first record.

    `sums[a, b]` is the sum of the weights between the records of a and b, `pairs[a, b]` their number.
    """

    def __init__(self, weights: NDArray[np.int64], cannot_link: Iterable[tuple[int, int]], opposed: NDArray[np.bool_] | None) -> None:
        n = len(weights)
        self.sums = weights.astype(np.int64, copy=True)
        self.opposed = np.zeros((n, n), np.int64) if opposed is None else opposed.astype(np.int64)
        self.forbidden = np.eye(n, dtype=bool)
        for left, right in cannot_link:
            self.forbidden[left, right] = self.forbidden[right, left] = True
        self.sizes = np.ones(n, dtype=np.int64)
        self.label = np.arange(n)

    def cluster_of(self, position: int) -> int:
        return int(self.label[position])

    def labels(self) -> NDArray[np.intp]:
        return self.label

    def averages(self) -> NDArray[np.float64]:
        return self.sums / np.outer(self.sizes, self.sizes)

    def barred(self) -> NDArray[np.bool_]:
        return self.forbidden | (2 * self.opposed >= np.maximum(np.outer(self.sizes, self.sizes), 1))

    def join(self, a: int, b: int) -> None:
        if a == b:
            return
        keep, gone = min(a, b), max(a, b)
        for matrix in (self.sums, self.opposed):
            matrix[keep] += matrix[gone]
            matrix[:, keep] = matrix[keep]
        self.forbidden[keep] |= self.forbidden[gone]
        self.forbidden[:, keep] = self.forbidden[keep]
        self.forbidden[gone] = self.forbidden[:, gone] = True
        self.forbidden[keep, keep] = True
        self.sizes[keep] += self.sizes[gone]
        self.label[self.label == gone] = keep

    def run(self, threshold: float) -> None:
        while True:
            averages = np.where(self.barred(), -np.inf, self.averages())
            best = int(np.argmax(averages))  # the first of equals: ties go by record order
            a, b = divmod(best, len(averages))
            if averages[a, b] < threshold or averages[a, b] == -np.inf:
                return
            self.join(a, b)

    def close(self, review: float) -> tuple[tuple[int, int, float], ...]:
        averages = self.averages()
        alive = np.unique(self.label)
        found = []
        for i, a in enumerate(alive):
            for b in alive[i + 1 :]:
                if averages[a, b] >= review and not self.forbidden[a, b]:
                    found.append((int(a), int(b), float(averages[a, b] / BITS_TO_UNITS)))
        return tuple(found)


def merged_groups(size: int, pairs: Sequence[tuple[int, int]]) -> Indices:
    """Components of a few explicit pairs; used to close must-links over transitivity."""
    if not pairs:
        return np.arange(size, dtype=np.int64)
    left, right = np.array(pairs, dtype=np.int64).T
    return connected_components(size, left, right)
