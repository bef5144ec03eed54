"""Where a person has lived, on a line of time: each address with the days on which a system first and last named it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from index_service.http.workbench.said import Said
from index_service.store import workbench as store
from index_service.store.connection import Connection

WIDE = 320.0
_DOT = 6.0


@dataclass(slots=True)
class _Stay:
    text: str
    days: list[str] = field(default_factory=list)
    systems: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stay:
    """An address of one side.

    Attributes:
        side: 0 or 1.
        first, last: days on which a system first and last named it.
        left, wide: where it is drawn on the line of time, of `WIDE` in all.
    """

    side: int
    text: str
    systems: tuple[str, ...]
    first: str
    last: str
    left: float
    wide: float


def addresses(conn: Connection, sides: Sequence[Sequence[Said]], zone: ZoneInfo) -> list[Stay]:
    """The addresses of some sides, those that were named first before the others."""
    side_of = {record.record_id: number for number, side in enumerate(sides) for record in side}
    title_of = {record.record_id: record.source_title for side in sides for record in side}
    found: dict[tuple[int, str], _Stay] = {}
    for said in store.addresses_of_records(conn, side_of, zone):
        text = " ".join(filter(None, (said.address_line, said.city, said.state, said.zip)))
        stay = found.setdefault((side_of[said.record_id], text.casefold()), _Stay(text))
        stay.days.append(said.day)
        stay.systems[title_of[said.record_id]] = None
    return _drawn(found)


def _drawn(found: dict[tuple[int, str], _Stay]) -> list[Stay]:
    days = [_number(day) for stay in found.values() for day in stay.days]
    begin, span = min(days, default=0), max(days, default=0) - min(days, default=0) or 1
    room = WIDE - _DOT
    drawn = [
        Stay(
            side,
            stay.text,
            tuple(stay.systems),
            min(stay.days),
            max(stay.days),
            left=round(room * (_number(min(stay.days)) - begin) / span, 1),
            wide=round(room * (_number(max(stay.days)) - _number(min(stay.days))) / span + _DOT, 1),
        )
        for (side, _), stay in found.items()
    ]
    return sorted(drawn, key=lambda stay: (stay.first, stay.last, stay.side))


def _number(day: str) -> int:
    """A day as a number; of a month or year, its first; 0 for what is none."""
    parts = [int(part) for part in day.split("-") if part.isdigit()]
    try:
        return date(*_padded(parts)).toordinal()
    except ValueError:
        return 0


def _padded(parts: Iterable[int]) -> tuple[int, int, int]:
    year, month, day = (*parts, 1, 1, 1)[:3]
    return year, month, day
