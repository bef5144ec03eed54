"""Stage 4: the agreement pattern of each pair, natively (the batch engine computes the same in SQL)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from linkage.columns import Pairs
from linkage.comparisons import MISSING, Comparison


def agreement_levels(pairs: Pairs, comparisons: Sequence[Comparison]) -> NDArray[np.int8]:
    """Say for each pair how far each comparison agrees.

    Returns:
        Shape (n_pairs, n_comparisons), C order by comparison: the level number, 0 disagreement, -1 a side is missing.
    """
    levels = np.empty((len(pairs), len(comparisons)), dtype=np.int8, order="F")
    for k, comparison in enumerate(comparisons):
        levels[:, k] = _levels_of(pairs, comparison)
    return levels


def _levels_of(pairs: Pairs, comparison: Comparison) -> NDArray[np.int8]:
    levels = np.full(len(pairs), MISSING, dtype=np.int8)
    rows = np.flatnonzero(~comparison.missing.holds(pairs, np.arange(len(pairs))))
    levels[rows] = 0
    for i, level in enumerate(comparison.levels):
        if not len(rows):
            break
        agrees = level.condition.holds(pairs, rows)
        levels[rows[agrees]] = comparison.top - i
        rows = rows[~agrees]
    return levels
