"""Which model the database's records are linked with, asked often and cheaply; its text, asked once."""

from __future__ import annotations

from psycopg.rows import TupleRow

from index_service.store.connection import AsyncConnection, Connection
from index_service.store.statements import statements

_sql = statements("current_model")


def current_fingerprint(conn: Connection) -> str | None:
    """The fingerprint of the current model; None before the first relink."""
    return _text(conn.execute(_sql["current_fingerprint"]).fetchone())


def model_document(conn: Connection, fingerprint: str) -> str | None:
    """The JSON text of a model, if it was ever saved."""
    return _text(conn.execute(_sql["document"], {"fingerprint": fingerprint}).fetchone())


async def read_current_fingerprint(conn: AsyncConnection) -> str | None:
    """As `current_fingerprint`, where nothing may block."""
    return _text(await (await conn.execute(_sql["current_fingerprint"])).fetchone())


async def read_model_document(conn: AsyncConnection, fingerprint: str) -> str | None:
    """As `model_document`, where nothing may block."""
    return _text(await (await conn.execute(_sql["document"], {"fingerprint": fingerprint})).fetchone())


def _text(row: TupleRow | None) -> str | None:
    return None if row is None else str(row[0])
