"""What happens to the people: moves, removal, placements, group homes, adoption; and where somebody lived on a day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.population.columns import (
    NEVER,
    Days,
    Flags,
    Ints,
    Texts,
    cumulative,
    digits,
    draw,
    texts,
    where,
)
from training.population.names import draw_given
from training.population.numbers import Numbers
from training.population.parameters import PopulationParameters
from training.population.people import CAREGIVER, CHILD, DAYS_PER_YEAR, FATHER, Households, People
from training.population.places import CITIES, PHONE_EXCHANGES, STREET_TYPES, STREETS, UNITS

MOST_MOVES = 15
_MOST_PLACEMENTS = 10
_NUMBERS = texts([str(number) for number in range(20_000)])


@dataclass(slots=True)
class Life:
    """The history of everybody.

    A unit is a household that moves as one: the families first (mother, children, most fathers), then fathers who live
    apart. A unit's places are numbered from `first_place[unit]` on, one more with every move; the foster homes come
    after the places of all units, the group homes last.
    """

    move_day: Days  # (units, 15)
    first_place: Ints  # (units + 1,)
    unit: Ints  # per person, -1 for caregivers
    contact_day: Days  # per person: first known to child welfare
    removal_day: Days  # per child, NEVER if not removed
    exit_day: Days
    placement_day: Days  # (children, 10)
    placement_home: Ints  # (children, 10)
    families: int
    units: int
    homes: int
    group_homes: int
    unit_zone: Ints  # index into CITIES: where a unit began
    home_zone: Ints

    @property
    def first_home(self) -> int:
        """The place number of the first foster home."""
        return int(self.first_place[-1])

    @property
    def places(self) -> int:
        """How many place numbers there are."""
        return self.first_home + self.homes + self.group_homes

    def in_care(self, person: Ints, day: Days) -> Flags:
        """Whether each person was in placement on the day."""
        removed = self.removal_day[person]
        return (removed <= day) & (day < self.exit_day[person])

    def placement(self, person: Ints, day: Days) -> Ints:
        """The home a child was placed in last by the day; only where placed at all."""
        count = (self.placement_day[person] <= day[:, None]).sum(axis=1)
        home: Ints = self.placement_home[person, np.maximum(count - 1, 0)]
        return home

    def is_group_home(self, home: Ints) -> Flags:
        """Whether a home is a group home, in which nobody is a parent."""
        return home >= self.homes


def draw_life(
    rng: np.random.Generator,
    people: People,
    households: Households,
    homes: int,
    numbers: Numbers,
    p: PopulationParameters,
) -> Life:
    """Draw everybody's history; adopted children get their new names and numbers in `people`."""
    today = int(np.datetime64(p.as_of, "D").astype(np.int64))
    families = len(households)
    eldest = people.birth_day[households.first_child]
    unit, units = _units(rng, people, families)
    contact = _first_contact(rng, people, eldest, today)
    moves = _moves(rng, np.concatenate((eldest, eldest[_family_of_units(people, unit, units)[families:]])), p)
    life = Life(
        move_day=moves,
        first_place=np.concatenate(([0], np.cumsum((moves <= today).sum(axis=1) + 1))),
        unit=unit,
        contact_day=contact,
        removal_day=np.full(len(people), NEVER),
        exit_day=np.full(len(people), NEVER),
        placement_day=np.empty((0, 0), dtype=np.int64),
        placement_home=np.empty((0, 0), dtype=np.int64),
        families=families,
        units=units,
        homes=homes,
        group_homes=max(2, round(int(households.size.sum()) / p.children_per_group_home)),
        unit_zone=_zones(rng, units, p),
        home_zone=np.empty(0, dtype=np.int64),
    )
    life.home_zone = _zones(rng, homes + life.group_homes, p)
    _remove_children(rng, life, people, households, today, p)
    _place_children(rng, life, people, households, p)
    _adopt(rng, life, people, numbers, today, p)
    return life


def _units(rng: np.random.Generator, people: People, families: int) -> tuple[Ints, int]:
    unit = people.household.copy()
    fathers = np.flatnonzero(people.role == FATHER)
    apart = fathers[(rng.random(len(fathers)) < 0.5) | (fathers >= fathers[0] + families)]
    unit[apart] = families + np.arange(len(apart))
    return unit, families + len(apart)


