"""Consents, court orders, refusals and relationships: facts about a child, bound to one of the child's records.

Through that record they stay with the child when persons are joined or split. They take effect, and end, at once.
What is on file for a segregated record lies in its partition, under numbers below zero.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

from index_service.disclosure.on_file import BrokenGlass, Consent, FileKind, OnFile, Relation
from index_service.errors import IndexServiceError
from index_service.store.connection import Connection
from index_service.store.satellites import known_sources, segregated_partition
from index_service.store.statements import statements
from linkage.record import RecordKey

_sql = statements("on_file")


class NoSuchRecord(IndexServiceError):
    """There is no such record."""

    hint = "Name source and id as the source has them; ids are case-sensitive."


class NotOnFile(IndexServiceError):
    """There is nothing of this number on file, or it was ended before."""

    hint = "List what is on file: person-index consents list"


def add_consent(
    conn: Connection,
    kind: FileKind,
    record: RecordKey,
    *,
    sources: Collection[str],
    from_at: datetime,
    until_at: datetime | None,
    document: str,
    who: str,
    clients: Collection[str] = (),
    purposes: Collection[str] = (),
    record_only: bool = False,
) -> int:
    """Put a consent, order or refusal on file for the person of a record, or for the record alone; returns its number.

    Raises:
        NoSuchRecord: the record is not known.
    """
    parameters = {
        "kind": kind,
        "covers": "record" if record_only else "person",
        "sources": sorted(sources),
        "clients": sorted(clients),
        "purposes": sorted(purposes),
        "from_at": from_at,
        "until_at": until_at,
        "document": document,
        "who": who,
    }
    with _partition_of_source(conn, record[0]):
        return _number(conn, "add_consent", {**parameters, "record_id": _record_id(conn, record)})


def revoke_consent(conn: Connection, consent_id: int, *, reason: str, who: str) -> None:
    """End a consent, order or refusal, from this moment.

    Raises:
        NotOnFile: there is none of this number, or it was revoked before.
    """
    with _partition_of_number(conn, consent_id):
        _end(conn, "revoke_consent", {"consent_id": consent_id, "reason": reason, "who": who})


def add_relationship(
    conn: Connection,
    kind: str,
    record: RecordKey,
    *,
    client: str,
    from_at: datetime,
    who: str,
    user: str | None = None,
    until_at: datetime | None = None,
) -> int:
    """Note how a client, or one of its users, stands to the person of a record; returns the number.

    Raises:
        NoSuchRecord: the record is not known.
    """
    parameters = {
        "kind": kind,
        "client_id": client,
        "user_id": user,
        "from_at": from_at,
        "until_at": until_at,
        "who": who,
    }
    with _partition_of_source(conn, record[0]):
        return _number(conn, "add_relationship", {**parameters, "record_id": _record_id(conn, record)})


def end_relationship(conn: Connection, relationship_id: int, *, reason: str, who: str) -> None:
    """End a relationship, from this moment.

    Raises:
        NotOnFile: there is none of this number, or it was ended before.
    """
    with _partition_of_number(conn, relationship_id):
        _end(conn, "end_relationship", {"relationship_id": relationship_id, "reason": reason, "who": who})


def break_glass(conn: Connection, glass: BrokenGlass) -> int:
    """Note that the glass was broken; returns the number (that of `glass` is ignored)."""
    return _number(
        conn,
        "break_glass",
        {
            "agreement": glass.agreement,
            "client_id": glass.client,
            "user_id": glass.user,
            "person_id": glass.person_id,
            "reason": glass.reason,
            "alerts": list(glass.alerts),
            "broken_at": glass.broken_at,
            "expires_at": glass.expires_at,
            "review_by": glass.review_by,
        },
    )


def review_broken_glass(conn: Connection, broken_glass_id: int, *, was_justified: bool, remark: str, who: str) -> None:
    """Note what the review of a broken glass found.

    Raises:
        NotOnFile: there is none of this number, or it was reviewed before.
    """
    parameters = {"broken_glass_id": broken_glass_id, "was_justified": was_justified, "remark": remark, "who": who}
    _end(conn, "review_broken_glass", parameters)


@dataclass(frozen=True, slots=True)
class GlassReview:
    """What the review of broken glass found."""

    was_justified: bool
    remark: str
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class GlassCase:
    """Broken glass with how many answers were given by it; `review` is None while it waits."""

    glass: BrokenGlass
    answers: int
    review: GlassReview | None

    def is_overdue(self, now: datetime) -> bool:
        return self.review is None and self.glass.review_by < now


def glass_cases(conn: Connection, *, reviewed_too: bool = False, limit: int = 500) -> list[GlassCase]:
    """Broken glass that waits for its review, the most urgent first; then, if asked for, what was reviewed."""
    rows = conn.execute(_sql["glass_to_review"], {"reviewed_too": reviewed_too, "limit": limit}).fetchall()
    return [GlassCase(_glass(row[:10]), row[10], None if row[11] is None else GlassReview(*row[11:])) for row in rows]


def glass_waiting(conn: Connection) -> int:
    """How many cases of broken glass wait for their review."""
    (number,) = conn.execute(_sql["glass_waiting"]).fetchone() or (0,)
    return int(number)


def glass_broken_by(conn: Connection, broken_glass_id: int) -> tuple[str, str]:
    """Client and user who broke the glass. Raises NotOnFile."""
    row = conn.execute(_sql["glass_broken_by"], {"broken_glass_id": broken_glass_id}).fetchone()
    if row is None:
        raise NotOnFile("There is no broken glass of this number.")
    return row[0], row[1]


def broken_glass_to_review(conn: Connection) -> list[BrokenGlass]:
    """The queue of broken glass that nobody has looked at yet, the most urgent first."""
    return _broken_glass(conn, None)


def consents(conn: Connection, person_id: str | None = None) -> list[Consent]:
    """All consents, orders and refusals, of one person or of everybody, ended ones too."""
    rows = _of_both_partitions(conn, "consents", person_id)
    return [
        Consent(
            consent_id=row[0],
            kind=row[1],
            record=(row[2], row[3]),
            covers=row[4],
            sources=frozenset(row[5]),
            clients=frozenset(row[6]),
            purposes=frozenset(row[7]),
            from_at=row[8],
            until_at=row[9],
            revoked_at=row[13],
            document=row[10],
        )
        for row in rows
    ]


def relations(conn: Connection, person_id: str | None = None) -> list[Relation]:
    """All relationships, to one person or to anybody, ended ones too."""
    rows = _of_both_partitions(conn, "relationships", person_id)
    return [Relation(row[0], row[1], (row[2], row[3]), row[4], row[5], row[6], row[7], ended_at=row[9]) for row in rows]


def on_file(conn: Connection, person_id: str) -> OnFile:
    """All that is on file for a person now."""
    return OnFile(consents(conn, person_id), relations(conn, person_id), _broken_glass(conn, person_id))


def answering_person(conn: Connection, person_id: str) -> str | None:
    """The person that answers for an id; None if it was never given out."""
    row = conn.execute(_sql["answering_person"], {"person_id": person_id}).fetchone()
    return None if row is None else row[0]


def members(conn: Connection, person_id: str) -> list[RecordKey]:
    """Keys of the records that a person has now."""
    return [(row[0], row[1]) for row in conn.execute(_sql["members"], {"person_id": person_id}).fetchall()]


def _broken_glass(conn: Connection, person_id: str | None) -> list[BrokenGlass]:
    rows = conn.execute(_sql["broken_glass"], {"person_id": person_id}).fetchall()
    return [_glass(row) for row in rows]


def _glass(row: TupleRow) -> BrokenGlass:
    return BrokenGlass(row[0], row[1], row[2], row[3], row[4], row[5], tuple(row[6]), row[7], row[8], row[9])


@contextmanager
def _partition_of_source(conn: Connection, source: str) -> Iterator[None]:
    """A transaction in the partition in which a source's records lie."""
    with conn.transaction():
        if source in known_sources(conn):
            with segregated_partition(conn):
                yield
        else:
            yield


