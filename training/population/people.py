"""The true people: households with siblings and twins, their mothers and fathers, and who fosters them.

Everything is an array with one entry per person. Children come first, household by household, eldest first; then the
mothers, the fathers, the fathers of half siblings and the foster or kin parents.
"""

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
    draw,
    filled,
    nothing,
    texts,
    where,
)
from training.population.names import TRADITIONAL, draw_given, draw_given_like, draw_surnames
from training.population.numbers import Numbers
from training.population.parameters import GROUPS, PopulationParameters

CHILD, MOTHER, FATHER, CAREGIVER = range(4)
FEMALE, MALE = 0, 1
DAYS_PER_YEAR = 365.25
_CLOSEST_BIRTHS_YEARS = 0.95

# How two surnames stand on paper: "A B", "A-B", "A", "B", "AB".
SPACED, HYPHENED, FIRST_ONLY, SECOND_ONLY, RUN_TOGETHER = range(5)
FORM_SHARES = np.array([0.42, 0.14, 0.28, 0.12, 0.04])

_TRADITIONAL_GROUPS = [GROUPS.index(group) for group in TRADITIONAL]
_HISPANIC = GROUPS.index("hispanic")
_VIETNAMESE = GROUPS.index("vietnamese")
_RESPELLINGS = (
    ("ie", "ee"),
    ("y", "i"),
    ("c", "k"),
    ("ai", "ay"),
    ("ah", "a"),
    ("i", "y"),
    ("ll", "l"),
    ("n", "nn"),
    ("a", "ah"),
)


@dataclass(slots=True)
class Households:
    """The families of origin. `first_child` and `size` point into the children."""

    size: Ints
    first_child: Ints
    group: Ints
    father_group: Ints
    twin_from: Ints  # place of the first twin, counted from the youngest; -1 without twins
    twin_count: Ints

    def __len__(self) -> int:
        return len(self.size)


@dataclass(slots=True)
class People:
    """The true attributes of everybody. Indices (mother, father, home) point into these arrays or into the homes."""

    role: Ints
    household: Ints  # -1 for caregivers
    home: Ints  # the home that a caregiver keeps; -1 for the others
    group: Ints
    sex: Ints
    birth_day: Days
    first: Texts
    middle: Texts
    surname: Texts
    second_surname: Texts
    surname_form: Ints
    other_surname: Texts  # in use beside the true one; missing for most
    varies: Flags  # whether systems disagree about the surname
    suffix: Texts
    birth_order: Ints  # 0 for single births
    plurality: Ints
    mother: Ints  # -1 where unknown
    father: Ints
    ssn: Texts  # missing where none was issued
    cin: Texts
    older_cin: Texts  # the frozen one of two; missing for most
    renamed_day: Days
    new_first: Texts
    new_surname: Texts
    adopted: Flags
    adopter: Ints
    chosen_day: Days
    chosen_first: Texts

    def __len__(self) -> int:
        return len(self.role)


def draw_households(rng: np.random.Generator, children: int, p: PopulationParameters) -> Households:
    """Form families that hold exactly `children` children."""
    sizes = np.arange(1, len(p.children_by_family_size) + 1)
    shares = np.array(p.children_by_family_size) / sizes
    enough = int(children / ((sizes * shares).sum() / shares.sum()) * 1.2) + 50
    size = 1 + draw(rng, cumulative(shares), enough)
    families = int(np.searchsorted(np.cumsum(size), children)) + 1
    size = size[:families]
    size[-1] -= size.sum() - children
    group = draw(rng, cumulative(np.array([p.group_shares[g] for g in GROUPS])), families)
    other = draw(rng, cumulative(np.array([p.group_shares[g] for g in GROUPS])), families)
    twin_from, twin_count = _choose_twins(rng, size, children, p)
    return Households(
        size=size,
        first_child=np.concatenate(([0], np.cumsum(size)[:-1])),
        group=group,
        father_group=np.where(rng.random(families) < p.mixed_parents_share, other, group),
        twin_from=twin_from,
        twin_count=twin_count,
    )


