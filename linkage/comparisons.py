"""What is compared, and the levels of agreement: declared once, read by the batch engine and the native scorer.

Each comparison belongs to a layer (docs/decisions/0002): *person* tells a child from a brother or sister,
*birth* from a sibling but not from a twin, *family* from a stranger only. Levels stand from the strongest
agreement down; the last is plain disagreement.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from linkage.conditions import (
    Across,
    AllOf,
    AnyOf,
    Condition,
    Contained,
    Crossed,
    CrossedSimilar,
    DigitsDiffer,
    Disjoint,
    Initial,
    Missing,
    OneEdit,
    Overlap,
    Said,
    Same,
    Silent,
    Similar,
    Told,
    Within,
)

Layer = Literal["person", "birth", "family"]
LAYERS: tuple[Layer, ...] = ("person", "birth", "family")

MISSING = -1
"""The agreement level of a comparison in which a side says nothing."""


@dataclass(frozen=True, slots=True)
class Level:
    """One degree of agreement.

    Attributes:
        typical_m: where fitting starts and what a level never seen is drawn to.
        twins: share of twins at this level, where they are to each other otherwise than strangers are, or
        twins_times: how many times as often as strangers they are at it (docs/decisions/0024).
    """

    label: str
    condition: Condition
    typical_m: float
    twins: float | None = None
    twins_times: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing that two records may agree on.

    Attributes:
        levels: strongest first; agreement level numbers count down to 1, 0 is disagreement.
        frequency_column: the column whose value frequencies replace u at the strongest level, if any.
        slip: levels up to this one are differences that a slip of the pen makes once; records that repeat one differ.
    """

    name: str
    layer: Layer
    missing: Condition
    levels: tuple[Level, ...]
    frequency_column: str | None = None
    slip: int = 0

    @property
    def top(self) -> int:
        """The level number of the strongest agreement."""
        return len(self.levels)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels by level number: index 0 is disagreement."""
        return ("disagrees", *(level.label for level in reversed(self.levels)))

    @property
    def typical_m(self) -> tuple[float, ...]:
        """By level number; what the levels leave over is disagreement."""
        levels = tuple(level.typical_m for level in reversed(self.levels))
        return (1.0 - sum(levels), *levels)

    @property
    def twins(self) -> tuple[float | None, ...]:
        """By level number: the share of twins at a level, None where it is not declared."""
        levels = tuple(level.twins for level in reversed(self.levels))
        told = [share for share in levels if share is not None]
        return (1.0 - sum(told) if len(told) == len(levels) else None, *levels)

    @property
    def twins_times(self) -> tuple[float, ...]:
        """By level number: how many times as often as strangers twins are at a level, 1 where it is not declared."""
        return (1.0, *(level.twins_times or 1.0 for level in reversed(self.levels)))

    @property
    def twins_deviate(self) -> bool:
        return any(level.twins is not None or level.twins_times is not None for level in self.levels)


def _name(column: str, layer: Layer, levels: tuple[Level, ...], slip: int = 0) -> Comparison:
    return Comparison(column, layer, Missing(column), levels, column, slip)


FIRST_NAME = _name(
    "first_name",
    "person",
    (
        Level("same", Same("first_name"), 0.78, twins_times=0.25),  # no two living twins are called the same
        Level(
            "nickname, alias or in the other field",
            AnyOf((Overlap("first_alternatives"), Crossed("first_name", "last_name"))),
            0.06,
        ),
        Level("the other's middle name", Across("first_name", "middle_name"), 0.02),
        Level("one within the other", Contained("first_name"), 0.04),
        Level("initial", Initial("first_name"), 0.02, twins_times=6.0),  # a third of twins' names begin alike
        Level(
            "nearly the same",
            AnyOf(
                (
                    Similar("first_name", 0.9),
                    OneEdit("first_name"),
                    AllOf((Same("first_sound"), Similar("first_name", 0.8))),
                )
            ),
            0.05,
        ),
        Level("alike", AnyOf((Similar("first_name", 0.78), CrossedSimilar("first_name", "last_name", 0.85))), 0.02),
    ),
    slip=2,  # twins are Jayden and Jaden in every record, a typing error is in one
)
MIDDLE_NAME = _name(
    "middle_name",
    "person",
    (
        Level("same", Same("middle_name"), 0.7),
        Level("the other's first name", Across("middle_name", "first_name"), 0.02),
        Level("initial", Initial("middle_name"), 0.15),
        Level("nearly the same", AnyOf((Contained("middle_name"), Similar("middle_name", 0.88))), 0.07),
    ),
)
LAST_NAME = _name(
    "last_name",
    "family",
    (
        Level("same", Same("last_name"), 0.8),
        Level("a surname in common", AnyOf((Overlap("last_tokens"), Crossed("first_name", "last_name"))), 0.06),
        Level("one within the other", Contained("last_name", 4), 0.02),
        Level("nearly the same", AnyOf((Similar("last_name", 0.9), OneEdit("last_name"))), 0.05),
        Level("alike", AnyOf((Similar("last_name", 0.78), CrossedSimilar("first_name", "last_name", 0.85))), 0.02),
    ),
)
BIRTH_DATE = Comparison(
    "birth_date",
    "birth",
    Missing("birth_year"),
    (
        Level("same", Same("birth_date"), 0.9),
        Level(
            "one digit off, or day and month swapped",
            AnyOf((DigitsDiffer("birth_date", 1), AllOf((Same("birth_year"), Crossed("birth_month", "birth_day"))))),
            0.04,
        ),
        Level(
            "known parts agree",
            AllOf((Missing("birth_date"), Same("birth_year"), AnyOf((Missing("birth_month"), Same("birth_month"))))),
            0.01,
        ),
        Level(
            "two of day, month, year",
            AnyOf(
                (
                    AllOf((Same("birth_year"), AnyOf((Same("birth_month"), Same("birth_day"))))),
                    AllOf((Same("birth_month"), Same("birth_day"))),
                )
            ),
            0.02,
        ),
        Level(
            "estimated, within a year",
            AllOf((AnyOf((Said("birth_estimated"), Missing("birth_date"))), Within("birth_year", 1))),
            0.005,
        ),
        Level("two digits off", DigitsDiffer("birth_date", 2), 0.01),
        Level("within a year", Within("birth_year", 1), 0.005),
    ),
    "birth_date",
)


def _exact(column: str, layer: Layer, typical_m: float) -> Comparison:
    return Comparison(column, layer, Missing(column), (Level("same", Same(column), typical_m),))


def _number(column: str, near_twins: float | None = None) -> Comparison:
    levels = (
        Level("same", Same(column), 0.93),
        Level("one or two digits off", DigitsDiffer(column, 2), 0.03, twins=near_twins),
    )
    return Comparison(column, "person", Missing(column), levels)


SEX = _exact("sex", "person", 0.985)
SUFFIX = _exact("suffix", "person", 0.95)
BIRTH_ORDER = _exact("birth_order", "person", 0.97)
_NOT_CONTRADICTED = AnyOf((Missing("multiple_birth"), Same("multiple_birth")))
MULTIPLE_BIRTH = Comparison(
    "multiple_birth",
    "birth",
    AllOf((Silent("multiple_birth"), Silent("birth_order"))),
    (
        Level(
            "one of several",
            AnyOf(
                (
                    AllOf((Said("multiple_birth"), _NOT_CONTRADICTED)),
                    AllOf((Silent("multiple_birth"), Told("birth_order"))),
                )
            ),
            0.04,
            twins=0.97,
        ),
        Level("born alone", _NOT_CONTRADICTED, 0.95, twins=0.01),
    ),
)
"""One side's word is enough: who was born alone has no twin. It says little against strangers and much of twins."""