def _family_of_units(people: People, unit: Ints, units: int) -> Ints:
    family = np.zeros(units, dtype=np.int64)
    known = unit >= 0
    family[unit[known]] = people.household[known]
    return family


def _moves(rng: np.random.Generator, begins: Days, p: PopulationParameters) -> Days:
    waits = rng.exponential(DAYS_PER_YEAR / p.household_moves_per_year, (len(begins), MOST_MOVES))
    return (begins[:, None] - 365 + np.cumsum(waits, axis=1)).astype(np.int64)


def _zones(rng: np.random.Generator, count: int, p: PopulationParameters) -> Ints:
    home = np.array([city.county == "19" for city in CITIES])
    weight = np.array([city.weight for city in CITIES], dtype=np.float64)
    share = np.where(
        home,
        weight * (1 - p.out_of_county_share) / weight[home].sum(),
        weight * p.out_of_county_share / weight[~home].sum(),
    )
    return draw(rng, cumulative(np.asarray(share, dtype=np.float64)), count)


def _first_contact(rng: np.random.Generator, people: People, eldest: Days, today: int) -> Days:
    """A family becomes known in one sitting; children born later soon after their birth."""
    day = eldest + (rng.beta(1.0, 1.6, len(eldest)) * (today - eldest)).astype(np.int64)
    contact = np.where(people.household >= 0, day[people.household], NEVER)
    later = (people.role == CHILD) & (people.birth_day > contact)
    after = np.where(rng.random(len(people)) < 0.45, rng.random(len(people)) * 12, rng.exponential(500, len(people)))
    contact = np.where(later, people.birth_day + after.astype(np.int64), contact)
    return np.minimum(contact, today - 1 - (rng.random(len(people)) * 20).astype(np.int64)).clip(
        min=np.where(people.role == CHILD, people.birth_day, -NEVER)
    )


def _remove_children(
    rng: np.random.Generator, life: Life, people: People, households: Households, today: int, p: PopulationParameters
) -> None:
    children = np.flatnonzero(people.role == CHILD)
    family = people.household[children]
    removed = (rng.random(len(households)) < p.removed_share)[family]
    removed &= rng.random(len(children)) < p.sibling_also_removed
    wait = rng.exponential(120, len(households)).astype(np.int64)[family]
    day = life.contact_day[children] + wait
    removed &= (day < today) & (day < people.birth_day[children] + round(17.9 * DAYS_PER_YEAR))
    stay = 5 + rng.exponential(p.years_in_care * DAYS_PER_YEAR, len(children)).astype(np.int64)
    life.removal_day[children] = np.where(removed, day, NEVER)
    life.exit_day[children] = np.where(removed, day + stay, NEVER)


def _place_children(
    rng: np.random.Generator, life: Life, people: People, households: Households, p: PopulationParameters
) -> None:
    children = np.flatnonzero(people.role == CHILD)
    family = people.household[children]
    shape = (len(children), _MOST_PLACEMENTS)
    waits = rng.exponential(DAYS_PER_YEAR / p.placement_moves_per_year, shape).astype(np.int64)
    waits[:, 0] = 0
    days = np.minimum(life.removal_day[children][:, None] + np.cumsum(waits, axis=1), NEVER * 2)
    own = rng.integers(0, life.homes, shape)
    of_family = rng.integers(0, life.homes, (len(households), _MOST_PLACEMENTS))[family]
    home = np.where(rng.random(shape) < p.siblings_placed_together, of_family, own)
    age = (days - people.birth_day[children][:, None]) / DAYS_PER_YEAR
    grouped = (age > 10) & (rng.random(shape) < p.group_home_share)
    home = np.where(grouped, life.homes + rng.integers(0, life.group_homes, shape), home)
    life.placement_day, life.placement_home = days, home


