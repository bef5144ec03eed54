"""Takes in source records: facts are added, never changed; the normalised record follows the version that holds."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import islice
from operator import attrgetter
from typing import Literal, Protocol

import orjson
from psycopg import sql
from psycopg.types.json import Jsonb

from index_service.store.connection import Connection
from index_service.store.copy_text import CopyValue, copy_line
from index_service.store.statements import statements
from linkage.record import COLUMNS, CanonicalValue, NormalisedRecord, SourceRecord

IncomingRecord = tuple[SourceRecord, NormalisedRecord, bytes, bool]
"""A record as read, the same normalised, its content hash, and whether the source withdraws it."""

_sql = statements("records")
FACTS_AT_A_TIME = 5000
_columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
_column_values: Callable[[NormalisedRecord], tuple[CopyValue, ...]] = attrgetter(*COLUMNS)
_DATE = re.compile(r"\d{4}(-\d\d){0,2}")
_QUALITY = ("field", "records", "filled", "placeholder", "rejected")
_LOCK_SPACE = 0x6C6F6164  # "load": the first half of the lock key, the second is the source
_COPY_CHUNK = 1 << 16  # characters handed to the driver at a time


class FieldQualityCounts(Protocol):
    """Counts over one field of a load."""

    @property
    def field(self) -> str: ...
    @property
    def records(self) -> int: ...
    @property
    def filled(self) -> int: ...
    @property
    def placeholder(self) -> int: ...
    @property
    def rejected(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch. `outdated`: older, by the source's own date, than what we hold; kept as history."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    outdated: int = 0
    withdrawn: int = 0

    def __add__(self, other: Taken) -> Taken:
        return Taken(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Taken)))

    @property
    def total(self) -> int:
        return sum(getattr(self, f.name) for f in fields(Taken))


def content_hash(values: Mapping[str, CanonicalValue], *, deleted: bool = False) -> bytes:
    """SHA-256 of a record's canonical values, whatever the order they come in; the same content changes nothing."""
    digest = hashlib.sha256(orjson.dumps(dict(values), option=orjson.OPT_SORT_KEYS))
    digest.update(b"deleted" if deleted else b"")
    return digest.digest()


def begin_load(conn: Connection, source: str, file_name: str, file_sha256: str) -> int:
    """Note that a file is being read; returns the number of the load."""
    parameters = {"source": source, "file_name": file_name, "file_sha256": file_sha256}
    return int(_one(conn, "begin_load", parameters))


def finish_load(
    conn: Connection,
    load_id: int,
    counts: Mapping[str, int],
    quality: Iterable[FieldQualityCounts] = (),
    *,
    status: Literal["finished", "failed"] = "finished",
) -> None:
    """Note how a load ended, and how well its fields were filled."""
    with conn.transaction(), conn.cursor() as cursor:
        cursor.execute(_sql["finish_load"], {"load_id": load_id, "status": status, "counts": Jsonb(dict(counts))})
        rows = [
            {"load_id": load_id} | {name: getattr(field_counts, name) for name in _QUALITY} for field_counts in quality
        ]
        cursor.executemany(_sql["insert_field_quality"], rows)


def loaded_before(conn: Connection, source: str, file_sha256: str) -> int | None:
    """The load of the same file, if it was the last of the source: then reading it again cannot change anything."""
    row = conn.execute(_sql["loaded_before"], {"source": source, "file_sha256": file_sha256}).fetchone()
    return int(row[0]) if row else None


def copy_records(conn: Connection, load_id: int, source: str, rows: Iterable[IncomingRecord]) -> Taken:
    """Take in one batch of a source in one transaction; batches of 5,000 to 20,000 rows go fastest.

    A record that comes twice in the batch is taken in twice, in order: nothing is lost.

    Raises:
        ValueError: a row is of another source.
    """
    with conn.transaction():
        _ensure_staging(conn)
        rounds = _copy_incoming(conn, source, rows)
        conn.execute(_sql["lock_source"], {"space": _LOCK_SPACE, "source": source})
        conn.execute(_sql["analyze_incoming"])
        outcomes: Counter[str] = Counter()
        for round_number in range(rounds):
            outcomes.update(_take_round(conn, load_id, round_number))
    return Taken(**outcomes)