SSN = _number("ssn", near_twins=0.3)  # twins' numbers are often applied for together, and run on
CIN = _number("cin")
IDENTIFIERS = Comparison(
    "identifiers",
    "person",
    Disjoint("identifier_types"),
    (Level("one in common", Overlap("identifiers"), 0.9),),
)


def _relative(who: str) -> Comparison:
    first, last = f"{who}_first", f"{who}_last"
    return Comparison(
        who,
        "family",
        Missing(first),
        (
            Level("same first and last name", AllOf((Same(first), Same(last))), 0.6),
            Level("same first name", Same(first), 0.2),
            Level("first name nearly the same", AnyOf((Contained(first), Similar(first, 0.88))), 0.05),
            Level("same last name", Same(last), 0.05),
        ),
    )


MOTHER = _relative("mother")
GUARDIAN = _relative("guardian")
ADDRESS = Comparison(
    "address",
    "family",
    Missing("address"),
    (
        Level("same", Same("address"), 0.45),
        Level("same house number and street", AllOf((Same("house_number"), Same("street"))), 0.05),
        Level("same house number, street alike", AllOf((Same("house_number"), Similar("street", 0.88))), 0.03),
        Level("nearly the same", Similar("address", 0.94), 0.02),
        Level("same street", Same("street"), 0.02),
    ),
    "address",
)
LOCALITY = Comparison(
    "locality",
    "family",
    AllOf((Missing("zip"), Missing("city"), Missing("state"))),
    (
        Level("same ZIP code", Same("zip"), 0.55),
        Level("same city", Same("city"), 0.15),
        Level("ZIP code one digit off", DigitsDiffer("zip", 1), 0.03),
        Level("same state", Same("state"), 0.2),
    ),
    "zip",
)
PHONE = Comparison(
    "phone",
    "family",
    Missing("phone"),
    (Level("same", Same("phone"), 0.5), Level("one digit off", DigitsDiffer("phone", 1), 0.02)),
    "phone",
)
EMAIL = Comparison(
    "email",
    "family",
    Missing("email"),
    (Level("same", Same("email"), 0.6), Level("nearly the same", Similar("email", 0.95), 0.05)),
    "email",
)
CASE_ID = _exact("case_id", "family", 0.7)

COMPARISONS: tuple[Comparison, ...] = (
    FIRST_NAME,
    MIDDLE_NAME,
    SUFFIX,
    SEX,
    SSN,
    CIN,
    IDENTIFIERS,
    BIRTH_ORDER,
    BIRTH_DATE,
    MULTIPLE_BIRTH,
    LAST_NAME,
    MOTHER,
    GUARDIAN,
    ADDRESS,
    LOCALITY,
    PHONE,
    EMAIL,
    CASE_ID,
)
"""All comparisons, in the order of the columns of an agreement pattern."""

BY_NAME = {comparison.name: comparison for comparison in COMPARISONS}


def level_sql(comparison: Comparison) -> str:
    """The DuckDB expression of the agreement level of one pair."""
    whens = [f"when {comparison.missing.sql()} then {MISSING}"]
    whens += [f"when {level.condition.sql()} then {comparison.top - i}" for i, level in enumerate(comparison.levels)]
    return f"case {' '.join(whens)} else 0 end"


def declaration_digest() -> str:
    """Changes when any comparison does: a model fitted under another declaration is refused."""
    text = "\n".join(
        f"{c.name} {c.layer} {c.frequency_column} {c.twins} {c.twins_times} {level_sql(c)}" for c in COMPARISONS
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]
