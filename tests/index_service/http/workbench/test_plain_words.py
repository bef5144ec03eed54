"""The words for numbers: what a steward reads."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_service.http.workbench.plain_words import (
    COMPARED,
    Mark,
    agreement,
    beside_relatives,
    how_telling,
    odds,
    rounded,
    strength,
)
from index_service.http.workbench.said import FIELDS_COMPARED, masked
from index_service.http.workbench.task_words import CLOSED_WHY, KINDS
from index_service.store.stewardship import ClosedWhy
from linkage.comparisons import BY_NAME, Layer
from linkage.doubts import DoubtKind


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (13.0, "very strong evidence for one person"),
        (5.0, "strong evidence for one person"),
        (-3.0, "fair evidence for two people"),
        (0.7, "weak evidence for one person"),
        (-0.2, "says next to nothing"),
    ],
)
def test_bits_become_words(bits: float, words: str) -> None:
    assert strength(bits).words == words


@given(st.floats(-50, 50))
def test_the_words_never_point_the_other_way(bits: float) -> None:
    said = strength(bits)
    assert said.side == ("nothing" if abs(bits) < 0.5 else "for" if bits > 0 else "against")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (1.26, "1.3"),
        (92.4, "92"),
        (6_512.0, "6,500"),
        (1_250_000.0, "1.2 million"),
        (2e20, "over 1,000 trillion"),
    ],
)
def test_numbers_are_rounded_as_people_say_them(number: float, text: str) -> None:
    assert rounded(number) == text


def test_odds_are_told_for_either_side() -> None:
    assert odds(10.0) == "about 1,000 to 1 that they are one person"
    assert odds(-10.0) == "about 1,000 to 1 that they are two people"
    assert odds(0.0) == "even odds"


def test_a_birth_date_tells_strangers_apart_and_twins_not() -> None:
    assert how_telling("birth", "same", -12.67, -0.1) == "one pair of strangers in about 6,500, but every pair of twins"
    assert how_telling("person", "missing", 0.0, 0.0) == ""
    assert "brothers and sisters" in how_telling("family", "same", -10.0, 0.0)


@pytest.mark.parametrize(
    ("layer", "mark", "bits", "words"),
    [
        ("person", "same", 13.0, ""),
        ("birth", "same", 3.5, "Leaves only twins"),
        ("birth", "same", -4.0, "As twins are"),
        ("birth", "differs", -6.0, "As siblings are"),
        ("birth", "same", 0.2, "Shared by twins"),
        ("family", "same", 0.0, "Shared by a family"),
    ],
)
def test_what_relatives_share_says_why_it_tells_nothing_of_them(
    layer: Layer, mark: Mark, bits: float, words: str
) -> None:
    assert beside_relatives(layer, mark, bits) == words


def test_where_records_do_not_all_agree_the_words_say_in_how_many() -> None:
    assert agreement(7, "same", 4, 4) == "the same"
    assert agreement(7, "same", 4, 3) == "the same, in 3 of 4 comparisons"
    assert agreement(0, "disagrees", 1, 1) == "different"


def test_all_that_is_compared_and_asked_has_words() -> None:
    assert set(COMPARED) == set(BY_NAME)
    assert set(FIELDS_COMPARED) | {"identifiers"} == set(BY_NAME)
    assert set(KINDS) == set(get_args(DoubtKind))
    assert set(CLOSED_WHY) == set(get_args(ClosedWhy))


@pytest.mark.parametrize(
    ("number", "shown"), [("900-12-3456", "•••-••-3456"), ("900123456", "•••-••-3456"), ("3456", "•••-••-••••")]
)
def test_a_number_shows_its_last_four_and_a_short_one_nothing(number: str, shown: str) -> None:
    assert masked(number) == shown
