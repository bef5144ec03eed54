"""The conditions that agreement levels are made of, each said once for both engines.

A condition knows its DuckDB predicate over `<column>_l` and `<column>_r`, and the same predicate as a Python
expression, of which `linkage.compare` makes functions. The two must agree on every pair; the parity test runs both.
Three things make them agree: text is ASCII, "" never occurs (it is None), and a condition on a missing value is
false, never unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from rapidfuzz.distance import Hamming, JaroWinkler, Levenshtein
from rapidfuzz.process import cdist

LEAST_SIMILARITY = 0.75
"""Jaro-Winkler similarities under it need not be told apart, which spares half the work; no condition asks for less."""


class Names(Protocol):
    """What a Python expression calls the values of two records. Missing is None; a list on the left is a frozenset."""

    def left(self, column: str) -> str: ...

    def right(self, column: str) -> str: ...

    def start(self, column: str) -> str:
        """The first character of a left value that is not missing."""
        ...

    def end(self, column: str) -> str:
        """The last character of a left value that is not missing."""
        ...

    def lacks(self, column: str) -> str:
        """Whether a side has no value."""
        ...

    def given(self, *columns: str, on: Literal["left", "both"] = "both") -> str:
        """That the columns have values on one side or both, followed by "and"; nothing where that is known."""
        ...

    def similarity(self, left_column: str, right_column: str) -> str:
        """The Jaro-Winkler similarity of two values, neither missing: from `LEAST_SIMILARITY` to 1, or 0 if less."""
        ...


class Condition(Protocol):
    """A predicate over a pair of records, in two languages."""

    def sql(self) -> str:
        """The DuckDB predicate; NULL counts as false."""
        ...

    def python(self, names: Names, /) -> str:
        """The Python expression; its value is read as true or false."""
        ...


MEASURED_AT_ONCE_FROM = 16
"""So many texts are measured in one call sooner than one by one."""


class Similarities(dict[str, float]):
    """One text's Jaro-Winkler similarity to others, measured when first asked for."""

    __slots__ = ("_others", "_text")

    def __init__(self, text: str, others: Sequence[str | None] = ()) -> None:
        """Args: `others` are what will likely be asked for; None among them never is."""
        super().__init__()
        self._text, self._others = text, others

    def __missing__(self, other: str) -> float:
        if len(self._others) >= MEASURED_AT_ONCE_FROM:
            self._measure({*self._others, other})
            return self[other]
        found: float = JaroWinkler.similarity(self._text, other, score_cutoff=LEAST_SIMILARITY)
        self[other] = found
        return found

    def _measure(self, others: set[str | None]) -> None:
        texts = [text for text in others if text is not None]
        (found,) = cdist(
            [self._text], texts, scorer=JaroWinkler.similarity, score_cutoff=LEAST_SIMILARITY, dtype=np.float64
        )
        self.update(zip(texts, found.tolist(), strict=True))
        self._others = ()


class SimilaritiesOfMany(dict[str, Similarities]):
    """The same of many texts, by text."""

    __slots__ = ("_others",)

    def __init__(self, others: Sequence[str | None] = ()) -> None:
        super().__init__()
        self._others = others

    def __missing__(self, text: str) -> Similarities:
        found = self[text] = Similarities(text, self._others)
        return found


def one_edit(left: str, right: str) -> bool:
    return Levenshtein.distance(left, right, score_cutoff=1) <= 1


def contained(left: str, right: str) -> bool:
    short, long = (left, right) if len(left) <= len(right) else (right, left)
    return long.startswith(short) or long.endswith(short)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "contained": contained,
    "hamming": Hamming.distance,
    "one_edit": one_edit,
    "similarities": Similarities,
    "similarities_of_many": SimilaritiesOfMany,
}
"""What the Python expressions may call."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A side has no value in the column."""

    column: str

    def sql(self) -> str:
        return f"({self.column}_l is null or {self.column}_r is null)"

    def python(self, names: Names) -> str:
        return names.lacks(self.column)


