"""Write what is published to files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from index_service.csv_output import csv_output
from index_service.errors import NothingLoaded
from index_service.loading.rejects import cannot_write
from index_service.spreadsheet_cells import neutralise
from index_service.store.adoptions import hidden_records
from index_service.store.connection import Connection
from index_service.store.extract import read_memberships

COLUMNS = ("source", "source_record_id", "person_id")
_BATCH_ROWS = 20_000


def persons_table(conn: Connection) -> pa.Table:
    """The records that are not withdrawn with their persons: `source`, `source_record_id`, `person_id`.

    What an adoption seal hides is not among them.

    Raises:
        NothingLoaded: nothing is published yet.
    """
    memberships = read_memberships(conn)
    if not memberships.num_rows:
        raise NothingLoaded("No persons are published yet.", hint="Load records, then: person-index relink")
    hidden = pa.array(hidden_records(conn), pa.int64())
    told = pc.invert(pc.or_(memberships["withdrawn"], pc.is_in(memberships["record_id"], hidden)))
    return memberships.filter(told).select(list(COLUMNS))


def export_persons(conn: Connection, out: Path, *, exact: bool = False) -> int:
    """Write records and their persons as CSV or (by the file's name) Parquet; returns the number of rows.

    Args:
        exact: CSV cells as they are, for machines; otherwise an id that a spreadsheet would calculate gets a
            leading `'`. Parquet is always exact.

    Raises:
        NothingLoaded: nothing is published yet.
        OutputError: the file cannot be written.
    """
    table = persons_table(conn)
    if out.suffix.lower() in (".parquet", ".pq"):
        try:
            pq.write_table(table, out)
        except OSError as problem:
            raise cannot_write(out, problem) from None
        return int(table.num_rows)
    with csv_output(out, COLUMNS) as write_row:
        for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
            for row in zip(*(batch.column(name).to_pylist() for name in COLUMNS), strict=True):
                write_row(row if exact else [neutralise(cell) for cell in row])
    return int(table.num_rows)
