"""Calling the program, invented children in files, and the model that the tests link with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from index_service import cli
from index_service.models import shipped_model_file
from training.population import Population, generate
from training.population.extracts import write_extracts


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call of the program ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


PersonIndex = Callable[..., Answer]


@pytest.fixture
def person_index(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PersonIndex:
    """Call the program as from a shell, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Answer:
        capsys.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return call


@pytest.fixture
def in_database(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The program uses the test's database, and keeps the seals of its ledger alone."""
    monkeypatch.setenv("PERSON_INDEX_LEDGER_SEALS", str(tmp_path / "ledger-seals"))
    monkeypatch.setenv("PERSON_INDEX_DATABASE_URL", database_url)
    return database_url


@pytest.fixture(scope="session")
def population() -> Population:
    return generate(80, seed=3)


@pytest.fixture(scope="session")
def children(population: Population, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `all.parquet`, the extracts of all departments, and `truth.csv`."""
    folder = tmp_path_factory.mktemp("children")
    write_extracts(population, folder)
    pq.write_table(population.records, folder / "all.parquet")
    return folder


@pytest.fixture(scope="session")
def model_file() -> Path:
    """The shipped model: fitting one is the demo's and the training's to test."""
    return shipped_model_file()
