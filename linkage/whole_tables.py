"""Results of DuckDB statements as Arrow tables, computed whole before they are handed over."""

from __future__ import annotations

import duckdb
import pyarrow as pa


def whole_table(con: duckdb.DuckDBPyConnection, statement: str) -> pa.Table:
    """What a SELECT finds.

    `con.execute(…).to_arrow_table()` would fetch it as a stream: DuckDB 1.5.6 sometimes waits for ever on one that is
    larger than its buffer, all its threads asleep (seen on a relink of a million records). A relation is collected
    whole, on all threads.
    """
    table: pa.Table = con.sql(statement).to_arrow_table()
    return table
