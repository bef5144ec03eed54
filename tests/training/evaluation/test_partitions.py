"""Scores of pairs and clusters equal what one gets by writing out every pair."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from training.evaluation.partitions import (
    IntArray,
    PairCounts,
    by_source_pair,
    by_subgroup,
    cluster_scores,
    pair_counts,
    pair_scores,
)

Pair = tuple[int, int]


@st.composite
def partitions(draw: DrawFn, columns: int = 2) -> tuple[IntArray, ...]:
    """A few records with labels from small ranges; the second column may be unknown (-1)."""
    size = draw(st.integers(1, 12))
    labels = [st.integers(0, 4), st.integers(-1, 4), st.integers(0, 2), st.integers(0, 2)][:columns]
    return tuple(np.array(draw(st.lists(label, min_size=size, max_size=size)), dtype=np.int64) for label in labels)


def pairs_together(labels: IntArray, truth: IntArray) -> set[Pair]:
    """By hand: the pairs of records with known truth that share a label."""
    known = [i for i in range(len(truth)) if truth[i] >= 0]
    return {(a, b) for a, b in combinations(known, 2) if labels[a] == labels[b]}


@settings(max_examples=150, deadline=None)
@given(partitions())
def test_pair_counts_equal_counting_every_pair(sides: tuple[IntArray, ...]) -> None:
    predicted, truth = sides
    linked, true = pairs_together(predicted, truth), pairs_together(truth, truth)
    assert pair_counts(predicted, truth) == PairCounts(len(linked & true), len(linked - true), len(true - linked))


@settings(max_examples=60, deadline=None)
@given(partitions())
def test_cluster_scores_equal_comparing_every_cluster(sides: tuple[IntArray, ...]) -> None:
    predicted, truth = sides
    known = [i for i in range(len(truth)) if truth[i] >= 0]

    def clusters(labels: IntArray) -> dict[int, frozenset[int]]:
        return {int(a): frozenset(i for i in known if labels[i] == a) for a in {labels[i] for i in known}}

    found, true = clusters(predicted), clusters(truth)
    scores = cluster_scores(predicted, truth)
    assert (scores.predicted, scores.true) == (len(found), len(true))
    assert scores.exact == len(set(found.values()) & set(true.values()))
    assert scores.persons_split == sum(len({int(predicted[i]) for i in c}) > 1 for c in true.values())
    assert scores.persons_mixed == sum(any(set(found[int(predicted[i])]) - c for i in c) for c in true.values())
    if known:
        shared = [len(found[int(predicted[i])] & true[int(truth[i])]) for i in known]
        precision = np.mean([s / len(found[int(predicted[i])]) for i, s in zip(known, shared, strict=True)])
        recall = np.mean([s / len(true[int(truth[i])]) for i, s in zip(known, shared, strict=True)])
        assert scores.b_cubed_precision.value == pytest.approx(precision)
        assert scores.b_cubed_recall.value == pytest.approx(recall)
        assert scores.b_cubed_f1.value == pytest.approx(2 * precision * recall / (precision + recall))


@settings(max_examples=60, deadline=None)
@given(partitions(columns=3))
def test_a_subgroup_is_scored_on_the_pairs_that_touch_its_persons(sides: tuple[IntArray, ...]) -> None:
    predicted, truth, flag = sides
    (scores,) = by_subgroup(predicted, truth, {"flagged": flag == 1})
    members = {int(t) for t, f in zip(truth, flag, strict=True) if f == 1 and t >= 0}
    linked, true = pairs_together(predicted, truth), pairs_together(truth, truth)
    touching = {(a, b) for a, b in linked if int(truth[a]) in members or int(truth[b]) in members}
    theirs = {(a, b) for a, b in true if int(truth[a]) in members}
    assert scores.persons == len(members)
    assert scores.pairs.counts == PairCounts(len(touching & true), len(touching - true), len(theirs - linked))
    assert scores.pairs.precision.value == (len(touching & true) / len(touching) if touching else None)
    assert scores.pairs.recall.value == (len(theirs & linked) / len(theirs) if theirs else None)


@settings(max_examples=60, deadline=None)
@given(partitions(columns=3))
def test_links_between_two_sources_equal_counting_every_pair(sides: tuple[IntArray, ...]) -> None:
    predicted, truth, source = sides
    names = ("court", "meds", "school")
    found = {(s.source, s.other_source): s.counts for s in by_source_pair(predicted, truth, source, names)}
    linked, true = pairs_together(predicted, truth), pairs_together(truth, truth)
    for a in range(3):
        for b in range(a, 3):
            between = {(i, j) for i, j in linked | true if {int(source[i]), int(source[j])} == {a, b}}
            expected = PairCounts(
                len(between & linked & true), len(between & linked - true), len(between & true - linked)
            )
            assert found.get((names[a], names[b]), PairCounts(0, 0, 0)) == expected


def test_two_records_of_three_found_and_one_wrongly_added() -> None:
    #  persons: 0 0 0 1 1;  found: {0,1} and {2,3} and {4}
    scores = pair_scores(np.array([0, 0, 1, 1, 2]), np.array([0, 0, 0, 1, 1]))
    assert scores.counts == PairCounts(tp=1, fp=1, fn=3)
    assert (scores.precision.value, scores.recall.value) == (0.5, 0.25)
    assert scores.f1.value == pytest.approx(1 / 3)


def test_labels_are_names_only() -> None:
    truth = np.array([5, 5, 900, 900])
    assert pair_counts(np.array([70, 70, 3, 3]), truth) == PairCounts(2, 0, 0)


def test_without_truth_nothing_is_claimed() -> None:
    scores = pair_scores(np.array([0, 0]), np.array([-1, -1]))
    assert scores.counts == PairCounts(0, 0, 0)
    assert scores.precision.value is scores.recall.value is scores.f1.low is None


def test_labels_of_different_records_are_refused() -> None:
    with pytest.raises(ValueError, match="one label per record"):
        pair_counts(np.array([0, 0]), np.array([0]))


def test_a_cluster_of_a_million_records_is_counted_without_listing_its_pairs() -> None:
    everyone = np.zeros(1_000_000, dtype=np.int64)
    assert pair_counts(everyone, np.arange(1_000_000)).fp == 1_000_000 * 999_999 // 2


def test_the_interval_is_repeatable_and_holds_the_value() -> None:
    truth = np.repeat(np.arange(200), 3)
    predicted = np.where(np.arange(600) % 17 == 0, 1000 + np.arange(600), truth)
    one, again = pair_scores(predicted, truth, seed=3), pair_scores(predicted, truth, seed=3)
    assert one == again
    assert one.recall.low is not None and one.recall.value is not None and one.recall.high is not None
    assert one.recall.low < one.recall.value < one.recall.high
    assert one.recall != pair_scores(predicted, truth, seed=4).recall


def test_perfect_scores_still_admit_doubt_in_proportion_to_the_persons_seen() -> None:
    few = pair_scores(np.repeat(np.arange(5), 2), np.repeat(np.arange(5), 2)).precision
    many = pair_scores(np.repeat(np.arange(5000), 2), np.repeat(np.arange(5000), 2)).precision
    assert few.low is not None and many.low is not None
    assert few.value == many.value == few.high == 1.0
    assert few.low < 0.6 < 0.999 < many.low


def test_the_interval_covers_the_true_recall_about_95_times_in_100() -> None:
    """Persons of four records, each found or lost as a whole: an interval on pairs would be far too narrow."""
    random = np.random.default_rng(7)
    covered = 0
    for trial in range(200):
        truth = np.repeat(np.arange(300), 4)
        lost = np.repeat(random.random(300) < 0.2, 4)
        recall = pair_scores(np.where(lost, 10_000 + np.arange(1200), truth), truth, seed=trial).recall
        assert recall.low is not None and recall.high is not None
        covered += recall.low <= 0.8 <= recall.high
    assert 180 <= covered <= 199
