"""Reads what a relink needs, fast and in one snapshot: normalised records, memberships that hold, constraints."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Copy, sql
from pyarrow import csv

from index_service.store.adoptions import sealed_sides
from index_service.store.connection import Connection
from index_service.store.judgements import said_in_force
from index_service.store.locks import AdvisoryLock
from index_service.store.numbers import open_number
from index_service.store.statements import statements
from linkage.judged import constraints_of, with_seals
from linkage.record import COLUMNS, ColumnType, Constraints

Table: TypeAlias = pa.Table

_sql = statements("extract")
_SEPARATOR = "\x1f"  # ASCII's unit separator: normalised text is printable
_ARROW_TYPES: dict[ColumnType, pa.DataType] = {"text": pa.string(), "integer": pa.int32(), "boolean": pa.bool_()}
_BLOCK_BYTES = 1 << 22
RECORDS_A_ROW = 50_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of the database, as a relink reads it.

    records: record_id int64, version int32, then the columns of `linkage.record.COLUMNS`; ordered by record_id.
    memberships: record_id int64, version int32, source, source_record_id, withdrawn bool, person_id,
        person_created_at timestamp; ordered by record_id. Holds withdrawn records, which `records` does not.
    keyed: record_id int64, version int32: which version of each record the stored blocking keys are of.
    last_run: the newest run of that moment; what live linking does later has a higher number.
    last_event: the newest event of that moment.
    at: the moment.
    judgements: numbers of the judgements in force, ascending; the constraints are what they demand.
    """

    records: Table
    memberships: Table
    constraints: Constraints
    keyed: Table
    last_run: int
    last_event: int
    at: datetime
    judgements: tuple[int, ...] = ()


