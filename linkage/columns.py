"""Records as columns, and pairs of them side by side: what the native scorer reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from linkage.record import COLUMNS, NormalisedRecord

Rows = NDArray[np.intp]
Values = Sequence[Any]

values_of = attrgetter(*COLUMNS)
"""The values of a normalised record, in the order of `linkage.record.COLUMNS`."""


@dataclass(frozen=True, slots=True)
class RecordColumns:
    """The columns of many records: sequences of length n_records; missing is None, lists are tuples."""

    values: Mapping[str, Values]
    size: int

    @classmethod
    def of(cls, records: Sequence[NormalisedRecord]) -> RecordColumns:
        return cls(_columns(list(map(values_of, records))), len(records))

    @classmethod
    def of_rows(cls, rows: Sequence[Sequence[Any]]) -> RecordColumns:
        """From one row of the store per record, its values in the order of `linkage.record.COLUMNS`."""
        columns = _columns(rows)
        lists = {name: _tuples(columns[name]) for name, kind in COLUMNS.items() if kind == "text[]"}
        return cls({**columns, **lists}, len(rows))

    @classmethod
    def of_table(cls, table: pa.Table) -> RecordColumns:
        """From one row per record with the columns of `linkage.record.COLUMNS`, whichever are there."""
        columns = {name: table.column(name).to_pylist() for name in COLUMNS if name in table.column_names}
        lists = {name: _tuples(values) for name, values in columns.items() if COLUMNS[name] == "text[]"}
        return cls({**columns, **lists}, table.num_rows)

    def column(self, name: str) -> Values:
        found = self.values.get(name)
        if found is None:
            found = (() if COLUMNS[name] == "text[]" else None,) * self.size
        return found


def _columns(rows: Sequence[Sequence[Any]]) -> dict[str, Values]:
    columns = zip(*rows, strict=True) if rows else repeat((), len(COLUMNS))
    return dict(zip(COLUMNS, columns, strict=True))


def _tuples(values: Values) -> Values:
    return [tuple(value) if value else () for value in values]


Picker = Callable[[Values], Values]


def _picker(rows: Rows | None) -> Picker:
    """What picks the values of some rows out of a column."""
    if rows is None:
        return lambda values: values
    if len(rows) > 1:
        return itemgetter(*rows.tolist())
    return lambda values: [values[row] for row in rows]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of records by row number.

    Attributes:
        left_rows: shape (n_pairs,); None for the one record of `records_left` beside every record on the right.
        right_rows: shape (n_pairs,); None for all records in order.
    """

    records_left: RecordColumns
    records_right: RecordColumns
    left_rows: Rows | None
    right_rows: Rows | None
    _pickers: dict[str, Picker] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return self.records_right.size if self.right_rows is None else len(self.right_rows)

    def one(self, column: str) -> Any:
        """The value of the one record on the left."""
        return self.records_left.column(column)[0]

    def left(self, column: str) -> Values:
        return self._picker("left", self.left_rows)(self.records_left.column(column))

    def right(self, column: str) -> Values:
        return self._picker("right", self.right_rows)(self.records_right.column(column))

    def _picker(self, side: str, rows: Rows | None) -> Picker:
        found = self._pickers.get(side)
        if found is None:
            found = self._pickers[side] = _picker(rows)
        return found

    def left_sets(self, column: str) -> Values:
        """The lists on the left as sets."""
        lists = self.left(column)
        sets = {values: frozenset(values) for values in set(lists)}
        return list(map(sets.__getitem__, lists))

    def likely_beside_all(self, right_column: str) -> Values:
        """All right values, if the pairs are a good part of all that the records could make; else none."""
        if 4 * len(self) < self.records_left.size * self.records_right.size:
            return ()
        return self.records_right.column(right_column)

    def sides(self, column: str, pairs: Rows | None = None) -> tuple[Values, Values]:
        """Left and right values of all pairs, where one record beside many gives one on the left; or those of some."""
        if pairs is None:
            return self.left(column), self.right(column)
        rows = pairs if self.right_rows is None else self.right_rows[pairs]
        return self.left_values(column, pairs), _picker(rows)(self.records_right.column(column))

    def left_values(self, column: str, pairs: Rows) -> Values:
        """The left values of some of the pairs: of length len(pairs), one record or not."""
        rows = np.zeros_like(pairs) if self.left_rows is None else self.left_rows[pairs]
        return _picker(rows)(self.records_left.column(column))

    def parts(self, most: int) -> Iterator[tuple[slice, Pairs]]:
        """The pairs in parts of at most so many; one record beside many stays whole."""
        if self.left_rows is None or self.right_rows is None or len(self) <= most:
            yield slice(None), self
            return
        for start in range(0, len(self), most):
            part = slice(start, start + most)
            yield part, Pairs(self.records_left, self.records_right, self.left_rows[part], self.right_rows[part])


def few_pairs_within(records: RecordColumns, left: Sequence[int], right: Sequence[int]) -> Pairs:
    return Pairs(records, records, np.array(left, np.intp), np.array(right, np.intp))


def pairs_within(records: RecordColumns, left: Rows, right: Rows) -> Pairs:
    return Pairs(records, records, left, right)


def one_against_many(record: NormalisedRecord, candidates: RecordColumns) -> Pairs:
    """One record beside each of its candidates."""
    return Pairs(RecordColumns.of([record]), candidates, None, None)
