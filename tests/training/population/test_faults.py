"""Each fault does what its name says, to as many rows as asked, and leaves the rest alone."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import DamerauLevenshtein

from training.population import faults
from training.population.columns import nothing, plain, texts
from training.population.names import variants

WORDS = st.lists(st.text(alphabet="abcdefgXYZñé", min_size=1, max_size=12) | st.none(), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(WORDS, st.integers(0, 2**32))
def test_a_slip_of_the_keys_is_one_edit_and_spares_short_words(words: list[str | None], seed: int) -> None:
    column = texts(words)
    typed = faults.mistype(np.random.default_rng(seed), column, 1.0)
    for before, after in zip(words, typed, strict=True):
        if before is None or len(before) < 3:
            assert after == before
        else:
            assert DamerauLevenshtein.distance(before, after) <= 1


def test_slips_befall_the_share_of_rows_that_was_asked_for() -> None:
    column = texts(["alexandra"] * 20_000)
    typed = faults.mistype(np.random.default_rng(1), column, 0.1)
    assert np.mean(typed != column) == pytest.approx(0.1, abs=0.01)
    assert {len(word) for word in typed} == {8, 9, 10}
    assert list(column) == ["alexandra"] * 20_000


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(10**8, 10**9 - 1), min_size=1, max_size=30), st.integers(0, 2**32))
def test_a_wrong_digit_stays_a_digit_and_length_is_kept(numbers: list[int], seed: int) -> None:
    column = texts([f"{number}X" for number in numbers])
    typed = faults.mistype_digits(np.random.default_rng(seed), column, 1.0, among=9)
    for before, after in zip(column, typed, strict=True):
        assert len(after) == 10
        assert after[-1] == "X"
        assert after[:9].isdigit()
        assert DamerauLevenshtein.distance(before, after) == 1


def _days(dates: list[date]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([day.toordinal() - date(1970, 1, 1).toordinal() for day in dates], dtype=np.int64)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dates(date(1940, 1, 1), date(2030, 12, 31)), min_size=1, max_size=30), st.integers(0, 2**32))
def test_a_faulty_birth_date_is_still_a_day_of_the_calendar(dates: list[date], seed: int) -> None:
    written, _ = faults.write_birth_dates(
        np.random.default_rng(seed), _days(dates), swapped=0.3, off_by_one=0.4, estimated=0.3, partial=0.0, missing=0.0
    )
    for text in written:
        assert date.fromisoformat(text)


def test_without_faults_a_birth_date_is_written_as_it_is() -> None:
    dates = [date(2012, 2, 29), date(1999, 12, 31), date(2024, 1, 1)]
    written, guessed = faults.write_birth_dates(
        np.random.default_rng(0), _days(dates), swapped=0, off_by_one=0, estimated=0, partial=0, missing=0
    )
    assert list(written) == [day.isoformat() for day in dates]
    assert not guessed.any()


def test_day_and_month_are_swapped_in_the_share_of_all_records() -> None:
    rng = np.random.default_rng(2)
    days = rng.integers(12_000, 20_000, 50_000)
    exact, _ = faults.write_birth_dates(rng, days, swapped=0, off_by_one=0, estimated=0, partial=0, missing=0)
    swapped, _ = faults.write_birth_dates(rng, days, swapped=0.05, off_by_one=0, estimated=0, partial=0, missing=0)
    changed = np.flatnonzero(exact != swapped)
    assert len(changed) / len(days) == pytest.approx(0.05, abs=0.005)
    for row in changed[:500]:
        assert exact[row][:4] + exact[row][8:] + exact[row][5:7] == swapped[row].replace("-", "")


def test_guessed_dates_are_mostly_the_first_of_january() -> None:
    days = np.random.default_rng(3).integers(12_000, 20_000, 5_000)
    written, guessed = faults.write_birth_dates(
        np.random.default_rng(4), days, swapped=0, off_by_one=0, estimated=1.0, partial=0, missing=0
    )
    assert guessed.all()
    assert all(text.endswith("-01") for text in written)
    assert np.mean([text.endswith("-01-01") for text in written]) > 0.65


def test_placeholders_tell_boys_from_girls_and_twins_by_letter_or_number() -> None:
    rows = 400
    names = faults.placeholder_names(
        np.random.default_rng(5), np.array([0, 1] * 200), np.array([1, 2] * 200), texts(["Rosa"] * 200 + [None] * 200)
    )
    assert len(names) == rows
    assert {"Baby Girl A", "Baby Boy B", "BG A", "BB B", "RosasGirl1", "RosasBoy2"} <= set(names)
    assert not any("None" in name for name in names)


def test_nicknames_and_other_spellings_come_from_the_list() -> None:
    rng = np.random.default_rng(6)
    assert faults.respell(rng, texts(["Robert", "Qwxyz", None]), 1.0, variants("nickname"))[0] in {
        "Rob",
        "Bob",
        "Bobby",
        "Robbie",
    }
    assert list(faults.respell(rng, texts(["Qwxyz", None]), 1.0, variants("nickname"))) == ["Qwxyz", None]
    assert faults.respell(rng, texts(["Zhang"]), 1.0, variants("surname"))[0] in {"Chang", "Cheung"}


def test_exchanging_names_needs_both() -> None:
    left, right = faults.exchange(texts(["Mai", None]), texts(["Xiong", "Vang"]), np.array([True, True]))
    assert (list(left), list(right)) == (["Xiong", None], ["Mai", "Vang"])


def test_old_systems_write_without_accents() -> None:
    assert list(plain(texts(["Núñez", "Đặng", None, "Lee"]))) == ["Nunez", "Dang", None, "Lee"]


def test_no_rows_are_no_trouble() -> None:
    rng = np.random.default_rng(7)
    assert len(faults.mistype(rng, nothing(0), 1.0)) == 0
    assert list(faults.mistype_digits(rng, nothing(2), 1.0, among=9)) == [None, None]
