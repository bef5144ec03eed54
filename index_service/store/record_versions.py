"""Which version of a record holds: for the source that wrote it."""

from __future__ import annotations

from psycopg import sql

from index_service.store.connection import AsyncConnection
from index_service.store.statements import statements
from linkage.record import RecordKey

_sql = statements("record_versions")
_version_held = {
    segregated: sql.SQL(_sql["version_held"]).format(records=sql.Identifier(*schema, "source_record")).as_bytes(None)
    for segregated, schema in ((False, ()), (True, ("segregated",)))
}


async def version_held(conn: AsyncConnection, key: RecordKey, *, segregated: bool) -> int | None:
    """The version of a record that holds; None where it never came, or was withdrawn.

    Args:
        segregated: whether the records of its source lie in the partition of the segregated ones.
    """
    source, source_record_id = key
    parameters = {"source": source, "source_record_id": source_record_id}
    row = await (await conn.execute(_version_held[segregated], parameters)).fetchone()
    return None if row is None else int(row[0])
