"""The conditions that agreement levels are made of, each said once for both engines.

A condition knows its DuckDB predicate over `<column>_l` and `<column>_r`, and the same predicate over
arrays. The two must agree on every pair; the parity test runs both. Three things make them agree: text is
ASCII, "" never occurs (it is None), and a condition on a missing value is false, never unknown.

Over arrays a condition is asked about some rows of a batch of pairs. Where one record stands beside many, its
side is an array of one value, which numpy's operations spread over the other side and `beside` over its pairs.
String measures run in native code over all rows asked; what only Python can tell is asked of the few rows that
a measure lets through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
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

LEAST_SIMILARITY = 0.75
"""Jaro-Winkler similarities under it need not be told apart, which spares half the work; no condition asks for less."""


class PairColumns(Protocol):
    """Two records' columns side by side, for the rows of a batch of pairs."""

    def left(self, column: str, rows: Rows) -> Values:
        """Object array of shape (len(rows),), or (1,) if the left side is one record; missing is None, a list is a tuple."""
        ...

    def right(self, column: str, rows: Rows) -> Values:
        """Object array of shape (len(rows),)."""
        ...

    def both_present(self, column: str, rows: Rows) -> Truths:
        """Whether both sides have a value: shape (len(rows),)."""
        ...

    def measured(self, columns: tuple[str, str], measure: Measure, rows: Rows) -> Numbers:
        """The measure of the left side's first column and the right side's second: NaN where a side is missing."""
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
    return np.not_equal(values, None).astype(bool, copy=False)


def equal(left: Values, right: Values) -> Truths:
    """Whether two sides are equal and there: what is missing on both is not the same."""
    return np.equal(left, right).astype(bool, copy=False) & present(left)


def beside(left: Values, right: Values) -> Iterable[tuple[Any, Any]]:
    """The pairs of two sides, one left value standing beside all on the right."""
    return zip(repeat(left[0], len(right)) if len(left) == 1 else left, right, strict=True)


def _scored(left: Values, right: Values, scorer: Any, **options: Any) -> Numbers:
    scores: NDArray[Any]
    if len(left) == 1:
        (scores,) = cdist(left.tolist(), right.tolist(), scorer=scorer, **options)
    else:
        scores = cpdist(left.tolist(), right.tolist(), scorer=scorer, **options)
    return scores.astype(np.float64, copy=False)


def jaro_winkler(left: Values, right: Values) -> Numbers:
    """From `LEAST_SIMILARITY` to 1, or 0 if less."""
    return _scored(left, right, JaroWinkler.similarity, score_cutoff=LEAST_SIMILARITY, dtype=np.float64)


def edits(left: Values, right: Values) -> Numbers:
    """Letters more, less or other: 0, 1, or 2 for all above."""
    return _scored(left, right, Levenshtein.distance, score_cutoff=1, dtype=np.int32)


def places_differing(left: Values, right: Values) -> Numbers:
    """Places with another character, counted from the start; a longer side differs in all that it has more."""
    return _scored(left, right, Hamming.distance, scorer_kwargs={"pad": True}, dtype=np.int32)


def shared_start(left: Values, right: Values) -> Numbers:
    """With how many equal characters they begin."""
    return _scored(left, right, Prefix.similarity, dtype=np.int32)


def shared_end(left: Values, right: Values) -> Numbers:
    """With how many equal characters they end."""
    return _scored(left, right, Postfix.similarity, dtype=np.int32)


def _confirmed(
    pairs: PairColumns, columns: tuple[str, str], rows: Rows, likely: Truths, check: Callable[[str, str], bool]
) -> Truths:
    """Those of the likely rows that pass the check: a check costs far more than a measure."""
    found = np.flatnonzero(likely)
    if len(found):
        likely[found] = [
            check(a, b) for a, b in beside(pairs.left(columns[0], rows[found]), pairs.right(columns[1], rows[found]))
        ]
    return likely


def _each_holds(rows: Rows, tests: Sequence[Callable[[Rows], Truths]]) -> Truths:
    """Whether every test holds, each asked only of the rows that the ones before left."""
    rest = np.arange(len(rows))
    for test in tests:
        if len(rest):
            rest = rest[test(rows[rest])]
    holds = np.zeros(len(rows), dtype=bool)
    holds[rest] = True
    return holds


@dataclass(frozen=True, slots=True)
class Missing:
    """A side has no value in the column."""

    column: str

    def sql(self) -> str:
        return f"({self.column}_l is null or {self.column}_r is null)"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        return ~pairs.both_present(self.column, rows)


@dataclass(frozen=True, slots=True)
class Same:
    """Both sides say the same."""

    column: str

    def sql(self) -> str:
        return f"{self.column}_l = {self.column}_r"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        return equal(pairs.left(self.column, rows), pairs.right(self.column, rows))


