"""`person-index nightly`: one JSON summary and an exit code, however the night went."""

from __future__ import annotations

from pathlib import Path

import pytest

from index_service.store.connection import connect
from index_service.store.nights import nights
from tests.index_service.cli.conftest import PersonIndex
from tests.index_service.nightly.nights import drop
from tests.index_service.test_sequence_neutrality import invented_records

RECORDS = invented_records(12, seed=15)


@pytest.fixture
def folder(tmp_path: Path, in_database: str) -> Path:
    """A drop folder in which a file has arrived, and a database."""
    drop(tmp_path / "drop", "one.csv", RECORDS[:20])
    return tmp_path / "drop"


def test_a_good_night_ends_with_0_and_its_page(folder: Path, person_index: PersonIndex) -> None:
    answer = person_index("nightly", "--drop", folder, "--json")
    told = answer.json()
    assert (answer.code, told["status"], told["failure"]) == (0, "good", "")
    assert Path(told["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_night_with_something_for_a_person_ends_with_1(folder: Path, person_index: PersonIndex) -> None:
    (folder / RECORDS[0].source / "two.csv").write_text("source_record_id,first_name,last_name\n1,Ann,Noone\n2,Be")
    answer = person_index("nightly", "--drop", folder, "--json")
    assert (answer.code, answer.json()["status"]) == (1, "needs_person")
    assert "ends in the middle of a row" in answer.json()["problems"][0]


def test_a_night_that_the_matching_core_stops_is_kept_as_failed(
    folder: Path, person_index: PersonIndex, in_database: str
) -> None:
    """The model in use is refused, for somebody changed it."""
    assert person_index("nightly", "--drop", folder, "--json").code == 0
    drop(folder, "two.csv", RECORDS[20:30])
    with connect(in_database) as conn:
        conn.execute("UPDATE model SET document = jsonb_set(document::jsonb, '{declaration}', '\"another\"')")
        answer = person_index("nightly", "--drop", folder, "--json")
        told = answer.json()
        assert (answer.code, told["status"]) == (2, "failed")
        assert told["failure"].startswith("the current model was changed after it was fitted")
        assert set(told["timings_s"]) == {"load", "relink"}
        assert Path(told["report"]).is_file()
        kept = nights(conn)[0]
    assert (kept.status, kept.report["failure"]) == ("failed", told["failure"])


def test_a_failure_that_nobody_foresaw_fails_the_night(
    folder: Path, person_index: PersonIndex, in_database: str
) -> None:
    with connect(in_database) as conn:
        conn.execute("ALTER TABLE sentinel_pass RENAME TO away")
        answer = person_index("nightly", "--drop", folder, "--json")
        assert (answer.code, answer.json()["status"]) == (2, "failed")
        assert "Something went wrong that was not foreseen (UndefinedTable, incident" in answer.json()["failure"]
        conn.execute("ALTER TABLE away RENAME TO sentinel_pass")
    assert person_index("nightly", "--drop", folder, "--json").code == 0, "the next job completes it"


def test_a_night_is_not_lost_for_its_page(folder: Path, person_index: PersonIndex, in_database: str) -> None:
    with connect(in_database) as conn:
        conn.execute("ALTER TABLE night_page RENAME TO away")
    answer = person_index("nightly", "--drop", folder, "--json")
    assert (answer.code, answer.json()["status"]) == (0, "good")
    assert answer.json()["report"].startswith("not written: Something went wrong")


@pytest.mark.parametrize("missing", ["database", "folder", "source"])
def test_a_night_that_cannot_begin_ends_with_2_and_says_why(
    folder: Path, person_index: PersonIndex, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr("index_service.nightly.night.PATIENCE_S", 0.01)
    if missing == "database":
        monkeypatch.setenv("PERSON_INDEX_DATABASE_URL", "postgresql:///none?host=/nowhere")
    arguments = {"folder": ("--drop", folder / "none"), "source": ("--drop", folder, "--accept-files", "cws")}
    answer = person_index("nightly", *arguments.get(missing, ("--drop", folder)), "--json")
    assert (answer.code, answer.json()["status"]) == (2, "failed")
    assert answer.json()["kind"] in {"DatabaseUnreachable", "MissingFile", "UnknownSource"}
