"""Write what is published to files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from psycopg import IsolationLevel

from index_service.csv_output import csv_output
from index_service.disclosure.notices import notices_for
from index_service.errors import NothingLoaded
from index_service.loading.rejects import cannot_write
from index_service.spreadsheet_cells import neutralise
from index_service.store.adoptions import hidden_records
from index_service.store.connection import Connection
from index_service.store.extract import persons_now, read_memberships
from index_service.store.ledger import note_records_shown
from index_service.store.releasing import AskedPersons, Question, answers_of, asking
from index_service.store.statements import statements

_releasing = statements("releasing")
COLUMNS = ("source", "source_record_id", "person_id")
RELEASED_COLUMNS = (*COLUMNS, "notice")
_PERSONS_A_CALL = 1000
_BATCH_ROWS = 20_000


def persons_table(conn: Connection) -> pa.Table:
    """The records that are not withdrawn with their persons: `source`, `source_record_id`, `person_id`.

    What an adoption seal hides is not among them.

    Raises:
        NothingLoaded: nothing is published yet.
    """
    memberships = read_memberships(conn)
    if not memberships.num_rows:
        raise NothingLoaded("No persons are published yet.", hint="Load records, then: person-index relink")
    hidden = pa.array(hidden_records(conn), pa.int64())
    told = pc.invert(pc.or_(memberships["withdrawn"], pc.is_in(memberships["record_id"], hidden)))
    return memberships.filter(told).select(list(COLUMNS))


def export_persons(conn: Connection, out: Path, *, who: str, exact: bool = False) -> int:
    """Write records and their persons as CSV or (by the file's name) Parquet; returns the number of rows.

    Every person has its row in the ledger before the file is in its place.

    Args:
        who: whoever takes them out; the ledger keeps that.
        exact: CSV cells as they are, for machines; otherwise an id that a spreadsheet would calculate gets a
            leading `'`. Parquet is always exact.

    Raises:
        NothingLoaded: nothing is published yet.
        OutputError: the file cannot be written.
    """
    with _one_state(conn):
        table = persons_table(conn)
        keys = zip(table["source"].to_pylist(), table["source_record_id"].to_pylist(), strict=True)
        note_records_shown(conn, keys, command="export", who=who)
    _write(table, out, exact=exact)
    return int(table.num_rows)


def export_persons_for(conn: Connection, out: Path, *, client: str, purpose: str, who: str, exact: bool = False) -> int:
    """Write what agreements let a client learn for a purpose, as its own calls would be told; returns the rows.

    What is told is read by what writes the ledger. `notice`: words that have to travel with the row (42 CFR 2.32).

    Args:
        who: whoever takes it out for the client; the ledger keeps that as the user.

    Raises:
        OutputError: the file cannot be written.
    """
    rows: list[tuple[str, str, str, str]] = []
    with _one_state(conn):
        persons = persons_now(conn)
        for first in range(0, len(persons), _PERSONS_A_CALL):
            question = Question(client, who, purpose, request_id=None, sealed=None)
            asked = [AskedPersons(question, persons=persons[first : first + _PERSONS_A_CALL])]
            (told,) = answers_of(asked, conn.execute(_releasing["released"], asking(asked)))
            for pointer in told:
                notice = " ".join(notices_for([pointer.source]))
                rows.append((pointer.source, pointer.source_record_id, pointer.person_id, notice))
    table = pa.Table.from_pylist(
        [dict(zip(RELEASED_COLUMNS, row, strict=True)) for row in rows],
        schema=pa.schema([(name, pa.string()) for name in RELEASED_COLUMNS]),
    )
    _write(table, out, exact=exact)
    return len(rows)


@contextmanager
def _one_state(conn: Connection) -> Iterator[None]:
    """A transaction in which the persons that are read are those that the ledger names."""
    before = conn.isolation_level
    conn.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with conn.transaction():
            yield
    finally:
        conn.isolation_level = before


def _write(table: pa.Table, out: Path, *, exact: bool) -> None:
    if out.suffix.lower() in (".parquet", ".pq"):
        _write_parquet(table, out)
    else:
        _write_csv(table, out, exact=exact)


def _write_parquet(table: pa.Table, out: Path) -> None:
    try:
        pq.write_table(table, out)
    except OSError as problem:
        raise cannot_write(out, problem) from None


def _write_csv(table: pa.Table, out: Path, *, exact: bool) -> None:
    with csv_output(out, table.column_names) as write_row:
        for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
            for row in zip(*(batch.column(name).to_pylist() for name in table.column_names), strict=True):
                write_row(row if exact else [neutralise(cell) for cell in row])
