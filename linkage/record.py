"""What a record is before and after normalising: the two shapes that every stage of the core passes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal, NewType

SourceId = NewType("SourceId", str)
PersonId = NewType("PersonId", str)

RecordKey = tuple[str, str]
"""(source, source_record_id): names a source record for ever; the id is opaque and case-sensitive."""

CanonicalValue = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """What one source says of one person, in canonical field names but in the source's own spelling.

    `values` holds only what the source filled in: a canonical field name (`first_name`, `birth_date`,
    `identifier.ssid`, ...) with its text; `alias_names` is a sequence of full names.
    """

    source: str
    source_record_id: str
    values: Mapping[str, CanonicalValue]

    @property
    def key(self) -> RecordKey:
        return (self.source, self.source_record_id)


@dataclass(frozen=True, slots=True)
class Finding:
    """A value that normalising could not use as it stood. Never carries the value itself."""

    field: str
    kind: Literal["placeholder", "invalid"]
    reason: str


@dataclass(frozen=True, slots=True)
class NormalisedRecord:
    """A source record cleaned into the columns that blocking and comparing read.

    Text is lower-case ASCII; missing is None, never "". Lists are sorted and without repeats.
    The order of the fields is the order of the columns in DuckDB and PostgreSQL.
    """

    source: str
    source_record_id: str
    first_name: str | None = None  # all given tokens, letters only: "Mary-Ann" -> "maryann"
    first_alternatives: tuple[str, ...] = ()  # the same, its nickname roots, and given names of aliases
    first_sound: str | None = None  # phonetic code of the first given token
    middle_name: str | None = None
    last_name: str | None = None  # all surname tokens, letters only: "García López" -> "garcialopez"
    last_tokens: tuple[str, ...] = ()  # single surnames, particles joined, aliases' surnames among them
    last_sound: str | None = None
    name_key: str | None = None  # first and last name in alphabetical order: the same when swapped
    suffix: str | None = None
    birth_date: str | None = None  # ISO, only when complete
    birth_year: int | None = None
    birth_month: int | None = None
    birth_day: int | None = None
    birth_estimated: bool | None = None
    sex: str | None = None  # "f" or "m"; other and unknown are not evidence
    birth_order: int | None = None
    multiple_birth: bool | None = None
    ssn: str | None = None  # nine digits, structurally valid and no dummy
    cin: str | None = None
    identifiers: tuple[str, ...] = ()  # "<type>:<value>", personal identifiers other than SSN and CIN
    identifier_types: tuple[str, ...] = ()
    mother_first: str | None = None
    mother_last: str | None = None
    guardian_first: str | None = None
    guardian_last: str | None = None
    address: str | None = None  # house number, street, unit in standard abbreviations
    house_number: str | None = None
    street: str | None = None
    zip: str | None = None  # five digits
    city: str | None = None
    state: str | None = None
    phone: str | None = None  # ten digits
    email: str | None = None
    case_id: str | None = None

    @property
    def key(self) -> RecordKey:
        return (self.source, self.source_record_id)


ColumnType = Literal["text", "integer", "boolean", "text[]"]


def _column_type(annotation: str) -> ColumnType:
    base = annotation.split("|")[0].strip()
    return {"str": "text", "int": "integer", "bool": "boolean", "tuple[str, ...]": "text[]"}[base]  # type: ignore[return-value]


COLUMNS: Mapping[str, ColumnType] = {f.name: _column_type(str(f.type)) for f in fields(NormalisedRecord)}
"""Column name -> SQL type, in order; the store and the batch engine build their tables from it."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """What stewards and courts have decided: pairs of record keys that must, or must never, be one person."""

    must_link: frozenset[tuple[RecordKey, RecordKey]] = field(default_factory=frozenset)
    cannot_link: frozenset[tuple[RecordKey, RecordKey]] = field(default_factory=frozenset)