def _choose_twins(rng: np.random.Generator, size: Ints, children: int, p: PopulationParameters) -> tuple[Ints, Ints]:
    count = np.zeros(len(size), dtype=np.int64)
    for many, share in ((3, p.triplet_share), (2, p.twin_share)):
        eligible = np.flatnonzero((size >= many) & (count == 0))
        chosen = min(round(children * share / many), len(eligible))
        count[rng.choice(eligible, chosen, replace=False)] = many
    start = (rng.random(len(size)) * (size - count + 1)).astype(np.int64)
    return np.where(count > 0, start, -1), count


def draw_people(
    rng: np.random.Generator, households: Households, homes: int, numbers: Numbers, p: PopulationParameters
) -> People:
    """Draw everybody of a set of families, and a parent for each of `homes` foster or kin homes."""
    people = _skeleton(rng, households, homes, p)
    _name_adults(rng, people, households, p)
    _name_children(rng, people, households, p)
    _number_everybody(rng, people, numbers, p)
    return people


def _skeleton(rng: np.random.Generator, households: Households, homes: int, p: PopulationParameters) -> People:
    """Who there is: role, family, group, sex, birth; names and numbers still missing."""
    children, families = int(households.size.sum()), len(households)
    family = np.repeat(np.arange(families), households.size)
    place = np.arange(children) - households.first_child[family]  # from the eldest
    from_youngest = households.size[family] - 1 - place
    half = (place > 0) & (rng.random(children) < p.half_sibling_share)
    twin_start, twin_count = households.twin_from[family], households.twin_count[family]
    is_twin = (twin_start >= 0) & (from_youngest >= twin_start) & (from_youngest < twin_start + twin_count)
    # Twins have one father: that of the first born.
    first_born = np.where(
        is_twin, np.arange(children) - (twin_start + twin_count - 1 - from_youngest), np.arange(children)
    )
    half = half[first_born]
    second_fathers = np.unique(family[half])
    roles = (CHILD, MOTHER, FATHER, FATHER, CAREGIVER)
    role = np.repeat(roles, (children, families, families, len(second_fathers), homes)).astype(np.int64)
    household = np.concatenate((family, np.arange(families), np.arange(families), second_fathers, np.full(homes, -1)))
    total = len(role)
    people = People(
        role=role,
        household=household,
        home=np.concatenate((np.full(total - homes, -1), np.arange(homes))),
        group=np.concatenate(
            (
                households.group[family],
                households.group,
                households.father_group,
                households.father_group[second_fathers],
                draw(rng, cumulative(np.array([p.group_shares[g] for g in GROUPS])), homes),
            )
        ),
        sex=rng.integers(0, 2, total),
        birth_day=np.zeros(total, dtype=np.int64),
        first=nothing(total),
        middle=nothing(total),
        surname=nothing(total),
        second_surname=nothing(total),
        surname_form=np.zeros(total, dtype=np.int64),
        other_surname=nothing(total),
        varies=np.zeros(total, dtype=np.bool_),
        suffix=nothing(total),
        birth_order=np.zeros(total, dtype=np.int64),
        plurality=np.ones(total, dtype=np.int64),
        mother=np.full(total, -1),
        father=np.full(total, -1),
        ssn=nothing(total),
        cin=nothing(total),
        older_cin=nothing(total),
        renamed_day=np.full(total, NEVER),
        new_first=nothing(total),
        new_surname=nothing(total),
        adopted=np.zeros(total, dtype=np.bool_),
        adopter=np.full(total, -1),
        chosen_day=np.full(total, NEVER),
        chosen_first=nothing(total),
    )
    people.mother[:children] = children + family
    second_father = np.full(families, -1)
    second_father[second_fathers] = children + 2 * families + np.arange(len(second_fathers))
    people.father[:children] = np.where(half, second_father[family], children + families + family)
    people.birth_order[:children] = np.where(is_twin, np.arange(children) - first_born + 1, 0)
    people.plurality[:children] = np.where(is_twin, twin_count, 1)
    same_sex = rng.random(children) < p.twin_same_sex_share
    copied = is_twin & (first_born != np.arange(children)) & same_sex
    people.sex[:children] = np.where(copied, people.sex[first_born], people.sex[:children])
    opposite = is_twin & (first_born != np.arange(children)) & ~same_sex
    people.sex[:children] = np.where(opposite, 1 - people.sex[first_born], people.sex[:children])
    _draw_births(rng, people, households, from_youngest, p)
    people.sex[role == MOTHER], people.sex[role == FATHER] = FEMALE, MALE
    people.sex[role == CAREGIVER] = (rng.random(homes) < 0.22).astype(np.int64)
    return people


