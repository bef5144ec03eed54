"""Which sources hold whom, since when, and what each source says: the record of a person as of its day, faults included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from training.population import faults
from training.population.columns import (
    Days,
    Flags,
    Floats,
    Ints,
    Texts,
    cut,
    filled,
    iso_dates,
    joined,
    nothing,
    texts,
    upper,
    where,
)
from training.population.life import Life, Places, residence
from training.population.names import variants
from training.population.numbers import STAFF_CODES, STAFF_PER_CHUNK, Numbers, cws_cms_ids
from training.population.parameters import GROUPS, PopulationParameters
from training.population.people import (
    CAREGIVER,
    CHILD,
    DAYS_PER_YEAR,
    FATHER,
    MALE,
    MOTHER,
    People,
    join_surnames,
)
from training.population.places import HOME_COUNTY, LONG_STREET_TYPES, OFFICE, SUBSTITUTE

FIRST_MONTH_DAYS = 30
_CLAIMS_ON_MOTHER_DAYS = 60
_ASIAN = [GROUPS.index(group) for group in ("vietnamese", "hmong", "chinese")]


@dataclass(frozen=True, slots=True)
class Source:
    """How a source comes to hold people and what it writes down. All figures are judgement.

    Attributes:
        children: share of the eligible children it holds; mothers, fathers, caregivers likewise.
        begins: since when a child can be there.
        made_at_birth: share of its children whose record is from the first month of life.
        duplicates: share of persons with a second record.
        fills: canonical field -> share of records that hold it, where the truth has it.
        lengths: field -> characters after which the source cuts off.
    """

    children: float
    begins: Literal["birth", "contact", "removal", "school", "teens", "fourth_year"]
    duplicates: float
    made_at_birth: float = 0.0
    mothers: float = 0.0
    fathers: float = 0.0
    caregivers: float = 0.0
    capitals: bool = False
    informal: float = 1.0  # multiplies the share of nicknames
    birth_names: float = 0.0  # keeps the name at birth after it has changed
    knows_chosen_name: float = 0.0
    accents: float = 0.0
    fills: Mapping[str, float] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)


_STATISTICS = {"race": 0.9, "ethnicity": 0.85, "language": 0.9}


def _fills(address: float = 0.0, **shares: float) -> dict[str, float]:
    return {name: share for name, share in {**shares, "address_line": address}.items() if share > 0}


SOURCE_TABLE: Mapping[str, Source] = {
    "cws_cms": Source(
        children=0.80, begins="contact", duplicates=0.05, mothers=0.25, fathers=0.08, knows_chosen_name=0.5,
        fills=_fills(middle_name=0.55, suffix=0.8, alias_names=1, birth_date_estimated=1, ssn=1, cin=0.55, mother_first_name=0.8,
                     mother_last_name=0.8, guardian_first_name=0.5, address=0.92, phone=0.5, email=0.04, case_id=0.95,
                     **_STATISTICS),
        lengths={"first_name": 20, "middle_name": 20, "last_name": 25},
    ),
    "meds": Source(
        children=0.62, begins="birth", duplicates=0.06, made_at_birth=0.25, mothers=0.2, fathers=0.03, capitals=True,
        fills=_fills(middle_name=0.45, suffix=0.6, ssn=1, cin=1, address=0.97, phone=0.6, case_id=0.93, race=0.9, language=0.9),
        lengths={"first_name": 15, "middle_name": 1, "last_name": 20},
    ),
    "calsaws": Source(
        children=0.42, begins="birth", duplicates=0.06, made_at_birth=0.06, mothers=0.28, fathers=0.05, caregivers=0.15,
        fills=_fills(middle_name=0.5, suffix=0.7, alias_names=0.3, ssn=1, cin=0.9, guardian_first_name=0.9, address=0.98,
                     phone=0.8, email=0.12, case_id=1, **_STATISTICS),
    ),
    "medi_cal_rx": Source(
        children=0.32, begins="birth", duplicates=0.22, made_at_birth=0.1, mothers=0.05, capitals=True,
        fills=_fills(cin=1), lengths={"first_name": 12, "last_name": 15},
    ),
    "csi": Source(
        children=0.24, begins="fourth_year", duplicates=0.05, capitals=True, informal=2, birth_names=0.7, knows_chosen_name=0.4,
        accents=0.1,
        fills=_fills(middle_name=0.5, suffix=0.5, cin=0.65, mother_first_name=0.8, **_STATISTICS),
        lengths={"first_name": 20, "middle_name": 20, "last_name": 25},
    ),
    "juvenile_court": Source(
        children=0.85, begins="removal", duplicates=0.06, capitals=True,
        fills=_fills(middle_name=0.4, suffix=0.7, alias_names=0.2, mother_first_name=0.9, mother_last_name=0.9,
                     guardian_first_name=0.3, case_id=0.97),
    ),
    "calpads": Source(
        children=0.64, begins="school", duplicates=0.03, informal=2.5, knows_chosen_name=0.7, accents=0.25,
        fills=_fills(middle_name=0.65, suffix=0.5, alias_names=0.4, guardian_first_name=0.9, address=0.96, **_STATISTICS),
        lengths={"first_name": 30, "middle_name": 30, "last_name": 50},
    ),
    "ccsas": Source(
        children=0.28, begins="birth", duplicates=0.04, mothers=0.18, fathers=0.2, capitals=True,
        fills=_fills(middle_name=0.5, suffix=0.8, alias_names=0.15, ssn=1, case_id=1, mother_first_name=0.85,
                     mother_last_name=0.85, guardian_first_name=0.85, address=0.82, phone=0.6),
    ),
    "cair2": Source(
        children=0.48, begins="birth", duplicates=0.10, made_at_birth=0.55, capitals=True,
        fills=_fills(middle_name=0.45, suffix=0.4, alias_names=0.1, multiple_birth=0.75, birth_order=0.85, mother_first_name=0.88,
                     mother_last_name=0.85, guardian_first_name=0.5, address=0.9, phone=0.75, email=0.08, **_STATISTICS),
    ),
    "dds": Source(
        children=0.06, begins="birth", duplicates=0.02, accents=0.25,
        fills=_fills(middle_name=0.5, suffix=0.6, ssn=1, cin=0.6, guardian_first_name=0.8, mother_first_name=0.8,
                     mother_last_name=0.8, address=0.97, phone=0.8, race=0.9, language=0.9),
    ),
    "probation": Source(
        children=0.10, begins="teens", duplicates=0.06, informal=2.5, knows_chosen_name=0.3,
        fills=_fills(middle_name=0.5, suffix=0.7, alias_names=0.9, ssn=1, mother_first_name=0.6, mother_last_name=0.6,
                     guardian_first_name=0.7, address=0.9, phone=0.6, race=0.9),
    ),
}  # fmt: skip

_EARLIEST_AGE_DAYS = {
    "birth": 0,
    "contact": 0,
    "removal": 0,
    "fourth_year": round(4 * DAYS_PER_YEAR),
    "school": round(5 * DAYS_PER_YEAR),
    "teens": round(12 * DAYS_PER_YEAR),
}


@dataclass(slots=True)
class Rows:
    """The records of one source before anything is written: whose, as of when, the how manieth of that person."""

    source: str
    person: Ints
    day: Days
    nth: Ints

    def __len__(self) -> int:
        return len(self.person)


@dataclass(slots=True)
class World:
    """Everything that records are made from; `quoted` holds ids by which sources know a person, for others to quote."""

    people: People
    life: Life
    places: Places
    numbers: Numbers
    parameters: PopulationParameters
    chunk: int
    today: int
    quoted: dict[str, Texts] = field(default_factory=dict)


@dataclass(slots=True)
class Written:
    """The records of one source: canonical field -> column, and what only the truth knows of each record."""

    rows: Rows
    columns: dict[str, Texts]
    baby_name: Flags
    birth_estimated: Flags
    ssn_asked: bool
    group_home: Flags


# --- who is held --------------------------------------------------------------------------------------------------------


def hold(rng: np.random.Generator, world: World, source_id: str) -> Rows:
    """Decide whom a source holds, and as of which day each of its records speaks."""
    source, people = SOURCE_TABLE[source_id], world.people
    start = _starts(world, source)
    share = np.select(
        [people.role == CHILD, people.role == MOTHER, people.role == FATHER],
        [source.children, source.mothers, source.fathers],
        default=source.caregivers,
    )
    held = np.flatnonzero((rng.random(len(people)) < share) & (start < world.today))
    day = _record_days(rng, world, held, start[held], source)
    again = rng.random(len(held)) < source.duplicates * world.parameters.duplicate_factor
    second = _record_days(rng, world, held[again], start[held[again]], source)
    person = np.concatenate((held, held[again]))
    nth = np.concatenate((np.zeros(len(held), dtype=np.int64), np.ones(int(again.sum()), dtype=np.int64)))
    order = np.lexsort((nth, person))
    return Rows(source_id, person[order], np.concatenate((day, second))[order], nth[order])


def _starts(world: World, source: Source) -> Days:
    """The first day on which the source can hold each person."""
    people, life = world.people, world.life
    child = people.role == CHILD
    known = life.removal_day if source.begins == "removal" else life.contact_day
    adult = np.where(people.role == CAREGIVER, world.today - 3000, np.minimum(life.contact_day, world.today - 1))
    if source.begins in {"contact", "removal"}:
        return np.where(child, known, adult)
    return np.where(child, people.birth_day + _EARLIEST_AGE_DAYS[source.begins], adult)


def _record_days(rng: np.random.Generator, world: World, person: Ints, start: Days, source: Source) -> Days:
    """Days of last change: rather late than early, or in the first month of life."""
    share = rng.beta(1.6, 1.1, len(person))
    day = start + (share * (world.today - start)).astype(np.int64)
    newborn = (rng.random(len(person)) < source.made_at_birth) & (world.people.role[person] == CHILD)
    early = world.people.birth_day[person] + (rng.random(len(person)) ** 2 * FIRST_MONTH_DAYS).astype(np.int64)
    return np.minimum(np.where(newborn, early, day), world.today)


# --- what is written ----------------------------------------------------------------------------------------------------


def write(rng: np.random.Generator, world: World, rows: Rows) -> Written:
    """Write the records of one source as of their days."""
    source, p = SOURCE_TABLE[rows.source], world.parameters
    columns: dict[str, Texts] = {}
    baby = _write_names(rng, world, rows, source, columns)
    columns["birth_date"], guessed = faults.write_birth_dates(
        rng,
        world.people.birth_day[rows.person],
        swapped=p.birth_day_month_swapped,
        off_by_one=p.birth_off_by_one_field,
        estimated=p.birth_estimated,
        partial=p.birth_partial,
        missing=p.birth_missing,
    )
    columns["birth_date_estimated"] = where(guessed, "true", "false")
    columns["sex"] = _sexes(rng, world, rows, source)
    _write_birth(world, rows, columns)
    _write_parents(rng, world, rows, columns)
    group_home = _write_address(rng, world, rows, columns)
    _write_statistics(world, rows, columns)
    columns["record_date"] = iso_dates(rows.day)
    columns["ssn"] = _ssns(rng, world, rows)
    columns["cin"] = _cins(rng, world, rows)
    columns["case_id"] = texts(["asked"] * len(rows))  # which records have a case; its number comes below
    _leave_out(rng, source, columns)
    _IDENTIFIERS[rows.source](rng, world, rows, columns)
    _style(source, columns)
    return Written(rows, columns, baby, guessed, "ssn" in source.fills, group_home)


def _leave_out(rng: np.random.Generator, source: Source, columns: dict[str, Texts]) -> None:
    """Drop what the source does not ask for, and some of what it asks for."""
    always = {"first_name", "last_name", "birth_date", "sex", "record_date"}
    together = {
        "city": "address_line",
        "state": "address_line",
        "zip": "address_line",
        "guardian_last_name": "guardian_first_name",
    }
    kept = {name: rng.random(len(columns["sex"])) < share for name, share in sorted(source.fills.items())}
    for name in list(columns):
        if name in always:
            continue
        mask = kept.get(together.get(name, name))
        if mask is None:
            del columns[name]
        else:
            columns[name] = where(mask, columns[name], None)


def _style(source: Source, columns: dict[str, Texts]) -> None:
    for name, length in source.lengths.items():
        if name in columns:
            columns[name] = cut(columns[name], length)
    if source.capitals:
        for name in _NAMES_AND_PLACES & columns.keys():
            columns[name] = upper(columns[name])


_NAMES_AND_PLACES = {
    "first_name", "middle_name", "last_name", "suffix", "mother_first_name", "mother_last_name", "guardian_first_name",
    "guardian_last_name", "address_line", "city",
}  # fmt: skip


# --- names --------------------------------------------------------------------------------------------------------------


def _write_names(
    rng: np.random.Generator, world: World, rows: Rows, source: Source, columns: dict[str, Texts]
) -> Flags:
    """Write the names; returns which records carry a placeholder in place of a newborn's name."""
    people, p, who = world.people, world.parameters, rows.person
    first, last = names_on(rng, world, rows, source)
    middle, suffix = people.middle[who], people.suffix[who]
    columns["alias_names"] = _aliases(rng, world, rows, first, last)
    first = faults.respell(rng, first, np.minimum(p.nickname * source.informal, 1.0), variants("nickname"))
    rate = np.where(np.isin(people.group[who], _ASIAN), p.transliteration, p.respelling) + source.accents
    first = faults.respell(rng, first, rate, variants("given"))
    last = faults.respell(rng, last, rate, variants("surname"))
    first, middle = _misplace_middle(rng, first, middle, p)
    columns["suffix"] = where(rng.random(len(rows)) < p.suffix_kept, suffix, None)
    swap = np.where(np.isin(people.group[who], _ASIAN), p.order_swapped_asian, p.order_swapped)
    first, last = faults.exchange(first, last, rng.random(len(rows)) < swap)
    first = faults.mistype(rng, first, p.typo)
    last = faults.mistype(rng, last, p.typo)
    middle = faults.mistype(rng, middle, p.typo)
    middle = _initials(rng, middle, 0.35)
    if rows.source == "juvenile_court":
        first = _initials(rng, first, 0.02)
    first, middle, baby = _placeholders(rng, world, rows, first, middle)
    columns["first_name"] = where(rng.random(len(rows)) < p.unknown_name, "Unknown", first)
    columns["middle_name"], columns["last_name"] = middle, last
    return baby


