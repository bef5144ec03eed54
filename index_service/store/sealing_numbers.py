"""Seal what an earlier version stored in clear: social security numbers, and digests that could be tried out.

Facts are never changed, but in this: what they say stays the same, written so that a copy of the database does not
tell it. Each partition is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any

from psycopg.types.json import Jsonb

from index_service.store.connection import Connection
from index_service.store.numbers import SEALED, opened_values, seal_number, sealed_values
from index_service.store.records import FACTS_AT_A_TIME, content_hash
from index_service.store.satellites import segregated_partition
from index_service.store.statements import statements

_sql = statements("sealing_numbers")


@dataclass(frozen=True, slots=True)
class Sealed:
    """How many versions of records were rewritten, and how many normalised records."""

    facts: int
    records: int


def seal_stored_numbers(conn: Connection) -> Sealed:
    """Seal all numbers that are stored in clear, and renew all digests of content; nobody may write meanwhile."""
    facts = records = 0
    for apart in (False, True):
        with conn.transaction(), segregated_partition(conn) if apart else nullcontext():
            conn.execute(_sql["lock_facts"])
            conn.execute(_sql["allow_rewriting"])
            facts += sum(_seal_facts(conn))
            conn.execute(_sql["forbid_rewriting"])
            conn.execute(_sql["renew_heads"])
            records += _seal_normalised(conn)
            conn.execute(_sql["forget_keys"])
    return Sealed(facts, records)


def _seal_facts(conn: Connection) -> Iterator[int]:
    with conn.cursor(name="facts_to_seal") as cursor:
        cursor.itersize = FACTS_AT_A_TIME
        cursor.execute(_sql["facts"])
        rows = iter(cursor)
        while batch := list(islice(rows, FACTS_AT_A_TIME)):
            changed = [_sealed_fact(*row) for row in batch]
            with conn.cursor() as writing:
                writing.executemany(_sql["rewrite_fact"], changed)
            yield len(changed)


def _sealed_fact(record_id: int, version: int, values: dict[str, Any], deleted: bool) -> dict[str, object]:
    opened = opened_values(values)
    return {
        "record_id": record_id,
        "version": version,
        "source_values": Jsonb(dict(sealed_values(opened))),
        "content_hash": content_hash(opened, deleted=deleted),
    }


def _seal_normalised(conn: Connection) -> int:
    clear = conn.execute(_sql["clear_numbers"], {"sealed": f"{SEALED}%"}).fetchall()
    with conn.cursor() as writing:
        writing.executemany(
            _sql["seal_normalised"],
            [{"record_id": record_id, "ssn": seal_number(number)} for record_id, number in clear],
        )
    return len(clear)
