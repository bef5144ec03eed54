"""A small invented linkage with known mistakes, for the tests of evaluating and reporting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from training.evaluation.errors import pairs_within
from training.evaluation.evaluate import FloatArray, IntArray, LinkageFacts


@dataclass(frozen=True)
class Part:
    comparison: str
    level_label: str
    against_stranger_bits: float
    against_sibling_bits: float


@dataclass(frozen=True)
class Explanation:
    weight: float
    weight_against_stranger: float
    weight_against_sibling: float
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Level:
    label: str
    m: float
    u: float


@dataclass(frozen=True)
class Comparison:
    name: str
    layer: str
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Frequencies:
    same_person: float
    twins: float
    household: float


@dataclass(frozen=True)
class Rule:
    rule: str
    keys: int
    pairs: int
    oversized_keys: int
    new_pairs: int


RULES = (Rule("ssn", 40, 80, 1, 80), Rule("first sound and birth date", 50, 120, 2, 60))


@dataclass(frozen=True)
class Model:
    name: str = "2031-02-03 <invented>"
    fitted_on: str = "cws_cms: 90, meds: 90"
    fingerprint: str = "0123456789ab"
    comparisons: tuple[Comparison, ...] = (
        Comparison("first_name", "person", (Level("disagrees", 0.05, 0.98), Level("same", 0.95, 0.02))),
        Comparison("birth_date", "birth", (Level("disagrees", 0.01, 0.999), Level("same & exact", 0.99, 0.001))),
    )
    class_frequencies: Frequencies = Frequencies(1e-3, 1e-5, 1e-4)

    @property
    def class_frequencies_by_sources(self) -> dict[str, Frequencies]:
        return {"cws_cms|meds": Frequencies(2e-3, 1e-5, 1e-4), "meds|meds": Frequencies(1e-7, 1e-6, 1e-4)}

    @property
    def generic_values(self) -> dict[str, tuple[str, ...]]:
        return {"phone": ("digest-of-a-phone", "digest-of-another")}

    @property
    def statistics(self) -> dict[str, float]:
        return {"candidate_pairs": 1234.0}


@dataclass(frozen=True)
class FitReport:
    trace: tuple[float, ...] = (-9.0, -5.0, -4.5)
    converged: bool = True
    blocking: tuple[Rule, ...] = RULES
    left_out: tuple[str, ...] = ("case_id",)

    @property
    def timings(self) -> dict[str, float]:
        return {"fit, pass 1 of 2": 1.25}


@dataclass(frozen=True)
class Pairs:
    left: IntArray
    right: IntArray
    weight: FloatArray


@dataclass(frozen=True)
class Invented:
    """60 children of three records each, in households of three, of which the first two are twins."""

    predicted: pa.Table
    truth: pa.Table
    pairs: Pairs
    candidates: Pairs


CHILDREN = 60


def invented() -> Invented:
    """One record of child 1 went to its twin 0, one of child 2 to its brother 0, and one of child 9 stands alone."""
    child = np.repeat(np.arange(CHILDREN), 3)
    keys = {
        "source": np.tile(["cws_cms", "meds", "juvenile_court"], CHILDREN),
        "source_record_id": [f"R{i:04d}" for i in range(len(child))],
    }
    household, place = child // 3, child % 3
    truth = pa.table(
        {**keys, "person": child, "household": household, "is_twin": place < 2, "has_sibling": child >= 0,
         "name_group": np.where(child % 2 == 0, "hmong", "armenian")}
    )  # fmt: skip
    found = child.copy()
    found[[3, 6, 27]] = [0, 0, 999]
    sure = np.where(np.isin(np.arange(len(child)), [3, 6]), 0.7, 0.995)
    predicted = pa.table({**keys, "person_id": [f"P{p}" for p in found], "probability": sure})
    left, right = pairs_within(household)
    weight = np.where(child[left] == child[right], 15.0, -6.0) + (left % 7) / 10
    weight[(left < 3) & np.isin(right, [3, 6])] = 9.0
    weight[np.isin(left, [27]) | np.isin(right, [27])] = -2.0
    scored = ~((left == 27) & (right == 28))
    proposed = ~((left == 27) & (right == 29))
    return Invented(
        predicted,
        truth,
        Pairs(left[scored], right[scored], weight[scored]),
        Pairs(left[proposed], right[proposed], weight[proposed]),
    )


def facts() -> LinkageFacts:
    """How the invented linkage was made; one missed pair was not scored and another not proposed by blocking."""
    return LinkageFacts(
        model=Model(),
        blocking=RULES,
        candidates=invented().candidates,
        explain=explain,
        link_bits=8.0,
        review_bits=0.0,
        worst_errors=2,
    )


def explain(_left: int, _right: int) -> Explanation:
    """The same for every pair: a name that agrees, a birth date that disagrees, a telephone that is missing."""
    return Explanation(
        weight=5.0,
        weight_against_stranger=6.0,
        weight_against_sibling=5.5,
        parts=(
            Part("first_name", "same", 8.0, 8.0),
            Part("birth_date", "disagrees", -4.0, -1.5),
            Part("phone", "missing", 0.0, 0.0),
        ),
    )
