"""The conditions that agreement levels are made of, each said once for both engines.

A condition knows its DuckDB predicate over `<column>_l` and `<column>_r`, and the same predicate over
arrays. The two must agree on every pair; the parity test runs both. Three things make them agree: text is
ASCII, "" never occurs (it is None), and a condition on a missing value is false, never unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Hamming, JaroWinkler, Levenshtein
from rapidfuzz.process import cpdist

Rows = NDArray[np.intp]
Truths = NDArray[np.bool_]
Values = NDArray[Any]


class PairColumns(Protocol):
    """Two records' columns side by side, for the rows of a batch of pairs."""

    def sides(self, column: str, rows: Rows) -> tuple[Values, Values]:
        """Left and right values, object arrays of shape (len(rows),); missing is None, a list is a tuple."""
        ...

    def numbers(self, column: str, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The same as floats; missing is NaN."""
        ...


class Condition(Protocol):
    """A predicate over a pair of records, in two languages."""

    def sql(self) -> str:
        """The DuckDB predicate; NULL counts as false."""
        ...

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        """Whether it holds, for each of `rows`: shape (len(rows),)."""
        ...


def present(values: Values) -> Truths:
    return np.not_equal(values, None).astype(bool)


@dataclass(frozen=True, slots=True)
class Missing:
    """A side has no value in the column."""

    column: str

    def sql(self) -> str:
        return f"({self.column}_l is null or {self.column}_r is null)"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        left, right = pairs.sides(self.column, rows)
        return ~(present(left) & present(right))


@dataclass(frozen=True, slots=True)
class Same:
    """Both sides say the same."""

    column: str

    def sql(self) -> str:
        return f"{self.column}_l = {self.column}_r"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        left, right = pairs.sides(self.column, rows)
        return np.equal(left, right).astype(bool) & present(left)


@dataclass(frozen=True, slots=True)
class Similar:
    """Jaro-Winkler similarity of at least `threshold`: typing errors, mostly late in the word."""

    column: str
    threshold: float

    def sql(self) -> str:
        return f"jaro_winkler_similarity({self.column}_l, {self.column}_r) >= {self.threshold}"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        left, right = pairs.sides(self.column, rows)
        both = present(left) & present(right)
        similar = np.zeros(len(rows), dtype=bool)
        if both.any():
            score = cpdist(left[both], right[both], scorer=JaroWinkler.similarity, dtype=np.float64)
            similar[both] = score >= self.threshold
        return similar


@dataclass(frozen=True, slots=True)
class OneEdit:
    """One letter more, less or other, in words of at least `least` letters: "Emma" and "Emna", too short for Jaro-Winkler."""

    column: str
    least: int = 4

    def sql(self) -> str:
        left, right = f"{self.column}_l", f"{self.column}_r"
        close = f"least(length({left}), length({right})) >= {self.least} and abs(length({left}) - length({right})) <= 1"
        return f"case when {close} then levenshtein({left}, {right}) <= 1 else false end"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        left, right = pairs.sides(self.column, rows)
        both = present(left) & present(right)
        edited = np.zeros(len(rows), dtype=bool)
        if both.any():
            distance = cpdist(left[both], right[both], scorer=Levenshtein.distance, score_cutoff=1, dtype=np.int32)
            long = np.fromiter(
                (min(len(a), len(b)) >= self.least for a, b in zip(left[both], right[both], strict=True)), bool
            )
            edited[both] = long & (distance <= 1)
        return edited


@dataclass(frozen=True, slots=True)
class DigitsDiffer:
    """As long as each other, and at most `most` characters differ: a mistyped digit, or two changed places."""

    column: str
    most: int

    def sql(self) -> str:
        left, right = f"{self.column}_l", f"{self.column}_r"
        return f"case when length({left}) = length({right}) then hamming({left}, {right}) <= {self.most} else false end"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        left, right = pairs.sides(self.column, rows)
        both = present(left) & present(right)
        close = np.zeros(len(rows), dtype=bool)
        if both.any():
            lengths = np.fromiter((len(a) == len(b) for a, b in zip(left[both], right[both], strict=True)), bool)
            distance = cpdist(
                left[both], right[both], scorer=Hamming.distance, scorer_kwargs={"pad": True}, dtype=np.int32
            )
            close[both] = lengths & (distance <= self.most)
        return close


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two lists have a value in common."""

    column: str

    def sql(self) -> str:
        return f"list_has_any({self.column}_l, {self.column}_r)"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        left, right = pairs.sides(self.column, rows)
        shared = (not set(a).isdisjoint(b) for a, b in zip(left, right, strict=True))
        return np.fromiter(shared, bool, count=len(rows))


@dataclass(frozen=True, slots=True)
class Disjoint:
    """Two lists have no value in common."""

    column: str

    def sql(self) -> str:
        return f"not {Overlap(self.column).sql()}"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        return ~Overlap(self.column).holds(pairs, rows)


@dataclass(frozen=True, slots=True)
class Contained:
    """The shorter begins or ends the longer and has at least `least` letters: "Maria" and "Maria Elena", or a cut name."""

    column: str
    least: int = 3

    def sql(self) -> str:
        left, right = f"{self.column}_l", f"{self.column}_r"
        either = [f"{how}({a}, {b})" for how in ("starts_with", "suffix") for a, b in ((left, right), (right, left))]
        return f"(least(length({left}), length({right})) >= {self.least} and ({' or '.join(either)}))"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        left, right = pairs.sides(self.column, rows)
        both = present(left) & present(right)
        contained = (bool(ok) and self._contains(a, b) for ok, a, b in zip(both, left, right, strict=True))
        return np.fromiter(contained, bool, count=len(rows))

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

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        left, right = pairs.sides(self.column, rows)
        both = present(left) & present(right)
        initial = (
            bool(ok) and a[0] == b[0] and 1 in (len(a), len(b)) for ok, a, b in zip(both, left, right, strict=True)
        )
        return np.fromiter(initial, bool, count=len(rows))


@dataclass(frozen=True, slots=True)
class Crossed:
    """What one side has in the first column the other has in the second, and the other way round."""

    first: str
    second: str

    def sql(self) -> str:
        return f"({self.first}_l = {self.second}_r and {self.second}_l = {self.first}_r)"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        first_left, first_right = pairs.sides(self.first, rows)
        second_left, second_right = pairs.sides(self.second, rows)
        crossed = np.equal(first_left, second_right).astype(bool) & np.equal(second_left, first_right).astype(bool)
        return crossed & present(first_left) & present(second_left)


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

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        first_left, first_right = pairs.sides(self.first, rows)
        second_left, second_right = pairs.sides(self.second, rows)
        ways = ((first_left, second_right), (second_left, first_right))
        crossed = np.ones(len(rows), dtype=bool)
        for a, b in ways:
            crossed &= np.fromiter(
                (bool(x and y and x[0] == y[0]) for x, y in zip(a, b, strict=True)), bool, count=len(rows)
            )
        for a, b in ways:
            if crossed.any():
                crossed[crossed] = (
                    cpdist(a[crossed], b[crossed], scorer=JaroWinkler.similarity, dtype=np.float64) >= self.threshold
                )
        return crossed


@dataclass(frozen=True, slots=True)
class Within:
    """Two numbers differ by at most `most`."""

    column: str
    most: int

    def sql(self) -> str:
        return f"abs({self.column}_l - {self.column}_r) <= {self.most}"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        left, right = pairs.numbers(self.column, rows)
        return np.abs(left - right) <= self.most


@dataclass(frozen=True, slots=True)
class Said:
    """Either side says yes in a flag column."""

    column: str

    def sql(self) -> str:
        return f"(coalesce({self.column}_l, false) or coalesce({self.column}_r, false))"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        left, right = pairs.sides(self.column, rows)
        return np.equal(left, True).astype(bool) | np.equal(right, True).astype(bool)


@dataclass(frozen=True, slots=True)
class AllOf:
    conditions: Sequence[Condition]

    def sql(self) -> str:
        return "(" + " and ".join(f"({c.sql()})" for c in self.conditions) + ")"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        return reduce(np.logical_and, (c.holds(pairs, rows) for c in self.conditions))


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: Sequence[Condition]

    def sql(self) -> str:
        return "(" + " or ".join(f"({c.sql()})" for c in self.conditions) + ")"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        return reduce(np.logical_or, (c.holds(pairs, rows) for c in self.conditions))
