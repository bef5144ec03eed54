"""Recovery of a server to a point in time, as docs/operating.md has it: to a moment between two records' arrivals."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from index_service.ingesting import ingest
from index_service.store.connection import Connection, connect
from index_service.store.embedded import EmbeddedServer, server_account
from index_service.store.migrate import migrate
from index_service.store.nights import faults
from linkage.record import RecordKey
from tests.conftest import DEBIAN_BINARIES, database_folder
from tests.index_service.test_sequence_neutrality import invented_records, write

EARLIER, LATER = invented_records(3, seed=31)[:2]
ITS_OWN = {"wal_level": "replica", "max_wal_senders": "2"}  # as PostgreSQL has it by default, if not as many
PATIENCE_S = 60


@pytest.mark.usefixtures("debian_server")  # which skips or fails where PostgreSQL 15 is missing
def test_what_came_before_the_moment_is_there_and_what_came_after_is_gone() -> None:
    with database_folder() as folder:
        archive, restored = folder.parent / "archive", folder.parent / "restored"
        for each in (archive, restored):
            own_folder(each)
        server = server_with(
            folder,
            archive_mode="on",
            archive_command=f"test ! -f {archive}/%f && cp %p {archive}/%f",
        )
        with server.running() as url, connect(url) as conn:
            migrate(conn)
            base_backup(server, restored)
            ingest(conn, [write(EARLIER)])
            moment = str(one(conn, "SELECT clock_timestamp()"))
            ingest(conn, [write(LATER)])
            last = one(conn, "SELECT pg_walfile_name(pg_switch_wal())")
            until(conn, f"SELECT last_archived_wal >= '{last}' FROM pg_stat_archiver")
        recovered = server_with(
            restored,
            restore_command=f"cp {archive}/%f %p",
            recovery_target_time=moment,
            recovery_target_action="promote",
        )
        (restored / "cluster" / "recovery.signal").touch()
        with recovered.running() as url, connect(url) as conn:
            until(conn, "SELECT NOT pg_is_in_recovery()")
            assert held(conn) == [EARLIER.key]
            assert faults(conn) == {}
            ingest(conn, [write(LATER)])
            assert held(conn) == [EARLIER.key, LATER.key], "it goes on from there"


def own_folder(folder: Path) -> None:
    """A private folder of the server's account."""
    account = server_account()
    folder.mkdir(mode=0o700)
    os.chown(folder, account.uid, account.gid)


def server_with(folder: Path, **configuration: str) -> EmbeddedServer:
    server = EmbeddedServer(folder, binaries_folder=DEBIAN_BINARIES)
    server.configuration = server.configuration | ITS_OWN | configuration
    return server


def base_backup(server: EmbeddedServer, into: Path) -> None:
    command: list[str | Path] = [server.bin / "pg_basebackup", "-h", server.socket_folder, "-U", "person_index"]
    server_account().run([*command, "-D", into / "cluster", "-X", "stream", "-c", "fast"])


def one(conn: Connection, query: str) -> object:
    row = conn.execute(query).fetchone()
    return row and row[0]


def until(conn: Connection, query: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while one(conn, query) is not True:
        assert time.monotonic() < deadline, query
        time.sleep(0.05)


def held(conn: Connection) -> list[RecordKey]:
    keys = conn.execute(
        "SELECT source, source_record_id FROM source_record JOIN membership USING (record_id) ORDER BY record_id"
    )
    return [(source, record) for source, record in keys]
