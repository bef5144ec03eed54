"""Takes in source records: facts are added, never changed; the normalised record follows the version that holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import islice
from operator import attrgetter
from typing import Literal, NamedTuple, Protocol

import orjson
from psycopg import sql
from psycopg.types.json import Jsonb

from index_service.store.connection import Connection
from index_service.store.copy_text import CopyValue, array_text, copy_line, escaped
from index_service.store.numbers import content_digest, opened_values, seal_number, sealed_values
from index_service.store.statements import statements
from linkage.record import COLUMNS, CanonicalValue, NormalisedRecord, SourceRecord

IncomingRecord = tuple[SourceRecord, NormalisedRecord, bytes, bool]
"""A record as read, the same normalised, its content hash, and whether the source withdraws it."""


class ReadyRecord(NamedTuple):
    """A record as the database gets it, without the numbers that only the database knows: made by many processes.

    Attributes:
        hash_hex: its content hash, in hexadecimal.
        record_date: the source's own date of it.
        refused: the source's rules keep it out.
        fact: the rest of its COPY line among the versions.
        normalised: the rest of its COPY line among the normalised records; empty for one that is withdrawn.
    """

    source_record_id: str
    hash_hex: str
    deleted: bool
    record_date: str | None
    refused: bool
    fact: str
    normalised: str


_sql = statements("records")
FACTS_AT_A_TIME = 5000
_columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
_column_values: Callable[[NormalisedRecord], tuple[CopyValue, ...]] = attrgetter(*COLUMNS)
_NUMBER = list(COLUMNS).index("ssn")
_DATE = re.compile(r"\d{4}(-\d\d){0,2}")
_QUALITY = ("field", "records", "filled", "placeholder", "rejected")
LOADING_LOCK_SPACE = 0x6C6F6164  # "load": the first half of the lock key, the second is the source
_UNDER_WAY_SPACE = (
    0x6C6F6165  # locks that tell a load under way from one whose process died; the second half: its number
)
_COPY_ROWS = 200  # handed to the driver at a time
_FEW = 200  # records up to which the plan of one batch does for all

_Arrival = tuple[int, int, int, str]  # ordinal in the round from 0, record id, version, outcome


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
    """Keyed digest of a record's canonical values, in whatever order they come; equal content changes nothing."""
    return _hash(_json(values), deleted)


def _hash(values: bytes, deleted: bool) -> bytes:
    return content_digest(values + b"deleted" if deleted else values)


def _json(values: Mapping[str, CanonicalValue]) -> bytes:
    return orjson.dumps(values if type(values) is dict else dict(values), option=orjson.OPT_SORT_KEYS)


def ready_record(
    record: SourceRecord, normalised: NormalisedRecord, *, deleted: bool = False, digest: bytes | None = None
) -> ReadyRecord:
    """Write a record, and what normalising made of it, for the store; its content hash is computed unless given."""
    return ready_columns(record, _column_values(normalised), deleted=deleted, digest=digest)


def ready_columns(
    record: SourceRecord, columns: Sequence[CopyValue], *, deleted: bool = False, digest: bytes | None = None
) -> ReadyRecord:
    """The same from the bare columns of the normalised record, in the order of `linkage.record.COLUMNS`."""
    values = _json(record.values)
    hash_hex = (digest or _hash(values, deleted)).hex()
    if "ssn" in record.values:
        values, columns = _json(sealed_values(record.values)), sealed_columns(columns)
    return ReadyRecord(
        record.source_record_id,
        hash_hex,
        deleted,
        record_date_of(record),
        False,  # not refused
        _fact(values, deleted),
        "" if deleted else copy_line(columns),
    )


def sealed_columns(columns: Sequence[CopyValue]) -> Sequence[CopyValue]:
    """The columns of a normalised record with the social security number sealed."""
    number = columns[_NUMBER]
    return columns if number is None else (*columns[:_NUMBER], seal_number(str(number)), *columns[_NUMBER + 1 :])


