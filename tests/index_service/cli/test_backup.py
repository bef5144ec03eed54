"""`person-index backup` and `restore` on either server, and from one folder of the embedded server into another."""

from __future__ import annotations

from pathlib import Path

import pytest

from index_service.store.connection import connect
from tests.conftest import database_folder
from tests.index_service.cli.conftest import PersonIndex
from tests.index_service.store.test_backup import empty_beside


def linked(person_index: PersonIndex, children: Path) -> list[str]:
    """Load and link; returns which record is which person."""
    assert person_index("load", "meds", children / "meds.csv").code == 0
    assert person_index("relink").code == 0
    return persons(person_index, "before.csv")


def persons(person_index: PersonIndex, name: str) -> list[str]:
    assert person_index("export", "persons", "--out", name).code == 0
    return sorted(Path(name).read_text(encoding="utf-8").splitlines())


def restored(person_index: PersonIndex, saved: Path) -> None:
    told = person_index("restore", saved, "--json")
    assert (told.code, told.json()["faults"], told.json()["ledger"]) == (0, {}, 0), told.err
    assert told.json()["rows"] > 0
    again = person_index("restore", saved)
    assert again.code == 1
    assert "a backup comes back into an empty one only" in again.err


def test_from_one_database_of_a_server_into_another(
    any_database_url: str, person_index: PersonIndex, children: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PERSON_INDEX_LEDGER_SEALS", str(tmp_path / "ledger-seals"))
    monkeypatch.setenv("PERSON_INDEX_DATABASE_URL", any_database_url)
    before = linked(person_index, children)
    assert person_index("backup", tmp_path / "saved").code == 0
    twice = person_index("backup", tmp_path / "saved")
    assert (twice.code, "is there already" in twice.err) == (1, True)
    with connect(any_database_url) as conn:
        monkeypatch.setenv("PERSON_INDEX_DATABASE_URL", empty_beside(conn))
    restored(person_index, tmp_path / "saved")
    assert persons(person_index, "after.csv") == before
    assert person_index("relink", "--verify").code == 0


def test_from_one_folder_of_the_embedded_server_into_another(
    person_index: PersonIndex, children: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PERSON_INDEX_LEDGER_SEALS", str(tmp_path / "ledger-seals"))
    with database_folder() as folder:
        monkeypatch.setenv("PERSON_INDEX_DATA", str(folder))
        before = linked(person_index, children)
        assert person_index("backup", tmp_path / "saved").code == 0
        monkeypatch.setenv("PERSON_INDEX_DATA", str(folder.parent / "restored"))
        restored(person_index, tmp_path / "saved")
        assert persons(person_index, "after.csv") == before
