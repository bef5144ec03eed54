"""Invented children whose persons are certain, doubtful or wrong, and what is published of them."""

from __future__ import annotations

from collections.abc import Mapping

from index_service.ingesting import Write, ingest
from index_service.linking_context import shipped
from index_service.stewardship.deciding import Steward
from index_service.store.arrivals import Arrival
from index_service.store.connection import Connection
from linkage.normalise import normalise
from linkage.record import RecordKey, SourceRecord

CONTEXT = shipped()
ANN, BEN = Steward("ann"), Steward("ben")
SENIOR = Steward("sue", senior=True)
Partition = Mapping[RecordKey, str]

MARIA = {
    "first_name": "Marisol",
    "last_name": "Quintanilla",
    "birth_date": "2014-03-09",
    "sex": "female",
    "mother_first_name": "Rosaura",
    "mother_last_name": "Quintanilla",
    "address_line": "814 Alder Way",
    "city": "Fresno",
    "zip": "93701",
}
"""A child that two systems know alike: her records link."""

DOUBTFUL = {
    "first_name": "Marisol",
    "last_name": "Quintana",
    "birth_date": "2014-03-19",
    "mother_first_name": "Luz",
    "address_line": "77 Birch Ct",
    "city": "Clovis",
    "zip": "93612",
}
"""A child that may be the same."""

TWIN = {**MARIA, "first_name": "Esperanza"}
OTHER = {
    "first_name": "Thaddeus",
    "last_name": "Okonkwo",
    "birth_date": "2009-11-30",
    "sex": "male",
    "address_line": "5 Cedar Ln",
    "city": "Eureka",
    "zip": "95501",
}


def write(key: RecordKey, values: Mapping[str, str], *, deleted: bool = False) -> Write:
    record = SourceRecord(*key, dict(values))
    return Write(Arrival.of(record, normalise(record)[0], deleted=deleted))


def send(conn: Connection, records: Mapping[RecordKey, Mapping[str, str]]) -> None:
    ingest(conn, [write(key, values) for key, values in records.items()])


def withdraw(conn: Connection, *keys: RecordKey) -> None:
    ingest(conn, [write(key, {}, deleted=True) for key in keys])


def persons(conn: Connection) -> dict[RecordKey, str]:
    """Whom each record belongs to."""
    rows = conn.execute(
        "SELECT h.source, h.source_record_id, m.person_id FROM membership m JOIN source_record h USING (record_id) "
        "WHERE m.to_at IS NULL"
    )
    return {(source, record_id): person for source, record_id, person in rows}


def open_tasks(conn: Connection) -> list[tuple[object, ...]]:
    """The open questions, as a steward sees them."""
    return conn.execute(
        "SELECT kind, left_person_id, right_person_id, left_records, right_records, round(weight_bits::numeric, 5) "
        "FROM review_task WHERE status = 'open' ORDER BY left_record_id, right_record_id, kind"
    ).fetchall()
