"""What pairs of times tell: an interval, and how many pairs would tell two answers apart."""

from __future__ import annotations

import random

import pytest

from benchmarks.telling_apart import Z_99, Told
from training.evaluation.estimates import wilson_bounds


def test_an_interval_by_hand() -> None:
    """Fifty of a hundred: half, give or take 2.576 * 0.5 / 10, a little less since it is pulled to the middle."""
    low, high = wilson_bounds(50, 100, Z_99)
    assert (low + high) / 2 == pytest.approx(0.5)
    assert high - 0.5 == pytest.approx(0.2576 * 0.5 / 1.0663 * (1.06636**0.5), rel=1e-3)


@pytest.mark.parametrize(("longer_ms", "apart"), [(0.0, False), (0.5, True)])
def test_half_a_millisecond_is_told_and_nothing_is_not(longer_ms: float, apart: bool) -> None:
    chance = random.Random(1)  # noqa: S311 - invented times
    times_s = [((chance.gauss(2, 0.3) + longer_ms) / 1e3, chance.gauss(2, 0.3) / 1e3) for _ in range(500)]
    told = Told.of("question", times_s)
    assert (told.pairs_needed is not None) == apart
    assert told.first_ms - told.second_ms == pytest.approx(longer_ms, abs=0.1)
