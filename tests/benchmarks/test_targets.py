"""Targets are judged against the better Splink, and a figure that was not measured is neither met nor missed."""

from __future__ import annotations

import pytest

from benchmarks.targets import LINK, SERVICE, TARGETS, Target, Verdict, better_splink, measured, verdicts

HOUSEHOLDS = {
    LINK: {"f1": 0.99, "false_links_in_household": 20},
    "Splink, every column": {"f1": 0.64, "false_links_in_household": 30_000},
    "Splink, one column of place": {"f1": 0.97, "false_links_in_household": 1_000},
}


def test_stock_splink_is_the_recipe_that_did_better() -> None:
    assert better_splink(HOUSEHOLDS)["f1"] == 0.97
    assert measured(HOUSEHOLDS, LINK, "false_links_in_household_to_splink") == pytest.approx(0.02)


def test_a_splink_that_could_not_link_is_no_answer() -> None:
    assert better_splink({"Splink, every column": {"cannot_link": "no pairs"}}) == {}


def test_false_links_are_counted_in_10_000_automatic_links() -> None:
    figures = {SERVICE: {"false_links": 3, "linked_pairs": 60_000}}
    assert measured(figures, SERVICE, "false_links_in_10_000") == pytest.approx(0.5)


@pytest.mark.parametrize(("value", "outcome"), [(0.998, "met"), (0.9979, "missed"), (None, "not measured")])
def test_a_bound_includes_its_value(value: float | None, outcome: str) -> None:
    assert Verdict(Target("febrl3", LINK, "f1", "at least", 0.998), value).outcome == outcome


def test_without_any_data_every_target_stands_unmeasured() -> None:
    assert [verdict.outcome for verdict in verdicts({})] == ["not measured"] * len(TARGETS)
