"""Pairs of records by row number: those that blocking brought together, and those that were weighed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CandidatePairs:
    """Pairs that blocking brought together: arrays of shape (n_pairs,), `left` < `right`."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WeighedPairs:
    """Pairs of records with patterns and weights: arrays over pairs, `left` < `right`."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    levels: NDArray[np.int8]
    weight: NDArray[np.float64]
    against_stranger: NDArray[np.float64]
    against_sibling: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.left)

    def where(self, chosen: NDArray[Any]) -> Self:
        """Some of the pairs: by mask or by place."""
        return type(self)(*(getattr(self, name)[chosen] for name in WeighedPairs.__slots__))

    @classmethod
    def none(cls, comparisons: int) -> Self:
        """No pair, of patterns with so many comparisons."""
        rows, bits = np.zeros(0, np.int64), np.zeros(0, np.float64)
        return cls(rows, rows, np.zeros((0, comparisons), np.int8), bits, bits, bits)

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """The pairs of all parts, in order; at least one part."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in WeighedPairs.__slots__))
