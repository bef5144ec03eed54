"""What one method's partition of one data set got right and wrong, as plain figures for table and JSON."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import BenchmarkData
from training.evaluation.errors import false_links_by_relation, kept_apart
from training.evaluation.pair_completeness import pair_completeness
from training.evaluation.partitions import pair_counts

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CandidatePairs:
    """Row numbers of the distinct pairs that a method compared, shape (n_pairs,) each."""

    left: Rows
    right: Rows


@dataclass(frozen=True, slots=True)
class Scores:
    """Figures over pairs of records, all pairs counting (also those within one source).

    `false_links_in_household` is None where households are unknown; `twins_kept_apart` is the share of pairs of twins
    of whom no two records were linked; `pair_completeness` the share of true pairs among the candidates.
    """

    true_pairs: int
    linked_pairs: int
    false_links: int
    precision: float | None
    recall: float | None
    f1: float | None
    false_links_in_household: int | None
    twin_pairs: int | None
    twins_kept_apart: float | None
    candidate_pairs: int | None
    pair_completeness: float | None


def score(data: BenchmarkData, cluster: Rows, candidates: CandidatePairs | None) -> Scores:
    """Compare a partition (label per record) with the truth of its data set."""
    counts = pair_counts(cluster, data.truth)
    true_pairs, linked_pairs = counts.tp + counts.fn, counts.tp + counts.fp
    twins = kept_apart(cluster, data.truth, data.related.twin) if data.related else None
    return Scores(
        true_pairs=true_pairs,
        linked_pairs=linked_pairs,
        false_links=counts.fp,
        precision=_share(counts.tp, linked_pairs),
        recall=_share(counts.tp, true_pairs),
        f1=_share(2 * counts.tp, true_pairs + linked_pairs),
        false_links_in_household=_in_household(data, cluster),
        twin_pairs=twins.pairs if twins else None,
        twins_kept_apart=_share(twins.apart, twins.pairs) if twins else None,
        candidate_pairs=len(candidates.left) if candidates else None,
        pair_completeness=_completeness(data, candidates) if candidates else None,
    )


def _in_household(data: BenchmarkData, cluster: Rows) -> int | None:
    if data.related is None:
        return None
    counted = false_links_by_relation(cluster, data.truth, data.related)
    return sum(count.pairs for count in counted if count.relation != "stranger")


def _completeness(data: BenchmarkData, candidates: CandidatePairs) -> float | None:
    found = pair_completeness(data.truth, candidates.left, candidates.right)
    return _share(found.found, found.true_pairs)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
