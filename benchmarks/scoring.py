"""What a partition of the records got right and wrong, counted over pairs of records."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PairScore:
    """Pairs within persons: how many are true, how many were linked, how many both."""

    true_pairs: int
    linked_pairs: int
    correct_pairs: int

    @property
    def precision(self) -> float:
        return self.correct_pairs / self.linked_pairs if self.linked_pairs else 1.0

    @property
    def recall(self) -> float:
        return self.correct_pairs / self.true_pairs if self.true_pairs else 1.0

    @property
    def f1(self) -> float:
        both = self.true_pairs + self.linked_pairs
        return 2 * self.correct_pairs / both if both else 1.0

    @property
    def false_links(self) -> int:
        return self.linked_pairs - self.correct_pairs

    def figures(self) -> dict[str, float | int]:
        return {
            **asdict(self),
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "false_links": self.false_links,
        }


def pair_score(truth: Labels, linked: Labels) -> PairScore:
    """Count the pairs of a partition against the truth; all pairs of records count, also those within one source."""
    return PairScore(
        true_pairs=_pairs_within(truth), linked_pairs=_pairs_within(linked), correct_pairs=_pairs_within(truth, linked)
    )


def false_links_within(truth: Labels, linked: Labels, group: Labels) -> int:
    """Count linked pairs of two people who share a group (a household, say)."""
    return _pairs_within(linked, group) - _pairs_within(linked, group, truth)


def twin_pairs_kept_apart(truth: Labels, linked: Labels, household: Labels, is_twin: NDArray[np.bool_]) -> float | None:
    """Give the share of pairs of records of two twins of a household that were not linked; None without such pairs."""
    truth, linked, household = truth[is_twin], linked[is_twin], household[is_twin]
    pairs = _pairs_within(household) - _pairs_within(household, truth)
    if not pairs:
        return None
    return 1.0 - (_pairs_within(household, linked) - _pairs_within(household, linked, truth)) / pairs


def pair_completeness(truth: Labels, left: Labels, right: Labels) -> float:
    """Give the share of true pairs among candidates; `left` and `right` are row numbers of distinct pairs."""
    true_pairs = _pairs_within(truth)
    return float(np.count_nonzero(truth[left] == truth[right]) / true_pairs) if true_pairs else 1.0


def _pairs_within(*labels: Labels) -> int:
    """Count unordered pairs of rows that agree in all the labels given."""
    _, sizes = np.unique(np.stack(labels), axis=1, return_counts=True)
    return int((sizes.astype(np.int64) * (sizes.astype(np.int64) - 1) // 2).sum())