def ready_refusal(source_record_id: str) -> ReadyRecord:
    """Write that the source's rules keep a record out: it is withdrawn if it came in before, and else nothing is kept.

    The row's own date plays no part: what must not be held is given up whatever its age.
    """
    hash_hex = content_hash({}, deleted=True).hex()
    return ReadyRecord(source_record_id, hash_hex, True, None, True, _fact(b"{}", True), "")


def _fact(values: bytes, deleted: bool) -> str:
    return f"{'t' if deleted else 'f'}\t{escaped(values.decode())}\n"


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
    taken = Taken()
    with conn.transaction():
        conn.execute(_sql["lock_source"], {"space": LOADING_LOCK_SPACE, "source": source})
        for batch in _rounds(rows):
            taken += _take_round(conn, load_id, source, batch)
    return taken


def _rounds(rows: Iterable[ReadyRecord]) -> Sequence[Sequence[ReadyRecord]]:
    """Part a batch so that no record is twice in a round; what comes first is in the earlier round."""
    batch = list(rows)
    if len({record.source_record_id for record in batch}) == len(batch):
        return [batch] if batch else []
    rounds: list[list[ReadyRecord]] = []
    seen: Counter[str] = Counter()
    for record in batch:
        number = seen[record.source_record_id]
        seen[record.source_record_id] += 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(record)
    return rounds


def record_date_of(record: SourceRecord) -> str | None:
    """The source's own date of the record; ISO dates compare as text, so that anything else is left out."""
    value = record.values.get("record_date")
    return value if isinstance(value, str) and _DATE.match(value) else None


def _take_round(conn: Connection, load_id: int, source: str, batch: Sequence[ReadyRecord]) -> Taken:
    """Take in the rows of one round: heads by one set-wise statement, facts and normalised records by COPY."""
    parameters = {
        "source": source,
        "ids": array_text([record.source_record_id for record in batch]),
        "hashes": array_text([record.hash_hex for record in batch]),
        "deleted": array_text([record.deleted for record in batch]),
        "dates": array_text([record.record_date for record in batch]),
        "refused": array_text([record.refused for record in batch]),
    }
    few = len(batch) <= _FEW
    # planned anew for a large batch, so that joining goes by its size; a plan kept for few saves a millisecond
    arrivals: list[_Arrival] = conn.execute(_sql["take_round"], parameters, prepare=few).fetchall()
    kept = [arrival for arrival in arrivals if arrival[3] != "unchanged"]
    _copy(conn, "copy_versions", [_version_line(load_id, arrival, batch) for arrival in kept])
    _copy(conn, "copy_normalised", [_normalised_line(a, batch) for a in kept if a[3] in ("new", "changed")])
    return Taken(**Counter(outcome for _, _, _, outcome in arrivals))


def _version_line(load_id: int, arrival: _Arrival, batch: Sequence[ReadyRecord]) -> str:
    ordinal, record_id, version, _ = arrival
    record = batch[ordinal]
    return f"\\\\x{record.hash_hex}\t{record_id}\t{version}\t{load_id}\t{record.fact}"


def _normalised_line(arrival: _Arrival, batch: Sequence[ReadyRecord]) -> str:
    ordinal, record_id, version, _ = arrival
    return f"{record_id}\t{version}\t{batch[ordinal].normalised}"


def _copy(conn: Connection, name: str, lines: Iterable[str]) -> None:
    rest = iter(lines)
    block = "".join(islice(rest, _COPY_ROWS))
    if not block:
        return
    with conn.cursor() as cursor, cursor.copy(_copy_statement(name)) as copy:
        while block:
            copy.write(block)
            block = "".join(islice(rest, _COPY_ROWS))


@cache
def _copy_statement(name: str) -> sql.Composed:
    return sql.SQL(_sql[name]).format(columns=_columns)


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
                conn,
                "copy_rebuilt",
                (copy_line((*key, *sealed_columns(_column_values(normalise(record))))) for *key, record in batch),
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
            yield record_id, version, SourceRecord(source, source_record_id, opened_values(values))


def _one(conn: Connection, name: str, parameters: Mapping[str, object]) -> int:
    row = conn.execute(_sql[name], parameters).fetchone()
    if row is None:
        raise LookupError(name)
    return int(row[0])
