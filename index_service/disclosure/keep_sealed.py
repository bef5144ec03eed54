"""Seal the ledger every few seconds while the service runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from index_service.disclosure.heads import append_heads
from index_service.store.connection import connect
from index_service.store.errors import StoreError
from index_service.store.ledger import Head, seal

EVERY_S = 5.0
"""What was told in this time could be changed unseen by who owns the database; sealing costs a few milliseconds."""


def seal_now(url: str, seals: Path) -> list[Head]:
    """Seal what waits and keep the seals outside; several processes may do so at once, one of them finds the rows."""
    with connect(url) as conn:
        heads = seal(conn)
    append_heads(seals, heads)
    return heads


async def keep_sealed(url: str, seals: Path, every_s: float = EVERY_S) -> None:
    """Seal again and again until cancelled, and once more then. A database that is away is tried again next time.

    Args:
        url: the database as the role that answers.
        seals: the file outside the database, see `heads`.
    """
    try:
        while True:
            await asyncio.sleep(every_s)
            await asyncio.to_thread(_try_to_seal, url, seals)
    finally:
        await asyncio.shield(asyncio.to_thread(_try_to_seal, url, seals))


def _try_to_seal(url: str, seals: Path) -> None:
    try:
        seal_now(url, seals)
    except StoreError:
        return
