"""Days on which California's courts sit: a clock of the law runs in these.

Judicial holidays are those of Code of Civil Procedure 135 with Government Code 6700; one on a Saturday is kept on the
Friday before, one on a Sunday on the Monday after (Rule of Court 1.11). Counted as in CCP 12: the first day is left
out, the last one is in. What a single court adds (a day closed by order) is configuration.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from functools import cache

MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6
ONE_DAY = timedelta(days=1)


def add_court_days(start: date, days: int, closures: Collection[date] = ()) -> date:
    """The court day on which a period of so many court days ends; `start` itself does not count."""
    day = start
    for _ in range(days):
        day += ONE_DAY
        while not is_court_day(day, closures):
            day += ONE_DAY
    return day


def court_days_left(today: date, due_on: date, closures: Collection[date] = ()) -> int:
    """Court days from today, which does not count, to the day on which a period ends; below 0 those since it ended."""
    if due_on < today:
        return -max(1, court_days_left(due_on, today, closures))
    days = (today + ONE_DAY * n for n in range(1, (due_on - today).days + 1))
    return sum(is_court_day(day, closures) for day in days)


def is_court_day(day: date, closures: Collection[date] = ()) -> bool:
    """Whether courts sit: no weekend, no judicial holiday, no closure."""
    return day.weekday() < SATURDAY and day not in judicial_holidays(day.year) and day not in closures


@cache
def judicial_holidays(year: int) -> frozenset[date]:
    """The weekdays of a year on which holidays are kept; New Year's Day of the next may be among them."""
    kept = {_kept(day) for each in (year, year + 1) for day in _holidays(each)}
    return frozenset(day for day in kept if day.year == year)


def _holidays(year: int) -> Iterator[date]:
    yield date(year, 1, 1)  # New Year's Day
    yield _nth(year, 1, MONDAY, 3)  # Martin Luther King Jr. Day
    yield date(year, 2, 12)  # Lincoln's birthday
    yield _nth(year, 2, MONDAY, 3)  # Presidents' Day
    yield date(year, 3, 31)  # Cesar Chavez Day
    yield _nth(year, 6, MONDAY, 1) - timedelta(weeks=1)  # Memorial Day: the last Monday of May
    yield date(year, 6, 19)  # Juneteenth
    yield date(year, 7, 4)  # Independence Day
    yield _nth(year, 9, MONDAY, 1)  # Labor Day
    yield _nth(year, 9, FRIDAY, 4)  # Native American Day
    yield date(year, 11, 11)  # Veterans Day
    yield _nth(year, 11, THURSDAY, 4)  # Thanksgiving Day
    yield _nth(year, 11, THURSDAY, 4) + ONE_DAY  # the day after it
    yield date(year, 12, 25)  # Christmas Day


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7, weeks=n - 1)


def _kept(day: date) -> date:
    shift = {SATURDAY: -ONE_DAY, SUNDAY: ONE_DAY}.get(day.weekday(), timedelta())
    return day + shift
