"""Asks whether a stated probability can be believed: of the pairs called 90 % sure, are 90 % right?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.estimates import Estimate, wilson
from training.evaluation.partitions import overlap

FloatArray = NDArray[np.float64]

DECILES = tuple(round(tenth / 10, 1) for tenth in range(11))
# Most pairs are nearly certain one way or the other; the outer deciles are where decisions are made, so they are cut
# finer.
EDGES = (0.0, 0.001, 0.01, *DECILES[1:-1], 0.99, 0.999, 1.0)
NEARLY_CERTAIN = 0.99


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """The cases whose stated probability lies in [low, high): how many, what they claimed, what was true."""

    low: float
    high: float
    cases: int
    stated: float | None
    observed: Estimate


@dataclass(frozen=True, slots=True)
class Calibration:
    """Stated against observed probability.

    `mean_gap` is the case-weighted mean distance between the two; `nearly_certain` how many of the cases stated at
    .99 or more were right. Intervals are Wilson's on cases, and so too narrow where cases share a person.
    """

    bins: tuple[CalibrationBin, ...]
    cases: int
    mean_gap: float | None
    nearly_certain_cases: int
    nearly_certain: Estimate


def probability_of(weight_bits: FloatArray) -> FloatArray:
    """The probability that log2 odds of so many bits mean; 1 / (1 + 2^-weight), without overflow."""
    return 1.0 / (1.0 + np.exp2(-np.clip(weight_bits, -1000, 1000)))


def calibration(probability: FloatArray, right: NDArray[np.generic], edges: Sequence[float] = EDGES) -> Calibration:
    """Compare stated probabilities with the outcome, bin by bin.

    Args:
        probability: stated, in 0..1, shape (n_cases,).
        right: whether each case was one (or, in 0..1, how far), shape (n_cases,).
        edges: of the bins, increasing, from 0 to 1; the last bin includes 1.
    """
    outcome = right.astype(np.float64)
    bins = len(edges) - 1
    place = np.clip(np.searchsorted(edges, probability, side="right") - 1, 0, bins - 1)
    cases = np.bincount(place, minlength=bins)
    stated = np.bincount(place, weights=probability, minlength=bins)
    observed = np.bincount(place, weights=outcome, minlength=bins)
    sure = probability >= NEARLY_CERTAIN
    return Calibration(
        bins=tuple(
            _bin(float(edges[i]), float(edges[i + 1]), int(cases[i]), float(stated[i]), float(observed[i]))
            for i in range(bins)
        ),
        cases=len(probability),
        mean_gap=float(np.abs(stated - observed).sum() / len(probability)) if len(probability) else None,
        nearly_certain_cases=int(sure.sum()),
        nearly_certain=wilson(float(outcome[sure].sum()), int(sure.sum())),
    )


def _bin(low: float, high: float, cases: int, stated: float, observed: float) -> CalibrationBin:
    return CalibrationBin(low, high, cases, stated / cases if cases else None, wilson(observed, cases))


def agreement_with_others(predicted: NDArray[np.integer], truth: NDArray[np.integer]) -> FloatArray:
    """For each record, the share of the other records in its predicted person that truly are the same person.

    Shape (n_records,); NaN where the record stands alone or its truth is unknown. It is what a record's stated
    membership probability should predict.
    """
    table = overlap(predicted, truth)
    others = (table.cluster_size[table.cluster] - 1)[table.cell_of_record]
    same = (table.records - 1)[table.cell_of_record]
    agreement = np.full(len(truth), np.nan)
    agreement[table.known] = np.divide(same, others, out=np.full(len(others), np.nan), where=others > 0)
    return agreement