def names_on(rng: np.random.Generator, world: World, rows: Rows, source: Source) -> tuple[Texts, Texts]:
    """The given name and surname under which each person went with the source on the day, without slips."""
    people, p, who, day = world.people, world.parameters, rows.person, rows.day
    renamed = (people.renamed_day[who] <= day) & (rng.random(len(rows)) >= source.birth_names)
    first = where(renamed & filled(people.new_first[who]), people.new_first[who], people.first[who])
    chosen = (people.chosen_day[who] <= day) & (rng.random(len(rows)) < source.knows_chosen_name)
    first = where(chosen, people.chosen_first[who], first)
    second = where(renamed, None, people.second_surname[who])
    surname = where(renamed, people.new_surname[who], people.surname[who])
    unsteady = people.varies[who] & ~renamed & (rng.random(len(rows)) < p.second_surname_used)
    form = np.where(unsteady, rng.integers(0, 5, len(rows)), people.surname_form[who])
    last = join_surnames(surname, second, form)
    last = where(unsteady & ~filled(second) & filled(people.other_surname[who]), people.other_surname[who], last)
    caregiver = _guardian_of(world, rows)[1]
    fostered = (
        (people.role[who] == CHILD) & world.life.in_care(who, day) & (rng.random(len(rows)) < p.caregivers_surname)
    )
    return first, where(fostered & filled(caregiver), caregiver, last)


