"""The schema is the sum of the migrations, and says of itself what it is."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from index_service.store import migrate as module
from index_service.store.connection import Connection, connect
from index_service.store.embedded import DATABASE, EmbeddedServer
from index_service.store.errors import MigrationChanged, SchemaNotCurrent, SchemaTooNew
from index_service.store.migrate import Migration, migrate, migrations, pending, require_current
from linkage.record import COLUMNS
from tests.conftest import DEBIAN_BINARIES, NewDatabase

SCHEMA = Path(module.__file__).parent / "schema.sql"


def test_the_schema_file_is_the_sum_of_the_migrations(debian_server: EmbeddedServer) -> None:
    dumped = dump_schema(debian_server)
    if os.environ.get("PERSON_INDEX_WRITE_SCHEMA"):
        SCHEMA.write_text(dumped)
    assert SCHEMA.read_text() == dumped, (
        "run the tests once with PERSON_INDEX_WRITE_SCHEMA=1 and look at the difference"
    )


def dump_schema(server: EmbeddedServer) -> str:
    command: list[str | Path] = [
        DEBIAN_BINARIES / "pg_dump",
        *("--schema-only", "--no-owner", "--no-privileges", "-h", server.socket_folder, "-U", DATABASE, DATABASE),
    ]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line for line in text.splitlines() if not line.startswith(("--", "SET ", "SELECT pg_catalog", "\\"))]
    return "-- The schema as the migrations leave it, to read; written by the tests, never applied.\n" + "\n".join(
        line for previous, line in zip(["", *lines], lines, strict=False) if line or previous
    )


def test_every_table_and_column_is_described_in_a_sentence(any_conn: Connection) -> None:
    undescribed = any_conn.execute("""
        SELECT c.relname, a.attname
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum >= 0 AND NOT a.attisdropped
        WHERE c.relnamespace IN ('public'::regnamespace, 'segregated'::regnamespace) AND c.relkind = 'r'
          AND coalesce(col_description(c.oid, a.attnum), '') !~ '[.]$'
        UNION ALL
        SELECT c.relname, '(the table)' FROM pg_class c
        WHERE c.relnamespace IN ('public'::regnamespace, 'segregated'::regnamespace) AND c.relkind IN ('r', 'v')
          AND coalesce(obj_description(c.oid), '') !~ '[.]$'
    """).fetchall()
    assert undescribed == []


def test_every_index_says_why_it_is_there(any_conn: Connection) -> None:
    unexplained = any_conn.execute("""
        SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
        WHERE i.relnamespace IN ('public'::regnamespace, 'segregated'::regnamespace)
          AND NOT x.indisprimary AND obj_description(i.oid) IS NULL
    """).fetchall()
    assert unexplained == []


@pytest.mark.parametrize(
    "table", ["person", "source_record_version", "identity_event", "judgement", "judgement_undone"]
)
def test_facts_and_ids_are_never_deleted(conn: Connection, table: str) -> None:
    with pytest.raises(Exception, match="append-only"):
        conn.execute(f"DELETE FROM {table}".encode())


def test_normalised_record_has_the_columns_of_the_core_in_its_order(any_conn: Connection) -> None:
    columns: dict[str, str] = dict(
        any_conn.execute("""
            SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
            WHERE attrelid = 'normalised_record'::regclass AND attnum > 0 ORDER BY attnum
        """).fetchall()
    )
    assert list(columns.items()) == [("record_id", "bigint"), ("version", "integer"), *COLUMNS.items()]


@pytest.mark.parametrize("change", ["UPDATE {} SET run_id = 0", "DELETE FROM {}", "TRUNCATE {}"])
def test_published_events_cannot_be_changed(conn: Connection, change: str) -> None:
    with pytest.raises(Exception, match="append-only"):
        conn.execute(change.format("identity_event").encode())


def test_migrating_twice_does_nothing(any_conn: Connection) -> None:
    assert pending(any_conn) == []
    assert migrate(any_conn) == []


def test_an_empty_database_is_brought_up_to_date(embedded_server: EmbeddedServer) -> None:
    with connect(embedded_server.url("postgres")) as admin:
        admin.execute("CREATE DATABASE empty TEMPLATE template0")
        try:
            with connect(embedded_server.url("empty")) as conn:
                names = [migration.name for migration in migrations()]
                assert pending(conn) == names
                with pytest.raises(SchemaNotCurrent):
                    require_current(conn)
                assert migrate(conn) == names
                require_current(conn)
        finally:
            admin.execute("DROP DATABASE empty WITH (FORCE)")


def with_another(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    another = Migration(len(migrations()) + 1, "another", text)
    known = (*migrations(), another)
    monkeypatch.setattr(module, "migrations", lambda: known)


def test_of_two_that_migrate_at_once_one_does_it(new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    url = new_database()
    with_another(monkeypatch, "CREATE TABLE another (); SELECT pg_sleep(0.2);")
    applied: list[list[str]] = []

    def bring_up_to_date() -> None:
        with connect(url) as conn:
            applied.append(migrate(conn))

    threads = [threading.Thread(target=bring_up_to_date) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [[], ["another"]]


def test_a_migration_that_fails_leaves_nothing_behind(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    with_another(monkeypatch, "CREATE TABLE half (); SELECT 1/0;")
    with pytest.raises(Exception, match="division by zero"):
        migrate(conn)
    assert pending(conn) == ["another"]
    assert conn.execute("SELECT to_regclass('half')").fetchone() == (None,)


def test_an_edited_migration_is_noticed(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    first = migrations()[0]
    edited = (Migration(first.number, first.name, first.text + "\n-- edited"), *migrations()[1:])
    monkeypatch.setattr(module, "migrations", lambda: edited)
    with pytest.raises(MigrationChanged, match="0001"):
        migrate(conn)


def test_a_database_of_a_newer_version_is_left_alone(conn: Connection) -> None:
    conn.execute("INSERT INTO schema_migration (number, name, sha256) VALUES (9999, 'future', 'x')")
    with pytest.raises(SchemaTooNew):
        migrate(conn)
