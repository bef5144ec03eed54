"""The conditions that agreement levels are made of, each said once for both engines.

A condition knows its DuckDB predicate over `<column>_l` and `<column>_r`, and the same predicate over
arrays. The two must agree on every pair; the parity test runs both. Three things make them agree: text is
ASCII, "" never occurs (it is None), and a condition on a missing value is false, never unknown.

Over arrays a condition is judged for a whole batch of pairs, in native code: equality, presence and string
measures are computed once per column and batch and read by every condition that needs them. What only Python
can tell is asked of the few rows that a measure lets through. Where one record stands beside many, its side is
an array of one value, which numpy spreads over the other side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Hamming, JaroWinkler, Levenshtein, Postfix, Prefix
from rapidfuzz.process import cdist, cpdist

Rows = NDArray[np.intp]
Truths = NDArray[np.bool_]
Values = NDArray[Any]
Numbers = NDArray[np.float64]

Measure = Callable[[Values, Values], Numbers]
"""A number for each pair of texts, none missing: left of shape (n,) or (1,), right and result of shape (n,)."""

Check = Callable[[str, str], bool]

LEAST_SIMILARITY = 0.75
"""Jaro-Winkler similarities under it need not be told apart, which spares half the work; no condition asks for less."""


class PairColumns(Protocol):
    """Two records' columns side by side, for a batch of pairs.

    All arrays have shape (n_pairs,), except that the left side is (1,) where one record stands beside many.
    They are kept for the next condition that asks and must not be written to.
    """

    def sides(self, column: str) -> tuple[Values, Values]:
        """Left and right values; missing is None, a list is a tuple."""
        ...

    def both_present(self, column: str) -> Truths:
        """Whether both sides have a value."""
        ...

    def equal(self, left_column: str, right_column: str) -> Truths:
        """Whether both sides have a value and it is the same."""
        ...

    def measured(self, left_column: str, right_column: str, measure: Measure) -> Numbers:
        """The measure of the two sides: NaN where one is missing."""
        ...


class Condition(Protocol):
    """A predicate over a pair of records, in two languages."""

    def sql(self) -> str:
        """The DuckDB predicate; NULL counts as false."""
        ...

    def holds(self, pairs: PairColumns, asked: Truths, /) -> Truths:
        """Whether it holds: shape (n_pairs,), to be read only where asked, and not to be written to."""
        ...


_NOTHING = np.array(None)


def present(values: Values) -> Truths:
    truths: Truths = np.not_equal(values, _NOTHING)
    return truths


def beside(left: Sequence[Any] | Values, right: Sequence[Any] | Values) -> Iterable[tuple[Any, Any]]:
    """The pairs of two sides, one left value standing beside all on the right."""
    return zip(repeat(left[0], len(right)) if len(left) == 1 else left, right, strict=True)


def _scored(left: Values, right: Values, scorer: Any, **options: Any) -> Numbers:
    scores: Numbers
    if len(left) == 1:
        (scores,) = cdist(left, right, scorer=scorer, **options)
    else:
        scores = cpdist(left, right, scorer=scorer, **options)
    return scores


def jaro_winkler(left: Values, right: Values) -> Numbers:
    """From `LEAST_SIMILARITY` to 1, or 0 if less."""
    return _scored(left, right, JaroWinkler.similarity, score_cutoff=LEAST_SIMILARITY, dtype=np.float64)


def places_differing(left: Values, right: Values) -> Numbers:
    """Places with another character, counted from the start; a longer side differs in all that it has more."""
    return _scored(left, right, Hamming.distance, scorer_kwargs={"pad": True}, dtype=np.float64)


def shared_start(left: Values, right: Values) -> Numbers:
    """With how many equal characters they begin."""
    return _scored(left, right, Prefix.similarity, dtype=np.float64)


def shared_end(left: Values, right: Values) -> Numbers:
    """With how many equal characters they end."""
    return _scored(left, right, Postfix.similarity, dtype=np.float64)


def _confirmed(pairs: PairColumns, columns: tuple[str, str], likely: Truths, check: Check) -> Truths:
    """Those of the likely rows that pass the check; a row without a value on both sides is not likely."""
    (rows,) = likely.nonzero()
    if len(rows):
        left, right = pairs.sides(columns[0])[0], pairs.sides(columns[1])[1]
        likely[rows] = [check(a, b) for a, b in beside(left if len(left) == 1 else left[rows], right[rows])]
    return likely


@dataclass(frozen=True, slots=True)
class Missing:
    """A side has no value in the column."""

    column: str

    def sql(self) -> str:
        return f"({self.column}_l is null or {self.column}_r is null)"

    def holds(self, pairs: PairColumns, _asked: Truths) -> Truths:
        return ~pairs.both_present(self.column)


@dataclass(frozen=True, slots=True)
class Same:
    """Both sides say the same."""

    column: str

    def sql(self) -> str:
        return f"{self.column}_l = {self.column}_r"

    def holds(self, pairs: PairColumns, _asked: Truths) -> Truths:
        return pairs.equal(self.column, self.column)


@dataclass(frozen=True, slots=True)
class Similar:
    """Jaro-Winkler similarity of at least `threshold`: typing errors, mostly late in the word."""

    column: str
    threshold: float

    def sql(self) -> str:
        return f"jaro_winkler_similarity({self.column}_l, {self.column}_r) >= {self.threshold}"

    def holds(self, pairs: PairColumns, _asked: Truths) -> Truths:
        return pairs.measured(self.column, self.column, jaro_winkler) >= self.threshold


@dataclass(frozen=True, slots=True)
class OneEdit:
    """One letter more, less or other, in words of at least `least`: "Emma" and "Emna", too short for Jaro-Winkler."""

    column: str
    least: int = 4

    def sql(self) -> str:
        left, right = f"{self.column}_l", f"{self.column}_r"
        close = f"least(length({left}), length({right})) >= {self.least} and abs(length({left}) - length({right})) <= 1"
        return f"case when {close} then levenshtein({left}, {right}) <= 1 else false end"

    def holds(self, pairs: PairColumns, asked: Truths) -> Truths:
        columns = (self.column, self.column)
        unchanged = pairs.measured(*columns, shared_start) + pairs.measured(*columns, shared_end)
        return _confirmed(pairs, columns, asked & (unchanged >= self.least - 1), self._edited)

    def _edited(self, left: str, right: str) -> bool:
        return min(len(left), len(right)) >= self.least and Levenshtein.distance(left, right, score_cutoff=1) <= 1


@dataclass(frozen=True, slots=True)
class DigitsDiffer:
    """As long as each other, and at most `most` characters differ: a mistyped digit, or two changed places."""

    column: str
    most: int

    def sql(self) -> str:
        left, right = f"{self.column}_l", f"{self.column}_r"
        return f"case when length({left}) = length({right}) then hamming({left}, {right}) <= {self.most} else false end"

    def holds(self, pairs: PairColumns, asked: Truths) -> Truths:
        columns = (self.column, self.column)
        likely = asked & (pairs.measured(*columns, places_differing) <= self.most)
        return _confirmed(pairs, columns, likely, self._as_long)

    def _as_long(self, left: str, right: str) -> bool:
        return len(left) == len(right)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two lists have a value in common."""

    column: str

    def sql(self) -> str:
        return f"list_has_any({self.column}_l, {self.column}_r)"

    def holds(self, pairs: PairColumns, _asked: Truths) -> Truths:
        left, right = pairs.sides(self.column)
        if len(left) == 1:
            return self._with_one(left[0], right)
        shared = (not set(a).isdisjoint(b) for a, b in zip(left, right, strict=True))
        return np.fromiter(shared, bool, count=len(right))

    def _with_one(self, left: tuple[str, ...], right: Values) -> Truths:
        if not left:
            return np.zeros(len(right), dtype=bool)
        return ~np.fromiter(map(frozenset(left).isdisjoint, right), bool, count=len(right))


