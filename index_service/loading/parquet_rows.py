"""Read Parquet a batch at a time; dates, numbers and yes/no become the text that a CSV file would have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from index_service.errors import EmptyFile, UnreadableFile
from index_service.loading.ndjson_rows import as_text, cells_to_row
from index_service.loading.rows import FIELD_LIMIT, CellValue, Reject, Row, Table

_BATCH_ROWS = 2_048


class _Position:
    """How many rows have been handed out, for the progress bar."""

    rows = 0


def open_parquet(path: Path) -> Table:
    """Open a Parquet file; `line` of its rows is the row number, from 1.

    Raises:
        EmptyFile: not even a footer in it.
        UnreadableFile: damaged, cut off, or not Parquet.
    """
    if not path.stat().st_size:
        raise EmptyFile(f"{path.name} is empty.")
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError):
        raise _unreadable(path) from None
    position = _Position()
    return Table(
        columns=tuple(file.schema_arrow.names),
        rows=_rows(path, file, position),
        size=file.metadata.num_rows,
        position=lambda: position.rows,
        close=file.close,
    )


def _unreadable(path: Path) -> UnreadableFile:
    return UnreadableFile(
        f"{path.name} cannot be read as Parquet.", hint="It may be cut off or damaged: have it written again."
    )


def _rows(path: Path, file: pq.ParquetFile, position: _Position) -> Iterator[Row | Reject]:
    with file:
        try:
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                for row in _rows_of(batch, position.rows + 1):
                    position.rows += 1
                    yield row
        except (pa.ArrowException, OSError, UnicodeDecodeError):
            raise _unreadable(path) from None


def _rows_of(batch: pa.RecordBatch, first: int) -> Iterator[Row | Reject]:
    """The rows of a batch, numbered from `first`: column by column where all values can be kept, else row by row."""
    names = batch.schema.names
    numbers = count(first)
    if all(map(_is_plain, batch.columns)):
        columns = [_texts(column) for column in batch.columns]
        for cells in zip(*columns, strict=True):
            yield Row(next(numbers), {name: text for name, text in zip(names, cells, strict=True) if text})
        return
    columns = [column.to_pylist() for column in batch.columns]
    for cells in zip(*columns, strict=True):
        yield cells_to_row(next(numbers), dict(zip(names, cells, strict=True)))


def _is_plain(column: pa.Array) -> bool:
    """Whether a column holds texts that can all be kept, lists of them, or no texts at all; asked of all at once.

    Arrow's texts are UTF-8, in which there is no half of a character.
    """
    kind = column.type
    if pa.types.is_string(kind):
        longest = pc.max(pc.binary_length(column)).as_py() or 0
        return longest <= FIELD_LIMIT and not _holds_nul(column)
    if pa.types.is_list(kind):
        return pa.types.is_string(kind.value_type) and _is_plain(column.flatten())
    return _is_simple(kind)


def _holds_nul(column: pa.Array) -> bool:
    return pc.any(pc.match_substring(column, "\0")).as_py() is True


def _is_simple(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_date(kind) or pa.types.is_null(kind)
    )


def _texts(column: pa.Array) -> Iterable[CellValue | None]:
    """The values of a plain column as text, or lists of texts; None or nothing where there is no value."""
    if pa.types.is_string(column.type):
        empty = pc.utf8_is_space(column)
        texts: list[str | None] = (pc.if_else(empty, None, column) if pc.any(empty).as_py() else column).to_pylist()
        return texts
    return [None if value is None else as_text(value) for value in column.to_pylist()]
