"""Reads a few normalised records by their keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from index_service.store.connection import AsyncConnection
from index_service.store.numbers import open_number
from index_service.store.statements import statements
from index_service.store.within import unsealed
from linkage.record import COLUMNS, NormalisedRecord, RecordKey

_by_keys = sql.SQL(statements("normalised")["by_keys"]).format(
    columns=sql.SQL(", ").join(sql.Identifier("n", name) for name in COLUMNS), unsealed=unsealed("h.record_id")
)
_LISTS = tuple(name for name, kind in COLUMNS.items() if kind == "text[]")


async def normalised_records(conn: AsyncConnection, keys: Iterable[RecordKey]) -> dict[RecordKey, NormalisedRecord]:
    """The normalised records of some keys; what is unknown, withdrawn or sealed is not among them."""
    asked = list(keys)
    parameters = {"sources": [source for source, _ in asked], "ids": [record_id for _, record_id in asked]}
    rows = await conn.cursor(row_factory=dict_row).execute(_by_keys, parameters)
    return {record.key: record for record in map(_record, await rows.fetchall())}


def _record(row: dict[str, Any]) -> NormalisedRecord:
    opened = {"ssn": open_number(row["ssn"])}
    return NormalisedRecord(**row | opened | {name: tuple(row[name] or ()) for name in _LISTS})