def read_snapshot(conn: Connection) -> Snapshot:
    """Read records, memberships and constraints as they are at one moment, between two publications."""
    with paused_publication(conn) as go_on, conn.transaction():
        conn.execute(_sql["begin_snapshot"])
        moment = _moment(conn)  # that of the first statement
        go_on()
        return Snapshot(
            read_normalised(conn),
            read_memberships(conn),
            read_constraints(conn),
            read_keyed(conn),
            moment.last_run,
            moment.last_event,
            moment.at,
            moment.judgements,
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """What says which state of the database is read: its newest run and event, when, and the judgements in force."""

    last_run: int
    last_event: int
    at: datetime
    judgements: tuple[int, ...]


def _moment(conn: Connection) -> Moment:
    last_run, last_event, at = conn.execute(_sql["moment"]).fetchall()[0]
    return Moment(last_run, last_event, at, judgements_in_force(conn))


@contextmanager
def reading_chosen(conn: Connection) -> Iterator[Moment]:
    """Inside, all reads see one state of the database, between two publications; `choose` says which records."""
    with paused_publication(conn) as go_on, conn.transaction():
        conn.execute(_sql["begin_reading_chosen"])
        moment = _moment(conn)
        go_on()
        yield moment


@contextmanager
def paused_publication(conn: Connection) -> Iterator[Callable[[], None]]:
    """Nothing is published until the function given is called, or the block ends."""
    key = {"key": AdvisoryLock.PUBLICATION}
    conn.execute(_sql["pause_publication"], key)
    paused = True

    def go_on() -> None:
        nonlocal paused
        if paused:
            conn.execute(_sql["resume_publication"], key)
            paused = False

    try:
        yield go_on
    finally:
        if not conn.closed:
            go_on()


def read_keyed(conn: Connection, *, chosen: bool = False) -> Table:
    """Which version of each record the stored blocking keys are of; columns as in `Snapshot.keyed`."""
    return _read_arrays(conn, "keyed", {"record_id": pa.int64(), "version": pa.int32()}, chosen=chosen)


def prepare_choosing(conn: Connection) -> None:
    """Make the place where `choose` notes records; outside of a transaction."""
    conn.execute(_sql["create_chosen"])


def choose(conn: Connection, record_ids: Collection[int]) -> None:
    """The records that are read with `chosen=True` from now on, in this transaction."""
    conn.execute(_sql["empty_chosen"])
    conn.execute(_sql["fill_chosen"], {"record_ids": list(record_ids)})
    conn.execute(_sql["analyze_chosen"])


def _chosen(chosen: bool) -> sql.SQL:
    return sql.SQL(_sql["join_chosen"] if chosen else "")


def judgements_in_force(conn: Connection) -> tuple[int, ...]:
    """Numbers of the judgements in force, ascending."""
    return tuple(judgement_id for (judgement_id,) in conn.execute(_sql["judgements_in_force"]))


def settled_since(conn: Connection, run_id: int) -> set[int]:
    """The records that live linking changed or moved in runs after this one."""
    return {record_id for (record_id,) in conn.execute(_sql["settled_since"], {"run_id": run_id})}


def read_normalised(conn: Connection, *, chosen: bool = False) -> Table:
    """The normalised records of all records not withdrawn, or of the chosen ones; columns as in `Snapshot.records`."""
    columns = [_joined(name, kind) for name, kind in COLUMNS.items()]
    types = {"record_id": pa.int64(), "version": pa.int32()}
    types |= {name: _ARROW_TYPES.get(kind, pa.string()) for name, kind in COLUMNS.items()}
    statement = sql.SQL(_sql["copy_normalised"]).format(columns=sql.SQL(", ").join(columns), chosen=_chosen(chosen))
    table = _read_copy(conn, statement, types)
    for name, kind in COLUMNS.items():
        if kind == "text[]":
            table = table.set_column(table.column_names.index(name), name, _split(table[name]))
    return table.set_column(table.column_names.index("ssn"), "ssn", _opened(table["ssn"]))


def _opened(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Social security numbers, opened; each once."""
    coded = column.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    opened = pa.array([open_number(text) for text in coded.dictionary.to_pylist()], pa.string())
    return pa.chunked_array([opened.take(coded.indices)])


def copy_normalised_csv(conn: Connection, path: Path) -> int:
    """Write the normalised records to a CSV file with a header, lists as JSON; returns the bytes written.

    As they are stored: social security numbers stay sealed.
    """
    columns = [_as_json(name, kind) for name, kind in COLUMNS.items()]
    statement = sql.SQL(_sql["copy_normalised_with_header"]).format(columns=sql.SQL(", ").join(columns))
    with path.open("wb") as file, conn.cursor() as cursor, cursor.copy(statement) as copy:
        return sum(file.write(block) for block in copy)


def read_memberships(conn: Connection, *, chosen: bool = False) -> Table:
    """The memberships that hold, all or those of the chosen records; columns as in `Snapshot.memberships`."""
    types = {
        "record_id": pa.int64(),
        "version": pa.int32(),
        "source": pa.string(),
        "source_record_id": pa.string(),
        "withdrawn": pa.bool_(),
        "person_id": pa.string(),
        "person_created_at": pa.timestamp("us", tz="UTC"),
    }
    return _read_arrays(conn, "memberships", types, chosen=chosen).sort_by("record_id")


def read_constraints(conn: Connection) -> Constraints:
    """What the judgements and adoption seals in force demand of a linking."""
    return with_seals(constraints_of(said_in_force(conn)), sealed_sides(conn))


def constraints_digest(constraints: Constraints) -> str:
    """SHA-256 of what the judgements demand, in hexadecimal; noted with a relink that obeys them."""
    demands = [sorted(constraints.must_link), sorted(constraints.cannot_link)]
    return hashlib.sha256(orjson.dumps(demands)).hexdigest()


def published_constraints_digest(conn: Connection) -> str | None:
    """The digest of what the last published relink obeyed. Clocks would not do: a judgement may be committed late."""
    row = conn.execute(_sql["judgements_published"]).fetchone()
    return row[0] if row else None


def count_records_to_link(conn: Connection) -> int:
    """How many records are new, changed or withdrawn since a relink last saw them."""
    row = conn.execute(_sql["count_records_to_link"]).fetchone()
    return int(row[0]) if row else 0


def records_to_link(conn: Connection) -> list[int]:
    """Their record ids, ascending."""
    return [int(record_id) for (record_id,) in conn.execute(_sql["records_to_link"])]


def _joined(name: str, kind: ColumnType) -> sql.Composable:
    column = sql.Identifier(name)
    if kind != "text[]":
        return column
    return sql.SQL("nullif(array_to_string({}, {}), '') AS {}").format(column, sql.Literal(_SEPARATOR), column)


def _as_json(name: str, kind: ColumnType) -> sql.Composable:
    column = sql.Identifier(name)
    return sql.SQL("to_json({}) AS {}").format(column, column) if kind == "text[]" else column


def _split(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lists from joined text; nothing gives the empty list (the slot of a null is empty: the mask alone goes)."""
    chunks = []
    for chunk in pc.split_pattern(column, _SEPARATOR).chunks:
        chunks.append(pa.ListArray.from_arrays(chunk.offsets, chunk.values))
    return pa.chunked_array(chunks, type=pa.list_(pa.string()))


def _read_arrays(conn: Connection, name: str, types: dict[str, pa.DataType], *, chosen: bool) -> Table:
    """Run a statement whose rows hold many records each, a column of theirs in each array."""
    statement = sql.SQL(_sql[name]).format(chosen=_chosen(chosen), records_a_row=sql.Literal(RECORDS_A_ROW))
    rows = conn.execute(statement, binary=True)
    chunks = [
        pa.table({n: pa.array(held, kind) for held, (n, kind) in zip(row, types.items(), strict=True)}) for row in rows
    ]
    return pa.concat_tables([pa.table({n: pa.array([], kind) for n, kind in types.items()}), *chunks])


def _read_copy(conn: Connection, statement: sql.SQL | sql.Composed, types: dict[str, pa.DataType]) -> Table:
    """Run a COPY … TO STDOUT (FORMAT csv) straight into Arrow columns; an unquoted empty field is null."""
    read = csv.ReadOptions(column_names=list(types), block_size=_BLOCK_BYTES)
    parse = csv.ParseOptions(newlines_in_values=True)
    convert = csv.ConvertOptions(
        column_types=types,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        true_values=["t"],
        false_values=["f"],
        timestamp_parsers=[_POSTGRES_TIME],
    )
    with _copied(conn, statement) as stream:
        if not stream.peek(1):
            return pa.table({name: pa.array([], kind) for name, kind in types.items()})
        return csv.read_csv(stream, read_options=read, parse_options=parse, convert_options=convert)


_POSTGRES_TIME = csv.ISO8601


class _CopyStream(io.RawIOBase):
    """The blocks of a COPY as a file to read from."""

    def __init__(self, copy: Copy) -> None:
        self._blocks: Iterator[bytes | bytearray | memoryview] = iter(copy)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = memoryview(next(self._blocks, b""))
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


@contextmanager
def _copied(conn: Connection, statement: sql.SQL | sql.Composed) -> Iterator[io.BufferedReader]:
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        yield io.BufferedReader(_CopyStream(copy), buffer_size=1 << 20)


def persons_now(conn: Connection) -> list[str]:
    """The persons that have records, those of segregated records alone too."""
    return [person for (person,) in conn.execute(_sql["persons_now"])]
