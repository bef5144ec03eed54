"""Where people live: ZIP codes of one large county and its neighbours with plausible weights, and invented streets."""

from __future__ import annotations

from typing import NamedTuple


class City(NamedTuple):
    """A ZIP code: its post office, its county's number, how many people live there (thousands), its area codes."""

    name: str
    zip: str
    county: str
    weight: int
    area_codes: tuple[int, ...]


HOME_COUNTY = "19"

_LOS_ANGELES = (213, 323)
_SOUTH = (310, 424)
_HARBOR = (562,)
_VALLEY = (818, 747)
_EAST = (626,)
_POMONA = (909,)
_DESERT = (661,)
_ORANGE = (714, 657)
_INLAND = (909, 840)
_RIVERSIDE = (951,)
_VENTURA = (805, 820)

_ZIPS: tuple[tuple[str, str, tuple[int, ...], str], ...] = (
    ("Los Angeles", "19", _LOS_ANGELES, "90001 59 90002 53 90003 75 90006 60 90007 42 90008 33 90011 111 90016 49 90018 53 90019 66 "
     "90022 67 90023 46 90026 69 90031 38 90032 46 90033 49 90037 67 90042 61 90043 46 90044 99 90047 50 90059 46 "
     "90061 29 90062 34 90063 53 90065 45"),
    ("Long Beach", "19", _HARBOR, "90802 40 90804 40 90805 97 90806 43 90813 58"),
    ("Compton", "19", _SOUTH, "90220 53 90221 53 90222 33"),
    ("Inglewood", "19", _SOUTH, "90301 37 90302 29 90303 27 90304 28"),
    ("Hawthorne", "19", _SOUTH, "90250 99"),
    ("South Gate", "19", _LOS_ANGELES, "90280 95"),
    ("Huntington Park", "19", _LOS_ANGELES, "90255 76"),
    ("Lynwood", "19", _SOUTH, "90262 70"),
    ("Norwalk", "19", _HARBOR, "90650 106"),
    ("Downey", "19", _HARBOR, "90241 44 90242 44"),
    ("Whittier", "19", _HARBOR, "90601 33 90604 40 90605 41"),
    ("El Monte", "19", _EAST, "91731 31 91732 64"),
    ("Baldwin Park", "19", _EAST, "91706 77"),
    ("Alhambra", "19", _EAST, "91801 55 91803 31"),
    ("Monterey Park", "19", _EAST, "91754 35 91755 27"),
    ("Pomona", "19", _POMONA, "91766 73 91767 50 91768 36"),
    ("Pasadena", "19", _EAST, "91103 29 91104 37"),
    ("Lancaster", "19", _DESERT, "93534 40 93535 78 93536 73"),
    ("Palmdale", "19", _DESERT, "93550 80 93551 53 93552 40"),
    ("Pacoima", "19", _VALLEY, "91331 106"),
    ("Van Nuys", "19", _VALLEY, "91401 41 91405 54 91406 54"),
    ("North Hollywood", "19", _VALLEY, "91605 59 91606 47"),
    ("Panorama City", "19", _VALLEY, "91402 73"),
    ("Reseda", "19", _VALLEY, "91335 78"),
    ("San Bernardino", "36", _INLAND, "92404 60 92405 29 92407 64 92410 50"),
    ("Fontana", "36", _INLAND, "92335 99 92336 98"),
    ("Victorville", "36", (760,), "92392 60 92395 46"),
    ("Ontario", "36", _INLAND, "91761 58 91764 55"),
    ("Riverside", "33", _RIVERSIDE, "92503 92 92504 60 92507 62"),
    ("Moreno Valley", "33", _RIVERSIDE, "92551 35 92553 77"),
    ("Santa Ana", "30", _ORANGE, "92701 55 92703 69 92704 91 92707 64"),
    ("Anaheim", "30", _ORANGE, "92801 63 92804 88 92805 75"),
    ("Westminster", "30", _ORANGE, "92683 92"),
    ("Oxnard", "56", _VENTURA, "93030 60 93033 85"),
    ("Bakersfield", "15", _DESERT, "93304 51 93305 39 93307 88"),
)  # fmt: skip


def _cities() -> tuple[City, ...]:
    cities = []
    for name, county, area_codes, listing in _ZIPS:
        words = listing.split()
        cities.extend(
            City(name, code, county, int(weight), area_codes)
            for code, weight in zip(words[::2], words[1::2], strict=True)
        )
    return tuple(cities)


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
    "Way": "Way",
}

UNITS = ("Apt", "Apt", "Apt", "#", "Unit", "Spc")

_STREET_WORDS = """
Maple Oak Main Cedar Elm Walnut Willow Pine Palm Olive Sycamore Magnolia Orange Lemon Cherry Peach Poplar Laurel Acacia
Juniper Cypress Redwood Spruce Birch Ash Alder Aspen Hawthorn Hickory Chestnut Myrtle Jasmine Lilac Rose Ivy Fern Sage
Lake River Creek Spring Brook Valley Hill Ridge Canyon Mesa Vista Meadow Prairie Forest Grove Garden Park Orchard
Vineyard Ranch Mission Alameda Camino Rancho Sierra Loma Paloma Esperanza Primavera Alondra Soledad Verdugo Arroyo Pueblo
Washington Jefferson Madison Monroe Adams Jackson Lincoln Grant Franklin Hamilton Harrison Tyler Polk Taylor Pierce
Buchanan Cleveland Garfield Roosevelt Wilson Hoover Truman Kennedy Columbus Central Western Eastern Northern Southern
Pacific Atlantic Ocean Harbor Bay Beach Island Coast Sunset Sunrise Horizon Skyline Summit Highland Crest Terrace Plaza
Market Church School College University Library Museum Station Depot Railroad Mill Quarry Foundry Commerce Industrial
Union Liberty Freedom Independence Constitution Victory Harmony Hope Faith Grace Charity Concord Fairview Pleasant
Bella Linda Buena Grande Alta Arcadia Avalon Aurora Bonita Calle Carmel Corona Dorado Flores Gardena Hermosa Imperial
Jardin Kingsley Laguna Mariposa Navarro Ontario Pinon Quartz Ramona Salinas Tierra Valencia Verde Yucca Zamora
Granite Marble Slate Amber Coral Crystal Diamond Emerald Garnet Jade Onyx Opal Pearl Ruby Sapphire Silver Topaz Golden
Eagle Falcon Hawk Heron Robin Sparrow Swallow Wren Quail Dove Raven Fox Bear Deer Elk Wolf Bobcat Cougar Coyote Mustang
""".split()
STREETS = tuple(dict.fromkeys(_STREET_WORDS)) + tuple(
    f"{number}th" for number in range(20, 120) if number % 10 not in (1, 2, 3)
)
