"""Moments as the pages write them, in the zone of the installation."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup


def moment(at: datetime, zone: ZoneInfo) -> Markup:
    """Date and time of day, as 2026-03-05 14:32 PST; for programs, in full."""
    return _time(at, f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}")


def clock(at: datetime, zone: ZoneInfo) -> Markup:
    """The time of day alone, as 14:32 PST."""
    return _time(at, f"{at.astimezone(zone):%H:%M %Z}")


def duration(seconds: float) -> str:
    """About how long, as a person says it: 45 seconds, 30 minutes, 10 hours."""
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return _count(round(seconds / size), unit)
    return _count(max(1, round(seconds)), "second")


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _time(at: datetime, text: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), text)
