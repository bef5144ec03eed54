"""Intervals of shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.estimates import NOT_ESTIMABLE, Ratio, bootstrap, wilson

HALF = Ratio(part=lambda sums: sums[..., 0], whole=lambda sums: sums[..., 1])


def test_wilson_equals_the_textbook_case() -> None:
    # Newcombe (1998), Statistics in Medicine 17: 81 of 263 is .308, interval .2553 to .3662
    found = wilson(81, 263)
    assert found.value == pytest.approx(0.3080, abs=5e-5)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_wilson_without_trials_claims_nothing() -> None:
    assert wilson(0, 0) == NOT_ESTIMABLE


@given(st.integers(1, 10**7).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_within_nought_and_one(case: tuple[int, int]) -> None:
    found = wilson(*case)
    assert found.low is not None and found.value is not None and found.high is not None
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


def test_bootstrap_agrees_with_the_error_of_a_mean() -> None:
    successes = (np.arange(2000) % 4 == 0).astype(np.float64)
    (found,) = bootstrap([successes, np.ones(2000)], [HALF], seed=1)
    error = np.sqrt(0.25 * 0.75 / 2000)
    assert found.value == 0.25
    assert found.low == pytest.approx(0.25 - 1.96 * error, abs=0.2 * error)
    assert found.high == pytest.approx(0.25 + 1.96 * error, abs=0.2 * error)


def test_bootstrap_of_nobody_claims_nothing() -> None:
    assert bootstrap([np.empty(0), np.empty(0)], [HALF], seed=1) == [NOT_ESTIMABLE]


def test_bootstrap_does_not_depend_on_the_order_of_the_persons() -> None:
    random = np.random.default_rng(1)
    part, whole = random.integers(0, 4, 90).astype(float), random.integers(4, 9, 90).astype(float)
    order = random.permutation(90)
    one, other = (bootstrap([part[o], whole[o]], [HALF], seed=5) for o in (np.arange(90), order))
    assert one == other
