"""A stated probability is compared with what was true."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation.calibration import EDGES, agreement_with_others, calibration, probability_of


def test_each_case_falls_into_the_bin_that_states_its_probability() -> None:
    found = calibration(np.array([0.0, 0.15, 0.15, 0.5, 1.0]), np.array([False, True, False, True, True]))
    cases = {(row.low, row.high): (row.cases, row.observed.value) for row in found.bins if row.cases}
    assert cases == {(0.0, 0.001): (1, 0.0), (0.1, 0.2): (2, 0.5), (0.5, 0.6): (1, 1.0), (0.999, 1.0): (1, 1.0)}


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=30))
def test_no_case_is_lost_and_bins_state_what_lies_within_them(cases: list[tuple[float, bool]]) -> None:
    found = calibration(np.array([p for p, _ in cases]), np.array([r for _, r in cases], dtype=bool))
    assert sum(row.cases for row in found.bins) == found.cases == len(cases)
    for row in found.bins:
        assert row.cases == 0 or (row.stated is not None and row.low - 1e-12 <= row.stated <= row.high + 1e-12)
    assert [row.low for row in found.bins] == list(EDGES[:-1])


def test_honest_probabilities_show_no_gap_and_boastful_ones_do() -> None:
    random = np.random.default_rng(2)
    stated = random.random(50_000)
    honest = calibration(stated, random.random(50_000) < stated)
    boastful = calibration(stated, random.random(50_000) < stated**2)
    assert honest.mean_gap is not None and boastful.mean_gap is not None
    assert honest.mean_gap < 0.01
    assert boastful.mean_gap == pytest.approx(1 / 2 - 1 / 3, abs=0.01)


def test_the_share_right_among_the_nearly_certain() -> None:
    found = calibration(np.array([0.99, 0.995, 1.0, 0.98]), np.array([True, False, True, False]))
    assert found.nearly_certain_cases == 3
    assert found.nearly_certain.value == pytest.approx(2 / 3)


def test_bits_are_log2_odds() -> None:
    assert probability_of(np.array([0.0, 1.0, -1.0, 5000.0, -5000.0])) == pytest.approx([0.5, 2 / 3, 1 / 3, 1.0, 0.0])


def test_a_record_is_right_in_so_far_as_the_others_of_its_person_are_the_same() -> None:
    predicted, truth = np.array([0, 0, 0, 1, 2, 2, 2]), np.array([5, 5, 6, 7, 8, 9, -1])
    assert agreement_with_others(predicted, truth) == pytest.approx([0.5, 0.5, 0, np.nan, 0, 0, np.nan], nan_ok=True)
