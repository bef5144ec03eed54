"""Takes in source records: facts are added, never changed; the normalised record follows the version that holds."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from operator import attrgetter
from typing import Literal, NamedTuple, Protocol

import orjson
from psycopg import sql
from psycopg.types.json import Jsonb

from index_service.store.connection import Connection
from index_service.store.copy_text import CopyValue, copy_line, escaped
from index_service.store.statements import statements
from linkage.record import COLUMNS, CanonicalValue, NormalisedRecord, SourceRecord

IncomingRecord = tuple[SourceRecord, NormalisedRecord, bytes, bool]
"""A record as read, the same normalised, its content hash, and whether the source withdraws it."""


class ReadyRecord(NamedTuple):
    """A record as text for COPY, without the numbers that only the database knows: made beside it, by many processes.

    Attributes:
        head: the rest of its line in the staging table.
        fact: the rest of its line among the versions.
        normalised: the rest of its line among the normalised records; empty for one that is withdrawn.
    """

    source_record_id: str
    hash_hex: str
    head: str
    fact: str
    normalised: str


_sql = statements("records")
FACTS_AT_A_TIME = 5000
_columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
_column_values: Callable[[NormalisedRecord], tuple[CopyValue, ...]] = attrgetter(*COLUMNS)
_DATE = re.compile(r"\d{4}(-\d\d){0,2}")
_QUALITY = ("field", "records", "filled", "placeholder", "rejected")
LOADING_LOCK_SPACE = 0x6C6F6164  # "load": the first half of the lock key, the second is the source
_UNDER_WAY_SPACE = (
    0x6C6F6165  # locks that tell a load under way from one whose process died; the second half: its number
)
_COPY_ROWS = 200  # handed to the driver at a time

_Arrival = tuple[int, int, int, str]  # ordinal in the batch, record id, version, outcome


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
    return _hash(_json(values), deleted)


def _hash(values: bytes, deleted: bool) -> bytes:
    return hashlib.sha256(values + b"deleted" if deleted else values).digest()


def _json(values: Mapping[str, CanonicalValue]) -> bytes:
    return orjson.dumps(values if type(values) is dict else dict(values), option=orjson.OPT_SORT_KEYS)


def ready_record(
    record: SourceRecord, normalised: NormalisedRecord, *, deleted: bool = False, digest: bytes | None = None
) -> ReadyRecord:
    """Write a record, and what normalising made of it, for the store; its content hash is computed unless given."""
    values = _json(record.values)
    hash_hex = (digest or _hash(values, deleted)).hex()
    columns = "" if deleted else copy_line(_column_values(normalised))
    return _ready(record.source_record_id, hash_hex, values, columns, deleted, record_date_of(record), refused=False)


def ready_refusal(source_record_id: str) -> ReadyRecord:
    """Write that the source's rules keep a record out: it is withdrawn if it came in before, and else nothing is kept.

    The row's own date plays no part: what must not be held is given up whatever its age.
    """
    hash_hex = content_hash({}, deleted=True).hex()
    return _ready(source_record_id, hash_hex, b"{}", "", deleted=True, record_date=None, refused=True)


def _ready(
    record_id: str, hash_hex: str, values: bytes, columns: str, deleted: bool, record_date: str | None, *, refused: bool
) -> ReadyRecord:
    return ReadyRecord(
        source_record_id=record_id,
        hash_hex=hash_hex,
        head=copy_line((record_id, hash_hex, deleted, record_date, refused)),
        fact=f"{'t' if deleted else 'f'}\t{escaped(values.decode())}\n",
        normalised=columns,
    )


def begin_load(conn: Connection, source: str, file_name: str, file_sha256: str) -> int:
    """Note that a file is being read; returns the number of the load.

    Earlier loads of the source whose process died without a word are noted as failed.
    """
    parameters = {"source": source, "file_name": file_name, "file_sha256": file_sha256, "space": _UNDER_WAY_SPACE}
    conn.execute(_sql["fail_dead_loads"], parameters)
    return _one(conn, "begin_load", parameters)


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
    conn.execute(_sql["unlock_load"], {"space": _UNDER_WAY_SPACE, "load_id": load_id})


def loaded_before(conn: Connection, source: str, file_sha256: str) -> int | None:
    """The load of the same file, if it was the last of the source: then reading it again cannot change anything."""
    row = conn.execute(_sql["loaded_before"], {"source": source, "file_sha256": file_sha256}).fetchone()
    return int(row[0]) if row else None


def copy_records(conn: Connection, load_id: int, source: str, rows: Iterable[IncomingRecord]) -> Taken:
    """Take in one batch of records, as `copy_ready_records` does.

    Raises:
        ValueError: a row is of another source.
    """
    batch = list(rows)
    if any(record.source != source or normalised.source != source for record, normalised, _, _ in batch):
        raise ValueError(f"a row of the batch is not of source {source}")
    ready = [
        ready_record(record, normalised, deleted=deleted, digest=digest)
        for record, normalised, digest, deleted in batch
    ]
    return copy_ready_records(conn, load_id, source, ready)


def copy_ready_records(conn: Connection, load_id: int, source: str, rows: Iterable[ReadyRecord]) -> Taken:
    """Take in one batch of a source in one transaction; batches of 5,000 to 20,000 rows go fastest.

    A record that comes twice in the batch is taken in twice, in order: nothing is lost.
    """
    batch = list(rows)
    with conn.transaction():
        if not _one(conn, "has_staging", {}):
            conn.execute(_sql["create_staging"])
        rounds = _copy_incoming(conn, batch)
        conn.execute(_sql["lock_source"], {"space": LOADING_LOCK_SPACE, "source": source})
        conn.execute(_sql["analyze_incoming"])
        taken = Taken()
        for round_number in range(rounds):
            taken += _take_round(conn, load_id, source, round_number, batch)
    return taken


def _copy_incoming(conn: Connection, batch: Sequence[ReadyRecord]) -> int:
    """Send what decides about each row to the staging table; returns the number of rounds they need."""
    seen: dict[str, int] = {}
    lines = []
    for ordinal, record in enumerate(batch):
        round_number = seen.get(record.source_record_id, 0)
        seen[record.source_record_id] = round_number + 1
        lines.append(f"{ordinal}\t{round_number}\t{record.head}")
    _copy(conn, "copy_incoming", lines)
    return max(seen.values(), default=0)


def record_date_of(record: SourceRecord) -> str | None:
    """The source's own date of the record; ISO dates compare as text, so that anything else is left out."""
    value = record.values.get("record_date")
    return value if isinstance(value, str) and _DATE.match(value) else None