def _misplace_middle(
    rng: np.random.Generator, first: Texts, middle: Texts, p: PopulationParameters
) -> tuple[Texts, Texts]:
    fate = rng.random(len(first))
    swap = (fate < p.middle_used_as_first) & filled(middle)
    first, middle = faults.exchange(first, middle, swap)
    together = (
        (fate >= p.middle_used_as_first) & (fate < p.middle_used_as_first + p.middle_joined_to_first) & filled(middle)
    )
    return where(together, joined(first, " ", middle), first), where(together, None, middle)


def _initials(rng: np.random.Generator, column: Texts, rate: float) -> Texts:
    result = column.copy()
    rows = faults.chosen(rng, column, rate)
    result[rows] = cut(column[rows], 1)
    return result


def _placeholders(
    rng: np.random.Generator, world: World, rows: Rows, first: Texts, middle: Texts
) -> tuple[Texts, Texts, Flags]:
    people, who = world.people, rows.person
    young = (people.role[who] == CHILD) & (rows.day - people.birth_day[who] < FIRST_MONTH_DAYS)
    baby = young & (rng.random(len(rows)) < world.parameters.baby_name)
    at = np.flatnonzero(baby)
    first, middle = first.copy(), middle.copy()
    first[at] = faults.placeholder_names(
        rng, people.sex[who[at]], people.birth_order[who[at]], people.first[people.mother[who[at]]]
    )
    middle[at] = None
    return first, middle, baby


