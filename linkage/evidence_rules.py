"""Rules of evidence that are not statistics: what may never link on its own, and what contradicts itself.

They read agreement patterns only, so they hold alike in the batch engine and online.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from config.policy import LinkagePolicy
from linkage.comparisons import BIRTH_DATE, BY_NAME, MISSING

Truths = NDArray[np.bool_]
Levels = NDArray[np.int8]

_BIRTH_TWO_PARTS = BIRTH_DATE.labels.index("two of day, month, year")
_BIRTH_ONE_DIGIT = BIRTH_DATE.labels.index("one digit off, or day and month swapped")


class _Pattern:
    """Agreement patterns by comparison name; a comparison that takes no part counts as missing."""

    def __init__(self, levels: Levels, names: Sequence[str]) -> None:
        self._levels = levels
        self._position = {name: k for k, name in enumerate(names)}

    def level(self, name: str) -> Levels:
        if name in self._position:
            return self._levels[:, self._position[name]]
        return np.full(len(self._levels), MISSING, np.int8)

    def at_top(self, *names: str) -> Truths:
        found = np.zeros(len(self._levels), dtype=bool)
        for name in names:
            found |= self.level(name) == BY_NAME[name].top
        return found

    def disagrees(self, *names: str) -> Truths:
        found = np.zeros(len(self._levels), dtype=bool)
        for name in names:
            found |= self.level(name) == 0
        return found

    def vouched_for(self) -> Truths:
        """Two personal numbers agree, or one and the middle name: a twin shares neither."""
        numbers = sum(self.at_top(name).astype(np.int8) for name in ("ssn", "cin", "identifiers"))
        return (numbers >= 2) | ((numbers >= 1) & self.at_top("middle_name"))

    def unsupported_number(self) -> Truths:
        supported = (self.level("first_name") > 0) | (self.level("birth_date") >= _BIRTH_TWO_PARTS)
        return self.at_top("ssn", "cin", "identifiers") & ~supported


def number_alone(levels: Levels, names: Sequence[str]) -> Truths:
    """An SSN or CIN agrees and nothing else that says who or whose: no name, birth date, household or other number."""
    pattern = _Pattern(levels, names)
    household = np.zeros(len(levels), dtype=bool)
    for name in ("last_name", "mother", "address", "phone", "case_id"):
        household |= pattern.level(name) > 0
    return pattern.unsupported_number() & ~household & pattern.at_top("ssn", "cin") & ~pattern.at_top("identifiers")


def number_of_a_relative(levels: Levels, names: Sequence[str]) -> Truths:
    """A number agrees, first name and birth date do not: a parent's SSN, a mother's CIN on a newborn's claim."""
    return _Pattern(levels, names).unsupported_number()


def contradicts_itself(levels: Levels, names: Sequence[str]) -> Truths:
    """Birth date and household agree as twins' do, but first name, birth order or a verified identifier differs."""
    pattern = _Pattern(levels, names)
    same_birth = pattern.level("birth_date") >= _BIRTH_ONE_DIGIT
    household = pattern.at_top("last_name", "address", "phone", "case_id") | (pattern.level("mother") > 0)
    other_name = pattern.disagrees("first_name") & ~pattern.vouched_for()
    other_order = pattern.disagrees("birth_order") & ~pattern.at_top("first_name")
    other_number = pattern.disagrees("ssn", "cin") & ~pattern.at_top("ssn", "cin", "first_name")
    return same_birth & household & (other_name | other_order | other_number)


def born_apart(levels: Levels, names: Sequence[str]) -> Truths:
    """Birth dates that have nothing in common, as of parent and child, unless first name and a number are the same."""
    pattern = _Pattern(levels, names)
    supported = pattern.at_top("first_name") & pattern.at_top("ssn", "cin", "identifiers")
    return pattern.disagrees("birth_date") & ~supported


def contradiction(levels: Levels, names: Sequence[str]) -> Truths:
    """A contradiction of either kind."""
    return contradicts_itself(levels, names) | born_apart(levels, names)


def opposed_pairs(levels: Levels, names: Sequence[str], policy: LinkagePolicy) -> Truths:
    """Pairs that the policy's rules keep from linking by themselves, whatever they weigh: shape (n_pairs,)."""
    opposed = np.zeros(len(levels), dtype=bool)
    if policy.number_alone_never_links:
        opposed |= number_alone(levels, names)
    if policy.number_of_a_relative_needs_review:
        opposed |= number_of_a_relative(levels, names)
    if policy.contradiction_needs_review:
        opposed |= contradiction(levels, names)
    return opposed
