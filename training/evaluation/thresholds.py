"""Shows how the weights of right and wrong pairs lie, and what another threshold would cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LOWEST_BITS, HIGHEST_BITS = -40.0, 60.0


@dataclass(frozen=True, slots=True)
class WeightBin:
    """How many scored pairs of a kind have a weight in [low_bits, high_bits)."""

    kind: str
    low_bits: float
    high_bits: float
    pairs: int


@dataclass(frozen=True, slots=True)
class ThresholdPoint:
    """What linking exactly the pairs at or above a weight would give, before clustering."""

    threshold_bits: float
    false_links: int
    missed_links: int
    precision: float | None
    recall: float | None


def weight_histogram(
    weight_bits: FloatArray, kind: NDArray[np.integer], kinds: tuple[str, ...], *, width_bits: float = 2.0
) -> list[WeightBin]:
    """Count the pairs by weight and kind; weights beyond the ends are counted in the end bins.

    Args:
        weight_bits, kind: shape (n_pairs,); `kind` indexes `kinds`.
    """
    edges = np.arange(LOWEST_BITS, HIGHEST_BITS + width_bits / 2, width_bits)
    bins = len(edges) - 1
    place = np.clip(np.searchsorted(edges, weight_bits, side="right") - 1, 0, bins - 1)
    counts = np.bincount(kind.astype(np.int64) * bins + place, minlength=bins * len(kinds)).reshape(len(kinds), bins)
    return [
        WeightBin(kinds[k], float(edges[b]), float(edges[b + 1]), int(counts[k, b])) for k, b in np.argwhere(counts)
    ]


def error_curve(
    weight_bits: FloatArray, same: NDArray[np.bool_], true_pairs: int, thresholds_bits: FloatArray | None = None
) -> list[ThresholdPoint]:
    """The false and missed links at each threshold.

    Args:
        weight_bits, same: the scored pairs and whether each is one person, shape (n_pairs,).
        true_pairs: all there are, so that those never scored count as missed.
        thresholds_bits: where to look; every half bit over the span of the weights unless given.
    """
    grid = _grid(weight_bits) if thresholds_bits is None else thresholds_bits
    right, wrong = (np.sort(weight_bits[mask]) for mask in (same, ~same))
    above_right = len(right) - np.searchsorted(right, grid, side="left")
    above_wrong = len(wrong) - np.searchsorted(wrong, grid, side="left")
    return [
        _point(float(bits), int(tp), int(fp), true_pairs)
        for bits, tp, fp in zip(grid, above_right, above_wrong, strict=True)
    ]


def _grid(weight_bits: FloatArray) -> FloatArray:
    if not len(weight_bits):
        return np.empty(0)
    low = max(LOWEST_BITS, np.floor(weight_bits.min()))
    high = min(HIGHEST_BITS, np.ceil(weight_bits.max()))
    return np.arange(low, high + 0.5, 0.5)


def _point(bits: float, tp: int, fp: int, true_pairs: int) -> ThresholdPoint:
    return ThresholdPoint(
        bits, fp, true_pairs - tp, tp / (tp + fp) if tp + fp else None, tp / true_pairs if true_pairs else None
    )
