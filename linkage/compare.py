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
    levels = np.empty((len(comparisons), len(pairs)), dtype=np.int8)
    everywhere = np.ones(len(pairs), dtype=bool)
    for row, comparison in zip(levels, comparisons, strict=True):
        missing = comparison.missing.holds(pairs, everywhere)
        np.multiply(missing, MISSING, out=row, casting="unsafe")
        _fill_levels(row, ~missing, pairs, comparison)
    return levels.T


def _fill_levels(levels: NDArray[np.int8], open_rows: NDArray[np.bool_], pairs: Pairs, comparison: Comparison) -> None:
    """Write the strongest level that holds in each open row; rows without one keep what they have."""
    for i, level in enumerate(comparison.levels):
        if not np.count_nonzero(open_rows):
            break
        agrees = open_rows & level.condition.holds(pairs, open_rows)
        np.putmask(levels, agrees, comparison.top - i)
        open_rows = open_rows ^ agrees
