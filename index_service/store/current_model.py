"""Which model the database's records are linked with, asked often and cheaply; its text, asked once."""

from __future__ import annotations

from typing import NamedTuple

from psycopg.rows import TupleRow

from index_service.store.connection import AsyncConnection, Connection
from index_service.store.statements import statements
from linkage.blocks import OversizedKey

_sql = statements("current_model")


class CurrentVersion(NamedTuple):
    """What live linking rests on: the model, and the full relink that pinned the oversized keys (None before one)."""

    fingerprint: str
    pinned_by: int | None


def current_version(conn: Connection) -> CurrentVersion | None:
    """What records are linked with now; None before the first relink."""
    row = conn.execute(_sql["current_version"]).fetchone()
    return None if row is None else CurrentVersion(*row)


def model_document(conn: Connection, fingerprint: str) -> str | None:
    """The JSON text of a model, if it was ever saved."""
    return _text(conn.execute(_sql["document"], {"fingerprint": fingerprint}).fetchone())


def pinned_keys(conn: Connection) -> frozenset[int]:
    """Numbers of the blocking keys that the last full relink found too many records to share."""
    return frozenset(key for (key,) in conn.execute(_sql["pinned_keys"]))


def pinned(conn: Connection) -> tuple[OversizedKey, ...]:
    """The same keys, with their rules and how many records shared them when they were found."""
    return tuple(OversizedKey(*row) for row in conn.execute(_sql["pinned"]))


def pinned_under(conn: Connection) -> tuple[str, int] | None:
    """Model and `max_block_records` of the full relink that pinned the keys; None before the first."""
    row = conn.execute(_sql["pinned_under"]).fetchone()
    return None if row is None else (row[0], row[1])


async def read_current_version(conn: AsyncConnection) -> CurrentVersion | None:
    """As `current_version`, where nothing may block."""
    row = await (await conn.execute(_sql["current_version"])).fetchone()
    return None if row is None else CurrentVersion(*row)


async def read_model_document(conn: AsyncConnection, fingerprint: str) -> str | None:
    """As `model_document`, where nothing may block."""
    return _text(await (await conn.execute(_sql["document"], {"fingerprint": fingerprint})).fetchone())


async def read_pinned_keys(conn: AsyncConnection) -> frozenset[int]:
    """As `pinned_keys`, where nothing may block."""
    return frozenset([key async for (key,) in await conn.execute(_sql["pinned_keys"])])


def _text(row: TupleRow | None) -> str | None:
    return None if row is None else str(row[0])
