"""Records as columns, and pairs of them side by side: what the native scorer reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from linkage.conditions import Measure, Numbers, Rows, Truths, Values, present
from linkage.record import COLUMNS, NormalisedRecord

_ALL_VALUES = attrgetter(*COLUMNS)


@dataclass(frozen=True, slots=True)
class RecordColumns:
    """The columns of many records: object arrays of shape (n_records,); missing is None, lists are tuples."""

    values: Mapping[str, Values]
    size: int

    @classmethod
    def of(cls, records: Sequence[NormalisedRecord]) -> RecordColumns:
        columns = zip(*map(_ALL_VALUES, records), strict=True) if records else [()] * len(COLUMNS)
        values = {
            name: np.fromiter(column, object, len(records)) for name, column in zip(COLUMNS, columns, strict=True)
        }
        return cls(values, len(records))

    @classmethod
    def of_table(cls, table: pa.Table) -> RecordColumns:
        """From one row per record with the columns of `linkage.record.COLUMNS`, whichever are there."""
        columns = {
            name: _objects(table.column(name), kind == "text[]")
            for name, kind in COLUMNS.items()
            if name in table.column_names
        }
        return cls(columns, table.num_rows)

    def column(self, name: str) -> Values:
        found = self.values.get(name)
        if found is not None:
            return found
        empty = np.empty(self.size, dtype=object)
        if COLUMNS[name] == "text[]":
            empty[:] = [()] * self.size
        return empty


def _objects(column: pa.ChunkedArray, is_list: bool) -> Values:
    objects = np.empty(len(column), dtype=object)
    values = column.to_pylist()
    objects[:] = [tuple(v) if v else () for v in values] if is_list else values
    return objects


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of records by row number: `left` and `right` have shape (n_pairs,).

    One record beside many is told by its being the only one on the left: its values stay arrays of one. What
    conditions ask repeatedly (sides, presence, string measures) is kept for the life of the batch.
    """

    records_left: RecordColumns
    records_right: RecordColumns
    left_rows: Rows
    right_rows: Rows
    _sides: dict[str, tuple[Values, Values]] = field(default_factory=dict, init=False, repr=False)
    _present: dict[str, Truths] = field(default_factory=dict, init=False, repr=False)
    _measures: dict[tuple[str, str, Measure], Numbers] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.left_rows)

    def left(self, column: str, rows: Rows) -> Values:
        """Object array of shape (len(rows),), or (1,) for one record beside many; missing is None, a list is a tuple."""
        left = self._both_sides(column)[0]
        return left if len(left) == 1 else self._chosen(left, rows)

    def right(self, column: str, rows: Rows) -> Values:
        """Object array of shape (len(rows),)."""
        return self._chosen(self._both_sides(column)[1], rows)

    def both_present(self, column: str, rows: Rows) -> Truths:
        """Whether both sides have a value: shape (len(rows),)."""
        if column not in self._present:
            left, right = self._both_sides(column)
            one_missing = len(left) == 1 and left[0] is None
            self._present[column] = np.zeros(len(self), dtype=bool) if one_missing else present(left) & present(right)
        return self._chosen(self._present[column], rows)

    def measured(self, columns: tuple[str, str], measure: Measure, rows: Rows) -> Numbers:
        """The measure of the left side's first column and the right side's second: NaN where a side is missing.

        Each row is measured once, when first asked for.
        """
        known = self._measures.setdefault((*columns, measure), np.full(len(self), np.nan))
        unknown = rows[np.isnan(known[rows])]
        if len(unknown):
            left, right = self.left(columns[0], unknown), self.right(columns[1], unknown)
            there = present(left) & present(right)
            if there.any():
                known[unknown[there]] = measure(left if len(left) == 1 else left[there], right[there])
        return known[rows]

    def _both_sides(self, column: str) -> tuple[Values, Values]:
        if column not in self._sides:
            left, right = self.records_left.column(column), self.records_right.column(column)
            self._sides[column] = (left if len(left) == 1 else left[self.left_rows], right[self.right_rows])
        return self._sides[column]

    def _chosen(self, values: NDArray[Any], rows: Rows) -> NDArray[Any]:
        """The values of some rows; asked for as many as there are, it is all of them in order."""
        return values if len(rows) == len(values) else values[rows]


def pairs_within(records: RecordColumns, left: Rows, right: Rows) -> Pairs:
    return Pairs(records, records, left, right)


def one_against_many(record: NormalisedRecord, candidates: RecordColumns) -> Pairs:
    """One record beside each of its candidates."""
    return Pairs(RecordColumns.of([record]), candidates, np.zeros(candidates.size, np.intp), np.arange(candidates.size))
