"""Rules of evidence that are not statistics: what may never link on its own, and what contradicts itself.

They read agreement patterns only, so they hold alike in the batch engine and online.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from config.policy import LinkagePolicy
from linkage.comparisons import BIRTH_DATE, BY_NAME, MISSING

Truths = NDArray[np.bool_]
Levels = NDArray[np.int8]
Truth = TypeVar("Truth", bool, Truths)

_BIRTH_TWO_PARTS = BIRTH_DATE.labels.index("two of day, month, year")
_BIRTH_ONE_DIGIT = BIRTH_DATE.labels.index("one digit off, or day and month swapped")


RULED = frozenset(
    {"first_name", "middle_name", "last_name", "birth_date", "birth_order", "ssn", "cin", "identifiers"}
    | {"mother", "address", "phone", "case_id"}
)
"""The comparisons that the rules ask for."""


class _Rules(ABC, Generic[Truth]):
    """What the rules are made of, for one agreement pattern or for many at once, by comparison name.

    A comparison that takes no part counts as missing.
    """

    @abstractmethod
    def level(self, name: str) -> Any: ...

    @abstractmethod
    def never(self) -> Truth: ...

    @abstractmethod
    def no(self, truth: Truth) -> Truth: ...

    def at_top(self, *names: str) -> Truth:
        found = self.never()
        for name in names:
            found = found | (self.level(name) == BY_NAME[name].top)
        return found

    def disagrees(self, *names: str) -> Truth:
        found = self.never()
        for name in names:
            found = found | (self.level(name) == 0)
        return found

    def vouched_for(self) -> Truth:
        """Two personal numbers agree, or one and the middle name: a twin shares neither."""
        ssn, cin, other = (self.at_top(name) for name in ("ssn", "cin", "identifiers"))
        return (ssn & cin) | (ssn & other) | (cin & other) | ((ssn | cin | other) & self.at_top("middle_name"))

    def number_of_a_relative(self) -> Truth:
        supported = (self.level("first_name") > 0) | (self.level("birth_date") >= _BIRTH_TWO_PARTS)
        return self.at_top("ssn", "cin", "identifiers") & self.no(supported)

    def number_alone(self) -> Truth:
        household = self.never()
        for name in ("last_name", "mother", "address", "phone", "case_id"):
            household = household | (self.level(name) > 0)
        told = household | self.at_top("identifiers")
        return self.number_of_a_relative() & self.no(told) & self.at_top("ssn", "cin")

    def family_alone(self) -> Truth:
        named = (self.level("first_name") != MISSING) | (self.level("middle_name") > 0)
        numbered = self.at_top("ssn", "cin", "identifiers", "birth_date")
        return self.no(named | numbered)

    def contradicts_itself(self) -> Truth:
        same_birth: Truth = self.level("birth_date") >= _BIRTH_ONE_DIGIT
        household = self.at_top("last_name", "address", "phone", "case_id") | (self.level("mother") > 0)
        other_name = self.disagrees("first_name") & self.no(self.vouched_for())
        other_order = self.disagrees("birth_order") & self.no(self.at_top("first_name"))
        other_number = self.disagrees("ssn", "cin") & self.no(self.at_top("ssn", "cin", "first_name"))
        contradicts: Truth = same_birth & household & (other_name | other_order | other_number)
        return contradicts

    def born_apart(self) -> Truth:
        supported = self.at_top("first_name") & self.at_top("ssn", "cin", "identifiers")
        return self.disagrees("birth_date") & self.no(supported)


class _Patterns(_Rules[Truths]):
    """Many patterns."""

    def __init__(self, levels: Levels, names: Sequence[str]) -> None:
        self._levels = levels
        self._position = {name: k for k, name in enumerate(names)}

    def level(self, name: str) -> Any:
        if name in self._position:
            return self._levels[:, self._position[name]]
        return np.full(len(self._levels), MISSING, np.int8)

    def never(self) -> Truths:
        return np.zeros(len(self._levels), dtype=bool)

    def no(self, truth: Truths) -> Truths:
        return ~truth


class _Pattern(_Rules[bool]):
    """One pattern: level by name."""

    def __init__(self, levels: Mapping[str, int]) -> None:
        self._levels = levels

    def level(self, name: str) -> int:
        assert name in RULED  # noqa: S101 - what is kept of patterns rests on these comparisons alone
        return self._levels.get(name, MISSING)

    def never(self) -> bool:
        return False

    def no(self, truth: bool) -> bool:
        return not truth


def number_alone(levels: Levels, names: Sequence[str]) -> Truths:
    """An SSN or CIN agrees and nothing else that says who or whose: no name, birth date, household or other number."""
    return _Patterns(levels, names).number_alone()


def number_of_a_relative(levels: Levels, names: Sequence[str]) -> Truths:
    """A number agrees, first name and birth date do not: a parent's SSN, a mother's CIN on a newborn's claim."""
    return _Patterns(levels, names).number_of_a_relative()


def family_alone(levels: Levels, names: Sequence[str]) -> Truths:
    """A record has no first name, and nothing else that tells brothers apart agrees: no number, no exact birth date."""
    return _Patterns(levels, names).family_alone()


def contradicts_itself(levels: Levels, names: Sequence[str]) -> Truths:
    """Birth date and household agree as twins' do, but first name, birth order or a verified identifier differs."""
    return _Patterns(levels, names).contradicts_itself()


def born_apart(levels: Levels, names: Sequence[str]) -> Truths:
    """Birth dates that have nothing in common, as of parent and child, unless first name and a number are the same."""
    return _Patterns(levels, names).born_apart()


def vouched_for(levels: Levels, names: Sequence[str]) -> Truths:
    """Two personal numbers agree, or one and the middle name."""
    return _Patterns(levels, names).vouched_for()


def contradiction(levels: Levels, names: Sequence[str]) -> Truths:
    """A contradiction of either kind."""
    return contradicts_itself(levels, names) | born_apart(levels, names)


def opposed_pairs(levels: Levels, names: Sequence[str], policy: LinkagePolicy) -> Truths:
    """Pairs that the policy's rules keep from linking by themselves, whatever they weigh: shape (n_pairs,)."""
    return _opposed(_Patterns(levels, names), policy)


def is_opposed(levels: Sequence[int], names: Sequence[str], policy: LinkagePolicy) -> bool:
    """The same for one pair."""
    return _opposed(_Pattern(dict(zip(names, levels, strict=True))), policy)


def _opposed(rules: _Rules[Truth], policy: LinkagePolicy) -> Truth:
    opposed = rules.never()
    if policy.number_alone_never_links:
        opposed = opposed | rules.number_alone()
    if policy.number_of_a_relative_needs_review:
        opposed = opposed | rules.number_of_a_relative()
    if policy.family_alone_never_links:
        opposed = opposed | rules.family_alone()
    if policy.contradiction_needs_review:
        opposed = opposed | rules.contradicts_itself() | rules.born_apart()
    return opposed
