"""`person-index relink --engine spark` publishes through the same change set what linking in this process would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from index_service import cli
from training.population import generate
from training.population.extracts import write_extracts

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # pyspark leaves sockets to be collected
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SOURCES = ("meds", "calsaws")


@pytest.fixture
def loaded(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two departments' extracts are loaded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERSON_INDEX_DATABASE_URL", database_url)
    write_extracts(generate(40, seed=3), tmp_path)
    for source in SOURCES:
        assert cli.run(["load", source, f"{source}.csv"]) == 0
    return database_url


def test_what_spark_published_is_what_linking_here_finds(
    spark: Any, loaded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    folder = tmp_path / "shared"
    folder.mkdir()
    asked = ["relink", "--engine", "spark", "--spark-folder", str(folder), "--accept", "--json"]
    assert cli.run(asked) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["published"] is True
    assert 1 < figures["persons"] < figures["records"]
    assert figures["changes"]["created"] == figures["persons"]
    assert list(folder.iterdir()) == []  # what the stages left was removed
    assert cli.run(["relink", "--verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["differences"] == []
    assert cli.run(["relink", "--full", "--json"]) == 0  # linked here, nothing changes
    again = json.loads(capsys.readouterr().out)
    assert set(again["changes"].values()) == {0}
    assert again["to_review"] == figures["to_review"]
    assert again["persons"] == figures["persons"]


def test_a_night_links_on_spark_when_it_links_everything(
    spark: Any, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERSON_INDEX_DATABASE_URL", database_url)
    write_extracts(generate(20, seed=3), tmp_path)
    for source in SOURCES:
        (tmp_path / "drop" / source).mkdir(parents=True)
        (tmp_path / f"{source}.csv").rename(tmp_path / "drop" / source / "extract.csv")
    assert cli.run(["nightly", "--drop", "drop", "--engine", "spark", "--json"]) == 0
    night = json.loads(capsys.readouterr().out)["relink"]
    assert (night["published"], night["scope"]) == (True, "full")
    assert "prepare" in night["timings_s"], "a stage that linking in this process does not have"
    assert cli.run(["relink", "--verify", "--json"]) == 0


def test_without_java_the_engine_says_what_to_install(
    spark: Any, loaded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert cli.run(["relink", "--engine", "spark"]) == 2
    said = capsys.readouterr().err
    assert "needs Java 17" in said
    assert "openjdk-17-jre-headless" in said
