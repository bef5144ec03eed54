"""Records as columns, and pairs of them side by side: what the native scorer reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from linkage.conditions import Rows, Values
from linkage.record import COLUMNS, NormalisedRecord


@dataclass(frozen=True, slots=True)
class RecordColumns:
    """The columns of many records: object arrays of shape (n_records,); missing is None, lists are tuples."""

    values: Mapping[str, Values]
    size: int

    @classmethod
    def of(cls, records: Sequence[NormalisedRecord]) -> RecordColumns:
        columns = {}
        for name in COLUMNS:
            column = np.empty(len(records), dtype=object)
            column[:] = [getattr(record, name) for record in records]
            columns[name] = column
        return cls(columns, len(records))

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
    """Pairs of records by row number: `left` and `right` have shape (n_pairs,)."""

    records_left: RecordColumns
    records_right: RecordColumns
    left: NDArray[np.intp]
    right: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.left)

    def sides(self, column: str, rows: Rows) -> tuple[Values, Values]:
        return self.records_left.column(column)[self.left[rows]], self.records_right.column(column)[self.right[rows]]

    def numbers(self, column: str, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        left, right = self.sides(column, rows)
        return left.astype(np.float64), right.astype(np.float64)


def pairs_within(records: RecordColumns, left: NDArray[np.intp], right: NDArray[np.intp]) -> Pairs:
    return Pairs(records, records, left, right)


def one_against_many(record: NormalisedRecord, candidates: RecordColumns) -> Pairs:
    """One record beside each of its candidates."""
    return Pairs(RecordColumns.of([record]), candidates, np.zeros(candidates.size, np.intp), np.arange(candidates.size))
