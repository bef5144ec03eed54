"""The running service: one process with its embedded database, from start to an orderly end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from index_service.access.scopes import OURS
from index_service.access.signing_keys import SigningKeys
from index_service.access.tokens import issue
from index_service.disclosure.everything import allow_everything
from index_service.http.loopback import NotLoopback
from index_service.http.serve import CannotListen, serve
from index_service.settings import Settings
from index_service.store.connection import Connection, connect
from index_service.store.embedded import EmbeddedServer
from index_service.store.publish import lock_publication
from tests.conftest import database_folder
from tests.index_service.access.minting import HUB, PURPOSES, UNLIMITED, bearer, mint_client

PROGRAM = """
import sys
from pathlib import Path
from index_service.http.serve import serve
from index_service.settings import Settings
if __name__ == "__main__":
    settings = Settings(data=Path(sys.argv[1]), database_url=None, port=0, workers=int(sys.argv[2]))
    serve(settings, lambda url: print(url, flush=True))
    print("ended", flush=True)
"""


@contextmanager
def service(
    folder: Path, workers: int = 1, log: IO[str] | int = subprocess.PIPE
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its base URL. A log of some hundred lines needs a file: a pipe that is full halts the process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERSON_INDEX_")}
    for name in ("SIGNING_KEYS", "LEDGER_SEALS"):
        environment[f"PERSON_INDEX_{name}"] = str(folder.parent / name.lower())
    environment["PERSON_INDEX_OPEN_METRICS"] = "true"
    environment["PERSON_INDEX_SEALING_KEYS"] = os.environ["PERSON_INDEX_SEALING_KEYS"]  # the test reads the database
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, folder, str(workers)],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), process.communicate()[1]
        yield process, url
    finally:
        process.kill()
        process.communicate()


def test_it_serves_and_at_sigterm_finishes_what_is_under_way_and_stops_the_database() -> None:
    with database_folder() as folder, service(folder) as (process, url):
        assert httpx.get(f"{url}/readyz").json()["status"] == "ready"
        assert httpx.get(f"{url}/docs").status_code == 200
        with connect(EmbeddedServer(folder).url()) as conn, conn.transaction():
            conn.execute("LOCK TABLE schema_migration")  # holds the request below under way
            answers: list[int] = []
            asking = threading.Thread(target=lambda: answers.append(httpx.get(f"{url}/readyz").status_code))
            asking.start()
            wait_until_somebody_waits(folder)
            process.send_signal(signal.SIGTERM)
            with pytest.raises(httpx.TransportError):
                while True:
                    httpx.get(f"{url}/healthz")
        asking.join()
        output, log = process.communicate(timeout=20)
        assert answers == [200]
        assert process.returncode == 0
        assert output == "ended\n"
        assert '"event": "serving"' in log
        assert "Loopback only" in log
        assert not (folder / "cluster" / "postmaster.pid").exists()


def test_at_sigterm_writes_that_wait_for_their_turn_are_taken_in_and_answered() -> None:
    with database_folder() as folder, service(folder) as (process, url):
        with connect(EmbeddedServer(folder).url()) as conn:
            headers = headers_of_a_writer(conn, folder, url)
            answers: list[int] = []

            def put(record_id: str) -> None:
                path = f"{url}/v1/sources/calsaws/records/{record_id}"
                sent = {"first_name": f"Invented{record_id}", "last_name": "Testvogel"}
                answers.append(httpx.put(path, json=sent, headers=headers, timeout=60).status_code)

            writing = [threading.Thread(target=put, args=(record_id,)) for record_id in "abcd"]
            with conn.transaction():
                lock_publication(conn)  # the first turn waits, the other writes wait for theirs
                writing[0].start()
                wait_until_somebody_waits(folder)
                for thread in writing[1:]:
                    thread.start()
                while "person_index_writes_waiting 3.0" not in httpx.get(f"{url}/metrics").text:
                    pass
                process.send_signal(signal.SIGTERM)
                with pytest.raises(httpx.TransportError):
                    while True:
                        httpx.get(f"{url}/healthz")
                assert answers == []
        for thread in writing:
            thread.join()
        process.communicate(timeout=30)
        assert (process.returncode, answers) == (0, [201] * 4)
        server = EmbeddedServer(folder)
        with server.running(), connect(server.url()) as conn:
            held = conn.execute("SELECT source_record_id FROM source_record ORDER BY source_record_id").fetchall()
        assert held == [(record_id,) for record_id in "abcd"]


def headers_of_a_writer(conn: Connection, folder: Path, url: str) -> dict[str, str]:
    """Of a client of the service at `url`, whose tokens are signed with that service's key."""
    client = mint_client(conn, HUB, scopes=OURS, limits=UNLIMITED).client
    allow_everything(conn, client.client_id, client.purposes, who="tests")
    issued = issue(
        client,
        issuer=url,
        keys=SigningKeys(folder.parent / "signing_keys"),
        scopes=client.scopes,
        purposes={"TREAT": PURPOSES.system_of("TREAT")},
        user=None,
        now=time.time(),
    )
    return bearer(issued.text, "TREAT")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_every_stopping_signal_ends_it_in_order_and_without_a_traceback(number: signal.Signals) -> None:
    with database_folder() as folder, service(folder) as (process, url):
        assert httpx.get(f"{url}/healthz").status_code == 200
        process.send_signal(number)
        output, log = process.communicate(timeout=20)
        assert (process.returncode, output) == (0, "ended\n")
        assert [json.loads(line)["event"] for line in log.splitlines()] == ["serving", "request", "stopped"]
        assert not (folder / "cluster" / "postmaster.pid").exists()


def test_several_workers_answer_at_one_address_and_count_together() -> None:
    with database_folder() as folder, service(folder, workers=2) as (process, url):
        for _ in range(10):  # each on a connection of its own: whoever accepts it
            assert httpx.get(f"{url}/readyz", timeout=30).status_code == 200
        counted = re.search(r'requests_total\{.*route="/readyz".*\} (\d+)', httpx.get(f"{url}/metrics").text)
        assert counted is not None
        assert counted[1] == "10"
        process.send_signal(signal.SIGTERM)
        output, log = process.communicate(timeout=30)
        assert (process.returncode, output) == (0, "ended\n")
        events = [json.loads(line)["event"] for line in log.splitlines()]
        assert (events[0], events[-1]) == ("serving", "stopped")
        assert not (folder / "cluster" / "postmaster.pid").exists()


def wait_until_somebody_waits(folder: Path) -> None:
    with connect(EmbeddedServer(folder).url()) as conn:
        while conn.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (0,):
            pass


def test_a_taken_port_is_told_before_the_database_is_started(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(data=tmp_path / "data", database_url=None, port=taken.getsockname()[1])
        with pytest.raises(CannotListen, match="in use"):
            serve(settings)
    assert not (tmp_path / "data").exists()


def test_an_open_address_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    with pytest.raises(NotLoopback):
        serve(Settings(data=tmp_path / "data", database_url=None, host="0.0.0.0"))  # noqa: S104
    assert not (tmp_path / "data").exists()
