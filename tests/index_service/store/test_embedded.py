"""The embedded server: starts and stops cleanly, survives every kind of death, is shared, private and silent."""

from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from index_service.settings import Settings
from index_service.store.connection import connect
from index_service.store.embedded import EmbeddedServer, server_account
from index_service.store.errors import DatabaseFolderUnusable, DatabaseUnreachable
from index_service.store.server import database_url, running_database
from tests.conftest import database_folder

USER = """
import signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a job in the background inherits that signals are ignored
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from index_service.settings import Settings
from index_service.store.connection import connect
from index_service.store.server import running_database
with running_database(Settings(data=Path(sys.argv[1]), database_url=None)) as url, connect(url) as conn:
    conn.execute("CREATE TABLE IF NOT EXISTS kept (n integer)")
    conn.execute("INSERT INTO kept VALUES (1)")
    print("running", flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One data folder for the tests of this module: each leaves the server stopped."""
    with database_folder() as folder:
        yield folder


@contextmanager
def process_using(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server; has written a row when the block begins."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERSON_INDEX_")}
    process = subprocess.Popen([sys.executable, "-c", USER, folder], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def postmaster(folder: Path) -> psutil.Process | None:
    try:
        process = psutil.Process(int((folder / "cluster" / "postmaster.pid").read_text().splitlines()[0]))
        return process if process.status() != psutil.STATUS_ZOMBIE else None
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None


def rows_kept(folder: Path) -> int:
    with running_database(Settings(data=folder, database_url=None)) as url, connect(url) as conn:
        row = conn.execute("SELECT count(*) FROM kept").fetchone()
        conn.execute("TRUNCATE kept")
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_process_and_stops_the_server(folder: Path, number: signal.Signals) -> None:
    with process_using(folder) as process:
        process.send_signal(number)
        process.wait(20)
    assert postmaster(folder) is None
    assert not (folder / "cluster" / "postmaster.pid").exists()
    assert rows_kept(folder) == 1


def test_a_killed_process_leaves_the_server_to_the_next_which_stops_it(folder: Path) -> None:
    with process_using(folder) as process:
        process.kill()
        process.wait(20)
        left_behind = postmaster(folder)
        assert left_behind is not None
    assert rows_kept(folder) == 1
    assert postmaster(folder) is None


def test_after_a_crash_of_the_server_what_was_committed_is_there(folder: Path) -> None:
    with process_using(folder) as process:
        server = postmaster(folder)
        assert server is not None
        server.kill()
        process.kill()
    assert (folder / "cluster" / "postmaster.pid").exists()
    assert rows_kept(folder) == 1


def test_a_stale_pid_file_that_names_a_living_stranger_is_no_obstacle(folder: Path) -> None:
    with EmbeddedServer(folder).running():
        lines = (folder / "cluster" / "postmaster.pid").read_text().splitlines()
    (folder / "cluster" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with EmbeddedServer(folder).running() as url, connect(url) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_the_server_stops_with_its_last_user(folder: Path) -> None:
    with process_using(folder) as process:
        with EmbeddedServer(folder).running():
            pass
        assert postmaster(folder) is not None
        with EmbeddedServer(folder).running():
            process.terminate()
            process.wait(20)
            assert postmaster(folder) is not None
    assert postmaster(folder) is None
    rows_kept(folder)


def test_only_its_account_may_enter_the_folder_and_the_socket_lies_in_it(folder: Path) -> None:
    with EmbeddedServer(folder).running() as url, connect(url) as conn:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert conn.execute("SHOW unix_socket_directories").fetchone() == (f'"{folder}/cluster"',)
        assert conn.execute("SHOW listen_addresses").fetchone() == ("",)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to have an account of its own")
def test_as_root_the_folders_above_are_opened_for_passing_only(folder: Path) -> None:
    with EmbeddedServer(folder).running():
        above = stat.S_IMODE(folder.parent.stat().st_mode)
        owner = pwd.getpwuid(folder.stat().st_uid).pw_name
    assert above == 0o701
    assert owner == "person-index"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_an_ordinary_user_runs_it_too() -> None:
    """In a fork that becomes `nobody` for good, since the interpreter may lie where nobody else can start it."""
    nobody = pwd.getpwnam("nobody")
    with database_folder() as folder:
        folder.parent.chmod(0o755)
        folder.mkdir()
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        child = os.fork()
        if child == 0:
            os._exit(use_as(nobody, folder))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert (folder / "cluster" / "PG_VERSION").stat().st_uid == nobody.pw_uid
        assert postmaster(folder) is None


def use_as(account: pwd.struct_passwd, folder: Path) -> int:
    """Become somebody else, use the server; returns 0 if that went well."""
    try:
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
        with EmbeddedServer(folder, durable=False).running() as url, connect(url) as conn:
            return 0 if conn.execute("SELECT 1").fetchone() == (1,) else 1
    except BaseException:
        traceback.print_exc()
        return 2


def test_a_long_path_moves_the_socket_to_a_private_folder() -> None:
    with database_folder() as folder:
        server = EmbeddedServer(folder / ("long" * 25), durable=False)
        with server.running() as url, connect(url) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
            assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
        assert server.socket_folder.stat().st_uid == server_account().uid
        server.socket_folder.rmdir()


def test_a_folder_with_other_files_is_refused() -> None:
    with database_folder() as folder:
        folder.mkdir()
        (folder / "letter.txt").touch()
        with pytest.raises(DatabaseFolderUnusable, match="holds other files"), EmbeddedServer(folder).running():
            pytest.fail("started among foreign files")
        assert [path.name for path in folder.iterdir()] == ["letter.txt"]


def test_the_server_s_log_holds_no_values(folder: Path) -> None:
    canary = "Canaryname"
    with EmbeddedServer(folder).running() as url, connect(url) as conn:
        conn.execute("CREATE TEMP TABLE unique_name (name text PRIMARY KEY, n integer)")
        conn.execute("INSERT INTO unique_name VALUES (%s, 1)", [canary])
        for statement in ("INSERT INTO unique_name VALUES (%s, 2)", "SELECT %s::text FROM no_such_table"):
            with pytest.raises(psycopg.Error):
                conn.execute(statement, [canary])
        with pytest.raises(psycopg.Error):
            conn.execute(f"SELECT '{canary}' FROM no_such_table".encode())
    log = (folder / "server.log").read_text()
    assert "duplicate key" in log
    assert canary not in log


def test_a_server_named_by_url_is_used_and_left_alone(database_url: str) -> None:
    settings = Settings.model_validate({"database_url": database_url})
    with running_database(settings) as url:
        assert url == database_url
    with connect(url) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_the_url_is_known_without_starting_anything(tmp_path: Path) -> None:
    assert "cluster" in database_url(Settings(data=tmp_path / "none", database_url=None))
    assert not (tmp_path / "none").exists()


def test_a_server_that_does_not_answer_says_so_without_the_password() -> None:
    began = time.monotonic()
    with pytest.raises(DatabaseUnreachable, match="refused") as raised:
        connect("postgresql://somebody:secret@127.0.0.1:1/none")
    assert "secret" not in str(raised.value) + raised.value.hint
    assert raised.value.__cause__ is None
    assert time.monotonic() - began < 5


def test_settings_do_not_show_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSON_INDEX_DATABASE_URL", "postgresql://somebody:hidden-word@example.invalid/none")
    assert "hidden-word" not in repr(Settings())
    assert database_url(Settings()).endswith("hidden-word@example.invalid/none")
