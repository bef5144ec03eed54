"""Names with real frequencies: who is called what, by name culture, and how else the name may be written."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.population.columns import Floats, Ints, Texts, arrow, cumulative, draw, from_arrow, texts
from training.population.parameters import GROUPS

FOLDER = Path(__file__).parent

VariantKind = Literal["nickname", "given", "surname"]

# Which tables of given names a group draws from, besides its own traditional ones.
_GIVEN_TABLES: Mapping[str, tuple[str, ...]] = {
    "hispanic": ("hispanic",),
    "white": ("white",),
    "black": ("black",),
    "vietnamese": ("asian",),
    "hmong": ("asian",),
    "chinese": ("asian",),
    "other": ("asian", "black", "white"),
}
_FAMILY_NAMES_OF_THEIR_OWN = ("hispanic", "vietnamese", "hmong", "chinese")
_SHARED_SURNAMES = frozenset(
    {"Lee", "Long", "Chin", "Mai", "Shea", "Franco", "Roman", "Silva", "Rosa", "Moran", "Felix"}
)

_Drawing = Callable[[tuple[str, int], Ints], Texts]

TRADITIONAL = ("vietnamese", "hmong", "chinese")


def _rows(file: str) -> Iterator[dict[str, str]]:
    with (FOLDER / file).open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names in alphabetical order with their distribution function."""

    names: Texts
    distribution: Floats
    initials: Texts

    @classmethod
    def of(cls, weights: Mapping[str, float]) -> Vocabulary:
        names = sorted(weights)
        return cls(
            texts(names), cumulative(np.array([weights[name] for name in names])), texts([name[0] for name in names])
        )

    def draw(self, rng: np.random.Generator, rows: int) -> Texts:
        """Draw names by frequency."""
        return self.names[draw(rng, self.distribution, rows)]

    def draw_with_initial(self, rng: np.random.Generator, like: Texts) -> Texts:
        """Draw names that begin with the letter of those given; any name where none does."""
        initials = np.array([name[0] for name in like], dtype=str)
        starts = np.searchsorted(self.initials.astype(str), initials, side="left")
        ends = np.searchsorted(self.initials.astype(str), initials, side="right")
        padded = np.concatenate(([0.0], self.distribution))
        low, high = padded[starts], padded[ends]
        none = ends <= starts
        low[none], high[none] = 0.0, 1.0
        found = np.searchsorted(self.distribution, low + rng.random(len(like)) * (high - low), side="right")
        names: Texts = self.names[np.minimum(found, len(self.names) - 1)]
        return names


def _normalised(weights: Mapping[str, float], share: float) -> dict[str, float]:
    total = sum(weights.values())
    return {name: weight * share / total for name, weight in weights.items()}


def _mixed(*parts: Mapping[str, float]) -> dict[str, float]:
    result: dict[str, float] = {}
    for part in parts:
        for name, weight in part.items():
            result[name] = result.get(name, 0.0) + weight
    return result


@cache
def given_names(traditional_share: float) -> Mapping[tuple[str, int], Vocabulary]:
    """Given names by (group, sex), sex 0 female and 1 male."""
    tables: dict[tuple[str, int], dict[str, float]] = {}
    for row in _rows("given_names.csv"):
        key = (row["group"], 1 if row["sex"] == "m" else 0)
        tables.setdefault(key, {})[row["name"]] = float(row["count"])
    vocabularies = {}
    for group in GROUPS:
        for sex in (0, 1):
            common = _mixed(*(_normalised(tables[table, sex], 1.0) for table in _GIVEN_TABLES[group]))
            if group in TRADITIONAL:
                own = _normalised(tables[group, sex], traditional_share)
                common = _mixed(own, _normalised(common, 1.0 - traditional_share))
            vocabularies[group, sex] = Vocabulary.of(common)
    return vocabularies


@cache
def surnames() -> Mapping[str, Vocabulary]:
    """Surnames by group, and all surnames together under "all"."""
    everybody = {row["surname"]: float(row["count"]) for row in _rows("surnames.csv")}
    result = {"all": Vocabulary.of(everybody)}
    groups: dict[str, dict[str, float]] = {}
    for row in _rows("surnames_by_culture.csv"):
        groups.setdefault(row["group"], {})[row["surname"]] = float(row["count"])
    result.update({group: Vocabulary.of(weights) for group, weights in groups.items()})
    typical = {name for group in _FAMILY_NAMES_OF_THEIR_OWN for name in groups[group]} - _SHARED_SURNAMES
    result["white"] = Vocabulary.of({name: weight for name, weight in everybody.items() if name not in typical})
    return result


def draw_surnames(rng: np.random.Generator, groups: Ints, outside: Mapping[str, float]) -> Texts:
    """Draw a surname for everybody: typical of the group, or from all surnames with the group's share `outside`."""
    result = surnames()["all"].draw(rng, len(groups))
    inside = rng.random(len(groups)) >= np.array([outside[group] for group in GROUPS])[groups]
    for number, group in enumerate(GROUPS):
        rows = np.flatnonzero((groups == number) & inside)
        if len(rows) and group in surnames():
            result[rows] = surnames()[group].draw(rng, len(rows))
    return result


def draw_given(rng: np.random.Generator, groups: Ints, sexes: Ints, traditional_share: float) -> Texts:
    """Draw a given name for everybody by group and sex (0 female, 1 male)."""
    return _by_group(groups, sexes, lambda key, rows: given_names(traditional_share)[key].draw(rng, len(rows)))


def draw_given_like(
    rng: np.random.Generator, groups: Ints, sexes: Ints, like: Texts, traditional_share: float
) -> Texts:
    """Draw given names with the same initials as those in `like`."""
    tables = given_names(traditional_share)
    return _by_group(groups, sexes, lambda key, rows: tables[key].draw_with_initial(rng, like[rows]))


def _by_group(groups: Ints, sexes: Ints, drawing: _Drawing) -> Texts:
    result = np.full(len(groups), None, dtype=object)
    for number, group in enumerate(GROUPS):
        for sex in (0, 1):
            rows = np.flatnonzero((groups == number) & (sexes == sex))
            if len(rows):
                result[rows] = drawing((group, sex), rows)
    return result


@dataclass(frozen=True, slots=True)
class Variants:
    """Other spellings of names: those of name k are `variants[starts[k]:starts[k + 1]]`."""

    keys: object
    starts: Ints
    variants: Texts

    def of(self, rng: np.random.Generator, column: Texts) -> Texts:
        """One variant of each name, missing where the list has none."""
        place = from_arrow(pc.fill_null(pc.index_in(arrow(column), value_set=self.keys), -1)).astype(np.int64)
        known = place >= 0
        result = np.full(len(column), None, dtype=object)
        begin, end = self.starts[place[known]], self.starts[place[known] + 1]
        result[known] = self.variants[begin + (rng.random(len(begin)) * (end - begin)).astype(np.int64)]
        return result


@cache
def variants(kind: VariantKind) -> Variants:
    """The list of one kind."""
    by_name: dict[str, list[str]] = {}
    for row in _rows("variants.csv"):
        if row["kind"] == kind:
            by_name.setdefault(row["name"], []).append(row["variant"])
    starts = np.cumsum([0, *(len(each) for each in by_name.values())]).astype(np.int64)
    flat = [variant for each in by_name.values() for variant in each]
    return Variants(pa.array(list(by_name), type=pa.string()), starts, texts(flat))
