"""What another threshold would cost."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation.thresholds import error_curve, weight_histogram


def test_a_pair_at_the_threshold_is_linked() -> None:
    (point,) = error_curve(np.array([4.0, 4.0, 3.9]), np.array([True, False, True]), 5, np.array([4.0]))
    assert (point.false_links, point.missed_links, point.precision, point.recall) == (1, 4, 0.5, 0.2)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(-30, 50), st.booleans()), min_size=1, max_size=40))
def test_a_stricter_threshold_never_links_more(pairs: list[tuple[float, bool]]) -> None:
    weight, same = np.array([w for w, _ in pairs]), np.array([s for _, s in pairs])
    curve = error_curve(weight, same, int(same.sum()))
    assert curve[0].missed_links == 0 and curve[0].false_links == int((~same).sum())
    for looser, stricter in pairwise(curve):
        assert looser.false_links >= stricter.false_links
        assert looser.missed_links <= stricter.missed_links


def test_without_pairs_there_is_no_curve() -> None:
    assert error_curve(np.empty(0), np.empty(0, dtype=bool), 3) == []


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(-500, 500), st.integers(0, 2)), max_size=30))
def test_the_histogram_counts_every_pair_once_under_its_kind(pairs: list[tuple[float, int]]) -> None:
    kinds = ("same person", "twin", "stranger")
    bins = weight_histogram(np.array([w for w, _ in pairs]), np.array([k for _, k in pairs], dtype=np.int64), kinds)
    for index, kind in enumerate(kinds):
        assert sum(b.pairs for b in bins if b.kind == kind) == sum(k == index for _, k in pairs)
    for weight, index in pairs:
        if -40 <= weight < 60:
            assert any(b.kind == kinds[index] and b.low_bits <= weight < b.high_bits for b in bins)