@dataclass(frozen=True, slots=True)
class Similar:
    """Jaro-Winkler similarity of at least `threshold`: typing errors, mostly late in the word."""

    column: str
    threshold: float

    def sql(self) -> str:
        return f"jaro_winkler_similarity({self.column}_l, {self.column}_r) >= {self.threshold}"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        return pairs.measured((self.column, self.column), jaro_winkler, rows) >= self.threshold


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
        columns = (self.column, self.column)
        likely = pairs.measured(columns, edits, rows) <= 1
        return _confirmed(pairs, columns, rows, likely, self._long)

    def _long(self, left: str, right: str) -> bool:
        return min(len(left), len(right)) >= self.least


@dataclass(frozen=True, slots=True)
class DigitsDiffer:
    """As long as each other, and at most `most` characters differ: a mistyped digit, or two changed places."""

    column: str
    most: int

    def sql(self) -> str:
        left, right = f"{self.column}_l", f"{self.column}_r"
        return f"case when length({left}) = length({right}) then hamming({left}, {right}) <= {self.most} else false end"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        columns = (self.column, self.column)
        likely = pairs.measured(columns, places_differing, rows) <= self.most
        return _confirmed(pairs, columns, rows, likely, self._as_long)

    def _as_long(self, left: str, right: str) -> bool:
        return len(left) == len(right)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two lists have a value in common."""

    column: str

    def sql(self) -> str:
        return f"list_has_any({self.column}_l, {self.column}_r)"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        left, right = pairs.left(self.column, rows), pairs.right(self.column, rows)
        if len(left) == 1:
            return self._with_one(left[0], right)
        shared = (not set(a).isdisjoint(b) for a, b in zip(left, right, strict=True))
        return np.fromiter(shared, bool, count=len(rows))

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
        columns = (self.column, self.column)
        likely = (pairs.measured(columns, shared_start, rows) >= self.least) | (
            pairs.measured(columns, shared_end, rows) >= self.least
        )
        return _confirmed(pairs, columns, rows, likely, self._contains)

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
        columns = (self.column, self.column)
        likely = pairs.measured(columns, shared_start, rows) >= 1
        return _confirmed(pairs, columns, rows, likely, self._initial)

    def _initial(self, left: str, right: str) -> bool:
        return 1 in (len(left), len(right))


@dataclass(frozen=True, slots=True)
class Crossed:
    """What one side has in the first column the other has in the second, and the other way round."""

    first: str
    second: str

    def sql(self) -> str:
        return f"({self.first}_l = {self.second}_r and {self.second}_l = {self.first}_r)"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        return _each_holds(
            rows, [partial(self._same, pairs, way) for way in ((self.first, self.second), (self.second, self.first))]
        )

    def _same(self, pairs: PairColumns, way: tuple[str, str], rows: Rows) -> Truths:
        return equal(pairs.left(way[0], rows), pairs.right(way[1], rows))


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
        return _each_holds(
            rows, [partial(self._similar, pairs, way) for way in ((self.first, self.second), (self.second, self.first))]
        )

    def _similar(self, pairs: PairColumns, way: tuple[str, str], rows: Rows) -> Truths:
        likely = pairs.measured(way, jaro_winkler, rows) >= self.threshold
        return _confirmed(pairs, way, rows, likely, self._same_initial)

    def _same_initial(self, left: str, right: str) -> bool:
        return left[0] == right[0]


@dataclass(frozen=True, slots=True)
class Within:
    """Two numbers differ by at most `most`."""

    column: str
    most: int

    def sql(self) -> str:
        return f"abs({self.column}_l - {self.column}_r) <= {self.most}"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        left, right = pairs.left(self.column, rows), pairs.right(self.column, rows)
        return np.abs(left.astype(np.float64) - right.astype(np.float64)) <= self.most


@dataclass(frozen=True, slots=True)
class Said:
    """Either side says yes in a flag column."""

    column: str

    def sql(self) -> str:
        return f"(coalesce({self.column}_l, false) or coalesce({self.column}_r, false))"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        either = np.equal(pairs.left(self.column, rows), True) | np.equal(pairs.right(self.column, rows), True)
        return either.astype(bool, copy=False)


@dataclass(frozen=True, slots=True)
class AllOf:
    conditions: Sequence[Condition]

    def sql(self) -> str:
        return "(" + " and ".join(f"({c.sql()})" for c in self.conditions) + ")"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        return _each_holds(rows, [partial(c.holds, pairs) for c in self.conditions])


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: Sequence[Condition]

    def sql(self) -> str:
        return "(" + " or ".join(f"({c.sql()})" for c in self.conditions) + ")"

    def holds(self, pairs: PairColumns, rows: Rows) -> Truths:
        holds = np.zeros(len(rows), dtype=bool)
        rest = np.arange(len(rows))
        for condition in self.conditions:
            if len(rest):
                agrees = condition.holds(pairs, rows[rest])
                holds[rest[agrees]] = True
                rest = rest[~agrees]
        return holds
