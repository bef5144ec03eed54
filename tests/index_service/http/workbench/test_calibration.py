"""Calibration: Wilson's bounds against figures known from the literature, and what holds for any counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_service.http.workbench.calibration import calibration, share_between
from index_service.store.workbench import DecisionsAtWeight


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)],
)
def test_bounds_are_those_of_newcombe_1998(successes: int, trials: int, low: float, high: float) -> None:
    assert share_between(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_bounds_enclose_the_share_and_mirror(counts: tuple[int, int]) -> None:
    successes, trials = counts
    low, high = share_between(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1
    assert share_between(trials - successes, trials) == pytest.approx((1 - high, 1 - low))


def test_what_is_expected_holds_or_does_not() -> None:
    held, missed = calibration([DecisionsAtWeight(2, 0.85, 17, 20), DecisionsAtWeight(0, 0.6, 1, 20)])
    assert (held.holds, missed.holds) == (True, False)
    assert (held.found, missed.found) == (0.85, 0.05)