def _aliases(rng: np.random.Generator, world: World, rows: Rows, first: Texts, last: Texts) -> Texts:
    """Another full name by which the source knows the person: nickname, second surname, former or chosen name."""
    people, p, who = world.people, world.parameters, rows.person
    at = np.flatnonzero(rng.random(len(rows)) < p.alias)
    person = who[at]
    nickname = variants("nickname").of(rng, first[at])
    other_first = where(filled(people.chosen_first[person]), people.chosen_first[person], nickname)
    former = people.renamed_day[person] <= rows.day[at]
    other_last = where(former, people.surname[person], people.other_surname[person])
    other_last = where(filled(people.second_surname[person]), people.second_surname[person], other_last)
    use_first = filled(other_first) & (~filled(other_last) | (rng.random(len(at)) < 0.5))
    use_last = filled(other_last) & (~use_first | (rng.random(len(at)) < 0.2))
    name = where(use_first, other_first, first[at]) + " " + where(use_last, other_last, last[at])
    result = nothing(len(rows))
    some = use_first | use_last
    for row, alias in zip(at[some].tolist(), name[some], strict=True):
        result[row] = [alias]
    return result


# --- birth, sex, parents ------------------------------------------------------------------------------------------------


def _sexes(rng: np.random.Generator, world: World, rows: Rows, source: Source) -> Texts:
    people, p, who = world.people, world.parameters, rows.person
    male = people.sex[who] == MALE
    chosen = (people.chosen_day[who] <= rows.day) & (rng.random(len(rows)) < source.knows_chosen_name * 0.7)
    male ^= chosen | (rng.random(len(rows)) < p.sex_wrong)
    fate = rng.random(len(rows))
    sex = where(male, "male", "female")
    sex = where(chosen & (rng.random(len(rows)) < 0.2), "other", sex)
    sex = where(fate < p.sex_missing / 2, "unknown", sex)
    return where((fate >= p.sex_missing / 2) & (fate < p.sex_missing), None, sex)


