"""Birth dates: ISO and common other spellings, partial dates, dates that stand for "not known"."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

OLDEST_YEAR = 1500
"""Older years are typing errors; historical registers still pass."""

_PLACEHOLDERS = frozenset(
    {"1900-01-01", "1800-01-01", "1899-12-31", "1901-01-01", "1111-11-11", "9999-12-31", "9999-99-99", "0001-01-01"}
)
_NO_YEAR = frozenset({"9999", "0000", "1111", "8888"})
_SPELLINGS = (
    re.compile(r"^(?P<y>\d{4})(?:[-/.](?P<m>\d{1,2})(?:[-/.](?P<d>\d{1,2})(?:[T ][\d:.Z+-]*)?)?)?$", re.ASCII),
    re.compile(r"^(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})$", re.ASCII),
    re.compile(r"^(?P<m>\d{1,2})[-/.](?P<d>\d{1,2})[-/.](?P<y>\d{4})$", re.ASCII),
)


@dataclass(frozen=True, slots=True)
class BirthDate:
    """A birth date as far as it is known; all None where nothing usable was said."""

    iso: str | None = None
    year: int | None = None
    month: int | None = None
    day: int | None = None
    problem: Literal["placeholder", "invalid"] | None = None
    reason: str = ""


@lru_cache(maxsize=1 << 16)
def birth_date(text: str, today: dt.date) -> BirthDate:
    """Read a birth date; 00 or 99 for month or day means that part is not known."""
    match = next((m for m in (spelling.match(text.strip()) for spelling in _SPELLINGS) if m), None)
    if match is None:
        return BirthDate(problem="invalid", reason="is not a date; write YYYY-MM-DD, YYYY-MM or YYYY")
    year_text = match["y"]
    year, month, day = int(year_text), _part(match["m"]), _part(match["d"])
    iso = f"{year:04d}-{month or 0:02d}-{day or 0:02d}"
    if year_text in _NO_YEAR or iso in _PLACEHOLDERS:
        return BirthDate(problem="placeholder", reason="is a date that stands for unknown")
    if month is not None and month > 12 and day is not None and day <= 12 and match.re is not _SPELLINGS[0]:
        month, day = day, month
    return _checked(year, month, day, today)


def _part(text: str | None) -> int | None:
    return None if text is None or text in {"0", "00", "99"} else int(text)


def _checked(year: int, month: int | None, day: int | None, today: dt.date) -> BirthDate:
    if month is None:
        day = None
    try:
        earliest = dt.date(year, month or 1, day or 1)
    except ValueError:
        return BirthDate(problem="invalid", reason="names a day that is not in the calendar")
    if earliest > today:
        return BirthDate(problem="invalid", reason="lies in the future")
    if year < OLDEST_YEAR:
        return BirthDate(problem="invalid", reason=f"lies before {OLDEST_YEAR}")
    return BirthDate(earliest.isoformat() if day else None, year, month, day)
