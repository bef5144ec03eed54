"""Blocking is judged by the true pairs it proposes."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation.errors import pairs_within
from training.evaluation.pair_completeness import pair_completeness, pair_completeness_within

truths = st.lists(st.integers(-1, 3), min_size=2, max_size=9)


@settings(max_examples=80, deadline=None)
@given(truths, st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=20))
def test_each_true_pair_counts_once_however_often_it_is_proposed(
    labels: list[int], proposed: list[tuple[int, int]]
) -> None:
    truth = np.array(labels)
    proposed = [(a, b) for a, b in proposed if a < len(labels) and b < len(labels)]
    true = {frozenset(p) for p in combinations(range(len(labels)), 2) if labels[p[0]] == labels[p[1]] >= 0}
    candidates = {frozenset((a, b)) for a, b in proposed if a != b and labels[a] >= 0 and labels[b] >= 0}
    left, right = (np.array([pair[side] for pair in proposed], dtype=np.int64) for side in (0, 1))
    found = pair_completeness(truth, left, right)
    assert (found.true_pairs, found.found, found.candidates) == (len(true), len(true & candidates), len(candidates))
    assert found.completeness.value == (len(true & candidates) / len(true) if true else None)


@settings(max_examples=60, deadline=None)
@given(truths, st.lists(st.integers(0, 2), min_size=9, max_size=9))
def test_components_are_judged_as_the_list_of_all_their_pairs(labels: list[int], components: list[int]) -> None:
    truth, component = np.array(labels), np.array(components[: len(labels)])
    assert pair_completeness_within(truth, component) == pair_completeness(truth, *pairs_within(component))
