"""The demo: the whole job, from invented people to worked look-ups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import database_folder
from tests.index_service.cli.conftest import PersonIndex


@pytest.fixture
def folder() -> Iterator[Path]:
    with database_folder() as made:
        yield made


def test_the_demo_ends_in_figures_and_look_ups(person_index: PersonIndex, folder: Path) -> None:
    answer = person_index("demo", "--no-serve", "--json", "--children", "80", "--seed", "2", "--folder", folder)
    assert answer.code == 0, answer.err
    figures = answer.json()
    assert figures["records"] == sum(load["rows"] for load in figures["loads"])
    assert 8 <= len(figures["loads"]) <= 11  # the small departments may know none of so few children
    assert figures["relink"]["published"] is True
    assert figures["quality"]["overall"]["precision"] > 0.95
    assert set(figures["quality"]) >= {"twins", "siblings", "infants", "no SSN on any record", "two surnames"}
    assert [look_up["case"] for look_up in figures["look_ups"]] == ["a twin", "an adopted child", "a newborn"]
    for look_up in figures["look_ups"]:
        assert len(look_up["records"]) > 1
        assert look_up["reasons"]
    assert all(Path(report).is_file() for report in figures["reports"])