def _draw_births(
    rng: np.random.Generator, people: People, households: Households, from_youngest: Ints, p: PopulationParameters
) -> None:
    """Birth days: siblings at least eleven months apart, twins the same day, parents 15 to 45 years older."""
    families, most = len(households), len(p.children_by_family_size)
    youngest = np.where(
        rng.random(families) < p.infant_family_share,
        rng.random(families) * 0.98,
        0.98 + rng.beta(1.1, 1.25, families) * 16.5,
    )
    places = np.arange(most)[None, :]
    after_twin = (places > households.twin_from[:, None]) & (
        places < (households.twin_from + households.twin_count)[:, None]
    )
    counted = (places > 0) & (places < households.size[:, None]) & ~(after_twin & (households.twin_count[:, None] > 0))
    least = np.where(counted, _CLOSEST_BIRTHS_YEARS, 0.0)
    extra = np.where(counted, rng.gamma(1.6, 1.1, (families, most)), 0.0)
    oldest = p.oldest_age_years - 4 * rng.random(families) ** 2
    room = np.maximum(oldest - youngest - least.sum(axis=1), 0.0)
    extra *= np.minimum(1.0, room / np.maximum(extra.sum(axis=1), 1e-9))[:, None]
    ages = youngest[:, None] + np.cumsum(least + extra, axis=1)
    is_child = people.role == CHILD
    family = people.household[is_child]
    today = _today(p)
    people.birth_day[is_child] = today - np.round(ages[family, from_youngest] * DAYS_PER_YEAR).astype(np.int64)
    eldest = people.birth_day[households.first_child]
    first_birth_age = 15.5 + rng.gamma(2.4, 3.2, families)
    people.birth_day[people.role == MOTHER] = eldest - (first_birth_age * DAYS_PER_YEAR).astype(np.int64)
    fathers = people.role == FATHER
    older = rng.normal(2.5, 4.0, int(fathers.sum())) + first_birth_age[people.household[fathers]]
    older = np.maximum(older, 15.5)
    people.birth_day[fathers] = eldest[people.household[fathers]] - (older * DAYS_PER_YEAR).astype(np.int64)
    carers = people.role == CAREGIVER
    people.birth_day[carers] = today - ((28 + 40 * rng.random(int(carers.sum()))) * DAYS_PER_YEAR).astype(np.int64)
    _move_to_first_january(rng, people, households, p)


def _move_to_first_january(
    rng: np.random.Generator, people: People, households: Households, p: PopulationParameters
) -> None:
    """Refugee families: the official birth date of all is 1 January of the year."""
    exposed = np.isin(households.group, (GROUPS.index("hmong"), GROUPS.index("other")))
    family = exposed & (rng.random(len(households)) < p.born_first_january)
    rows = (people.household >= 0) & family[people.household]
    years = people.birth_day[rows].astype("datetime64[D]").astype("datetime64[Y]")
    people.birth_day[rows] = years.astype("datetime64[D]").astype(np.int64)


def _today(p: PopulationParameters) -> int:
    return int(np.datetime64(p.as_of, "D").astype(np.int64))


# --- names -----------------------------------------------------------------------------------------------


