"""Where people live: ZIP codes of one large county and its neighbours with plausible weights, and invented streets.

`zips.csv` (city, ZIP code, county number, thousands of inhabitants, area codes) and `streets.txt` are our own lists;
the figures are rounded from general knowledge and decide nothing but how often a place occurs.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).parent


class City(NamedTuple):
    """A ZIP code: its post office, its county's number, how many people live there (thousands), its area codes."""

    name: str
    zip: str
    county: str
    weight: int
    area_codes: tuple[int, ...]


HOME_COUNTY = "19"


def _cities() -> tuple[City, ...]:
    with (_FOLDER / "zips.csv").open(encoding="utf-8", newline="") as stream:
        return tuple(
            City(
                row["city"],
                row["zip"],
                row["county"],
                int(row["thousands"]),
                tuple(int(code) for code in row["area_codes"].split()),
            )
            for row in csv.DictReader(stream)
        )


CITIES = _cities()

PHONE_EXCHANGES = (211, 311, 411, 511, 555, 611, 711, 811, 911, 958, 959)
"""Exchange codes that are never given to subscribers, so that no invented telephone is anybody's."""

OFFICE = ("500 County Services Plaza", "Los Angeles", "90020")
SUBSTITUTE = ("PO Box 1846", "Sacramento", "95812")
"""Stands for the address confidentiality programme's box, which all its participants share."""

STREET_TYPES = (("Ave", 34), ("St", 36), ("Dr", 10), ("Blvd", 6), ("Ln", 4), ("Ct", 4), ("Pl", 3), ("Way", 3))

LONG_STREET_TYPES = {
    "Ave": "Avenue",
    "St": "Street",
    "Dr": "Drive",
    "Blvd": "Boulevard",
    "Ln": "Lane",
    "Ct": "Court",
    "Pl": "Place",
}

UNITS = ("Apt", "Apt", "Apt", "#", "Unit", "Spc")

_NUMBERED = tuple(f"{number}th" for number in range(20, 120) if number % 10 not in (1, 2, 3))

STREETS = (*(_FOLDER / "streets.txt").read_text(encoding="utf-8").split(), *_NUMBERED)
"""Names of streets without direction and type, the frequent ones first."""
