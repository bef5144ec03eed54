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
    _present: dict[str, Truths] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, records: Sequence[NormalisedRecord]) -> RecordColumns:
        size = len(records)
        columns = zip(*map(_ALL_VALUES, records), strict=True) if size else [()] * len(COLUMNS)
        arrays = (np.fromiter(column, object, size) for column in columns)
        return cls(dict(zip(COLUMNS, arrays, strict=True)), size)

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

    def present(self, name: str) -> Truths:
        """Whether each record has a value in the column; found when first asked for, and kept."""
        found = self._present.get(name)
        if found is None:
            found = self._present[name] = present(self.column(name))
        return found


def _objects(column: pa.ChunkedArray, is_list: bool) -> Values:
    objects = np.empty(len(column), dtype=object)
    values = column.to_pylist()
    objects[:] = [tuple(v) if v else () for v in values] if is_list else values
    return objects


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of records by row number; see `conditions.PairColumns`.

    Attributes:
        left_rows: shape (n_pairs,); None for the one record of `records_left` beside every record on the right.
        right_rows: shape (n_pairs,); None for all records in order.
    """

    records_left: RecordColumns
    records_right: RecordColumns
    left_rows: Rows | None
    right_rows: Rows | None
    _sides: dict[str, tuple[Values, Values]] = field(default_factory=dict, init=False, repr=False)
    _present: dict[str, Truths] = field(default_factory=dict, init=False, repr=False)
    _equal: dict[tuple[str, str], Truths] = field(default_factory=dict, init=False, repr=False)
    _both: dict[tuple[str, str], tuple[Rows, Values, Values]] = field(default_factory=dict, init=False, repr=False)
    _measured: dict[tuple[str, str, Measure], Numbers] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return self.records_right.size if self.right_rows is None else len(self.right_rows)

    def sides(self, column: str, rows: Rows | None = None) -> tuple[Values, Values]:
        """Left and right values of all pairs, or of some: then both have shape (len(rows),), one record or not."""
        found = self._sides.get(column)
        if found is None:
            left = _rows_of(self.records_left.column(column), self.left_rows)
            right = _rows_of(self.records_right.column(column), self.right_rows)
            found = self._sides[column] = (left, right)
        if rows is None:
            return found
        left, right = found
        return left[np.zeros_like(rows) if self.left_rows is None else rows], right[rows]

    def both_present(self, column: str) -> Truths:
        found = self._present.get(column)
        if found is None:
            left = _rows_of(self.records_left.present(column), self.left_rows)
            right = _rows_of(self.records_right.present(column), self.right_rows)
            found = self._present[column] = left & right
        return found

    def equal(self, left_column: str, right_column: str) -> Truths:
        found = self._equal.get((left_column, right_column))
        if found is None:
            left, right = self.sides(left_column)[0], self.sides(right_column)[1]
            there = _rows_of(self.records_left.present(left_column), self.left_rows)
            found = self._equal[left_column, right_column] = np.equal(left, right) & there
        return found

    def measured(self, left_column: str, right_column: str, measure: Measure) -> Numbers:
        key = (left_column, right_column, measure)
        found = self._measured.get(key)
        if found is None:
            found = self._measured[key] = self._measure(*key)
        return found

    def _measure(self, left_column: str, right_column: str, measure: Measure) -> Numbers:
        rows, left, right = self._comparable(left_column, right_column)
        if len(rows) == len(self):
            return measure(left, right)
        measured = np.full(len(self), np.nan)
        if len(rows):
            measured[rows] = measure(left, right)
        return measured

    def _comparable(self, left_column: str, right_column: str) -> tuple[Rows, Values, Values]:
        """The rows that have a value on both sides, and these values."""
        found = self._both.get((left_column, right_column))
        if found is None:
            left, right = self.sides(left_column)[0], self.sides(right_column)[1]
            there = _rows_of(self.records_left.present(left_column), self.left_rows)
            (rows,) = (there & _rows_of(self.records_right.present(right_column), self.right_rows)).nonzero()
            found = rows, left if self.left_rows is None else left[rows], right[rows]
            self._both[left_column, right_column] = found
        return found


def _rows_of(values: NDArray[Any], rows: Rows | None) -> NDArray[Any]:
    return values if rows is None else values[rows]


def pairs_within(records: RecordColumns, left: Rows, right: Rows) -> Pairs:
    return Pairs(records, records, left, right)


def one_against_many(record: NormalisedRecord, candidates: RecordColumns) -> Pairs:
    """One record beside each of its candidates."""
    return Pairs(RecordColumns.of([record]), candidates, None, None)
