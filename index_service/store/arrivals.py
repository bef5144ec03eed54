"""Takes in records that come one by one, of any sources, within a turn of live linking: the facts, and what holds now.

What becomes of a record is decided as in a batch that is loaded (sql/records.sql, `take_round`); a test holds them
equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

from psycopg import sql
from psycopg.types.json import Jsonb

from index_service.store.connection import Connection
from index_service.store.copy_text import CopyValue, copy_line
from index_service.store.records import (
    LOADING_LOCK_SPACE,
    ReadyRecord,
    ready_record,
    record_date_of,
    sealed_columns,
)
from index_service.store.statements import statements
from linkage.blocking import key_numbers
from linkage.record import COLUMNS, NormalisedRecord, PersonId, RecordKey, SourceRecord

Outcome = Literal["new", "changed", "unchanged", "outdated", "withdrawn"]

_sql = statements("arrivals")
_columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
_copies = {
    name: sql.SQL(_sql[name]).format(columns=_columns).as_bytes(None) for name in ("copy_versions", "copy_normalised")
}
_column_values = attrgetter(*COLUMNS)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record that a source sends, or (`deleted`) withdraws."""

    record: SourceRecord
    normalised: NormalisedRecord
    deleted: bool
    ready: ReadyRecord

    @classmethod
    def of(cls, record: SourceRecord, normalised: NormalisedRecord, *, deleted: bool = False) -> Arrival:
        return cls(record, normalised, deleted, ready_record(record, normalised, deleted=deleted))

    @property
    def content_hash(self) -> bytes:
        return bytes.fromhex(self.ready.hash_hex)

    @property
    def record_date(self) -> str | None:
        return record_date_of(self.record)


