"""`evaluate`: what is published is judged with the weights behind it, in figures and as a report."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import csv

from tests.index_service.cli.conftest import PersonIndex

FROM_PAIRS = {"calibration", "membership", "missed_links", "completeness", "weights", "thresholds", "worst", "levels"}
"""Parts of the answer that need the pairs and their weights."""

SECTIONS = {"scores", "subgroups", "calibration", "membership", "thresholds", "weights", "worst", "levels", "blocking"}
LOADED = ("meds", "calsaws", "cair2", "cws_cms")


@pytest.fixture
def linked(person_index: PersonIndex, in_database: str, children: Path, model_file: Path) -> PersonIndex:
    for source in LOADED:
        assert person_index("load", source, children / f"{source}.csv", "--accept").code == 0
    assert person_index("relink", "--model", model_file).code == 0
    return person_index


@pytest.fixture
def truth(children: Path, tmp_path: Path) -> Path:
    """The truth about the records that are loaded."""
    known = csv.read_csv(children / "truth.csv")
    kept = known.filter(pc.is_in(known["source"], pa.array(LOADED)))
    csv.write_csv(kept, tmp_path / "truth.csv")
    return tmp_path / "truth.csv"


def test_every_question_is_answered_of_what_is_published(linked: PersonIndex, truth: Path, tmp_path: Path) -> None:
    judged = linked("evaluate", "--truth", truth, "--report", "report.html", "--json")
    assert judged.code == 0, judged.err
    figures: dict[str, Any] = judged.json()
    assert {name for name in FROM_PAIRS | {"blocking"} if not figures[name]} == set()
    assert (figures["link_bits"], figures["review_bits"]) == (5.0, 0.0)
    missed, counts = figures["missed_links"], figures["pairs"]["counts"]
    lost = {row["reason"]: row["pairs"] for row in missed}
    assert sum(lost.values()) == counts["fn"] > 0
    assert figures["completeness"]["completeness"]["value"] > 0.9
    assert figures["completeness"]["true_pairs"] == counts["tp"] + counts["fn"]
    assert lost["not proposed by blocking"] <= counts["tp"] + counts["fn"] - figures["completeness"]["found"]
    for error in figures["worst"]:  # against the rival that explains the pair best, so by a bit too much at most
        assert -1e-6 <= sum(step["bits"] for step in error["steps"]) - error["weight_bits"] <= 1 + 1e-6
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert set(re.findall(r'<section aria-labelledby="([a-z-]+)"', page)) >= SECTIONS


def test_of_a_file_the_persons_alone_are_judged(linked: PersonIndex, truth: Path) -> None:
    assert linked("export", "persons", "--out", "persons.csv", "--exact").code == 0
    by_file = linked("evaluate", "--truth", truth, "--persons", "persons.csv", "--json").json()
    assert {name for name in FROM_PAIRS if by_file[name]} == set()
    published = linked("evaluate", "--truth", truth, "--json").json()
    assert by_file["pairs"] == published["pairs"]
    assert by_file["clusters"] == published["clusters"]


def test_nothing_published_is_told(person_index: PersonIndex, in_database: str, children: Path) -> None:
    refused = person_index("evaluate", "--truth", children / "truth.csv")
    assert refused.code == 1
    assert "No persons are published yet" in refused.err
