"""A load that breaks what its source promises is stopped with the reason."""

from __future__ import annotations

from config.expectations import LoadMeasures, broken_expectations
from config.sources import load_sources

MEDS = load_sources()["meds"]
GOOD = {"last_name": 1.0, "first_name": 1.0, "birth_date": 1.0}


def test_a_good_load_breaks_nothing() -> None:
    assert broken_expectations(LoadMeasures(1000, 0, GOOD), MEDS) == ()


def test_an_empty_file_is_stopped() -> None:
    (reason,) = broken_expectations(LoadMeasures(0, 0), MEDS)
    assert "0 rows" in reason


def test_too_few_names_stop_the_load_with_both_figures() -> None:
    (reason,) = broken_expectations(LoadMeasures(1000, 0, GOOD | {"last_name": 0.5}), MEDS)
    assert "last_name" in reason
    assert "50.0%" in reason
    assert "97.0%" in reason


def test_too_many_placeholders_stop_the_load() -> None:
    (reason,) = broken_expectations(LoadMeasures(1000, 0, GOOD, {"birth_date": 0.4}), MEDS)
    assert "placeholder" in reason


def test_too_many_rejected_rows_stop_the_load() -> None:
    (reason,) = broken_expectations(LoadMeasures(1000, 200, GOOD), MEDS)
    assert "20.0% of the rows were rejected" in reason


def test_a_handful_of_rows_is_not_judged_by_shares() -> None:
    assert broken_expectations(LoadMeasures(3, 1, GOOD | {"last_name": 0.5}), MEDS) == ()


def test_a_column_that_the_file_does_not_have_is_not_judged() -> None:
    assert broken_expectations(LoadMeasures(1000, 0, {"last_name": 1.0}), MEDS) == ()
