"""The waterfall of a task as stairs: each bar begins where the one before ended, so that the eye adds them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

WIDE = 100.0
"""Width of the picture that all bars of a waterfall share."""

_NARROWEST = 1.5


@dataclass(frozen=True, slots=True)
class Stair:
    """One bar: what it adds, in bits, and where it is drawn; `axis` is where 0 bits are."""

    bits: float
    left: float
    wide: float
    axis: float


def stairs(*sums: Sequence[float]) -> list[tuple[Stair, ...]]:
    """The stairs of sums that are drawn on one scale; the last bar of each is the whole sum, from 0."""
    reached = [list(accumulate(steps, initial=0.0)) for steps in sums]
    every = [bits for each in reached for bits in each]
    lowest, highest = min(every), max(every)
    scale = WIDE / max(1.0, highest - lowest)

    def bar(begin: float, end: float) -> Stair:
        wide = max(_NARROWEST, abs(end - begin) * scale)
        left = min((min(begin, end) - lowest) * scale, WIDE - wide)
        return Stair(end - begin, round(left, 1), round(wide, 1), round(-lowest * scale, 1))

    return [tuple(bar(*step) for step in [*pairwise(each), (0.0, each[-1])]) for each in reached]
