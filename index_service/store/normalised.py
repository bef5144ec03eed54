"""Reads a few normalised records by their keys."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from index_service.store.connection import AsyncConnection
from index_service.store.neighbourhood import normalised_of
from index_service.store.statements import statements
from index_service.store.within import as_it_may_be_told, hides_place, may_be_found
from linkage.record import COLUMNS, NormalisedRecord, RecordKey

_by_keys = sql.SQL(statements("normalised")["by_keys"]).format(
    columns=sql.SQL(", ").join(sql.Identifier("n", name) for name in COLUMNS),
    hides_place=hides_place("m.person_id"),
    may_be_found=may_be_found("h.record_id", "m.person_id"),
)


async def normalised_records(conn: AsyncConnection, keys: Iterable[RecordKey]) -> dict[RecordKey, NormalisedRecord]:
    """The normalised records of some keys; what is unknown, withdrawn, sealed or of a former name is not among them."""
    asked = list(keys)
    parameters = {"sources": [source for source, _ in asked], "ids": [record_id for _, record_id in asked]}
    rows = await conn.execute(_by_keys, parameters)
    told = [as_it_may_be_told(row[1:], without_place=row[0]) for row in await rows.fetchall()]
    return {record.key: record for record in map(normalised_of, told)}
