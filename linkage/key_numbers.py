"""The numbers of blocking keys, set-wise: what `blocking.key_numbers` gives for one record, for a whole table."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from linkage.blocking import BLOCKING_RULES, BlockingRule, numbered_as
from linkage.memory import duckdb_limit
from linkage.record import COLUMNS
from linkage.whole_tables import whole_table

DUCKDB_TYPES = {"text": "varchar", "integer": "integer", "boolean": "boolean", "text[]": "varchar[]"}
"""Column type of a record -> type in DuckDB."""

_SIGN = 1 << 63

ROWS_AT_ONCE = 100_000
"""Records whose keys are sorted at once: some 100 MB."""


def column_sql(name: str, given: pa.Table) -> str:
    """A column of the normalised records, or nulls (an empty list) where the table given lacks it."""
    value = f'"{name}"' if name in given.column_names else "null"
    empty = f"coalesce({value}, [])" if COLUMNS[name] == "text[]" else value
    return f'cast({empty} as {DUCKDB_TYPES[COLUMNS[name]]}) as "{name}"'


def hash_sql(key: str) -> str:
    """A hash of a key for one run, a fourth of the cost of its number.

    DuckDB's hash of a text alone takes it in blocks of eight bytes, and where two texts differ in the last byte of two
    blocks the differences cancel: `garcia|N400|2009` and `garcia|A400|2002` are one. Backwards they are not.
    """
    return f"hash({key}, reverse({key}))"


def number_sql(rule: BlockingRule) -> str:
    """The number of a rule's key, for a row (or `item`), moved by half the range: it sorts as with its sign.

    `md5_number_lower` gives the same half of the digest and takes five times as long.
    """
    lower = f"(md5_number('{_quoted(numbered_as(rule.name))}|' || ({rule.sql()})) >> 64)::ubigint"
    return f"xor({lower}, {_SIGN}::ubigint)"


def signed(numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Undo the move of `number_sql`."""
    return (numbers ^ np.uint64(_SIGN)).view(np.int64)


def record_keys(
    records: pa.Table,
    rules: Sequence[BlockingRule] = BLOCKING_RULES,
    *,
    memory_limit_gb: float = 4.0,
    threads: int | None = None,
) -> pa.ChunkedArray:
    """The key numbers of each record, ascending and without repeats: list<int64>, one per row.

    Args:
        records: one row per record, the columns of `linkage.record.COLUMNS`, whichever are there; generic values
            are not blanked, since stored keys must not depend on a model.
        rules: under which; stored keys are under all.
    """
    with (
        tempfile.TemporaryDirectory(prefix="person-index-") as folder,
        duckdb.connect(config={"memory_limit": duckdb_limit(memory_limit_gb), "temp_directory": folder}) as con,
    ):
        con.execute("set enable_progress_bar = false")  # started by `python -c` it would draw one into the output
        if threads:
            con.execute(f"set threads = {int(threads)}")
        wanted = dict.fromkeys(column for rule in rules for column in rule.columns)
        columns = ", ".join(column_sql(name, records) for name in wanted)
        numbers = ", ".join(
            f"list_transform({rule.listed}, lambda item: {number_sql(rule)})" if rule.listed else number_sql(rule)
            for rule in rules
        )
        chunks = []
        for first in range(0, records.num_rows, ROWS_AT_ONCE):
            con.register("given", records.slice(first, ROWS_AT_ONCE))
            chunks.append(_sorted_lists(whole_table(con, f"select {numbers} from (select {columns} from given)")))
    return pa.chunked_array(chunks, type=pa.list_(pa.int64()))


def _sorted_lists(rows_numbers: pa.Table) -> pa.ListArray:
    """All numbers of each row, from columns of numbers and of lists of numbers; ascending and without repeats.

    Sorting all rows' at once takes a tenth of what it takes to sort each row's.
    """
    parts = [_with_rows(column.combine_chunks()) for column in rows_numbers.columns]
    rows, numbers = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    order = np.lexsort((numbers, rows))
    rows, numbers = rows[order], numbers[order]
    once = np.ones(len(rows), dtype=bool)
    once[1:] = (rows[1:] != rows[:-1]) | (numbers[1:] != numbers[:-1])
    ends = np.cumsum(np.bincount(rows[once], minlength=rows_numbers.num_rows))
    return pa.ListArray.from_arrays(pa.array(np.r_[0, ends], pa.int32()), pa.array(signed(numbers[once])))


def _with_rows(column: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """The numbers of a column that are there, each with its row."""
    rows = np.arange(len(column))
    if pa.types.is_list(column.type):
        rows, column = np.repeat(rows, pc.fill_null(pc.list_value_length(column), 0).to_numpy()), column.flatten()
    there = column.is_valid().to_numpy(zero_copy_only=False)
    return rows[there], column.drop_null().to_numpy()


def numbers_of_keys(
    con: duckdb.DuckDBPyConnection, rule: BlockingRule, keys: NDArray[np.uint64], rows: NDArray[np.int32]
) -> NDArray[np.int64]:
    """The numbers of keys that are given by their hash and a record that has them, of the table `records`."""
    if not len(keys):
        return np.zeros(0, np.int64)
    con.register("given_keys", pa.table({"key": keys, "record": rows, "place": np.arange(len(keys))}))
    con.execute("create or replace temp table asked as select * from given_keys")  # in place, uint64 trips up a join
    source = f"(select *, unnest({rule.listed}) as item from records)" if rule.listed else "records"
    found = whole_table(
        con,
        f"select place, any_value(number) as number from asked join "
        f"(select record, {hash_sql(rule.sql())} as key, {number_sql(rule)} as number from {source} "
        "semi join asked using (record)) using (record, key) group by place order by place",
    )
    con.unregister("given_keys")
    return signed(found.column("number").to_numpy())


def _quoted(text: str) -> str:
    return text.replace("'", "''")