def _name_adults(rng: np.random.Generator, people: People, households: Households, p: PopulationParameters) -> None:
    rows = np.flatnonzero(people.role != CHILD)
    group, sex = people.group[rows], people.sex[rows]
    people.first[rows] = _given(rng, group, sex, p)
    people.surname[rows] = draw_surnames(rng, group, p.surname_outside_group)
    people.middle[rows] = _middle(rng, group, sex, p)
    two = (group == _HISPANIC) & (rng.random(len(rows)) < p.two_surname_share * 0.6)
    people.second_surname[rows] = where(two, draw_surnames(rng, group, p.surname_outside_group), None)
    people.surname_form[rows] = draw(rng, cumulative(FORM_SHARES), len(rows))
    _marry_mothers(rng, people, households, p)


def _marry_mothers(rng: np.random.Generator, people: People, households: Households, p: PopulationParameters) -> None:
    families = len(households)
    mothers = np.flatnonzero(people.role == MOTHER)
    fathers = np.flatnonzero(people.role == FATHER)[:families]
    marries = rng.random(families) < p.mother_marries_share
    eldest = people.birth_day[households.first_child]
    day = eldest - 700 + (rng.random(families) * np.maximum(_today(p) - eldest + 700, 1)).astype(np.int64)
    people.renamed_day[mothers] = np.where(marries, day, NEVER)
    people.new_surname[mothers] = where(marries, people.surname[fathers], None)


def _name_children(rng: np.random.Generator, people: People, households: Households, p: PopulationParameters) -> None:
    rows = np.flatnonzero(people.role == CHILD)
    _surname_children(rng, people, households, rows, p)
    group, sex = people.group[rows], people.sex[rows]
    people.first[rows] = _given(rng, group, sex, p)
    people.middle[rows] = _middle(rng, group, sex, p)
    _name_twins_alike(rng, people, rows, p)
    _name_after_father(rng, people, rows, p)
    _tell_siblings_apart(rng, people, rows, p)
    compound = (group == _HISPANIC) & (rng.random(len(rows)) < p.compound_given_share) & filled(people.middle[rows])
    both = rows[compound]
    people.first[both] = people.first[both] + " " + people.middle[both]
    people.middle[both] = None
    _choose_names(rng, people, rows, p)


def _surname_children(
    rng: np.random.Generator, people: People, households: Households, rows: Ints, p: PopulationParameters
) -> None:
    """Full siblings bear the same surnames; half siblings may not."""
    family, mother, father = people.household[rows], people.mother[rows], people.father[rows]
    by_couple = rng.random((len(people), 4))[father]
    two = (people.group[rows] == _HISPANIC) & (by_couple[:, 0] < p.two_surname_share)
    fathers = two | (by_couple[:, 1] < p.father_surname_share)
    people.surname[rows] = where(fathers, people.surname[father], people.surname[mother])
    people.second_surname[rows] = where(two, people.surname[mother], None)
    form = np.searchsorted(cumulative(FORM_SHARES), by_couple[:, 2], side="right")
    people.surname_form[rows] = np.where(two, form, SPACED)
    stepfather = draw_surnames(rng, households.father_group[family], p.surname_outside_group)
    parents = where(fathers, people.surname[mother], people.surname[father])
    people.other_surname[rows] = where(by_couple[:, 3] < 0.75, parents, stepfather)
    people.varies[rows] = rng.random(len(rows)) < np.where(two, p.two_surnames_vary, p.surname_varies)


def _given(rng: np.random.Generator, group: Ints, sex: Ints, p: PopulationParameters) -> Texts:
    names = draw_given(rng, group, sex, p.traditional_given_share)
    rare = np.flatnonzero(rng.random(len(names)) < p.respelled_given_share)
    which = rng.integers(0, len(_RESPELLINGS), len(rare))
    for row, choice in zip(rare.tolist(), which.tolist(), strict=True):
        old, new = _RESPELLINGS[choice]
        names[row] = names[row][0] + names[row][1:].replace(old, new, 1)
    return names


def _middle(rng: np.random.Generator, group: Ints, sex: Ints, p: PopulationParameters) -> Texts:
    names = draw_given(rng, group, sex, p.traditional_given_share)
    vietnamese = (group == _VIETNAMESE) & (rng.random(len(group)) < 0.4)
    names = where(vietnamese, where(sex == FEMALE, "Thi", "Van"), names)
    return where(rng.random(len(group)) < p.middle_name_share, names, None)