@dataclass(frozen=True, slots=True)
class Disjoint:
    """Two lists have no value in common."""

    column: str

    def sql(self) -> str:
        return f"not {Overlap(self.column).sql()}"

    def holds(self, pairs: PairColumns, asked: Truths) -> Truths:
        return ~Overlap(self.column).holds(pairs, asked)


@dataclass(frozen=True, slots=True)
class Contained:
    """The shorter begins or ends the longer, `least` letters or more: "Maria" and "Maria Elena", or a cut name."""

    column: str
    least: int = 3

    def sql(self) -> str:
        left, right = f"{self.column}_l", f"{self.column}_r"
        either = [f"{how}({a}, {b})" for how in ("starts_with", "suffix") for a, b in ((left, right), (right, left))]
        return f"(least(length({left}), length({right})) >= {self.least} and ({' or '.join(either)}))"

    def holds(self, pairs: PairColumns, asked: Truths) -> Truths:
        columns = (self.column, self.column)
        start, end = pairs.measured(*columns, shared_start), pairs.measured(*columns, shared_end)
        return _confirmed(pairs, columns, asked & ((start >= self.least) | (end >= self.least)), self._contains)

    def _contains(self, left: str, right: str) -> bool:
        short, long = (left, right) if len(left) <= len(right) else (right, left)
        return len(short) >= self.least and (long.startswith(short) or long.endswith(short))


