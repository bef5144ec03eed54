"""Read Parquet a batch at a time; dates, numbers and yes/no become the text that a CSV file would have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from index_service.errors import EmptyFile, UnreadableFile
from index_service.loading.ndjson_rows import cells_to_row
from index_service.loading.rows import Reject, Row, Table

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
                columns = [column.to_pylist() for column in batch.columns]
                for cells in zip(*columns, strict=True):
                    position.rows += 1
                    yield cells_to_row(position.rows, dict(zip(batch.schema.names, cells, strict=True)))
        except (pa.ArrowException, OSError):
            raise _unreadable(path) from None