def _name_twins_alike(rng: np.random.Generator, people: People, rows: Ints, p: PopulationParameters) -> None:
    alike = rows[(people.birth_order[rows] > 1) & (rng.random(len(rows)) < p.twin_similar_name_share)]
    first_born = alike - people.birth_order[alike] + 1
    people.first[alike] = draw_given_like(
        rng, people.group[alike], people.sex[alike], people.first[first_born], p.traditional_given_share
    )


def _name_after_father(rng: np.random.Generator, people: People, rows: Ints, p: PopulationParameters) -> None:
    same = np.equal(people.surname[rows], people.surname[people.father[rows]]).astype(np.bool_)
    chance = rng.random(len(rows)) < p.named_after_father_share
    junior = rows[(people.sex[rows] == MALE) & same & chance & (people.plurality[rows] == 1)]
    # One son to a father.
    _, first = np.unique(people.father[junior], return_index=True)
    junior = junior[first]
    people.first[junior] = people.first[people.father[junior]]
    people.suffix[junior] = "Jr"
    people.suffix[people.father[junior]] = "Sr"


def _tell_siblings_apart(rng: np.random.Generator, people: People, rows: Ints, p: PopulationParameters) -> None:
    """Two children of a family never have the same given name; a namesake of the father keeps his."""
    for _ in range(50):
        again = _repeated_in_family(people, rows)
        if len(again) == 0:
            return
        people.first[again] = draw_given(rng, people.group[again], people.sex[again], p.traditional_given_share)
    raise AssertionError("given names are too few to tell siblings apart")


def _repeated_in_family(people: People, rows: Ints) -> Ints:
    names, code = np.unique(people.first[rows].astype(str), return_inverse=True)
    key = people.household[rows] * len(names) + code
    # Juniors first, so that the brother is renamed.
    order = np.lexsort((people.suffix[rows] == None, key))  # noqa: E711
    repeated = np.concatenate(([False], key[order][1:] == key[order][:-1]))
    return np.sort(rows[order[repeated]])


def _choose_names(rng: np.random.Generator, people: People, rows: Ints, p: PopulationParameters) -> None:
    """Youth who live under a given name of their own choice, and another gender."""
    age = _today(p) - people.birth_day[rows]
    chooses = rows[(age > 13.5 * DAYS_PER_YEAR) & (rng.random(len(rows)) < p.chosen_name_share)]
    since = (
        13 * DAYS_PER_YEAR + rng.random(len(chooses)) * 0.8 * (_today(p) - people.birth_day[chooses] - 4748)
    ).astype(np.int64)
    people.chosen_day[chooses] = people.birth_day[chooses] + since
    people.chosen_first[chooses] = draw_given(
        rng, people.group[chooses], 1 - people.sex[chooses], p.traditional_given_share
    )


# --- numbers ---------------------------------------------------------------------------------------------


def _number_everybody(rng: np.random.Generator, people: People, numbers: Numbers, p: PopulationParameters) -> None:
    total = len(people)
    twin_of = np.arange(total) - np.where(people.birth_order == 2, 1, 0)
    consecutive = (people.birth_order == 2) & (rng.random(total) < p.twins_consecutive_ssn)
    issued = rng.random(total) >= p.ssn_never_issued
    people.ssn = where(issued, numbers.ssns(twin_of, consecutive), None)
    people.cin = numbers.cins(total)


def join_surnames(first: Texts, second: Texts, form: Ints) -> Texts:
    """Write one or two surnames in the given form; a single surname as it is."""
    result = first.copy()
    two = filled(second)
    a, b, form = first[two], second[two], form[two]
    result[two] = np.select(
        [form == SPACED, form == HYPHENED, form == FIRST_ONLY, form == SECOND_ONLY],
        [a + " " + b, a + "-" + b, a, b],
        default=a + _lower(b),
    )
    return result


def _lower(column: Texts) -> Texts:
    return texts([value.lower() for value in column])
