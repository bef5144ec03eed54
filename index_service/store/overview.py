"""What an operator asks of the whole index: what is loaded, what waits, how it went lately, how the tables stand."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from index_service.store.connection import Connection
from index_service.store.statements import statements

_sql = statements("overview")
PAGES_KEPT = 400
DEAD_SHARE, DEAD_ROWS = 0.2, 10_000
ANALYSED_FROM_ROWS = 10_000
PARTITION_FROM_BYTES = 100 << 30


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is held of a source."""

    source: str
    held: int
    withdrawn: int
    loaded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest of its kind: night, good night, relink, full relink."""

    number: int
    status: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class FileKeptOut:
    """A file that its night kept out, and why; the files of its source after it wait."""

    source: str
    file_name: str
    outcome: str
    reasons: Sequence[str]
    night_id: int


@dataclass(frozen=True, slots=True)
class TableState:
    """A table as the server counts it."""

    name: str
    live_rows: int
    dead_rows: int
    size_bytes: int
    analysed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """The index at a glance."""

    sources: Sequence[SourceState]
    persons: int
    records_to_link: int
    relinks_waiting: Sequence[int]
    files_kept_out: Sequence[FileKeptOut]
    newest_event: int
    size_bytes: int
    latest: Mapping[str, Latest]
    model: tuple[str, datetime] | None
    tables: Sequence[TableState]


def overview(conn: Connection) -> Overview:
    """Read it; counts what is there, so it takes a second or two on millions of records."""
    persons, waiting, relinks, event, size = conn.execute(_sql["totals"]).fetchall()[0]
    model = conn.execute(_sql["model"]).fetchone()
    return Overview(
        [SourceState(*row) for row in conn.execute(_sql["sources"])],
        persons,
        waiting,
        relinks,
        [FileKeptOut(*row) for row in conn.execute(_sql["files_kept_out"])],
        event,
        size,
        {kind: Latest(number, status, at) for kind, number, status, at in conn.execute(_sql["last_runs"])},
        None if model is None else (model[0], model[1]),
        [TableState(*row) for row in conn.execute(_sql["tables"])],
    )


def table_advice(tables: Sequence[TableState]) -> list[str]:
    """What to do about tables, a sentence each: vacuum, analyse, partition."""
    found = []
    for table in tables:
        if table.dead_rows > DEAD_ROWS and table.dead_rows > DEAD_SHARE * table.live_rows:
            share = table.dead_rows / max(1, table.dead_rows + table.live_rows)
            found.append(f"{table.name}: {share:.0%} of its rows are dead. Run VACUUM (ANALYZE) {table.name}.")
        elif table.live_rows > ANALYSED_FROM_ROWS and table.analysed_at is None:
            found.append(f"{table.name} was never analysed. Run ANALYZE {table.name}.")
        if table.size_bytes > PARTITION_FROM_BYTES:
            found.append(f"{table.name} takes {table.size_bytes >> 30:,} GiB. See Large tables in docs/operating.md.")
    return found


def night_files(conn: Connection, after: int) -> list[tuple[int, str, Mapping[str, Any]]]:
    """Night, source and profile of each file loaded in the nights after one."""
    return [(night, source, profile) for night, source, profile in conn.execute(_sql["night_files"], {"after": after})]


def keep_page(conn: Connection, night_id: int, html: str) -> None:
    """Keep the page of a night; those of nights long past are let go."""
    with conn.transaction():
        conn.execute(_sql["write_page"], {"night_id": night_id, "html": zlib.compress(html.encode())})
        conn.execute(_sql["forget_pages"], {"before": night_id - PAGES_KEPT})


def night_page(conn: Connection, night_id: int) -> str | None:
    """The page of a night, if one was kept."""
    row = conn.execute(_sql["page"], {"night_id": night_id}).fetchone()
    return None if row is None else zlib.decompress(row[0]).decode()


def night_pages(conn: Connection, limit: int) -> list[tuple[int, str, datetime]]:
    """The nights that have a page, the newest first: number, how it ended, when it began."""
    return [(night, status, at) for night, status, at in conn.execute(_sql["pages"], {"limit": limit})]
