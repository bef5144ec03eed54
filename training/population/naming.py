"""The names on a record: those the person went by on the day, and what becomes of them on paper."""

from __future__ import annotations

import numpy as np

from training.population import faults
from training.population.columns import (
    Flags,
    Texts,
    cut,
    filled,
    joined,
    nothing,
    where,
)
from training.population.holdings import FIRST_MONTH_DAYS, Rows, Source, World
from training.population.names import variants
from training.population.parameters import GROUPS, PopulationParameters
from training.population.people import CAREGIVER, CHILD, join_surnames

_ASIAN = [GROUPS.index(group) for group in ("vietnamese", "hmong", "chinese")]


def write_names(rng: np.random.Generator, world: World, rows: Rows, source: Source, columns: dict[str, Texts]) -> Flags:
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
    caregiver = guardian_of(world, rows)[1]
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


def guardian_of(world: World, rows: Rows) -> tuple[Texts, Texts]:
    """Who looks after each child on the day: foster parent, nobody in a group home, adopter, mother or father."""
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
