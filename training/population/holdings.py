"""Which sources hold whom, and as of which day each record speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from training.population.columns import (
    Days,
    Ints,
    Texts,
)
from training.population.life import Life, Places
from training.population.numbers import Numbers
from training.population.parameters import PopulationParameters
from training.population.people import CAREGIVER, CHILD, DAYS_PER_YEAR, FATHER, MOTHER, People

FIRST_MONTH_DAYS = 30


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
    no_code_for: str = ""  # a sex that the source cannot write
    fills: Mapping[str, float] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)


_STATISTICS = {"race": 0.9, "ethnicity": 0.85, "language": 0.9}


def _fills(address: float = 0.0, **shares: float) -> dict[str, float]:
    return {name: share for name, share in {**shares, "address_line": address}.items() if share > 0}


SOURCE_TABLE: Mapping[str, Source] = {
    "cws_cms": Source(
        children=0.80,
        begins="contact",
        duplicates=0.05,
        mothers=0.25,
        fathers=0.08,
        knows_chosen_name=0.5,
        fills=_fills(
            middle_name=0.55,
            suffix=0.8,
            alias_names=1,
            birth_date_estimated=1,
            ssn=1,
            cin=0.55,
            mother_first_name=0.8,
            mother_last_name=0.8,
            guardian_first_name=0.5,
            address=0.92,
            phone=0.5,
            email=0.04,
            case_id=0.95,
            **_STATISTICS,
        ),
        lengths={"first_name": 20, "middle_name": 20, "last_name": 25},
    ),
    "meds": Source(
        children=0.62,
        begins="birth",
        duplicates=0.06,
        made_at_birth=0.25,
        mothers=0.2,
        fathers=0.03,
        capitals=True,
        fills=_fills(
            middle_name=0.45,
            suffix=0.6,
            ssn=1,
            cin=1,
            address=0.97,
            phone=0.6,
            case_id=0.93,
            race=0.9,
            language=0.9,
        ),
        lengths={"first_name": 15, "middle_name": 1, "last_name": 20},
    ),
    "calsaws": Source(
        children=0.42,
        begins="birth",
        duplicates=0.06,
        made_at_birth=0.06,
        mothers=0.28,
        fathers=0.05,
        caregivers=0.15,
        fills=_fills(
            middle_name=0.5,
            suffix=0.7,
            alias_names=0.3,
            ssn=1,
            cin=0.9,
            guardian_first_name=0.9,
            address=0.98,
            phone=0.8,
            email=0.12,
            case_id=1,
            **_STATISTICS,
        ),
    ),
    "medi_cal_rx": Source(
        children=0.32,
        begins="birth",
        duplicates=0.22,
        made_at_birth=0.1,
        mothers=0.05,
        capitals=True,
        fills=_fills(
            cin=1,
        ),
        no_code_for="other",
        lengths={"first_name": 12, "last_name": 15},
    ),
    "csi": Source(
        children=0.24,
        begins="fourth_year",
        duplicates=0.05,
        capitals=True,
        informal=2,
        birth_names=0.7,
        knows_chosen_name=0.4,
        accents=0.1,
        fills=_fills(
            middle_name=0.5,
            suffix=0.5,
            cin=0.65,
            mother_first_name=0.8,
            **_STATISTICS,
        ),
        lengths={"first_name": 20, "middle_name": 20, "last_name": 25},
    ),
    "juvenile_court": Source(
        children=0.85,
        begins="removal",
        duplicates=0.06,
        capitals=True,
        fills=_fills(
            middle_name=0.4,
            suffix=0.7,
            alias_names=0.2,
            mother_first_name=0.9,
            mother_last_name=0.9,
            guardian_first_name=0.3,
            case_id=0.97,
        ),
    ),
    "calpads": Source(
        children=0.64,
        begins="school",
        duplicates=0.03,
        informal=2.5,
        knows_chosen_name=0.7,
        accents=0.25,
        fills=_fills(
            middle_name=0.65,
            suffix=0.5,
            alias_names=0.4,
            guardian_first_name=0.9,
            address=0.96,
            **_STATISTICS,
        ),
        no_code_for="unknown",
        lengths={"first_name": 30, "middle_name": 30, "last_name": 50},
    ),
    "ccsas": Source(
        children=0.28,
        begins="birth",
        duplicates=0.04,
        mothers=0.18,
        fathers=0.2,
        capitals=True,
        fills=_fills(
            middle_name=0.5,
            suffix=0.8,
            alias_names=0.15,
            ssn=1,
            case_id=1,
            mother_first_name=0.85,
            mother_last_name=0.85,
            guardian_first_name=0.85,
            address=0.82,
            phone=0.6,
        ),
    ),
    "cair2": Source(
        children=0.48,
        begins="birth",
        duplicates=0.10,
        made_at_birth=0.55,
        capitals=True,
        fills=_fills(
            middle_name=0.45,
            suffix=0.4,
            alias_names=0.1,
            multiple_birth=0.75,
            birth_order=0.85,
            mother_first_name=0.88,
            mother_last_name=0.85,
            guardian_first_name=0.5,
            address=0.9,
            phone=0.75,
            email=0.08,
            **_STATISTICS,
        ),
    ),
    "dds": Source(
        children=0.06,
        begins="birth",
        duplicates=0.02,
        accents=0.25,
        fills=_fills(
            middle_name=0.5,
            suffix=0.6,
            ssn=1,
            cin=0.6,
            guardian_first_name=0.8,
            mother_first_name=0.8,
            mother_last_name=0.8,
            address=0.97,
            phone=0.8,
            race=0.9,
            language=0.9,
        ),
    ),
    "probation": Source(
        children=0.10,
        begins="teens",
        duplicates=0.06,
        informal=2.5,
        knows_chosen_name=0.3,
        fills=_fills(
            middle_name=0.5,
            suffix=0.7,
            alias_names=0.9,
            ssn=1,
            mother_first_name=0.6,
            mother_last_name=0.6,
            guardian_first_name=0.7,
            address=0.9,
            phone=0.6,
            race=0.9,
        ),
    ),
}

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