@contextmanager
def _partition_of_number(conn: Connection, number: int) -> Iterator[None]:
    """A transaction in the partition that gave out a number: those of segregated records are below zero."""
    with conn.transaction():
        if number < 0:
            with segregated_partition(conn):
                yield
        else:
            yield


def _of_both_partitions(conn: Connection, statement: str, person_id: str | None) -> list[TupleRow]:
    """What is on file for records of a person, or for all; for who operates the index."""
    asked = {"person_id": person_id}
    with conn.transaction():
        rows = conn.execute(_sql[statement], asked).fetchall()
        with segregated_partition(conn):
            return [*rows, *conn.execute(_sql[statement], asked).fetchall()]


def _record_id(conn: Connection, record: RecordKey) -> int:
    row = conn.execute(_sql["record_id"], {"source": record[0], "source_record_id": record[1]}).fetchone()
    if row is None:
        raise NoSuchRecord(f"{record[0]} has no record of this id here.")
    return int(row[0])


def _number(conn: Connection, statement: str, parameters: Mapping[str, object]) -> int:
    row = conn.execute(_sql[statement], parameters).fetchone()
    if row is None:
        raise LookupError(statement)
    return int(row[0])


def _end(conn: Connection, statement: str, parameters: Mapping[str, object]) -> None:
    try:
        conn.execute(_sql[statement], parameters)
    except (psycopg.errors.UniqueViolation, psycopg.errors.ForeignKeyViolation):
        raise NotOnFile from None
