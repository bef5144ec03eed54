"""The partition of segregated sources: its tables, what waits in it, whom its records belong to.

Its tables have the names of the index's own, in a schema of their own. What takes in records works there unchanged,
inside `partition_of`; everything that reads the index's own tables cannot meet what is here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from psycopg import sql
from psycopg.types.json import Jsonb

from index_service.errors import InputError
from index_service.store.connection import Connection
from index_service.store.extract import settled_since
from index_service.store.locks import AdvisoryLock
from index_service.store.neighbourhood import normalised_of
from index_service.store.statements import statements
from linkage.blocking import key_numbers
from linkage.record import COLUMNS, NormalisedRecord, PersonId, RecordKey

_sql = statements("satellites")
_columns = sql.SQL(", ").join(sql.SQL("n.") + sql.Identifier(name) for name in COLUMNS)
_records = sql.SQL(_sql["records"]).format(columns=_columns).as_bytes(None)
_without_keys = sql.SQL(_sql["without_keys"]).format(columns=_columns).as_bytes(None)

EventKind = Literal["created", "joined", "added", "moved", "removed"]
SaidKind = Literal["same", "different"]


class InTheOtherPartition(InputError):
    """Records of the source lie in the other partition: the source was not, or was, segregated when they came."""

    hint = (
        "Whether a source is segregated is settled before its first record. Give the source another name, or load "
        "into a new database."
    )


@contextmanager
def partition_of(conn: Connection, source: str, *, segregated: bool) -> Iterator[None]:
    """Inside, the source's records are read and written where they belong; over several transactions.

    Raises:
        InTheOtherPartition: the index holds records of it elsewhere.
    """
    settle_partition(conn, source, segregated=segregated)
    if not segregated:
        yield
        return
    conn.execute(_sql["enter_for_session"])
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute(_sql["leave_for_session"])


@contextmanager
def segregated_partition(conn: Connection) -> Iterator[None]:
    """Inside, within the caller's transaction, the names of tables are those of the segregated partition."""
    conn.execute(_sql["enter_partition"])
    yield
    conn.execute(_sql["leave_partition"])


def settle_partition(conn: Connection, source: str, *, segregated: bool) -> None:
    """Note that records of a source are to come, and make sure that none lie in the other partition.

    Raises:
        InTheOtherPartition: some do.
    """
    if segregated:
        (elsewhere,) = conn.execute(_sql["in_the_index"], {"source": source}).fetchone() or (False,)
        if not elsewhere:
            conn.execute(_sql["note_source"], {"source": source})
    else:
        elsewhere = source in known_sources(conn)
    if elsewhere:
        raise InTheOtherPartition(
            f"{source} is {'segregated' if segregated else 'no longer segregated'}, and its records lie "
            f"{'among the others' if segregated else 'apart'}."
        )


def known_sources(conn: Connection) -> list[str]:
    """Segregated sources of which records ever came."""
    return [source for (source,) in conn.execute(_sql["known_sources"])]


def lock_satellites(conn: Connection) -> None:
    """Segregated records are attached by one at a time: waits its turn; held until the commit."""
    conn.execute(_sql["lock"], {"key": AdvisoryLock.SATELLITES})


def note_what_changed(conn: Connection) -> None:
    """Have those records wait that what happened to the index since concerns; in a transaction, under the lock."""
    before = conn.execute(_sql["attached_as_of"]).fetchone()
    last_run, relinks = conn.execute(_sql["state_of_index"]).fetchone() or (0, "")
    if before is None or before[1] != relinks:
        conn.execute(_sql["all_wait"])
    elif before[0] != last_run:
        settled = sorted(settled_since(conn, before[0]))
        conn.execute(_sql["concerned_wait"], {"record_ids": settled})
    if before != (last_run, relinks):
        conn.execute(_sql["note_attached_as_of"], {"last_run": last_run, "relinks": relinks})


def note_waiting(conn: Connection, record_ids: Collection[int]) -> None:
    """These wait to be weighed."""
    conn.execute(_sql["note_waiting"], {"record_ids": list(record_ids)})


