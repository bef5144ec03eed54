"""A database with cases for stewards: invented families put in as records arrive, made once and copied for each test.

By hand: the twins Marisol and Evadne with a newborn's record that could be either's; Alexandria, whose school calls her
Alexa Rose and is a month off; Jonah before and after his adoption; a name that is a script. Beside them a generated
population, which brings every other kind of question.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import sql

from index_service.ingesting import Write, ingest
from index_service.store.arrivals import Arrival
from index_service.store.connection import Connection, connect
from index_service.store.embedded import EmbeddedServer
from linkage.normalise import normalise
from linkage.record import SourceRecord
from training.population import generate

_numbers = itertools.count(1)
_TEMPLATE = "stewards_cases"


def invented_ssn(number: int) -> str:
    """A social security number that can be one; nobody invented here shares it by accident."""
    return f"{523 + number % 7}-{11 + number % 80:02d}-{4000 + number}"


TESTVOGEL: dict[str, Any] = {
    "last_name": "Testvogel",
    "mother_first_name": "Ines",
    "mother_last_name": "Testvogel",
    "address_line": "12 Example St",
    "city": "Sacramento",
    "zip": "95814",
    "phone": "916-555-0142",
    "record_date": "2026-02-03",
}
MARISOL = TESTVOGEL | {"first_name": "Marisol", "birth_date": "2015-03-02", "sex": "female", "multiple_birth": "true"}
EVADNE = MARISOL | {"first_name": "Evadne"}
NEWBORN = MARISOL | {"first_name": "Baby Girl", "record_date": "2015-03-04"}

JONAH: dict[str, Any] = {
    "first_name": "Jonah",
    "last_name": "Probst",
    "birth_date": "2012-11-20",
    "sex": "male",
    "cin": "90000001A",
    "zip": "95608",
}
JONAH_ADOPTED = JONAH | {
    "last_name": "Lindqvist-Amari",
    "zip": "94110",
    "address_line": "7 Invented Ave",
    "mother_first_name": "Solveig",
}

ALEXANDRIA: dict[str, Any] = {
    "first_name": "Alexandria",
    "middle_name": "June",
    "last_name": "Musterfeld",
    "birth_date": "2010-06-14",
    "sex": "female",
    "address_line": "900 Fictional Blvd Apt 4",
    "city": "Fresno",
    "zip": "93701",
    "ssn": invented_ssn(5),
    "alias_names": ["Lexi Musterfeld"],
}
ALEXANDRIA_MISTYPED = ALEXANDRIA | {"first_name": "Alexandra", "birth_date": "2010-06-41", "zip": "93702"}
ALEXA = {
    "first_name": "Alexa",
    "middle_name": "Rose",
    "last_name": "Musterfeld",
    "birth_date": "2010-07-14",
    "sex": "female",
    "city": "Fresno",
    "zip": "93701",
}
SCRIPT = "<script>window.ran = true</script>"
SCRIPTED: dict[str, Any] = {
    "first_name": "Robin",
    "last_name": f"O'Brien {SCRIPT}",
    "birth_date": "2011-09-09",
    "sex": "female",
    "address_line": SCRIPT,
    "zip": "94501",
}

CASES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("calsaws", "twin 1", MARISOL),
    ("meds", "twin/2", MARISOL | {"ssn": invented_ssn(1)}),
    ("calpads", "twin-3", MARISOL),
    ("calsaws", "twin 4", EVADNE),
    ("meds", "twin/5", EVADNE | {"ssn": invented_ssn(2)}),
    ("calpads", "twin-6", EVADNE),
    ("cair2", "newborn-7", NEWBORN),
    ("cws_cms", "jonah-1", JONAH),
    ("meds", "jonah-2", JONAH_ADOPTED),
    ("calsaws", "alex-1", ALEXANDRIA),
    ("cws_cms", "alex-2", ALEXANDRIA),
    ("csi", "alex-3", ALEXANDRIA_MISTYPED),
    ("calpads", "alex-4", ALEXA),
    ("calpads", "script-1", SCRIPTED),
    ("meds", "script-2", SCRIPTED),
)


def put(conn: Connection, *records: tuple[str, str, dict[str, Any]]) -> None:
    """Records as they arrive over the API."""
    arriving = [SourceRecord(*record) for record in records]
    ingest(conn, [Write(Arrival.of(record, normalise(record)[0])) for record in arriving])


def fill(conn: Connection, *, children: int) -> None:
    """The cases by hand and a population."""
    put(conn, *CASES)
    found = []
    for row in generate(children, seed=3).records.to_pylist() if children else ():
        source, record_id = row.pop("source"), row.pop("source_record_id")
        found.append((source, record_id, {name: value for name, value in row.items() if value}))
    put(conn, *found)


@contextmanager
def template(server: EmbeddedServer, *, children: int = 45) -> Iterator[str]:
    """A filled database to copy; its name."""
    name = f"{_TEMPLATE}_{next(_numbers)}"
    _copy(server, "person_index", name)
    with connect(server.url(name)) as conn:
        fill(conn, children=children)
    yield name
    _drop(server, name)


@contextmanager
def copy_of(server: EmbeddedServer, filled: str) -> Iterator[str]:
    """A database of the test's own, as filled; its address."""
    name = f"{_TEMPLATE}_{next(_numbers)}"
    _copy(server, filled, name)
    try:
        yield server.url(name)
    finally:
        _drop(server, name)


def _copy(server: EmbeddedServer, of: str, name: str) -> None:
    _administer(
        server,
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(name), sql.Identifier(of)),
    )


def _drop(server: EmbeddedServer, name: str) -> None:
    _administer(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _administer(server: EmbeddedServer, statement: sql.Composed) -> None:
    with connect(server.url("postgres")) as conn:
        conn.execute(statement)


def task_about(conn: Connection, source: str, source_record_id: str, *, kind: str | None = None) -> int:
    """The open task in which a record stands on either side."""
    row = conn.execute(
        "SELECT t.task_id FROM review_task t, source_record h WHERE h.source = %s AND h.source_record_id = %s "
        "AND h.record_id = ANY (t.left_records || t.right_records) AND t.status = 'open' "
        "AND (%s::text IS NULL OR t.kind = %s) ORDER BY t.task_id LIMIT 1",
        (source, source_record_id, kind, kind),
    ).fetchone()
    assert row is not None, "no open task names the record"
    return int(row[0])


def person_of_record(conn: Connection, source: str, source_record_id: str) -> str:
    """Whom a record belongs to now."""
    row = conn.execute(
        "SELECT person_id FROM membership JOIN source_record USING (record_id) "
        "WHERE source = %s AND source_record_id = %s AND to_at IS NULL",
        (source, source_record_id),
    ).fetchone()
    assert row is not None, "the record belongs to nobody"
    return str(row[0])
