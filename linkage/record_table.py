"""Normalised records as one table: what the pipeline and the fit take in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from linkage.record import COLUMNS, NormalisedRecord

_ARROW_TYPES = {"text": pa.string(), "integer": pa.int32(), "boolean": pa.bool_(), "text[]": pa.list_(pa.string())}

SCHEMA = pa.schema([(name, _ARROW_TYPES[kind]) for name, kind in COLUMNS.items()])
"""The columns of `linkage.record.COLUMNS`, in their order."""

_BATCH_RECORDS = 10_000


def table_of(records: Iterable[NormalisedRecord]) -> pa.Table:
    """One row per record, in order; the records themselves are let go as their batch is full."""
    batches: list[pa.RecordBatch] = []
    waiting: list[NormalisedRecord] = []
    for record in records:
        waiting.append(record)
        if len(waiting) == _BATCH_RECORDS:
            batches.append(_batch(waiting))
            waiting = []
    batches.append(_batch(waiting))
    return pa.Table.from_batches(batches, schema=SCHEMA)


def _batch(records: Sequence[NormalisedRecord]) -> pa.RecordBatch:
    columns = [pa.array([getattr(record, field.name) for record in records], type=field.type) for field in SCHEMA]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
