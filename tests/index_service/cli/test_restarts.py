"""PostgreSQL is restarted in the middle of a load, a relink and a night: said in a sentence, nothing half done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from index_service.loading import load as loading
from index_service.loading import prepare
from index_service.nightly import night as nights
from index_service.store import publish, records
from index_service.store.connection import connect
from index_service.store.embedded import EmbeddedServer, binaries, server_account
from tests.conftest import DEBIAN_BINARIES
from tests.index_service.cli.conftest import PersonIndex
from tests.index_service.nightly.nights import drop, state
from tests.index_service.test_sequence_neutrality import invented_records

RECORDS = [record for record in invented_records(60, seed=19) if record.source == "cws_cms"]


def restart(url: str) -> None:
    """Restart the test's own server, as its administrator would: sessions are ended, what was committed stays."""
    with connect(url) as conn:
        (cluster,) = conn.execute("SHOW data_directory").fetchall()[0]
        newest = conn.info.server_version >= 180000
    programs = binaries() if newest else DEBIAN_BINARIES
    server = EmbeddedServer(Path(cluster).parent, durable=False, binaries_folder=programs)
    server.stop()
    server._ensure_running(server_account())


@pytest.fixture
def restarts(any_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[object, str, int], list[int]]:
    """Restart the server just before a function of a module is called for the so-manieth time, and never again."""
    monkeypatch.setenv("PERSON_INDEX_DATABASE_URL", any_database_url)

    def at(module: object, name: str, number: int) -> list[int]:
        function, calls = vars(module)[name], list[int]()

        def restarted(*arguments: Any, **named: Any) -> Any:
            calls.append(1)
            if len(calls) == number:
                restart(any_database_url)
            return function(*arguments, **named)

        monkeypatch.setattr(module, name, restarted)
        return calls

    return at


Restarts = Callable[[object, str, int], list[int]]


def test_in_the_middle_of_a_load(
    any_database_url: str,
    person_index: PersonIndex,
    restarts: Restarts,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    path = drop(tmp_path, "one.csv", RECORDS)
    monkeypatch.setattr(prepare, "CHUNK_ROWS", 10)
    monkeypatch.setattr(loading, "BATCH_RECORDS", 10)
    calls = restarts(records, "_copy", 4)  # in the second batch, between its facts and its normalised records
    broken = person_index("load", "cws_cms", path)
    assert (broken.code, len(calls)) == (1, 4)
    assert "The database went away during the work." in broken.err
    assert "Traceback" not in broken.err
    with connect(any_database_url) as conn:
        for table in ("source_record", "source_record_version", "normalised_record", "record_to_link"):
            assert conn.execute(f"SELECT count(*) FROM {table}").fetchone() == (10,), "the first batch, whole"
        completed = person_index("load", "cws_cms", path, "--json").json()["loads"][0]
        assert (completed["unchanged"], completed["new"]) == (10, len(RECORDS) - 10)
        assert conn.execute("SELECT status FROM load ORDER BY load_id").fetchall() == [("failed",), ("finished",)]


def test_in_the_middle_of_publishing_a_relink(
    any_database_url: str, person_index: PersonIndex, restarts: Restarts, tmp_path: Path
) -> None:
    person_index("load", "cws_cms", drop(tmp_path, "one.csv", RECORDS[:40]))
    person_index("relink")
    with connect(any_database_url) as conn:
        before = state(conn)["persons"], state(conn)["questions"]
    person_index("load", "cws_cms", drop(tmp_path, "two.csv", RECORDS))
    calls = restarts(publish, "_close_run", 1)
    broken = person_index("relink")
    assert (broken.code, len(calls)) == (1, 1)
    assert "The database went away during the work." in broken.err
    assert "Traceback" not in broken.err
    with connect(any_database_url) as conn:
        assert (state(conn)["persons"], state(conn)["questions"]) == before
        assert person_index("relink").code == 0
        assert person_index("relink", "--verify").code == 0
        assert state(conn)["persons"] != before[0]
        assert conn.execute("SELECT status FROM run ORDER BY run_id LIMIT 2 OFFSET 1").fetchall() == [
            ("failed",),
            ("published",),
        ]


def test_in_the_middle_of_a_night(
    any_database_url: str,
    person_index: PersonIndex,
    restarts: Restarts,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(nights, "PATIENCE_S", 0.05)
    drop(tmp_path / "drop", "one.csv", RECORDS)
    calls = restarts(publish, "_close_run", 1)
    told = person_index("nightly", "--drop", tmp_path / "drop", "--json")
    assert (told.code, told.json()["status"], told.json()["resumed"], len(calls)) == (0, "good", True, 2)
    assert person_index("relink", "--verify").code == 0
