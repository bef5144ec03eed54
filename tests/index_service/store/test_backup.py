"""Restore drill: a backup comes back whole into an empty database, on either server; what is not whole is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from index_service.errors import MissingFile
from index_service.ingesting import ingest
from index_service.relinking import relink
from index_service.store.backup import BackupDamaged, BackupFailed, DatabaseNotEmpty, backup, restore
from index_service.store.connection import Connection, connect
from index_service.store.ledger import note_shown, seal, verify
from index_service.store.nights import faults
from tests.index_service.nightly.nights import state
from tests.index_service.test_relinking_changed import CHANGED, CONTEXT, FULL, load
from tests.index_service.test_sequence_neutrality import invented_records, write


def empty_beside(conn: Connection) -> str:
    """The URL of a new, empty database on the same server."""
    conn.execute("DROP DATABASE IF EXISTS brought_back WITH (FORCE)")
    conn.execute("CREATE DATABASE brought_back TEMPLATE template0")
    return make_conninfo(conn.info.dsn, dbname="brought_back")


def test_what_was_backed_up_comes_back_and_goes_on_working(any_conn: Connection, tmp_path: Path) -> None:
    records = invented_records(6, seed=21)
    load(any_conn, records[:-4])
    relink(any_conn, CONTEXT.model, CONTEXT.policy, FULL)
    person, source, key = any_conn.execute(
        "SELECT person_id, source, source_record_id FROM membership JOIN source_record USING (record_id) LIMIT 1"
    ).fetchall()[0]
    note_shown(any_conn, person, [(source, key)], command="export", who="operator")
    heads = seal(any_conn)
    before = state(any_conn)
    made = backup(any_conn, tmp_path / "saved")
    assert (tmp_path / "saved" / "database.dump").stat().st_mode & 0o077 == 0
    ingest(any_conn, [write(record) for record in records[-4:]])
    with connect(empty_beside(any_conn)) as restored:
        assert restore(restored, tmp_path / "saved") == made
        assert state(restored) == before, "what came after the backup is not in it"
        assert faults(restored) == {}
        assert verify(restored, heads).faults == ()
        ids = "SELECT person_id, retired_at, forwards_to FROM person ORDER BY 1"
        assert set(restored.execute(ids)) <= set(any_conn.execute(ids)), "ids are the same for ever"
        load(restored, records[-4:])
        relink(restored, CONTEXT.model, CONTEXT.policy, CHANGED)
        assert state(restored)["persons"] == state(any_conn)["persons"]
        with pytest.raises(DatabaseNotEmpty):
            restore(restored, tmp_path / "saved")


def test_what_is_not_whole_is_refused(conn: Connection, tmp_path: Path) -> None:
    backup(conn, tmp_path / "saved")
    with pytest.raises(BackupFailed, match="is there already"):
        backup(conn, tmp_path / "saved")
    with pytest.raises(MissingFile, match="holds no backup"):
        restore(conn, tmp_path)
    dump = tmp_path / "saved" / "database.dump"
    dump.write_bytes(dump.read_bytes()[:-100])
    with connect(empty_beside(conn)) as empty:
        with pytest.raises(BackupDamaged, match="is not the file that its manifest describes"):
            restore(empty, tmp_path / "saved")
        assert empty.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
