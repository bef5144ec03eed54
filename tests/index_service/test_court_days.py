"""Court days: against the calendars that a superior court published, and as properties."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_service.court_days import add_court_days, court_days_left, is_court_day, judicial_holidays

PUBLISHED = {  # by the Superior Court of San Bernardino
    2025: "01-01 01-20 02-12 02-17 03-31 05-26 06-19 07-04 09-01 09-26 11-11 11-27 11-28 12-25",
    2026: "01-01 01-19 02-12 02-16 03-31 05-25 06-19 07-03 09-07 09-25 11-11 11-26 11-27 12-25",
}
DAYS = st.dates(date(2020, 1, 1), date(2060, 12, 31))


@pytest.mark.parametrize("year", PUBLISHED)
def test_holidays_are_those_that_a_court_published(year: int) -> None:
    assert judicial_holidays(year) == {date.fromisoformat(f"{year}-{day}") for day in PUBLISHED[year].split()}


def test_a_new_years_day_on_a_saturday_is_kept_in_the_old_year() -> None:
    assert date(2027, 12, 31) in judicial_holidays(2027)
    assert date(2027, 12, 31) not in judicial_holidays(2028)
    assert not is_court_day(date(2027, 12, 31))


def test_seven_court_days_over_a_weekend_and_two_holidays() -> None:
    assert add_court_days(date(2026, 2, 10), 7) == date(2026, 2, 23)
    assert add_court_days(date(2026, 7, 2), 2) == date(2026, 7, 7)
    assert add_court_days(date(2026, 7, 2), 2, closures=[date(2026, 7, 7)]) == date(2026, 7, 8)


@given(DAYS, st.integers(1, 20))
def test_a_period_ends_on_a_court_day_with_as_many_court_days_in_it(start: date, days: int) -> None:
    end = add_court_days(start, days)
    between = [start + timedelta(days=n) for n in range(1, (end - start).days + 1)]
    assert is_court_day(end)
    assert sum(is_court_day(day) for day in between) == days


@given(DAYS, st.integers(1, 20))
def test_a_later_receipt_never_ends_sooner(start: date, days: int) -> None:
    assert add_court_days(start, days) <= add_court_days(start + timedelta(days=1), days)


@given(DAYS, st.integers(1, 20))
def test_what_is_left_of_a_period_is_what_was_added(start: date, days: int) -> None:
    end = add_court_days(start, days)
    assert court_days_left(start, end) == days
    assert court_days_left(end, end) == 0
    assert court_days_left(end + timedelta(days=1), end) == -1
    assert court_days_left(add_court_days(end, days), end) == -days
