"""What the Spark engine asks for before it begins."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from index_service.cli import run
from index_service.errors import UsageError
from index_service.spark_session import EngineMissing, SparkOptions, check_spark, spark_workspace

without_pyspark = pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is not None, reason="pyspark is installed: what is said without it is not"
)


@without_pyspark
def test_without_pyspark_it_says_what_to_install() -> None:
    with pytest.raises(EngineMissing, match="needs pyspark, which is not installed") as missing:
        check_spark()
    assert missing.value.hint == "pip install 'foster-person-index[spark]'"
    assert missing.value.exit_code == 2


@without_pyspark
def test_the_command_says_so_before_it_opens_the_database(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PERSON_INDEX_DATABASE_URL", "postgresql://nowhere.invalid/index")
    assert run(["relink", "--engine", "spark"]) == 2
    assert "pip install 'foster-person-index[spark]'" in capsys.readouterr().err


@without_pyspark
def test_a_night_on_spark_says_so_before_it_loads_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PERSON_INDEX_DATABASE_URL", "postgresql://nowhere.invalid/index")
    assert run(["nightly", "--drop", str(tmp_path), "--engine", "spark", "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["kind"]) == ("failed", "EngineMissing")
    assert told["hint"] == "pip install 'foster-person-index[spark]'"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (SparkOptions("spark://cluster:7077"), "A cluster needs a folder"),
        (SparkOptions("local[1]", Path("nowhere")), "not a folder on this machine"),
    ],
)
def test_a_folder_that_does_not_do_is_refused(options: SparkOptions, says: str) -> None:
    with pytest.raises(UsageError, match=says), spark_workspace(options):
        pass


def test_this_machine_is_what_runs_if_no_cluster_is_named() -> None:
    assert SparkOptions().is_this_machine
    assert SparkOptions("local[4]").is_this_machine
    assert not SparkOptions("yarn").is_this_machine