@dataclass(frozen=True, slots=True)
class Initial:
    """One side has only an initial, and the other begins with it."""

    column: str

    def sql(self) -> str:
        left, right = f"{self.column}_l", f"{self.column}_r"
        return f"(least(length({left}), length({right})) = 1 and left({left}, 1) = left({right}, 1))"

    def holds(self, pairs: PairColumns, asked: Truths) -> Truths:
        columns = (self.column, self.column)
        likely = asked & (pairs.measured(*columns, shared_start) >= 1)
        return _confirmed(pairs, columns, likely, self._initial)

    def _initial(self, left: str, right: str) -> bool:
        return 1 in (len(left), len(right))


@dataclass(frozen=True, slots=True)
class Crossed:
    """What one side has in the first column the other has in the second, and the other way round."""

    first: str
    second: str

    def sql(self) -> str:
        return f"({self.first}_l = {self.second}_r and {self.second}_l = {self.first}_r)"

    def holds(self, pairs: PairColumns, _asked: Truths) -> Truths:
        return pairs.equal(self.first, self.second) & pairs.equal(self.second, self.first)


@dataclass(frozen=True, slots=True)
class CrossedSimilar:
    """As `Crossed`, each way with a Jaro-Winkler similarity of at least `threshold` and the same initial."""

    first: str
    second: str
    threshold: float

    def sql(self) -> str:
        ways = ((f"{self.first}_l", f"{self.second}_r"), (f"{self.second}_l", f"{self.first}_r"))
        initials = " and ".join(f"left({a}, 1) = left({b}, 1)" for a, b in ways)
        similar = " and ".join(f"jaro_winkler_similarity({a}, {b}) >= {self.threshold}" for a, b in ways)
        return f"case when {initials} then {similar} else false end"

    def holds(self, pairs: PairColumns, asked: Truths) -> Truths:
        likely = asked
        for columns in ((self.first, self.second), (self.second, self.first)):
            likely = likely & (pairs.measured(*columns, jaro_winkler) >= self.threshold)
            likely = _confirmed(pairs, columns, likely, self._same_initial)
            if not np.count_nonzero(likely):
                break
        return likely

    def _same_initial(self, left: str, right: str) -> bool:
        return left[0] == right[0]


@dataclass(frozen=True, slots=True)
class Within:
    """Two numbers differ by at most `most`."""

    column: str
    most: int

    def sql(self) -> str:
        return f"abs({self.column}_l - {self.column}_r) <= {self.most}"

    def holds(self, pairs: PairColumns, _asked: Truths) -> Truths:
        left, right = (side.astype(np.float64) for side in pairs.sides(self.column))
        return np.abs(left - right) <= self.most


@dataclass(frozen=True, slots=True)
class Said:
    """Either side says yes in a flag column."""

    column: str

    def sql(self) -> str:
        return f"(coalesce({self.column}_l, false) or coalesce({self.column}_r, false))"

    def holds(self, pairs: PairColumns, _asked: Truths) -> Truths:
        left, right = pairs.sides(self.column)
        either: Truths = np.equal(left, True) | np.equal(right, True)
        return either


@dataclass(frozen=True, slots=True)
class AllOf:
    conditions: Sequence[Condition]

    def sql(self) -> str:
        return "(" + " and ".join(f"({c.sql()})" for c in self.conditions) + ")"

    def holds(self, pairs: PairColumns, asked: Truths) -> Truths:
        holding = asked
        for condition in self.conditions:
            holding = holding & condition.holds(pairs, holding)
            if not np.count_nonzero(holding):
                break
        return holding


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: Sequence[Condition]

    def sql(self) -> str:
        return "(" + " or ".join(f"({c.sql()})" for c in self.conditions) + ")"

    def holds(self, pairs: PairColumns, asked: Truths) -> Truths:
        found = asked & self.conditions[0].holds(pairs, asked)
        for condition in self.conditions[1:]:
            found = found | condition.holds(pairs, asked & ~found)
        return found
