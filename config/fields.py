"""The canonical fields: what the index may know of a person, of what kind each is and how closely it is guarded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

FieldKind = Literal[
    "administrative",  # about the record, not the person
    "name",
    "name_list",
    "date",
    "code",
    "flag",
    "number",
    "identifier",
    "relation",  # the name of somebody related: mother, guardian
    "address",
    "contact",
    "statistics",  # carried for the fairness report only
]

Sensitivity = Literal[
    "plain",  # says nothing of the person
    "personal",  # identifies a person or describes one
    "confidential",  # shows a programme, a case or a relationship; released under an agreement only
    "secret",  # never returned, never logged, never in a URL
]


@dataclass(frozen=True, slots=True)
class CanonicalField:
    """One thing the index may hold of a person.

    `evidence` is False for what must never decide whether two records are one person.
    `values` are the only texts a code or flag may take; empty for every other kind.
    """

    name: str
    kind: FieldKind
    sensitivity: Sensitivity
    description: str
    evidence: bool = True
    values: tuple[str, ...] = ()


FLAG_VALUES = ("true", "false")

FLAG_TEXTS: Mapping[str, bool] = MappingProxyType(
    {
        "true": True,
        "t": True,
        "yes": True,
        "y": True,
        "1": True,
        "false": False,
        "f": False,
        "no": False,
        "n": False,
        "0": False,
    }
)
"""How a flag may be written in a file with canonical headers, in lower case."""

SEX_VALUES = ("female", "male", "other", "unknown")

_FIELDS = (
    CanonicalField(
        "source_record_id",
        "administrative",
        "confidential",
        "The record's id in its source system: opaque, case-sensitive, kept for ever.",
        evidence=False,
    ),
    CanonicalField("first_name", "name", "personal", "Given name or names, as the source spells them."),
    CanonicalField("middle_name", "name", "personal", "Middle name or initial."),
    CanonicalField("last_name", "name", "personal", "Surname or surnames, as the source spells them."),
    CanonicalField("suffix", "name", "personal", "Generation after the name: Jr, Sr, II, III."),
    CanonicalField(
        "alias_names",
        "name_list",
        "personal",
        'Other full names, former and preferred ones among them; in one cell they are joined with "; ".',
    ),
    CanonicalField(
        "birth_date", "date", "personal", "Date of birth: YYYY-MM-DD, or YYYY-MM or YYYY where no more is known."
    ),
    CanonicalField(
        "birth_date_estimated",
        "flag",
        "personal",
        "Whether the source says the birth date is a guess.",
        values=FLAG_VALUES,
    ),
    CanonicalField("sex", "code", "personal", "Sex or gender as recorded.", values=SEX_VALUES),
    CanonicalField("birth_order", "number", "personal", "Place in a multiple birth, 1 for the first born."),
    CanonicalField(
        "multiple_birth", "flag", "personal", "Whether born a twin or of a higher multiple.", values=FLAG_VALUES
    ),
    CanonicalField("ssn", "identifier", "secret", "Social Security number; alone it never links two records."),
    CanonicalField(
        "cin", "identifier", "confidential", "Client Index Number of Medi-Cal, from 9, 10 or 14 characters."
    ),
    CanonicalField("mother_first_name", "relation", "personal", "Given name of the mother."),
    CanonicalField(
        "mother_last_name", "relation", "personal", "Surname of the mother, her maiden name where the source holds it."
    ),
    CanonicalField("guardian_first_name", "relation", "personal", "Given name of a parent, guardian or caregiver."),
    CanonicalField("guardian_last_name", "relation", "personal", "Surname of a parent, guardian or caregiver."),
    CanonicalField("address_line", "address", "confidential", "House number, street and unit of the residence."),
    CanonicalField("city", "address", "confidential", "City of the residence."),
    CanonicalField("state", "address", "personal", "State of the residence, two letters."),
    CanonicalField("zip", "address", "confidential", "ZIP code of the residence, five or nine digits."),
    CanonicalField("phone", "contact", "confidential", "Telephone number."),
    CanonicalField("email", "contact", "confidential", "E-mail address."),
    CanonicalField(
        "case_id",
        "identifier",
        "confidential",
        "Case that the record belongs to in its source; a family shares it, so it names no single person.",
    ),
    CanonicalField(
        "record_date",
        "date",
        "plain",
        "Day on which the source last changed the record, YYYY-MM-DD.",
        evidence=False,
    ),
    CanonicalField(
        "deleted",
        "flag",
        "plain",
        "Whether the source has withdrawn the record.",
        evidence=False,
        values=FLAG_VALUES,
    ),
    CanonicalField(
        "minor_consent",
        "flag",
        "confidential",
        "Whether the record is of services a minor consented to alone: it is turned away, whatever the source.",
        evidence=False,
        values=FLAG_VALUES,
    ),
    CanonicalField(
        "address_protected",
        "flag",
        "confidential",
        "Whether the person's whereabouts are protected (Safe at Home): no address is taken in or told.",
        evidence=False,
        values=FLAG_VALUES,
    ),
    CanonicalField(
        "name_protected",
        "flag",
        "confidential",
        "Whether a change of name is protected: no other name is taken in, and only this record's is told.",
        evidence=False,
        values=FLAG_VALUES,
    ),
    CanonicalField("race", "statistics", "personal", "Race as recorded; for the fairness report only.", evidence=False),
    CanonicalField(
        "ethnicity", "statistics", "personal", "Ethnicity as recorded; for the fairness report only.", evidence=False
    ),
    CanonicalField(
        "language", "statistics", "personal", "Primary language; for the fairness report only.", evidence=False
    ),
)

CANONICAL_FIELDS: Mapping[str, CanonicalField] = MappingProxyType({field.name: field for field in _FIELDS})
"""Field name -> field, in the order in which a load file lists them. `identifier.<type>` comes on top."""

IDENTIFIER_PREFIX = "identifier."

_IDENTIFIER_FIELD = re.compile(r"identifier\.[a-z][a-z0-9_]*")

# These have a field of their own; a second spelling would let the same number be counted as two pieces of evidence.
_FIELDS_OF_THEIR_OWN = frozenset({"identifier.ssn", "identifier.cin"})


WHEREABOUTS = ("address_line", "city", "zip", "phone", "email")
"""What would lead to somebody whose whereabouts are protected; the state alone does not."""

PROTECTIVE_FLAGS = frozenset({"minor_consent", "address_protected", "name_protected"})
"""Themselves confidential: they are never told to anybody."""


def is_canonical(name: str) -> bool:
    """Say whether a column of this name is a canonical field, `identifier.<type>` of any type included."""
    if name in CANONICAL_FIELDS:
        return True
    return _IDENTIFIER_FIELD.fullmatch(name) is not None and name not in _FIELDS_OF_THEIR_OWN


def canonical_field(name: str) -> CanonicalField:
    """Describe a canonical field, making up the entry of an `identifier.<type>`.

    Raises:
        KeyError: the name is no canonical field.
    """
    if name in CANONICAL_FIELDS:
        return CANONICAL_FIELDS[name]
    if not is_canonical(name):
        raise KeyError(name)
    kind_of_identifier = name.removeprefix(IDENTIFIER_PREFIX)
    return CanonicalField(name, "identifier", "confidential", f"Identifier of the type {kind_of_identifier}.")