def _write_birth(world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    people, who = world.people, rows.person
    multiple = people.plurality[who] > 1
    columns["multiple_birth"] = where(people.role[who] == CHILD, where(multiple, "true", "false"), None)
    columns["birth_order"] = where(multiple, texts(["", "1", "2", "3"])[people.birth_order[who]], None)


def _write_parents(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    """The mother as of the day (the adoptive one after an adoption; her maiden name in the registry), and a guardian."""
    people, p, who, day = world.people, world.parameters, rows.person, rows.day
    after = people.adopted[who] & (people.renamed_day[who] <= day) & (people.adopter[who] >= 0)
    mother = np.where(after, people.adopter[who], people.mother[who])
    known = mother >= 0
    married = (people.renamed_day[mother] <= day) & filled(people.new_surname[mother])
    maiden = join_surnames(people.surname[mother], people.second_surname[mother], people.surname_form[mother])
    last = maiden if rows.source == "cair2" else where(married, people.new_surname[mother], maiden)
    first = faults.respell(rng, people.first[mother], p.nickname, variants("nickname"))
    guardian_first, guardian_last = _guardian_of(world, rows)
    instead = world.life.in_care(who, day) & (rng.random(len(rows)) < p.caregiver_as_mother) & filled(guardian_first)
    first = where(known, where(instead, guardian_first, first), None)
    last = where(known, where(instead, guardian_last, last), None)
    columns["mother_first_name"] = faults.mistype(rng, first, p.typo)
    columns["mother_last_name"] = faults.mistype(rng, last, p.typo)
    columns["guardian_first_name"] = faults.mistype(rng, guardian_first, p.typo)
    columns["guardian_last_name"] = faults.mistype(rng, guardian_last, p.typo)


def _guardian_of(world: World, rows: Rows) -> tuple[Texts, Texts]:
    """Who looks after each child on the day: foster parent, nobody in a group home, adopter, mother, or father for one in five."""
    people, life, who, day = world.people, world.life, rows.person, rows.day
    child = people.role[who] == CHILD
    at = np.where(child, who, 0)
    home = life.placement(at, day)
    carers = np.flatnonzero(people.role == CAREGIVER)
    fostered = child & life.in_care(at, day)
    kept = fostered & ~life.is_group_home(home)
    parent = np.where(who % 5 == 0, people.father[who], people.mother[who])
    adopted = people.adopted[who] & (people.renamed_day[who] <= day)
    guardian = np.where(adopted, people.adopter[who], parent)
    guardian = np.where(kept, carers[np.where(kept, home, 0)], np.where(fostered, -1, guardian))
    known = guardian >= 0
    married = (people.renamed_day[guardian] <= day) & filled(people.new_surname[guardian])
    last = where(married, people.new_surname[guardian], people.surname[guardian])
    return where(known, people.first[guardian], None), where(known, last, None)


# --- address ------------------------------------------------------------------------------------------------------------


def _write_address(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> Flags:
    """Address and telephone as of the day, some of them out of date; returns which addresses are group homes."""
    p, places, life = world.parameters, world.places, world.life
    stale = rng.random(len(rows)) < p.address_stale
    lag = np.where(stale, 200 + rng.exponential(500, len(rows)), 0).astype(np.int64)
    place = residence(life, world.people, rows.person, np.maximum(rows.day - lag, world.people.birth_day[rows.person]))
    number = faults.mistype_digits(rng, places.number[place], p.address_typo, among=3)
    street = faults.mistype(rng, _long_types(rng, places.street[place]), p.address_typo)
    line = joined(number, " ", street)
    line = joined(line, " ", faults.lose_units(rng, places.unit[place], p.address_unit_lost))
    city, zip_code = places.city[place], places.zip[place]
    fate = rng.random(len(rows))
    for place_instead, low, high in (
        (OFFICE, 0.0, p.office_address),
        (SUBSTITUTE, p.office_address, p.office_address + p.substitute_address),
    ):
        instead = (fate >= low) & (fate < high)
        line, city = where(instead, place_instead[0], line), where(instead, place_instead[1], city)
        zip_code = where(instead, place_instead[2], zip_code)
    columns["address_line"], columns["city"], columns["zip"] = line, city, zip_code
    columns["state"] = texts(["CA"] * len(rows))
    phone = faults.other_phones(rng, places.phone[place], p.phone_other)
    columns["phone"] = _punctuated(rows.source, faults.mistype_digits(rng, phone, p.phone_typo, among=10))
    columns["email"] = _emails(world, rows)
    group_home: Flags = place >= life.places - life.group_homes
    return group_home


def _long_types(rng: np.random.Generator, street: Texts) -> Texts:
    result = street.copy()
    rows = faults.chosen(rng, street, 0.3)
    for row in rows.tolist():
        name, _, kind = street[row].rpartition(" ")
        result[row] = f"{name} {LONG_STREET_TYPES.get(kind, kind)}"
    return result


def _punctuated(source_id: str, phone: Texts) -> Texts:
    """The telephone as the source prints it."""
    if source_id not in {"cws_cms", "calsaws", "dds", "probation"}:
        return phone
    area, exchange, line = _part(phone, 0, 3), _part(phone, 3, 6), _part(phone, 6, 10)
    return "(" + area + ") " + exchange + "-" + line if source_id == "calsaws" else area + "-" + exchange + "-" + line


def _part(column: Texts, start: int, stop: int) -> Texts:
    return texts([value[start:stop] for value in column])


def _emails(world: World, rows: Rows) -> Texts:
    """The mother's or the person's own address, always of the reserved domain."""
    people, who = world.people, rows.person
    owner = np.where(people.mother[who] >= 0, people.mother[who], who)
    number = (people.birth_day[owner] % 97).astype(str).astype(object)
    text = people.first[owner] + "." + people.surname[owner] + number + "@example.com"
    return texts([value.lower().replace(" ", "") for value in text])


_RACES = texts(["White", "White", "Black", "Asian", "Asian", "Asian", "Other"])
_LANGUAGES = texts(["Spanish", "English", "English", "Vietnamese", "Hmong", "Chinese", "English"])


def _write_statistics(world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    group = world.people.group[rows.person]
    columns["race"] = _RACES[group]
    columns["ethnicity"] = where(group == GROUPS.index("hispanic"), "hispanic", "not_hispanic")
    english = (rows.person * 7919 % 100) < 55
    columns["language"] = where(english, "English", _LANGUAGES[group])


# --- numbers ------------------------------------------------------------------------------------------------------------


def _ssn_missing_share(age_days: Ints, p: PopulationParameters) -> Floats:
    """How many records of an age have no SSN, among people who have one; the never issued are taken off."""
    age = age_days / DAYS_PER_YEAR
    share = np.interp(age, [0.999, 1.0, 6.0], [p.ssn_missing_infant, 0.55 * p.ssn_missing_infant, p.ssn_missing_older])
    result: Floats = np.clip((share - p.ssn_never_issued) / (1 - p.ssn_never_issued), 0, 1)
    return result


def _ssns(rng: np.random.Generator, world: World, rows: Rows) -> Texts:
    people, p, who = world.people, world.parameters, rows.person
    missing = rng.random(len(rows)) < _ssn_missing_share(rows.day - people.birth_day[who], p)
    own = where(missing, None, people.ssn[who])
    new_after_adoption = people.adopted[who] & (people.renamed_day[who] <= rows.day)
    own = where(new_after_adoption & ((who * 2654435761) % 1000 >= p.adoption_keeps_ssn * 1000), None, own)
    mother = people.mother[who]
    neighbour = np.minimum(who + 1, len(people) - 1)
    sibling = np.where(people.household[neighbour] == people.household[who], neighbour, mother)
    relative = np.where(rng.random(len(rows)) < 0.6, mother, sibling)
    wrong = (rng.random(len(rows)) < p.ssn_of_relative) & (relative >= 0) & filled(own)
    written = where(wrong, people.ssn[relative], own)
    written = faults.mistype_digits(rng, written, p.ssn_typo, among=9)
    dummy = ~filled(written) & (rng.random(len(rows)) < p.ssn_dummy)
    return where(dummy, faults.dummies(rng, len(rows)), written)


def _cins(rng: np.random.Generator, world: World, rows: Rows) -> Texts:
    """The CIN: the older one before an adoption, and where another source still quotes it."""
    people, p, who = world.people, world.parameters, rows.person
    older = people.older_cin[who]
    before = (rows.day < people.renamed_day[who]) | (rng.random(len(rows)) < p.frozen_cin_quoted)
    cin = where(filled(older) & before, older, people.cin[who])
    return faults.mistype_digits(rng, cin, p.cin_typo, among=8)


Identify = Callable[[np.random.Generator, World, Rows, dict[str, Texts]], None]


def _quote(rng: np.random.Generator, world: World, rows: Rows, kind: str, share: float) -> Texts:
    quoted = where(rng.random(len(rows)) < share, world.quoted[kind][rows.person], None)
    keep = rng.random(len(rows)) >= world.parameters.quoted_identifier_typo
    # A slip takes the id of the next person, as when a line is misread.
    other = world.quoted[kind][np.minimum(rows.person + 1, len(world.people) - 1)]
    return where(keep | ~filled(quoted), quoted, other)


def _remember(world: World, rows: Rows, kind: str, ids: Texts) -> None:
    column = nothing(len(world.people))
    first = rows.nth == 0
    column[rows.person[first]] = ids[first]
    world.quoted[kind] = column


def _county(rng: np.random.Generator, world: World, rows: Rows) -> Texts:
    """The responsible county: that of the first address, another for some second records."""
    unit = np.maximum(world.life.unit[rows.person], 0)
    county = world.places.county[unit * 16]
    elsewhere = (rows.nth > 0) & (rng.random(len(rows)) < 0.4)
    return where(elsewhere, where(np.equal(county, HOME_COUNTY), "36", HOME_COUNTY), county)


def _family_key(world: World, rows: Rows) -> Ints:
    """Whose case a record belongs to: the family's; a caregiver's own; an adopted child's new one."""
    people, who = world.people, rows.person
    families = world.life.families
    key = np.where(people.household[who] >= 0, people.household[who], families + np.maximum(people.home[who], 0))
    own = families + world.life.homes + who
    adopted = people.adopted[who] & (people.renamed_day[who] <= rows.day)
    return np.where(adopted, own, key)


def _cases(rows: Rows, key: Ints, make: Callable[[int], Texts]) -> Texts:
    """One case number per key; a person's second record is in a case of its own."""
    separate = np.where(rows.nth > 0, key.max(initial=0) + 1 + np.arange(len(rows)), key)
    distinct, which = np.unique(separate, return_inverse=True)
    return make(len(distinct))[which]


def _identify_cws_cms(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    """Clients of a family are entered in one sitting by one worker, some minutes apart."""
    people, life, who = world.people, world.life, rows.person
    made = np.where(rows.nth == 0, np.minimum(life.contact_day[who], rows.day), rows.day)
    made = np.where(people.role[who] == CAREGIVER, rows.day, made)
    sitting = np.where(rows.nth == 0, _raw_family(world, who), life.families + life.homes + np.arange(len(rows)))
    sittings = int(sitting.max(initial=0)) + 1
    staff = (world.chunk * STAFF_PER_CHUNK + rng.integers(0, STAFF_PER_CHUNK, sittings)[sitting]) % STAFF_CODES
    begun = rng.integers(8 * 360000, 17 * 360000, sittings)[sitting]
    columns["source_record_id"] = _distinct_keys(made, begun, staff, rng.integers(1500, 9000, len(rows)), sitting)
    _remember(world, rows, "cws_cms_client_id", columns["source_record_id"])
    _, at, which = np.unique(_family_key(world, rows), return_index=True, return_inverse=True)
    cases = cws_cms_ids(made[at], begun[at] + 500 + np.arange(len(at)) % 97, (staff[at] + 7) % STAFF_CODES)
    columns["case_id"] = where(filled(columns["case_id"]), cases[which], None)


def _raw_family(world: World, who: Ints) -> Ints:
    people = world.people
    return np.where(
        people.household[who] >= 0, people.household[who], world.life.families + np.maximum(people.home[who], 0)
    )


def _distinct_keys(made: Days, begun: Ints, staff: Ints, pause: Ints, sitting: Ints) -> Texts:
    order = np.argsort(sitting, kind="stable")
    total = np.cumsum(pause[order])
    first = np.unique(sitting[order], return_index=True)[1]
    base = np.repeat(total[first], np.diff(np.append(first, len(order))))
    offset = np.empty(len(order), dtype=np.int64)
    offset[order] = total - base
    ids = cws_cms_ids(made, begun + offset, staff)
    # Two sittings of one worker at the same hundredth of a second: next to impossible, and mended all the same.
    while True:
        unique, counts = np.unique(ids.astype(str), return_counts=True)
        if len(unique) == len(ids):
            return ids
        again = np.isin(ids.astype(str), unique[counts > 1])
        offset[again] += np.arange(1, int(again.sum()) + 1)
        ids = cws_cms_ids(made, begun + offset, staff)


def _identify_meds(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    """One key per record; duplicates have a CIN of their own, the older being frozen; pseudo numbers for want of an SSN."""
    p, people, who = world.parameters, world.people, rows.person
    columns["source_record_id"] = "C" + world.numbers.registry_ids(len(rows))
    second = np.flatnonzero((rows.nth > 0) & ~filled(people.older_cin[who]))
    own = world.numbers.cins(len(second))
    people.older_cin[who[second]] = own
    columns["cin"][second] = own
    young = rows.day - people.birth_day[who] < DAYS_PER_YEAR
    share = np.where(young, p.pseudo_number_of_infants, p.pseudo_number_later)
    # The share is of all records of the age; only those without a number can have a made-up one.
    without = ~filled(columns["ssn"])
    chance = np.where(young, share / max(float(without[young].mean()) if young.any() else 1.0, 1e-9), share)
    pseudo = without & (rng.random(len(rows)) < chance)
    column = nothing(len(rows))
    column[pseudo] = world.numbers.pseudo_numbers(int(pseudo.sum()))
    columns["identifier.meds_id"] = column
    _aid_cases(rng, world, rows, columns)


def _aid_cases(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    """MEDS and CalSAWS quote the same case of a family."""
    if "aid_case" not in world.quoted:
        keys = world.life.families + world.life.homes + len(world.people)
        world.quoted["aid_case"] = world.numbers.aid_cases(keys)
    shared = world.quoted["aid_case"][_family_key(world, rows)]
    case = where(rows.nth > 0, world.numbers.aid_cases(len(rows)), shared)
    known = filled(columns["case_id"])
    columns["case_id"] = where(known, _county(rng, world, rows) + ":" + case, None)


def _identify_calsaws(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    columns["source_record_id"] = world.numbers.registry_ids(len(rows))
    _aid_cases(rng, world, rows, columns)


def _identify_medi_cal_rx(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    """Claims; a newborn's may stand on the mother's CIN in the month of birth and the next."""
    columns["source_record_id"] = world.numbers.claims(len(rows))
    people, who = world.people, rows.person
    newborn = (rows.day - people.birth_day[who] < _CLAIMS_ON_MOTHER_DAYS) & (people.mother[who] >= 0)
    mothers = newborn & (rng.random(len(rows)) < world.parameters.mothers_cin_on_newborn_claim)
    columns["cin"] = where(mothers, people.cin[people.mother[who]], columns["cin"])


def _identify_csi(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    ids = _county(rng, world, rows) + ":" + world.numbers.county_client_numbers(len(rows))
    columns["source_record_id"] = ids


def _identify_juvenile_court(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    """Siblings share a number and differ by letter; a later petition has a new number."""
    petition = np.where(rows.nth == 0, world.people.household[rows.person], world.life.families + np.arange(len(rows)))
    distinct, first, which = np.unique(petition, return_index=True, return_inverse=True)
    filed = np.minimum(world.life.removal_day[rows.person], rows.day)[first]
    number = world.numbers.court_numbers(filed)[which]
    order = np.argsort(petition, kind="stable")
    begins = np.searchsorted(petition[order], distinct)
    letter = np.empty(len(rows), dtype=np.int64)
    letter[order] = np.arange(len(rows)) - np.repeat(begins, np.diff(np.append(begins, len(rows))))
    suffix = texts(list("ABCDEFGHIJ"))[letter]
    columns["source_record_id"] = HOME_COUNTY + ":" + number + suffix
    bare = rng.random(len(rows)) < 0.1
    columns["identifier.court_number"] = HOME_COUNTY + ":" + number + where(bare, "", suffix)
    columns["case_id"] = where(filled(columns["case_id"]), HOME_COUNTY + ":" + number, None)
    _remember(world, rows, "court_number", columns["source_record_id"])


def _identify_calpads(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    """Schools were told the foster client id of some children in care."""
    columns["source_record_id"] = world.numbers.student_ids(len(rows))
    told = _quote(rng, world, rows, "cws_cms_client_id", 0.45)
    columns["identifier.cws_cms_client_id"] = where(world.life.removal_day[rows.person] <= rows.day, told, None)


def _identify_ccsas(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    columns["source_record_id"] = world.numbers.participants(len(rows))
    case = _cases(rows, _family_key(world, rows), world.numbers.support_cases)
    columns["case_id"] = where(filled(columns["case_id"]), case, None)


def _identify_cair2(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    columns["source_record_id"] = world.numbers.registry_ids(len(rows))


def _identify_dds(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    columns["source_record_id"] = world.numbers.regional_center_ids(len(rows))


def _identify_probation(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    county = _county(rng, world, rows)
    columns["source_record_id"] = county + ":" + world.numbers.probation_numbers(len(rows))
    columns["identifier.cws_cms_client_id"] = _quote(rng, world, rows, "cws_cms_client_id", 0.3)
    columns["identifier.court_number"] = _quote(rng, world, rows, "court_number", 0.3)


_IDENTIFIERS: Mapping[str, Identify] = {
    "cws_cms": _identify_cws_cms,
    "meds": _identify_meds,
    "calsaws": _identify_calsaws,
    "medi_cal_rx": _identify_medi_cal_rx,
    "csi": _identify_csi,
    "juvenile_court": _identify_juvenile_court,
    "calpads": _identify_calpads,
    "ccsas": _identify_ccsas,
    "cair2": _identify_cair2,
    "dds": _identify_dds,
    "probation": _identify_probation,
}