@dataclass(frozen=True, slots=True)
class Head:
    """What we hold of a record: numbers of the record and of its versions, hash and date of the one that holds."""

    record_id: int
    current_version: int
    last_version: int
    content_hash: bytes
    record_date: str | None
    withdrawn: bool
    person_id: PersonId | None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an arrival. `version`: the one that holds now."""

    record_id: int
    version: int
    outcome: Outcome


def lock_sources(conn: Connection, sources: Sequence[str]) -> None:
    """Wait until no batch of these sources is being loaded, and keep others waiting until the commit."""
    conn.execute(_sql["lock_source"], {"space": LOADING_LOCK_SPACE, "sources": list(sources)})


def try_lock_sources(conn: Connection, sources: Sequence[str]) -> list[str]:
    """As `lock_sources` without waiting; returns the sources of which a batch is being loaded just now."""
    asked = {"space": LOADING_LOCK_SPACE, "sources": list(sources)}
    return [source for (source,) in conn.execute(_sql["try_lock_source"], asked)]


def heads(conn: Connection, keys: Sequence[RecordKey]) -> dict[RecordKey, Head]:
    """What we hold of these records; a record that never came is left out."""
    parameters = {"sources": [source for source, _ in keys], "ids": [record_id for _, record_id in keys]}
    return {keys[ordinal]: Head(*rest) for ordinal, *rest in conn.execute(_sql["heads"], parameters)}


def take(conn: Connection, arrivals: Sequence[Arrival], known: Mapping[RecordKey, Head]) -> list[Taken | None]:
    """Take in arrivals of different records; the caller holds `lock_sources` and gives what `heads` says of them.

    Returns:
        What became of each, in order; None for a withdrawal of a record that never came.
    """
    outcomes = [_outcome(conn, arrival, known.get(arrival.record.key)) for arrival in arrivals]
    new = [arrival for arrival, outcome in zip(arrivals, outcomes, strict=True) if outcome == "new"]
    numbers = _insert_heads(conn, new)
    taken: list[Taken | None] = []
    for arrival, outcome in zip(arrivals, outcomes, strict=True):
        head = known.get(arrival.record.key)
        if outcome is None:
            taken.append(None)
        elif head is None:
            taken.append(Taken(numbers[arrival.record.key], 1, outcome))
        else:
            stays = outcome in ("unchanged", "outdated")
            taken.append(Taken(head.record_id, head.current_version if stays else head.last_version + 1, outcome))
    _update_heads(conn, arrivals, taken, known)
    _write_facts(conn, arrivals, taken, known)
    return taken


def _outcome(conn: Connection, arrival: Arrival, head: Head | None) -> Outcome | None:
    if head is None:
        return None if arrival.deleted else "new"
    if head.content_hash == arrival.content_hash and head.withdrawn == arrival.deleted:
        return "unchanged"
    date = arrival.record_date
    if date is not None and head.record_date is not None and date < head.record_date:
        said = {"record_id": head.record_id, "content_hash": arrival.content_hash, "deleted": arrival.deleted}
        row = conn.execute(_sql["past_version"], said).fetchone()
        return "unchanged" if row and row[0] else "outdated"
    if arrival.deleted:
        return "unchanged" if head.withdrawn else "withdrawn"
    return "changed"


def _insert_heads(conn: Connection, new: Sequence[Arrival]) -> dict[RecordKey, int]:
    if not new:
        return {}
    parameters = {
        "sources": [arrival.record.source for arrival in new],
        "ids": [arrival.record.source_record_id for arrival in new],
        "hashes": [arrival.content_hash for arrival in new],
        "dates": [arrival.record_date for arrival in new],
    }
    rows = conn.execute(_sql["insert_heads"], parameters)
    return {(source, source_record_id): record_id for source, source_record_id, record_id in rows}


def _update_heads(
    conn: Connection, arrivals: Sequence[Arrival], taken: Sequence[Taken | None], known: Mapping[RecordKey, Head]
) -> None:
    rows: list[tuple[Any, ...]] = []
    for arrival, became in zip(arrivals, taken, strict=True):
        head = known.get(arrival.record.key)
        if became is not None and head is not None and became.outcome != "unchanged":
            rows.append(
                (
                    head.record_id,
                    head.last_version + 1,
                    arrival.content_hash,
                    arrival.record_date,
                    arrival.deleted,
                    became.outcome == "outdated",
                )
            )
    if rows:
        names = ("record_ids", "versions", "hashes", "dates", "deleted", "outdated")
        conn.execute(_sql["update_heads"], dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def _write_facts(
    conn: Connection, arrivals: Sequence[Arrival], taken: Sequence[Taken | None], known: Mapping[RecordKey, Head]
) -> None:
    facts, holding, gone = [], [], []
    for arrival, became in zip(arrivals, taken, strict=True):
        if became is None or became.outcome == "unchanged":
            continue
        head = known.get(arrival.record.key)
        facts.append((arrival, became, head.last_version + 1 if head else 1))
        if head is not None and became.outcome in ("changed", "withdrawn"):
            gone.append(became.record_id)
        if became.outcome in ("new", "changed"):
            holding.append((arrival, became))
    _copy(
        conn,
        "copy_versions",
        (f"\\\\x{a.ready.hash_hex}\t{t.record_id}\t{version}\t{a.ready.fact}" for a, t, version in facts),
    )
    if gone:
        conn.execute(_sql["delete_normalised"], {"record_ids": gone})
        conn.execute(_sql["delete_keys"], {"record_ids": gone})
    _copy(conn, "copy_normalised", (copy_line(_columns_of(a, t)) for a, t in holding))
    write_keys(conn, [(t.record_id, t.version, a.normalised) for a, t in holding])


def write_keys(conn: Connection, records: Sequence[tuple[int, int, NormalisedRecord]]) -> None:
    """Write the blocking keys of records, given by number, version and what they say; those there already stay."""
    if records:
        keys = {
            "record_ids": [record_id for record_id, _, _ in records],
            "versions": [version for _, version, _ in records],
            "keys": [",".join(map(str, key_numbers(record))) for _, _, record in records],
        }
        conn.execute(_sql["write_keys"], keys)


def _columns_of(arrival: Arrival, taken: Taken) -> tuple[CopyValue, ...]:
    return (taken.record_id, taken.version, *sealed_columns(_column_values(arrival.normalised)))


def _copy(conn: Connection, name: str, lines: Iterator[str]) -> None:
    text = "".join(lines)
    if text:
        with conn.cursor() as cursor, cursor.copy(_copies[name]) as copy:
            copy.write(text)


@dataclass(frozen=True, slots=True)
class RememberedAnswer:
    """An answer given before under an idempotency key, and the hash of the request that it was for."""

    request_hash: bytes
    status: int
    answer: Mapping[str, Any]


def answered_before(conn: Connection, key: str) -> RememberedAnswer | None:
    row = conn.execute(_sql["answered_before"], {"key": key}).fetchone()
    return RememberedAnswer(*row) if row else None


def remember_answer(conn: Connection, key: str, remembered: RememberedAnswer) -> None:
    parameters = {
        "key": key,
        "request_hash": remembered.request_hash,
        "status": remembered.status,
        "answer": Jsonb(dict(remembered.answer)),
    }
    conn.execute(_sql["remember_answer"], parameters)


def forget_old_answers(conn: Connection) -> None:
    """Repetitions come within minutes; answers are kept for a day."""
    conn.execute(_sql["forget_answers"])