def _ensure_staging(conn: Connection) -> None:
    if not _one(conn, "has_staging", {}):
        conn.execute(_sql["create_staging"])


def _copy_incoming(conn: Connection, source: str, rows: Iterable[IncomingRecord]) -> int:
    """Send the rows to the staging table; returns the number of rounds they need."""
    seen: Counter[str] = Counter()
    with conn.cursor() as cursor, cursor.copy(sql.SQL(_sql["copy_incoming"]).format(columns=_columns)) as copy:
        for chunk in _chunks(_incoming_lines(source, rows, seen)):
            copy.write(chunk)
    return max(seen.values(), default=0)


def _incoming_lines(source: str, rows: Iterable[IncomingRecord], seen: Counter[str]) -> Iterator[str]:
    for ordinal, (record, normalised, digest, deleted) in enumerate(rows):
        if record.source != source or normalised.source != source:
            raise ValueError(f"row {ordinal} of the batch is not of source {source}")
        record_id = record.source_record_id
        values = orjson.dumps(dict(record.values)).decode()
        head = (ordinal, seen[record_id], deleted, _record_date(record), digest.hex(), values)
        seen[record_id] += 1
        yield copy_line((*head, *_column_values(normalised)))


def _record_date(record: SourceRecord) -> str | None:
    """The source's own date of the record; ISO dates compare as text, so that anything else is left out."""
    value = record.values.get("record_date")
    return value if isinstance(value, str) and _DATE.match(value) else None


def _chunks(lines: Iterable[str]) -> Iterator[str]:
    pending: list[str] = []
    size = 0
    for line in lines:
        pending.append(line)
        size += len(line)
        if size >= _COPY_CHUNK:
            yield "".join(pending)
            pending, size = [], 0
    yield "".join(pending)


def _take_round(conn: Connection, load_id: int, round_number: int) -> dict[str, int]:
    conn.execute(_sql["clear_arrivals"])
    conn.execute(_sql["classify"], {"round": round_number})
    conn.execute(_sql["insert_heads"])
    conn.execute(_sql["update_heads"])
    conn.execute(_sql["insert_versions"], {"load_id": load_id})
    conn.execute(_sql["delete_normalised"])
    conn.execute(sql.SQL(_sql["insert_normalised"]).format(columns=_columns))
    conn.execute(_sql["mark_to_link"])
    return dict(conn.execute(_sql["count_outcomes"]).fetchall())


def rebuild_normalised(conn: Connection, normalise: Callable[[SourceRecord], NormalisedRecord]) -> int:
    """Make every normalised record anew from the facts, in one transaction; returns how many there are.

    Records that come out differently are marked for the next relink.
    """
    with conn.transaction(), conn.cursor() as cursor:
        cursor.execute(_sql["lock_normalised"])
        cursor.execute(_sql["create_rebuilt"])
        facts = read_facts(conn)
        count = 0
        while batch := list(islice(facts, FACTS_AT_A_TIME)):
            count += len(batch)
            with cursor.copy(sql.SQL(_sql["copy_rebuilt"]).format(columns=_columns)) as copy:
                copy.write("".join([copy_line((*key, *_column_values(normalise(record)))) for *key, record in batch]))
        cursor.execute(_sql["mark_rebuilt"])
        cursor.execute(_sql["empty_normalised"])
        cursor.execute(sql.SQL(_sql["fill_normalised"]).format(columns=_columns))
    return count


def read_facts(conn: Connection) -> Iterator[tuple[int, int, SourceRecord]]:
    """What each source says now, as (record id, version, record); without the records withdrawn. In a transaction."""
    with conn.cursor(name="facts") as cursor:
        cursor.itersize = FACTS_AT_A_TIME
        cursor.execute(_sql["current_facts"])
        for record_id, version, source, source_record_id, values in cursor:
            yield record_id, version, SourceRecord(source, source_record_id, values)


def _one(conn: Connection, name: str, parameters: Mapping[str, object]) -> int:
    row = conn.execute(_sql[name], parameters).fetchone()
    if row is None:
        raise LookupError(name)
    return int(row[0])
