"""Stage 4: the agreement pattern of each pair, natively (the batch engine computes the same in SQL)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from linkage import native_levels
from linkage.columns import Pairs
from linkage.comparisons import MISSING, Comparison

PAIRS_AT_ONCE = 50_000
"""So many pairs' values are laid side by side: some 30 MB."""


def agreement_levels(pairs: Pairs, comparisons: Sequence[Comparison]) -> NDArray[np.int8]:
    """Say for each pair how far each comparison agrees.

    Returns:
        Shape (n_pairs, n_comparisons), C order by comparison: the level number, 0 disagreement, -1 a side is missing.
    """
    levels = np.empty((len(comparisons), len(pairs)), dtype=np.int8)
    for place, part in pairs.parts(PAIRS_AT_ONCE):
        found = b"".join([native_levels.levels(comparison, part) for comparison in comparisons])
        levels[:, place] = np.frombuffer(found, np.int8).reshape(len(comparisons), len(part))
    levels += MISSING
    return levels.T
