"""A file is measured by its source's own past: what is unlike it is told with both figures, and chance is not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from index_service.nightly.drop_folder import ends_in_line_break, truncated
from index_service.nightly.profile import FileProfile, drifts
from index_service.store.connection import connect
from tests.index_service.nightly.nights import drop, night
from tests.index_service.test_sequence_neutrality import invented_records

USUAL = FileProfile(
    rows=1000,
    filled={"birth_date": 0.97, "email": 0.06, "suffix": 0.004},
    placeholders={"ssn": 0.03},
    id_formats={"999999": 950, "A99999": 50},
    ends_in_line_break=True,
)


def past(files: int = 10) -> list[FileProfile]:
    return [replace(USUAL, rows=USUAL.rows + number) for number in range(files)]


def told(file: FileProfile, earlier: Sequence[FileProfile]) -> list[str]:
    return [each.told for each in drifts(file, earlier) if each.told]


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (replace(USUAL, rows=300), "It has 300 rows; earlier files had 1,000 to 1,009."),
        (replace(USUAL, rows=3100), "It has 3,100 rows; earlier files had 1,000 to 1,009."),
        (replace(USUAL, rows=890), "It has 890 rows, the fewest of 10 earlier files 1,000: perhaps it was cut off."),
        (
            replace(USUAL, filled={**USUAL.filled, "birth_date": 0.8}),
            "birth_date is filled in 80.0% of its records; in earlier files in 97.0%.",
        ),
        (
            replace(USUAL, filled={**USUAL.filled, "email": 0.0}),
            "email is filled in 0.0% of its records; in earlier files in 6.0%.",
        ),
        (
            replace(USUAL, placeholders={"ssn": 0.2}),
            "ssn is a placeholder in 20.0% of its records; in earlier files in 3.0%.",
        ),
        (
            replace(USUAL, id_formats={"999999": 700, "9999-99": 300}),
            "30.0% of its record ids have a format that no earlier file had.",
        ),
        (
            replace(USUAL, ends_in_line_break=False),
            "Its last row does not end in a line break, as those of earlier files did: it may have been cut off.",
        ),
    ],
)
def test_what_is_unlike_the_past_is_told(file: FileProfile, sentence: str) -> None:
    assert told(file, past()) == [sentence]


@pytest.mark.parametrize(
    "file",
    [
        USUAL,
        replace(USUAL, rows=920),
        replace(USUAL, rows=2900),
        replace(USUAL, filled={**USUAL.filled, "birth_date": 0.9}),
        replace(USUAL, filled={**USUAL.filled, "email": 0.12}),
        replace(USUAL, filled={"birth_date": 0.97, "email": 0.06}),
        replace(USUAL, placeholders={}),
        replace(USUAL, id_formats={"999999": 900, "9999-99": 100}),
    ],
)
def test_what_may_well_be_is_not(file: FileProfile) -> None:
    """A field of four in a thousand may be missing by chance; fewer placeholders are no harm."""
    assert told(file, past()) == []


def test_with_too_short_a_past_nothing_is_held_against_a_file() -> None:
    strange = FileProfile(10_000, ends_in_line_break=False)
    assert drifts(strange, past(2)) == []
    assert told(replace(USUAL, rows=700), past(7)) == [], "a narrow band takes more files than a week has nights"


def test_a_source_of_changes_alone_may_bring_few_on_a_sunday() -> None:
    week = [replace(USUAL, rows=rows) for rows in (900, 1100, 1000, 950, 1050, 200, 150, 980)]
    assert told(replace(USUAL, rows=120), week) == []


def test_chance_alone_is_never_told() -> None:
    """Files of one source, drawn from the same shares, five hundred times."""
    chance = random.Random(3)  # noqa: S311 - no secret

    def file() -> FileProfile:
        rows = chance.randint(150, 400)

        def share(of: float) -> float:
            return sum(chance.random() < of for _ in range(rows)) / rows

        return FileProfile(rows, {"email": share(0.08), "cin": share(0.5)}, {"ssn": share(0.04)}, {"99": rows}, True)

    assert [sentence for _ in range(500) for sentence in told(file(), [file() for _ in range(5)])] == []


def test_a_kept_profile_is_read_back_also_one_of_an_earlier_version() -> None:
    assert FileProfile.read(USUAL.kept()) == USUAL
    assert FileProfile.read({"rows": 3}).ends_in_line_break is None


@pytest.mark.parametrize(
    ("text", "ends", "broken"), [("a,b\n1,2\n", True, False), ("a,b\n1,2", False, False), ("a,b\n1", False, True)]
)
def test_the_end_of_a_file(tmp_path: Path, text: str, ends: bool, broken: bool) -> None:
    path = tmp_path / "one.csv"
    path.write_text(text)
    assert (ends_in_line_break(path), bool(truncated(path))) == (ends, broken)
    assert ends_in_line_break(path.rename(tmp_path / "one.parquet")) is None


def test_a_file_cut_in_its_last_value_is_kept_out_with_its_figures(database_url: str, tmp_path: Path) -> None:
    pupils = [record for record in invented_records(90, seed=93) if record.source == "calpads"]
    for number in range(3):
        drop(tmp_path / "drop", f"{number}.csv", random.Random(number).sample(pupils, 40))  # noqa: S311 - no secret
    assert night(database_url, tmp_path / "drop").status == "good"
    cut = drop(tmp_path / "drop", "3.csv", pupils[:40])
    cut.write_bytes(cut.read_bytes().rstrip()[:-1])
    report = night(database_url, tmp_path / "drop")
    assert report.status == "needs_person"
    assert report.problems[0].endswith("as those of earlier files did: it may have been cut off.")
    with connect(database_url) as conn:
        kept = conn.execute("SELECT profile, drift FROM night_file WHERE outcome = 'quarantined'").fetchall()
    ((profile, drift),) = kept
    assert FileProfile.read(profile).rows == 40
    assert {"measure": "volume", "field": "", "now": 40.0, "usual": 40.0, "told": ""} in drift
    (wrong,) = [each for each in drift if each["told"]]
    assert (wrong["measure"], wrong["now"], wrong["usual"]) == ("ending", 0.0, 1.0)
    assert wrong in report.files[-1]["drift"]  # type: ignore[operator]
    accepted = night(database_url, tmp_path / "drop", accept_files=frozenset({"calpads"}))
    assert accepted.status == "good"
