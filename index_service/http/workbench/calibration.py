"""Whether the model's probabilities hold: of questions of a weight, how many did stewards find to be one person?"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from index_service.store.workbench import DecisionsAtWeight

_Z = 1.959964
"""Of a normal distribution, 95 % lie within so many standard deviations."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Questions of a weight.

    Attributes:
        expected, found: share of one person by the model, and by stewards.
        low, high: bounds of the share found, at 95 % (Wilson).
        holds: the expected share lies between them.
    """

    bits: int
    decisions: int
    expected: float
    found: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        return self.low <= self.expected <= self.high


def calibration(decided: Iterable[DecisionsAtWeight]) -> list[Calibrated]:
    """What the model expected beside what stewards said."""
    return [
        Calibrated(
            each.bits,
            each.decisions,
            each.expected,
            each.one_person / each.decisions,
            *share_between(each.one_person, each.decisions),
        )
        for each in decided
    ]


def share_between(successes: int, trials: int) -> tuple[float, float]:
    """Bounds of a share at 95 % (Wilson 1927); they hold for few trials too."""
    share, z2 = successes / trials, _Z**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