def _adopt(
    rng: np.random.Generator, life: Life, people: People, numbers: Numbers, today: int, p: PopulationParameters
) -> None:
    """Children adopted from care by those who fostered them: new surname, parents and CIN, the SSN mostly kept."""
    children = np.flatnonzero(people.role == CHILD)
    left = life.exit_day[children] < today
    last = life.placement(children, np.minimum(life.exit_day[children], today))
    adopted = left & ~life.is_group_home(last) & (rng.random(len(children)) < p.adoption_share_of_exits)
    rows, home = children[adopted], last[adopted]
    carer = np.flatnonzero(people.role == CAREGIVER)[home]
    people.adopted[rows], people.adopter[rows] = True, carer
    people.renamed_day[rows] = life.exit_day[rows]
    people.new_surname[rows] = people.surname[carer]
    renamed = rng.random(len(rows)) < p.adopted_given_name_share
    names = draw_given(rng, people.group[rows], people.sex[rows], p.traditional_given_share)
    people.new_first[rows] = where(renamed, names, None)
    people.older_cin[rows] = people.cin[rows]
    people.cin[rows] = numbers.cins(len(rows))


# --- where somebody lives ---------------------------------------------------------------------------------------------


def residence(life: Life, people: People, person: Ints, day: Days) -> Ints:
    """The place in which each person lived on the day, as a place number."""
    unit = np.maximum(life.unit[person], 0)
    moves = (life.move_day[unit] <= day[:, None]).sum(axis=1)
    place = life.first_place[unit] + moves
    is_child = person < len(life.placement_day)
    child = np.where(is_child, person, 0)
    fostered = is_child & (life.in_care(person, day) | (people.adopted[person] & (people.renamed_day[person] <= day)))
    place = np.where(
        fostered, life.first_home + life.placement(child, np.minimum(day, life.exit_day[child] - 1)), place
    )
    return np.where(people.home[person] >= 0, life.first_home + people.home[person], place)


@dataclass(slots=True)
class Places:
    """Address and telephone per place number; missing where nobody asked for the place."""

    number: Texts
    street: Texts
    unit: Texts
    city: Texts
    zip: Texts
    county: Texts
    phone: Texts


def describe_places(rng: np.random.Generator, life: Life, p: PopulationParameters) -> Places:
    """Give every place an address. Half of the moves stay in the zone where the household began."""
    count = life.places
    settled = life.first_home
    zone = np.concatenate((np.repeat(life.unit_zone, np.diff(life.first_place)), life.home_zone))
    elsewhere = (rng.random(count) < 0.5) & (np.arange(count) < settled)
    zone = np.where(elsewhere, _zones(rng, count, p), zone)
    streets = texts(STREETS)[draw(rng, cumulative(1.0 / np.arange(12.0, 12.0 + len(STREETS), dtype=np.float64)), count)]
    types = texts([kind for kind, _ in STREET_TYPES])
    kind = types[draw(rng, cumulative(np.array([weight for _, weight in STREET_TYPES])), count)]
    direction = texts(["N", "S", "E", "W"])[rng.integers(0, 4, count)]
    street = where(rng.random(count) < 0.3, direction + " " + streets, streets) + " " + kind
    number = _NUMBERS[np.floor(10 ** (2 + 2.3 * rng.random(count))).astype(np.int64)]
    units = texts(UNITS)[rng.integers(0, len(UNITS), count)]
    flat = _NUMBERS[1 + (rng.random(count) ** 2 * 399).astype(np.int64)]
    boxed = (rng.random(count) < p.post_office_box) & (np.arange(count) < settled)
    return Places(
        number=where(boxed, None, number),
        street=where(boxed, "PO Box " + number, street),
        unit=where((rng.random(count) < 0.38) & ~boxed, units + " " + flat, None),
        city=texts([city.name for city in CITIES])[zone],
        zip=texts([city.zip for city in CITIES])[zone],
        county=texts([city.county for city in CITIES])[zone],
        phone=_phones(rng, zone),
    )


def _phones(rng: np.random.Generator, zone: Ints) -> Texts:
    """Telephones behind exchange codes that are never given to subscribers; half keep the area code of elsewhere."""
    areas = [city.area_codes for city in CITIES]
    every = sorted({code for codes in areas for code in codes})
    local = np.array([[codes[0], codes[-1]] for codes in areas])[zone, rng.integers(0, 2, len(zone))]
    area = np.where(rng.random(len(zone)) < 0.5, local, np.array(every)[rng.integers(0, len(every), len(zone))])
    exchange = np.array(PHONE_EXCHANGES)[rng.integers(0, len(PHONE_EXCHANGES), len(zone))]
    return digits(area * 10**7 + exchange * 10**4 + rng.integers(0, 10**4, len(zone)), 10)
