"""Judges blocking: a true pair that no rule proposes can never be found, however good the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.estimates import Estimate, Ratio, bootstrap
from training.evaluation.partitions import encode, overlap, pairs_of

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PairCompleteness:
    """Of the true pairs, the share that are candidates; and of all pairs, the share that need not be compared."""

    true_pairs: int
    found: int
    candidates: int
    completeness: Estimate
    reduction: float | None


_COMPLETENESS = Ratio(part=lambda sums: sums[..., 0], whole=lambda sums: sums[..., 1])


def pair_completeness(
    truth: NDArray[np.integer], left: IntArray, right: IntArray, *, seed: int = 0
) -> PairCompleteness:
    """Judge an explicit list of candidate pairs.

    Args:
        truth: the person of each record, shape (n_records,); negative = unknown, left out.
        left, right: candidate pairs as rows of `truth`, shape (n_pairs,); a pair may occur often and either way round.
        seed: of the interval's random draw (true persons are resampled).
    """
    known = truth >= 0
    left, right = left[known[left] & known[right]], right[known[left] & known[right]]
    one, other = distinct_pairs(left, right, len(truth))
    same = one[truth[one] == truth[other]]
    person, size = encode(truth[known])
    code_of_record = np.full(len(truth), -1)
    code_of_record[known] = person
    found = np.bincount(code_of_record[same], minlength=len(size))
    return _judged(found, pairs_of(size), len(one), int(known.sum()), seed)


def distinct_pairs(left: IntArray, right: IntArray, records: int) -> tuple[IntArray, IntArray]:
    """Each unordered pair of two different records once, in order; by sorting, which is the fastest at ten million."""
    apart = left != right
    pairs: IntArray = np.sort(np.minimum(left, right)[apart] * records + np.maximum(left, right)[apart])
    first = np.ones(len(pairs), dtype=bool)
    first[1:] = pairs[1:] != pairs[:-1]
    return pairs[first] // max(records, 1), pairs[first] % max(records, 1)


def pair_completeness_within(
    truth: NDArray[np.integer], component: NDArray[np.integer], *, seed: int = 0
) -> PairCompleteness:
    """Judge components, within which every pair is compared, without enumerating the pairs; shapes (n_records,)."""
    table = overlap(component, truth)
    found = table.per_person(pairs_of(table.records))
    candidates = int(pairs_of(table.cluster_size).sum())
    return _judged(found, pairs_of(table.person_size), candidates, int(table.known.sum()), seed)


def _judged(found: NDArray[np.generic], true: IntArray, candidates: int, records: int, seed: int) -> PairCompleteness:
    (completeness,) = bootstrap([found.astype(np.float64), true.astype(np.float64)], [_COMPLETENESS], seed=seed)
    all_pairs = records * (records - 1) // 2
    return PairCompleteness(
        true_pairs=int(true.sum()),
        found=int(found.sum()),
        candidates=candidates,
        completeness=completeness,
        reduction=1 - candidates / all_pairs if all_pairs else None,
    )
