"""What each source says of a person: the record as of its day, faults included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.population import faults
from training.population.columns import (
    Flags,
    Texts,
    cut,
    filled,
    iso_dates,
    joined,
    plain,
    texts,
    together,
    upper,
    where,
)
from training.population.holdings import SOURCE_TABLE, Rows, Source, World
from training.population.identification import IDENTIFY, cins, ssns
from training.population.life import residence
from training.population.names import variants
from training.population.naming import guardian_of, write_names
from training.population.parameters import GROUPS
from training.population.people import CHILD, MALE, join_surnames
from training.population.places import LONG_STREET_TYPES, OFFICE, SUBSTITUTE


@dataclass(slots=True)
class Written:
    """The records of one source: canonical field -> column, and what only the truth knows of each record."""

    rows: Rows
    columns: dict[str, Texts]
    baby_name: Flags
    birth_estimated: Flags
    ssn_asked: bool
    group_home: Flags


def write(rng: np.random.Generator, world: World, rows: Rows) -> Written:
    """Write the records of one source as of their days."""
    source, p = SOURCE_TABLE[rows.source], world.parameters
    columns: dict[str, Texts] = {}
    baby = write_names(rng, world, rows, source, columns)
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
    columns["ssn"] = ssns(rng, world, rows)
    columns["cin"] = cins(rng, world, rows)
    columns["case_id"] = texts(["asked"] * len(rows))  # which records have a case; its number comes below
    _leave_out(rng, source, columns)
    IDENTIFY[rows.source](rng, world, rows, columns)
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
            columns[name] = upper(columns[name] if source.accents else plain(columns[name]))


_NAMES_AND_PLACES = {
    "first_name", "middle_name", "last_name", "suffix", "mother_first_name", "mother_last_name", "guardian_first_name",
    "guardian_last_name", "address_line", "city",
}  # fmt: skip


def _sexes(rng: np.random.Generator, world: World, rows: Rows, source: Source) -> Texts:
    people, p, who = world.people, world.parameters, rows.person
    male = people.sex[who] == MALE
    chosen = (people.chosen_day[who] <= rows.day) & (rng.random(len(rows)) < source.knows_chosen_name * 0.7)
    male ^= chosen | (rng.random(len(rows)) < p.sex_wrong)
    fate = rng.random(len(rows))
    sex = where(male, "male", "female")
    sex = where(chosen & (rng.random(len(rows)) < 0.2), "other", sex)
    sex = where(fate < p.sex_missing / 2, "unknown", sex)
    nothing_to_write = (fate >= p.sex_missing / 2) & (fate < p.sex_missing) | np.equal(sex, source.no_code_for)
    return where(nothing_to_write.astype(np.bool_), None, sex)


def _write_birth(world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    people, who = world.people, rows.person
    multiple = people.plurality[who] > 1
    columns["multiple_birth"] = where(people.role[who] == CHILD, where(multiple, "true", "false"), None)
    columns["birth_order"] = where(multiple, texts(["", "1", "2", "3"])[people.birth_order[who]], None)


def _write_parents(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    """The mother as of the day (adoptive after an adoption; under her maiden name in the registry), and a guardian."""
    people, p, who, day = world.people, world.parameters, rows.person, rows.day
    after = people.adopted[who] & (people.renamed_day[who] <= day) & (people.adopter[who] >= 0)
    mother = np.where(after, people.adopter[who], people.mother[who])
    known = mother >= 0
    married = (people.renamed_day[mother] <= day) & filled(people.new_surname[mother])
    maiden = join_surnames(people.surname[mother], people.second_surname[mother], people.surname_form[mother])
    last = maiden if rows.source == "cair2" else where(married, people.new_surname[mother], maiden)
    first = faults.respell(rng, people.first[mother], p.nickname, variants("nickname"))
    guardian_first, guardian_last = guardian_of(world, rows)
    instead = world.life.in_care(who, day) & (rng.random(len(rows)) < p.caregiver_as_mother) & filled(guardian_first)
    first = where(known, where(instead, guardian_first, first), None)
    last = where(known, where(instead, guardian_last, last), None)
    columns["mother_first_name"] = faults.mistype(rng, first, p.typo)
    columns["mother_last_name"] = faults.mistype(rng, last, p.typo)
    columns["guardian_first_name"] = faults.mistype(rng, guardian_first, p.typo)
    columns["guardian_last_name"] = faults.mistype(rng, guardian_last, p.typo)


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
    return (
        together("(", area, ") ", exchange, "-", line)
        if source_id == "calsaws"
        else together(area, "-", exchange, "-", line)
    )


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
