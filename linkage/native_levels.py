"""Comparisons as Python functions: the native counterpart of `comparisons.level_sql`.

Each comparison becomes two functions, written from its declaration as its SQL is, and compiled once: for one record
beside many, where what the left side says is looked at once, and for pairs of any two records. The text holds names of
columns, numbers of levels and thresholds, never a value of a record.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal, cast

from linkage.columns import Pairs
from linkage.comparisons import MISSING, Comparison
from linkage.conditions import FUNCTIONS, AllOf, Condition, Disjoint, Missing
from linkage.record import COLUMNS

Levels = Callable[[Pairs], bytes]
"""The agreement level of each pair: a byte each, counted from 0 for `MISSING`."""


class _Compiled:
    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    @cached_property
    def one_beside_many(self) -> Levels:
        return _function(source(self.comparison, _OneBesideMany(self.comparison.missing)))

    @cached_property
    def of_pairs(self) -> Levels:
        return _function(source(self.comparison, _OfPairs(self.comparison.missing)))


_compiled: dict[str, _Compiled] = {}


def levels(comparison: Comparison, pairs: Pairs) -> bytes:
    """Judge one comparison of all pairs: a byte each, counted from 0 for `MISSING`."""
    found = _compiled.get(comparison.name)
    if found is None or found.comparison is not comparison:
        found = _compiled[comparison.name] = _Compiled(comparison)
    return found.one_beside_many(pairs) if pairs.left_rows is None else found.of_pairs(pairs)


def _function(source: str) -> Levels:
    namespace: dict[str, Any] = dict(FUNCTIONS)
    exec(source, namespace)  # noqa: S102 - written here, of declarations only
    return cast(Levels, namespace["levels"])


def source(comparison: Comparison, names: _OfPairs) -> str:
    """The text of a comparison's function: the opening, then one expression for the level of each pair."""
    cases = [f"0 if {comparison.missing.python(names)}"]
    for i, level in enumerate(comparison.levels):
        cases.append(f"{comparison.top - i - MISSING} if {level.condition.python(names)}")
    level_of_each = " else ".join([*cases, f"{0 - MISSING}"])
    return "\n    ".join(["def levels(pairs):", *names.opening(), *names.closing(level_of_each)])


class _OfPairs:
    """The names in a function of pairs (`conditions.Names`), and where they get their values: all of them in turn."""

    def __init__(self, missing: Condition) -> None:
        self._missing = missing
        self._present = missing.column if isinstance(missing, Missing) else None
        self._before: dict[str, str] = {}
        self._in_turn: dict[str, str] = {}

    def left(self, column: str) -> str:
        how = "left_sets" if COLUMNS[column] == "text[]" else "left"
        return _set(self._in_turn, f"{column}_l", f'pairs.{how}("{column}")')

    def right(self, column: str) -> str:
        return _set(self._in_turn, f"{column}_r", f'pairs.right("{column}")')

    def start(self, column: str) -> str:
        return f"{self.left(column)}[0]"

    def end(self, column: str) -> str:
        return f"{self.left(column)}[-1]"

    def similarity(self, left_column: str, right_column: str) -> str:
        likely = f'pairs.likely_beside_all("{right_column}")' if left_column == right_column else ""
        table = _set(self._before, f"{left_column}_to_{right_column}", f"similarities_of_many({likely})")
        return f"{table}[{self.left(left_column)}][{self.right(right_column)}]"

    def lacks(self, column: str) -> str:
        return f"({self.left(column)} is None or {self.right(column)} is None)"

    def given(self, *columns: str, on: Literal["left", "both"] = "both") -> str:
        unknown = [column for column in columns if column != self._present]
        values = [self.left(column) for column in unknown]
        values += [self.right(column) for column in unknown if on == "both"]
        return "".join(f"{value} is not None and " for value in values)

    def opening(self) -> list[str]:
        """The statements before any pair is looked at."""
        return [f"{name} = {value}" for name, value in self._before.items()]

    def closing(self, level: str) -> list[str]:
        """The statements that give the levels."""
        return [f"return bytes([{level} for {', '.join(self._in_turn)}, in zip({', '.join(self._in_turn.values())})])"]


class _OneBesideMany(_OfPairs):
    """The same in a function of one record beside many: what is left is named before, what is right in turn."""

    def left(self, column: str) -> str:
        value = f'pairs.one("{column}")'
        return _set(self._before, f"{column}_l", f"frozenset({value})" if COLUMNS[column] == "text[]" else value)

    def start(self, column: str) -> str:
        left = self.left(column)
        return _set(self._before, f"{column}_start", f"{left} and {left}[0]")

    def end(self, column: str) -> str:
        left = self.left(column)
        return _set(self._before, f"{column}_end", f"{left} and {left}[-1]")

    def similarity(self, left_column: str, right_column: str) -> str:
        left, right = self.left(left_column), self.right(right_column)
        likely = f', pairs.right("{right_column}")' if left_column == right_column else ""  # few are asked crosswise
        measured = f"similarities({left}{likely})"
        return f"{_set(self._before, f'{left_column}_to_{right_column}', measured)}[{right}]"

    def lacks(self, column: str) -> str:
        left, right = self.left(column), self.right(column)
        return f"{right} is None" if column == self._present else f"({left} is None or {right} is None)"

    def opening(self) -> list[str]:
        return [f"if {_left_says_nothing(self._missing)}: return bytes(len(pairs))", *super().opening()]

    def closing(self, level: str) -> list[str]:
        """Where one column tells all, it is asked once for each of its values."""
        if len(self._in_turn) > 1:
            return super().closing(level)
        ((name, values),) = self._in_turn.items()
        table = f"level = {{{name}: {level} for {name} in set({values})}}"
        return [table, f"return bytes(map(level.__getitem__, {values}))"]


def _set(names: dict[str, str], name: str, value: str) -> str:
    names.setdefault(name, value)
    return name


def _left_says_nothing(missing: Condition) -> str:
    """That the left side alone makes the comparison missing, as far as that can be told."""
    match missing:
        case Missing(column):
            return f'pairs.one("{column}") is None'
        case Disjoint(column):
            return f'not pairs.one("{column}")'
        case AllOf(conditions):
            return " and ".join(f"({_left_says_nothing(condition)})" for condition in conditions)
    return "False"
