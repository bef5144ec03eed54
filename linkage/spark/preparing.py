"""What depends on one record alone: generic values out, value frequencies in, blocking keys.

Runs on Spark's workers, over a part of the records at a time, by the batch engine itself: so it cannot differ from what
the batch engine finds over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from linkage.batch_records import RecordsInDuckDB, correction_column
from linkage.blocking import BlockingRule
from linkage.candidates import rules_named
from linkage.key_numbers import number_sql, signed
from linkage.model import Model
from linkage.record import COLUMNS
from linkage.whole_tables import whole_table

Batches = Iterator[pa.RecordBatch]

RECORDS_AT_ONCE = 50_000
"""Records of one part: some 100 MB in DuckDB."""

MEMORY_GB = 1.0

SPARK_TYPES = {"text": "string", "integer": "int", "boolean": "boolean", "text[]": "array<string>"}
"""Column type of a record -> type in Spark."""


def preparing(model: Callable[[], Model], correction_columns: Sequence[str]) -> Callable[[Batches], Batches]:
    """What prepares the records of a partition.

    Args:
        model: gives the model; called on the worker.
        correction_columns: columns of the records whose frequencies correct u, `prepared_schema`'s.

    Returns:
        A function from batches of records, with their `record` numbers, to batches of the prepared ones: the same
        columns, `correction_<column>` in bits, and `keys`, a list of rule and number for each.
    """

    def prepare(batches: Batches) -> Batches:
        for part in _parts(batches):
            yield from _prepared(part, model(), correction_columns).to_batches()

    return prepare


def _parts(batches: Batches) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) >= RECORDS_AT_ONCE:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _prepared(part: pa.Table, model: Model, correction_columns: Sequence[str]) -> pa.Table:
    with RecordsInDuckDB(part.drop_columns(["record"]), memory_limit_gb=MEMORY_GB, threads=1) as records:
        records.use_model(model)
        written = set(records.write_corrections())
        bits = {name: f'"{correction_column(name)}"' if name in written else "0e0" for name in correction_columns}
        columns = [f'"{name}"' for name in COLUMNS]
        columns += [f'{bits[name]} as "{correction_column(name)}"' for name in correction_columns]
        table = whole_table(records.con, f"select {', '.join(columns)} from records order by record")
        rules = rules_named(set(model.blocking_rules))
        keys = _keys([_of_rule(records, rule) for rule in rules], part.num_rows)
    return table.append_column("record", part["record"]).append_column("keys", keys)


def _of_rule(records: RecordsInDuckDB, rule: BlockingRule) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and number of each key of a rule, once each."""
    rows = f"(select *, unnest({rule.listed}) as item from records)" if rule.listed else "records"
    found = whole_table(
        records.con,
        f"select distinct record, number from (select record, {number_sql(rule)} as number from {rows}) "
        "where number is not null",
    )
    return found["record"].to_numpy().astype(np.int64), signed(found["number"].to_numpy())


def _keys(by_rule: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], size: int) -> pa.Array:
    """Lists of rule and number, by row."""
    row = np.concatenate([np.zeros(0, np.int64), *(rows for rows, _ in by_rule)])
    number = np.concatenate([np.zeros(0, np.int64), *(numbers for _, numbers in by_rule)])
    rule = np.repeat(np.arange(len(by_rule), dtype=np.int32), [len(rows) for rows, _ in by_rule])
    order = np.argsort(row, kind="stable")
    ends = np.r_[0, np.cumsum(np.bincount(row, minlength=size))].astype(np.int32)
    keys = pa.StructArray.from_arrays([pa.array(rule[order]), pa.array(number[order])], ["rule", "number"])
    return pa.ListArray.from_arrays(pa.array(ends), keys)


def prepared_schema(correction_columns: Sequence[str]) -> str:
    """The columns of prepared records, in their order and in Spark's words."""
    columns = [f"{name} {SPARK_TYPES[kind]}" for name, kind in COLUMNS.items()]
    corrections = [f"{correction_column(name)} double" for name in correction_columns]
    return ", ".join([*columns, *corrections, "record int", "keys array<struct<rule: int, number: bigint>>"])