def _take_round(conn: Connection, load_id: int, source: str, round_number: int, batch: Sequence[ReadyRecord]) -> Taken:
    """Take in the rows of one round: heads by set-wise statements, facts and normalised records by COPY."""
    parameters = {"source": source, "round": round_number}
    for step in ("clear_arrivals", "classify", "insert_heads", "update_heads", "delete_normalised"):
        conn.execute(_sql[step], parameters)
    arrivals: list[_Arrival] = conn.execute(_sql["arrivals"]).fetchall()
    _copy(conn, "copy_versions", (_version_line(load_id, arrival, batch) for arrival in arrivals))
    _copy(conn, "copy_normalised", (_normalised_line(a, batch) for a in arrivals if a[3] in ("new", "changed")))
    conn.execute(_sql["mark_new_to_link"])
    conn.execute(_sql["mark_changed_to_link"])
    outcomes = Counter(outcome for _, _, _, outcome in arrivals)
    return Taken(**outcomes, unchanged=_one(conn, "count_unchanged", {}))


def _version_line(load_id: int, arrival: _Arrival, batch: Sequence[ReadyRecord]) -> str:
    ordinal, record_id, version, _ = arrival
    record = batch[ordinal]
    return f"\\\\x{record.hash_hex}\t{record_id}\t{version}\t{load_id}\t{record.fact}"


def _normalised_line(arrival: _Arrival, batch: Sequence[ReadyRecord]) -> str:
    ordinal, record_id, version, _ = arrival
    return f"{record_id}\t{version}\t{batch[ordinal].normalised}"


def _copy(conn: Connection, name: str, lines: Iterable[str]) -> None:
    statement = sql.SQL(_sql[name]).format(columns=_columns)
    rest = iter(lines)
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        while block := "".join(islice(rest, _COPY_ROWS)):
            copy.write(block)


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
            _copy(
                conn, "copy_rebuilt", (copy_line((*key, *_column_values(normalise(record)))) for *key, record in batch)
            )
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
