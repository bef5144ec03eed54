"""The figures of the accuracy benchmark, each summed by hand once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.datasets import BenchmarkData
from benchmarks.scoring import CandidatePairs, score
from training.evaluation.truth import Relations


def _family() -> BenchmarkData:
    """Two twins with two records each in household 1, and a stranger."""
    return BenchmarkData(
        name="family",
        records=pa.table({"source": ["s"] * 5, "source_record_id": list("abcde"), "first_name": ["x"] * 5}),
        truth=np.array([0, 0, 1, 1, 2]),
        link_type="dedupe_only",
        origin="by hand",
        related=Relations(
            twin=np.array([1, 1, 1, 1, -1]), sibling=np.full(5, -1), household=np.array([1, 1, 1, 1, -1])
        ),
    )


def test_a_perfect_partition() -> None:
    scores = score(_family(), np.array([9, 9, 4, 4, 1]), None)
    assert (scores.precision, scores.recall, scores.f1) == (1.0, 1.0, 1.0)
    assert scores.false_links_in_household == 0
    assert scores.twins_kept_apart == 1.0
    assert scores.pair_completeness is None


def test_twins_taken_for_one_person_and_a_stranger_linked_to_them() -> None:
    scores = score(_family(), np.zeros(5, dtype=np.int64), None)
    assert (scores.linked_pairs, scores.true_pairs, scores.false_links) == (10, 2, 8)
    assert scores.false_links_in_household == 4
    assert scores.twins_kept_apart == 0.0
    assert scores.f1 == pytest.approx(2 * 2 / (10 + 2))


def test_nobody_linked_has_no_precision() -> None:
    scores = score(_family(), np.arange(5), None)
    assert scores.precision is None
    assert scores.recall == 0.0


def test_pair_completeness_counts_true_pairs_among_candidates() -> None:
    candidates = CandidatePairs(left=np.array([0, 1]), right=np.array([1, 4]))
    scores = score(_family(), np.arange(5), candidates)
    assert scores.pair_completeness == 0.5
    assert scores.candidate_pairs == 2