@dataclass(frozen=True, slots=True)
class Same:
    """Both sides say the same."""

    column: str

    def sql(self) -> str:
        return f"{self.column}_l = {self.column}_r"

    def python(self, names: Names) -> str:
        return f"{names.given(self.column, on='left')}{names.left(self.column)} == {names.right(self.column)}"


@dataclass(frozen=True, slots=True)
class Similar:
    """Jaro-Winkler similarity of at least `threshold`: typing errors, mostly late in the word."""

    column: str
    threshold: float

    def sql(self) -> str:
        return f"jaro_winkler_similarity({self.column}_l, {self.column}_r) >= {self.threshold}"

    def python(self, names: Names) -> str:
        return f"{names.given(self.column)}{names.similarity(self.column, self.column)} >= {self.threshold}"


@dataclass(frozen=True, slots=True)
class OneEdit:
    """One letter more, less or other, in words of at least `least`: "Emma" and "Emna", too short for Jaro-Winkler."""

    column: str
    least: int = 4

    def sql(self) -> str:
        left, right = f"{self.column}_l", f"{self.column}_r"
        close = f"least(length({left}), length({right})) >= {self.least} and abs(length({left}) - length({right})) <= 1"
        return f"case when {close} then levenshtein({left}, {right}) <= 1 else false end"

    def python(self, names: Names) -> str:
        left, right = names.left(self.column), names.right(self.column)
        start, end = names.start(self.column), names.end(self.column)
        likely = f"({right}[0] == {start} or {right}[-1] == {end})"  # one edit leaves one end as it is
        long = f"len({left}) >= {self.least} and len({right}) >= {self.least}"
        return f"{names.given(self.column)}{likely} and {long} and one_edit({left}, {right})"


