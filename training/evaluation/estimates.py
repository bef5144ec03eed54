"""Shares with 95 % intervals.

Two kinds, because the things counted are of two kinds. Pairs of records are not independent: the pairs of one person
stand or fall together, so a plain binomial interval on pairs is far too narrow. Scores of pairs and clusters therefore
resample *persons* (cluster bootstrap; Binette et al. 2023, "Estimating the performance of entity resolution
algorithms"). Things that are counted once each (twin pairs, bins of a calibration table) use Wilson's interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Z_95 = 1.959963984540054
REPLICATES = 1000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share and its 95 % interval; all None where there is nothing to divide by."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


NOT_ESTIMABLE = Estimate()


def share(part: float, whole: float) -> float | None:
    """The share, or None where the whole is empty."""
    return part / whole if whole else None


def wilson(successes: float, trials: float) -> Estimate:
    """Wilson's score interval of a share of independent trials; never outside 0..1, sensible at 0 and 1."""
    return Estimate(successes / trials, *wilson_bounds(successes, trials)) if trials else NOT_ESTIMABLE


def wilson_bounds(successes: float, trials: float, z: float = Z_95) -> tuple[float, float]:
    """Bounds of Wilson's score interval; there are trials. `z`: how many standard deviations it reaches."""
    value = successes / trials
    spread = z**2 / trials
    centre = (value + spread / 2) / (1 + spread)
    half = np.sqrt(value * (1 - value) * spread + spread**2 / 4) / (1 + spread)
    # The bound at an extreme is the extreme itself; say so exactly, where rounding would not.
    low = 0.0 if value <= 0 else min(float(centre - half), value)
    high = 1.0 if value >= 1 else max(float(centre + half), value)
    return max(low, 0.0), min(high, 1.0)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A share that is a sum over persons divided by a sum over persons.

    `part` and `whole` map the totals, shape (..., n_columns), to numerator and denominator of shape (...).
    """

    part: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    whole: Callable[[NDArray[np.float64]], NDArray[np.float64]]


def bootstrap(columns: Sequence[NDArray[np.float64]], ratios: Sequence[Ratio], *, seed: int) -> list[Estimate]:
    """Estimate ratios of sums over persons, drawing persons with replacement.

    Persons with equal contributions are interchangeable, so the draw is one multinomial over the distinct rows:
    a million persons fall into a few hundred kinds, and a thousand replicates take milliseconds.

    Args:
        columns: what each person contributes, each of shape (n_persons,).
        ratios: the shares wanted, as functions of the columns' totals.
        seed: of the random draw; the same seed gives the same interval.
    """
    kinds, persons = _distinct_rows(columns)
    if not persons.sum():
        return [NOT_ESTIMABLE for _ in ratios]
    totals = np.asarray(persons @ kinds)
    replicates = _resampled_totals(kinds, persons, seed)
    return [_estimate(ratio, totals, replicates, kinds, persons) for ratio in ratios]


def _distinct_rows(columns: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The distinct rows, shape (n_kinds, n_columns), and how many persons have each; in a repeatable order."""
    names = [str(index) for index in range(len(columns))]
    table = pa.table([pa.array(column) for column in columns], names=names)
    grouped = table.group_by(names).aggregate([([], "count_all")])
    kinds = np.column_stack([grouped[name].to_numpy() for name in names]).astype(np.float64)
    order = np.lexsort(kinds.T)  # so that the interval does not depend on the order of the records
    return kinds[order], grouped["count_all"].to_numpy()[order].astype(np.int64)


def _resampled_totals(
    kinds: NDArray[np.float64], persons: NDArray[np.int64], seed: int, draws_at_once: int = 4_000_000
) -> NDArray[np.float64]:
    """Column totals of each replicate, shape (REPLICATES, n_columns), in chunks that bound the memory."""
    random = np.random.default_rng(seed)
    size, chances = int(persons.sum()), persons / persons.sum()
    step = max(1, draws_at_once // len(persons))
    chunks = [
        random.multinomial(size, chances, size=min(step, REPLICATES - start)) @ kinds
        for start in range(0, REPLICATES, step)
    ]
    return np.concatenate(chunks)


def _estimate(
    ratio: Ratio,
    totals: NDArray[np.float64],
    replicates: NDArray[np.float64],
    kinds: NDArray[np.float64],
    persons: NDArray[np.int64],
) -> Estimate:
    whole = float(ratio.whole(totals))
    if not whole:
        return NOT_ESTIMABLE
    value = min(float(ratio.part(totals)) / whole, 1.0)
    if value in (0.0, 1.0):
        # Nothing varies, so resampling would claim certainty; with n persons and no error seen, Wilson does not.
        return wilson(value * (n := int(persons[ratio.whole(kinds) > 0].sum())), n)
    wholes = ratio.whole(replicates)
    filled = wholes > 0
    low, high = np.quantile(ratio.part(replicates)[filled] / wholes[filled], [0.025, 0.975])
    return Estimate(value, min(float(low), value), max(float(high), value))
