"""What may be told of how records agree: of attributes that the agreements grant, and of no others.

To be told that a value agrees is to be told the value, for whoever guesses at it. So what is not granted is left out:
of a stored record before it is compared; of an answer to a question, where all evidence decides who somebody is, from
what is told of the evidence, and of the figures from which it could be computed.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace

from config.fields import IDENTIFIER_PREFIX
from config.policy import LinkagePolicy
from index_service.resolving import EVEN, POSSIBLE_FROM, Grade
from linkage.record import NormalisedRecord

COLUMNS_OF: Mapping[str, tuple[str, ...]] = {
    "first_name": ("first_name", "first_alternatives", "first_sound", "name_key"),
    "middle_name": ("middle_name",),
    "last_name": ("last_name", "last_tokens", "last_sound", "name_key"),
    "suffix": ("suffix",),
    "birth_date": ("birth_date", "birth_year", "birth_month", "birth_day"),
    "birth_date_estimated": ("birth_estimated",),
    "sex": ("sex",),
    "birth_order": ("birth_order",),
    "multiple_birth": ("multiple_birth",),
    "ssn": ("ssn",),
    "cin": ("cin",),
    "mother_first_name": ("mother_first",),
    "mother_last_name": ("mother_last",),
    "guardian_first_name": ("guardian_first",),
    "guardian_last_name": ("guardian_last",),
    "address_line": ("address", "house_number", "street"),
    "zip": ("zip",),
    "city": ("city",),
    "state": ("state",),
    "phone": ("phone",),
    "email": ("email",),
    "case_id": ("case_id",),
}
"""Canonical field -> the columns that come of it; a name stands for all names of the record. Identifiers apart."""

FIELDS_COMPARED: Mapping[str, tuple[str, ...]] = {
    "mother": ("mother_first_name", "mother_last_name"),
    "guardian": ("guardian_first_name", "guardian_last_name"),
    "address": ("address_line",),
    "locality": ("zip", "city", "state"),
}
"""Comparison -> the fields that it looks at, where they are not called the same."""

_LISTS = ("first_alternatives", "last_tokens")


def as_granted(record: NormalisedRecord, granted: Collection[str]) -> NormalisedRecord:
    """A stored record without what the caller may not learn of it."""
    hidden = {column for name, columns in COLUMNS_OF.items() if name not in granted for column in columns}
    kept = [each for each in record.identifiers if IDENTIFIER_PREFIX + each.partition(":")[0] in granted]
    values: dict[str, object] = {column: () if column in _LISTS else None for column in hidden}
    values |= {
        "identifiers": tuple(kept),
        "identifier_types": tuple(sorted({each.partition(":")[0] for each in kept})),
    }
    return replace(record, **values)  # type: ignore[arg-type]


def said_by(record: NormalisedRecord) -> frozenset[str]:
    """The fields of which a question says anything that is compared."""
    said = {
        name
        for name, columns in COLUMNS_OF.items()
        if any(getattr(record, column) not in (None, ()) for column in columns)
    }
    return frozenset(said | {IDENTIFIER_PREFIX + name for name in record.identifier_types})


def may_tell(comparison: str, asked: Collection[str], granted: Collection[str]) -> bool:
    """Whether it may be told how a comparison went: of what was asked, all that it looks at is granted."""
    if comparison == "identifiers":
        looked_at: Collection[str] = [name for name in asked if name.startswith(IDENTIFIER_PREFIX)]
    else:
        looked_at = FIELDS_COMPARED.get(comparison, (comparison,))
    return all(name in granted for name in looked_at if name in asked)


def least_probability(grade: Grade, policy: LinkagePolicy) -> float:
    """The least that a grade says."""
    return {"certain": 1 - policy.certain_error_aim, "probable": EVEN, "possible": POSSIBLE_FROM}[grade]


def weight_of(probability: float) -> float:
    """The weight of a probability, in bits."""
    return math.log2(probability / (1 - probability))