@dataclass(frozen=True, slots=True)
class DigitsDiffer:
    """As long as each other, and at most `most` characters differ: a mistyped digit, or two changed places."""

    column: str
    most: int

    def sql(self) -> str:
        left, right = f"{self.column}_l", f"{self.column}_r"
        return f"case when length({left}) = length({right}) then hamming({left}, {right}) <= {self.most} else false end"

    def python(self, names: Names) -> str:
        left, right = names.left(self.column), names.right(self.column)
        close = f"len({left}) == len({right}) and hamming({left}, {right}) <= {self.most}"
        return f"{names.given(self.column)}{close}"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two lists have a value in common."""

    column: str

    def sql(self) -> str:
        return f"list_has_any({self.column}_l, {self.column}_r)"

    def python(self, names: Names) -> str:
        return f"not {names.left(self.column)}.isdisjoint({names.right(self.column)})"


@dataclass(frozen=True, slots=True)
class Disjoint:
    """Two lists have no value in common."""

    column: str

    def sql(self) -> str:
        return f"not {Overlap(self.column).sql()}"

    def python(self, names: Names) -> str:
        return f"{names.left(self.column)}.isdisjoint({names.right(self.column)})"


@dataclass(frozen=True, slots=True)
class Contained:
    """The shorter begins or ends the longer, `least` letters or more: "Maria" and "Maria Elena", or a cut name."""

    column: str
    least: int = 3

    def sql(self) -> str:
        left, right = f"{self.column}_l", f"{self.column}_r"
        either = [f"{how}({a}, {b})" for how in ("starts_with", "suffix") for a, b in ((left, right), (right, left))]
        return f"(least(length({left}), length({right})) >= {self.least} and ({' or '.join(either)}))"

    def python(self, names: Names) -> str:
        left, right = names.left(self.column), names.right(self.column)
        likely = f"({right} in {left} or {left} in {right})"
        long = f"len({left}) >= {self.least} and len({right}) >= {self.least}"
        return f"{names.given(self.column)}{likely} and {long} and contained({left}, {right})"


@dataclass(frozen=True, slots=True)
class Initial:
    """One side has only an initial, and the other begins with it."""

    column: str

    def sql(self) -> str:
        left, right = f"{self.column}_l", f"{self.column}_r"
        return f"(least(length({left}), length({right})) = 1 and left({left}, 1) = left({right}, 1))"

    def python(self, names: Names) -> str:
        left, right = names.left(self.column), names.right(self.column)
        same = f"{right}[0] == {names.start(self.column)}"
        return f"{names.given(self.column)}{same} and (len({left}) == 1 or len({right}) == 1)"


@dataclass(frozen=True, slots=True)
class Crossed:
    """What one side has in the first column the other has in the second, and the other way round."""

    first: str
    second: str

    def sql(self) -> str:
        return f"({self.first}_l = {self.second}_r and {self.second}_l = {self.first}_r)"

    def python(self, names: Names) -> str:
        ways = ((self.first, self.second), (self.second, self.first))
        same = " and ".join(f"{names.left(a)} == {names.right(b)}" for a, b in ways)
        return f"{names.given(self.first, self.second, on='left')}{same}"


@dataclass(frozen=True, slots=True)
class Across:
    """What one side has in the first column the other has in the second, one way or the other."""

    first: str
    second: str

    def sql(self) -> str:
        ways = (f"{self.first}_l = {self.second}_r", f"{self.second}_l = {self.first}_r")
        return "(" + " or ".join(f"coalesce({way}, false)" for way in ways) + ")"

    def python(self, names: Names) -> str:
        ways = ((self.first, self.second), (self.second, self.first))
        same = (f"{names.given(a, on='left')}{names.left(a)} == {names.right(b)}" for a, b in ways)
        return "(" + " or ".join(f"({way})" for way in same) + ")"


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

    def python(self, names: Names) -> str:
        ways = ((self.first, self.second), (self.second, self.first))
        initials = " and ".join(f"{names.right(b)}[0] == {names.start(a)}" for a, b in ways)
        similar = " and ".join(f"{names.similarity(a, b)} >= {self.threshold}" for a, b in ways)
        return f"{names.given(self.first, self.second)}{initials} and {similar}"


@dataclass(frozen=True, slots=True)
class Within:
    """Two numbers differ by at most `most`."""

    column: str
    most: int

    def sql(self) -> str:
        return f"abs({self.column}_l - {self.column}_r) <= {self.most}"

    def python(self, names: Names) -> str:
        difference = f"{names.left(self.column)} - {names.right(self.column)}"
        return f"{names.given(self.column)}-{self.most} <= {difference} <= {self.most}"


@dataclass(frozen=True, slots=True)
class Said:
    """Either side says yes in a flag column."""

    column: str

    def sql(self) -> str:
        return f"(coalesce({self.column}_l, false) or coalesce({self.column}_r, false))"

    def python(self, names: Names) -> str:
        return f"({names.left(self.column)} or {names.right(self.column)})"


@dataclass(frozen=True, slots=True)
class Silent:
    """Neither side has a value in the column."""

    column: str

    def sql(self) -> str:
        return f"({self.column}_l is null and {self.column}_r is null)"

    def python(self, names: Names) -> str:
        return f"({names.left(self.column)} is None and {names.right(self.column)} is None)"


@dataclass(frozen=True, slots=True)
class Told:
    """Either side has a value in the column."""

    column: str

    def sql(self) -> str:
        return f"({self.column}_l is not null or {self.column}_r is not null)"

    def python(self, names: Names) -> str:
        return f"({names.left(self.column)} is not None or {names.right(self.column)} is not None)"


@dataclass(frozen=True, slots=True)
class AllOf:
    conditions: Sequence[Condition]

    def sql(self) -> str:
        return "(" + " and ".join(f"({c.sql()})" for c in self.conditions) + ")"

    def python(self, names: Names) -> str:
        return "(" + " and ".join(f"({c.python(names)})" for c in self.conditions) + ")"


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: Sequence[Condition]

    def sql(self) -> str:
        return "(" + " or ".join(f"({c.sql()})" for c in self.conditions) + ")"

    def python(self, names: Names) -> str:
        return "(" + " or ".join(f"({c.python(names)})" for c in self.conditions) + ")"