def waiting(conn: Connection, limit: int) -> list[int]:
    """Some of the records that wait."""
    return [record_id for (record_id,) in conn.execute(_sql["waiting"], {"limit": limit})]


def forget_waiting(conn: Connection, record_ids: Collection[int]) -> None:
    """They have been weighed."""
    conn.execute(_sql["forget_waiting"], {"record_ids": list(record_ids)})


@dataclass(frozen=True, slots=True)
class Satellite:
    """A segregated record as it is now.

    person_id: whom it belongs to; own_person_id: the id it has while it stands alone, if it ever did.
    record: None once it is withdrawn.
    """

    record_id: int
    version: int
    key: RecordKey
    person_id: PersonId | None
    own_person_id: PersonId | None
    record: NormalisedRecord | None


def satellites(conn: Connection, record_ids: Collection[int]) -> list[Satellite]:
    """Segregated records, the oldest first. What was derived of withdrawn ones goes; missing keys are written."""
    given = {"record_ids": list(record_ids)}
    conn.execute(_sql["forget_withdrawn"], given)
    for record_id, version, *values in conn.execute(_without_keys, given, binary=True).fetchall():
        keys = sorted(key_numbers(normalised_of(values)))
        conn.execute(_sql["write_keys"], {"record_id": record_id, "version": version, "keys": keys})
    return [
        Satellite(
            record_id,
            version,
            (source, source_record_id),
            person_id,
            own_person_id,
            None if normalised_version is None else normalised_of(values),
        )
        for record_id, version, source, source_record_id, person_id, own_person_id, normalised_version, *values in (
            conn.execute(_records, given, binary=True).fetchall()
        )
    ]


@dataclass(frozen=True, slots=True)
class Said:
    """What stewards said of a record, the latest first: the records of the person that it is, or is not, of."""

    kind: SaidKind
    records: tuple[RecordKey, ...]


def said_of(conn: Connection, keys: Sequence[RecordKey]) -> list[list[Said]]:
    """What was said of each record and was not undone."""
    said: list[list[Said]] = [[] for _ in keys]
    asked = {"sources": [source for source, _ in keys], "ids": [record_id for _, record_id in keys]}
    for place, kind, records in conn.execute(_sql["said"], asked):
        said[place].append(Said(kind, tuple((source, record_id) for source, record_id in records)))
    return said


def persons_of(conn: Connection, keys: Collection[RecordKey]) -> dict[RecordKey, PersonId]:
    """Whom records of the index belong to; withdrawn and unknown ones are left out."""
    asked = {"sources": [source for source, _ in keys], "ids": [record_id for _, record_id in keys]}
    return {(source, record_id): person for source, record_id, person in conn.execute(_sql["persons_of"], asked)}


def now(conn: Connection) -> datetime:
    """The moment of a change."""
    (at,) = conn.execute(_sql["now"]).fetchone() or (None,)
    if at is None:
        raise LookupError("now")
    return at  # type: ignore[no-any-return]


def move(
    conn: Connection, satellite: Satellite, person_id: PersonId | None, *, at: datetime, probability: float, reason: str
) -> None:
    """Let the record belong to another person (None: it is withdrawn), and say so in an event."""
    given = {"record_id": satellite.record_id, "person_id": person_id, "at": at, "probability": probability}
    before = satellite.person_id
    if before is not None:
        conn.execute(_sql["end_membership"], given)
    if person_id is not None:
        conn.execute(_sql["begin_membership"], {**given, "reason": reason})
    event = {
        "kind": _event_kind(satellite, person_id),
        "person_id": before if person_id is None else person_id,
        "others": [before] if before is not None and person_id is not None else [],
        "record_id": satellite.record_id,
        "records": Jsonb([list(satellite.key)]),
        "at": at,
    }
    conn.execute(_sql["add_event"], event)


def _event_kind(satellite: Satellite, person_id: PersonId | None) -> EventKind:
    before, own = satellite.person_id, satellite.own_person_id
    if person_id is None:
        return "removed"
    if before is None:
        return "created" if person_id == own else "added"
    return "joined" if before == own else "moved"


