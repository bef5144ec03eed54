"""Every false link is counted once, under the closest relation; every missed link once, at the step that lost it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation.errors import (
    IntArray,
    false_links_by_relation,
    kept_apart,
    missed_links_by_reason,
    pairs_within,
    relation_of_pairs,
    worst_pairs,
)
from training.evaluation.truth import RELATIONS, Relations

records = st.integers(1, 12).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(-1, 3), min_size=n, max_size=n) for _ in range(5)])
)


def array(*values: int) -> IntArray:
    return np.array(values, dtype=np.int64)


@settings(max_examples=150, deadline=None)
@given(records)
def test_false_links_by_relation_equal_looking_at_every_pair(columns: tuple[list[int], ...]) -> None:
    predicted, truth, twin, sibling, household = (array(*column) for column in columns)
    predicted = predicted + 1
    expected = dict.fromkeys(RELATIONS, 0)
    for a, b in combinations(range(len(truth)), 2):
        if predicted[a] == predicted[b] and truth[a] >= 0 and truth[b] >= 0 and truth[a] != truth[b]:
            groups = zip(RELATIONS, (twin, sibling, household), strict=False)
            expected[next((name for name, g in groups if g[a] >= 0 and g[a] == g[b]), "stranger")] += 1
    found = false_links_by_relation(predicted, truth, Relations(twin, sibling, household))
    assert {row.relation: row.pairs for row in found} == expected


@settings(max_examples=100, deadline=None)
@given(records)
def test_kept_apart_equals_looking_at_every_pair_of_persons(columns: tuple[list[int], ...]) -> None:
    predicted, person, group, *_ = (array(*column) for column in columns)
    predicted = predicted + 1
    related: set[tuple[int, int, int]] = set()
    met: set[tuple[int, int, int]] = set()
    for a, b in combinations(range(len(person)), 2):
        if person[a] >= 0 and person[b] >= 0 and person[a] != person[b] and group[a] >= 0 and group[a] == group[b]:
            pair = (int(group[a]), *sorted((int(person[a]), int(person[b]))))
            related.add(pair)  # type: ignore[arg-type]
            if predicted[a] == predicted[b]:
                met.add(pair)  # type: ignore[arg-type]
    found = kept_apart(predicted, person, group)
    assert (found.pairs, found.apart) == (len(related), len(related) - len(met))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=9))
def test_pairs_within_lists_each_pair_of_a_group_once(groups: list[int]) -> None:
    one, other = pairs_within(array(*groups))
    expected = [(a, b) for a, b in combinations(range(len(groups)), 2) if groups[a] == groups[b]]
    assert sorted(zip(one.tolist(), other.tolist(), strict=True)) == expected


def test_twins_taken_for_one_another_are_told_from_siblings_and_housemates() -> None:
    twin, sibling, household = array(1, 1, -1, -1, -1), array(5, 5, 5, -1, -1), array(9, 9, 9, 9, -1)
    left, right = array(0, 0, 0, 0), array(1, 2, 3, 4)
    found = relation_of_pairs(left, right, Relations(twin, sibling, household))
    assert [RELATIONS[index] for index in found] == ["twin", "sibling", "household", "stranger"]


def test_twins_whose_records_share_one_predicted_person_are_not_kept_apart() -> None:
    person, twins = array(0, 0, 1, 1, 2, 3), array(7, 7, 7, 7, 8, 8)
    found = kept_apart(array(0, 1, 1, 2, 3, 4), person, twins)
    assert (found.pairs, found.apart, found.share.value) == (2, 1, 0.5)


def test_a_missed_link_is_counted_at_the_step_that_lost_it() -> None:
    weights_of_scored = np.array([-9.0, 1.0, 2.0, 8.0])
    found = missed_links_by_reason(15, 6, weights_of_scored, link_bits=4.0, review_bits=1.0)
    assert {row.reason: row.pairs for row in found} == {
        "not proposed by blocking": 9,
        "too weak to be looked at": 2,
        "under the review threshold": 1,
        "in the review band": 2,
        "kept apart by clustering": 1,
    }
    assert sum(row.share or 0 for row in found) == pytest.approx(1)


def test_the_worst_pairs_are_the_most_confident_mistakes() -> None:
    truth = array(0, 0, 0, 1, 2, -1)
    left, right = array(0, 0, 1, 0, 3, 0), array(1, 2, 2, 3, 4, 5)
    weight = np.array([9.0, -7.0, -3.0, 6.0, 8.0, 99.0])
    linked = np.array([True, False, False, True, True, True])
    worst = worst_pairs(truth, left, right, weight, linked=linked, how_many=1)
    assert (worst.false_links.tolist(), worst.missed_links.tolist()) == ([4], [1])
    more = worst_pairs(truth, left, right, weight, linked=linked, how_many=9)
    assert (more.false_links.tolist(), more.missed_links.tolist()) == ([4, 3], [1, 2])
