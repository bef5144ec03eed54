"""Makes a synthetic population: records of eleven sources in canonical fields, and the truth about each of them.

All people are invented. The same seed gives the same records, byte for byte. Families are never split over chunks, and
ids are disjoint between chunks, so that ten million records can be made piece by piece.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from config.fields import CANONICAL_FIELDS
from training.population.columns import Flags, Ints, Texts, arrow, filled, texts
from training.population.holdings import World, hold
from training.population.life import describe_places, draw_life
from training.population.numbers import Numbers
from training.population.parameters import GROUPS, SOURCES, PopulationParameters
from training.population.people import CHILD, DAYS_PER_YEAR, draw_households, draw_people
from training.population.records import Written, write

CHUNK_CHILDREN = 50_000
"""Children per chunk: about 260,000 records and half a gigabyte while it is made."""

RECORDS_PER_CHILD = 5.25
"""Records per child on average, those of adults included; measured, and held by a test."""

IDENTIFIER_COLUMNS = ("identifier.meds_id", "identifier.court_number", "identifier.cws_cms_client_id")

RECORD_COLUMNS = ("source", *CANONICAL_FIELDS, *IDENTIFIER_COLUMNS)

RECORD_SCHEMA = pa.schema(
    [(name, pa.list_(pa.string()) if name == "alias_names" else pa.string()) for name in RECORD_COLUMNS]
)

TRUTH_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("source_record_id", pa.string()),
        ("person", pa.int64()),
        ("role", pa.string()),  # child or adult
        ("household", pa.int64()),  # of origin; missing for foster and kin parents
        ("mother", pa.int64()),  # the birth mother's person
        ("twin_group", pa.int64()),  # the same for children of one multiple birth
        ("name_group", pa.string()),
        ("is_twin", pa.bool_()),  # of any multiple birth
        ("same_sex_twin", pa.bool_()),
        ("has_sibling", pa.bool_()),
        ("is_infant", pa.bool_()),  # under one year on the day of the record
        ("two_surnames", pa.bool_()),
        ("adopted", pa.bool_()),
        ("adopted_before_record", pa.bool_()),
        ("baby_name", pa.bool_()),
        ("birth_date_guessed", pa.bool_()),
        ("ssn_missing", pa.bool_()),  # on this record
        ("no_ssn_anywhere", pa.bool_()),  # on no record of the person
        ("group_home", pa.bool_()),
        ("second_record", pa.bool_()),  # a further record of the person in the same source
    ]
)


@dataclass(frozen=True, slots=True)
class Population:
    """Records (canonical fields, one row per record) and truth (one row per record, in the same order)."""

    records: Any  # pyarrow.Table of RECORD_SCHEMA
    truth: Any  # pyarrow.Table of TRUTH_SCHEMA

    def __len__(self) -> int:
        return int(self.records.num_rows)


def generate(children: int, *, seed: int, parameters: PopulationParameters | None = None) -> Population:
    """Make a population of so many children, with the adults that departments know of.

    Args:
        children: how many; about 5.25 records each, those of adults included.
        seed: the same seed, children and parameters give the same population.
        parameters: the rates; the defaults are documented there.

    Raises:
        ExhaustedError: more people than there are numbers for (about five million children).
    """
    chunks = list(generate_chunks(children, seed=seed, parameters=parameters))
    return Population(
        pa.concat_tables([chunk.records for chunk in chunks]).combine_chunks(),
        pa.concat_tables([chunk.truth for chunk in chunks]).combine_chunks(),
    )


def generate_chunks(
    children: int, *, seed: int, parameters: PopulationParameters | None = None, chunk_children: int = CHUNK_CHILDREN
) -> Iterator[Population]:
    """Make the same population piece by piece, in constant memory; people, households and ids are disjoint."""
    if children < 1:
        raise ValueError("a population has at least one child")
    parameters = parameters or PopulationParameters()
    numbers = Numbers(seed)
    chunks = math.ceil(children / chunk_children)
    for chunk in range(chunks):
        size = children * (chunk + 1) // chunks - children * chunk // chunks
        yield _generate_chunk(np.random.default_rng([seed, chunk]), size, numbers, parameters, chunk)


def records_for(records: int, *, seed: int, parameters: PopulationParameters | None = None) -> Population:
    """Make a population of about so many records."""
    return generate(max(1, round(records / RECORDS_PER_CHILD)), seed=seed, parameters=parameters)


def _generate_chunk(
    rng: np.random.Generator, children: int, numbers: Numbers, p: PopulationParameters, chunk: int
) -> Population:
    households = draw_households(rng, children, p)
    homes = max(4, round(children * p.removed_share / p.adults_per_placement_home))
    people = draw_people(rng, households, homes, numbers, p)
    life = draw_life(rng, people, households, homes, numbers, p)
    places = describe_places(rng, life, p)
    today = int(np.datetime64(p.as_of, "D").astype(np.int64))
    world = World(people, life, places, numbers, p, chunk, today)
    written = [write(rng, world, hold(rng, world, source)) for source in SOURCES]
    records = pa.concat_tables([_records_table(each) for each in written])
    truth = pa.concat_tables([_truth_table(world, each) for each in written])
    truth = _with_missing_everywhere(truth, len(people), numbers.persons)
    numbers.persons += len(people)
    numbers.households += len(households)
    return Population(records, truth)


def _records_table(written: Written) -> Any:
    rows = len(written.rows)
    arrays = [_column(name, written.columns.get(name), rows) for name in RECORD_COLUMNS[1:]]
    source = pa.DictionaryArray.from_arrays(np.zeros(rows, dtype=np.int8), [written.rows.source]).cast(pa.string())
    return pa.Table.from_arrays([source, *arrays], schema=RECORD_SCHEMA)


def _column(name: str, column: Texts | None, rows: int) -> Any:
    kind = RECORD_SCHEMA.field(name).type
    if column is None:
        return pa.nulls(rows, kind)
    return pa.array(column, type=kind) if name == "alias_names" else arrow(column)


def _truth_table(world: World, written: Written) -> Any:
    people, rows = world.people, written.rows
    who = rows.person
    household = people.household[who]
    same_family = np.bincount(people.household[people.role == CHILD], minlength=world.life.families)
    child = people.role[who] == CHILD
    twin = people.plurality[who] > 1
    missing = ~filled(written.columns["ssn"]) if written.ssn_asked else np.ones(len(rows), dtype=np.bool_)
    first_person, first_household = world.numbers.persons, world.numbers.households
    mother = people.mother[who]
    columns = {
        "source": texts([rows.source] * len(rows)),
        "source_record_id": written.columns["source_record_id"],
        "person": who + first_person,
        "role": np.where(child, "child", "adult"),
        "household": pa.array(household + first_household, mask=household < 0),
        "mother": pa.array(mother + first_person, mask=mother < 0),
        "twin_group": pa.array(_first_born(world)[who] + first_person, mask=~twin),
        "name_group": np.array(GROUPS)[people.group[who]],
        "is_twin": twin,
        "same_sex_twin": twin & _has_same_sex_twin(world)[who],
        "has_sibling": child & (same_family[np.maximum(household, 0)] > 1),
        "is_infant": rows.day - people.birth_day[who] < DAYS_PER_YEAR,
        "two_surnames": filled(people.second_surname[who]),
        "adopted": people.adopted[who],
        "adopted_before_record": people.adopted[who] & (people.renamed_day[who] <= rows.day),
        "baby_name": written.baby_name,
        "birth_date_guessed": written.birth_estimated,
        "ssn_missing": missing,
        "no_ssn_anywhere": missing,
        "group_home": written.group_home & child,
        "second_record": rows.nth > 0,
    }
    return pa.table(
        [pa.array(columns[name], type=TRUTH_SCHEMA.field(name).type) for name in TRUTH_SCHEMA.names],
        schema=TRUTH_SCHEMA,
    )


def _first_born(world: World) -> Ints:
    """The first child of everybody's birth; oneself where born alone."""
    return np.arange(len(world.people)) - np.maximum(world.people.birth_order - 1, 0)


def _has_same_sex_twin(world: World) -> Flags:
    """Whether another child of the same birth has the same sex."""
    people = world.people
    key = _first_born(world) * 2 + people.sex
    alike: Flags = np.bincount(key)[key] > 1
    return alike


def _with_missing_everywhere(truth: Any, people: int, first_person: int) -> Any:
    person = truth["person"].to_numpy() - first_person
    known = np.bincount(person, weights=~truth["ssn_missing"].to_numpy(zero_copy_only=False), minlength=people) > 0
    place = TRUTH_SCHEMA.get_field_index("no_ssn_anywhere")
    return truth.set_column(place, TRUTH_SCHEMA.field(place), pa.array(~known[person]))