def add_own_person(conn: Connection, satellite: Satellite, person_id: PersonId, at: datetime) -> Satellite:
    """Give the record the id that it has while it stands alone."""
    conn.execute(_sql["add_own_person"], {"record_id": satellite.record_id, "person_id": person_id, "at": at})
    return replace(satellite, own_person_id=person_id)


def note_regard(conn: Connection, record_id: int, records: Collection[int], persons: Collection[PersonId]) -> None:
    """Keep what the record was weighed with."""
    given = {"record_id": record_id, "records": sorted(records), "persons": sorted(persons)}
    conn.execute(_sql["note_regard"], given)


def ask(conn: Connection, record_id: int, doubts: Sequence[tuple[PersonId, float]], at: datetime) -> None:
    """Ask stewards whether the record is of one of these persons; nothing is asked any more where there are none."""
    if not doubts:
        conn.execute(_sql["close_question"], {"record_id": record_id, "at": at})
        return
    persons, weights = zip(*doubts, strict=True)
    asked = {"record_id": record_id, "persons": list(persons), "weights": list(weights), "at": at}
    conn.execute(_sql["ask_question"], asked)


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question to stewards with the right: is the record of one of these persons? The likeliest first, in bits."""

    question_id: int
    record: RecordKey
    persons: tuple[PersonId, ...]
    weights_bits: tuple[float, ...]
    asked_at: datetime


def open_questions(conn: Connection, sources: Collection[str]) -> list[AskedQuestion]:
    """The open questions about records of these sources, the oldest first."""
    return [_asked(*row) for row in conn.execute(_sql["questions"], {"sources": sorted(sources)})]


def open_question(conn: Connection, question_id: int, sources: Collection[str]) -> AskedQuestion | None:
    """One of them."""
    asked = {"question_id": question_id, "sources": sorted(sources)}
    row = conn.execute(_sql["question"], asked).fetchone()
    return None if row is None else _asked(*row)


def _asked(
    question_id: int,
    source: str,
    record_id: str,
    persons: Sequence[PersonId],
    weights: Sequence[float],
    asked_at: datetime,
) -> AskedQuestion:
    return AskedQuestion(question_id, (source, record_id), tuple(persons), tuple(weights), asked_at)


def record_id_of(conn: Connection, key: RecordKey) -> int | None:
    """The number of a segregated record that is not withdrawn."""
    row = conn.execute(_sql["record_id"], {"source": key[0], "source_record_id": key[1]}).fetchone()
    return None if row is None else int(row[0])


def add_judgement(
    conn: Connection, kind: SaidKind, key: RecordKey, records: Sequence[RecordKey], *, reason: str, who: str
) -> int:
    """Keep what a steward says of a segregated record and of the person of these records; returns its number."""
    given = {
        "kind": kind,
        "source": key[0],
        "source_record_id": key[1],
        "records": Jsonb([list(each) for each in records]),
        "reason": reason,
        "who": who,
    }
    row = conn.execute(_sql["add_judgement"], given).fetchone()
    if row is None:
        raise LookupError("add_judgement")
    return int(row[0])


def undo_judgement(
    conn: Connection, judgement_id: int, sources: Collection[str], *, reason: str, who: str
) -> int | None:
    """That it no longer holds; returns the record that it is about, None if there is none of these sources to undo."""
    given = {"judgement_id": judgement_id, "sources": sorted(sources), "reason": reason, "who": who}
    row = conn.execute(_sql["undo_judgement"], given).fetchone()
    return None if row is None else int(row[0])


@dataclass(frozen=True, slots=True)
class Attachments:
    """How many records of a segregated source are attached, stand alone, or wait."""

    source: str
    records: int
    attached: int
    alone: int
    waiting: int


def attachments(conn: Connection) -> list[Attachments]:
    """By source, for who operates the index."""
    return [Attachments(*row) for row in conn.execute(_sql["attachments"])]
