"""Stage 1: clean what a source said into the columns that blocking and comparing read.

`normalise` never fails on a value: what cannot be used becomes None and a `Finding`, so that a load can
count it. Cleaning is the same for one record over the API and for ten million at night.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Literal

from config.identifiers import IdentifierError, cin_value, classify_ssn, identifier_value
from linkage.normalise.addresses import (
    SUBSTITUTE_CITY,
    SUBSTITUTE_LINE,
    SUBSTITUTE_ZIP,
    Address,
    address,
    zip_code,
)
from linkage.normalise.contacts import email, phone
from linkage.normalise.dates import BirthDate, birth_date
from linkage.normalise.names import GivenName, Surname, full_name, given_name, place, suffix, surname
from linkage.record import CanonicalValue, Finding, NormalisedRecord, SourceRecord

_SEX = {"f": "f", "female": "f", "w": "f", "girl": "f", "m": "m", "male": "m", "boy": "m"}
_FLAGS = {"y": True, "yes": True, "true": True, "t": True, "1": True,
          "n": False, "no": False, "false": False, "f": False, "0": False}  # fmt: skip
_MISREAD_DIGITS = str.maketrans("OoQDIlSBZG", "0000115826")
_BETWEEN_NAMES = re.compile(r"\s*[;|]\s*")
_NO_GIVEN_NAME, _NO_SURNAME, _NO_ADDRESS, _NO_BIRTH_DATE = GivenName(), Surname(), Address(), BirthDate()
IDENTIFIER_PREFIX = "identifier."

ColumnValue = str | int | bool | tuple[str, ...] | None
"""What a column of a normalised record holds."""


def normalise(record: SourceRecord, today: dt.date | None = None) -> tuple[NormalisedRecord, tuple[Finding, ...]]:
    """Clean one source record.

    Args:
        record: canonical fields in the source's spelling.
        today: birth dates after this day are refused; the current day unless given.

    Returns:
        The normalised record, and what could not be used as it stood (field, kind, reason; never a value).
    """
    columns, findings = normalised_columns(record, today or dt.date.today())  # noqa: DTZ011 - a calendar day
    return NormalisedRecord(*columns), findings  # type: ignore[arg-type]  # their order is the record's


def normalised_columns(record: SourceRecord, today: dt.date) -> tuple[tuple[ColumnValue, ...], tuple[Finding, ...]]:
    """Clean one source record into the bare values of `linkage.record.COLUMNS`, in their order.

    For loads: making the record itself takes a fifth of the time.
    """
    cleaning = _Cleaning(record.values)
    first = cleaning.given("first_name")
    middle = cleaning.given("middle_name")
    last = cleaning.surname("last_name")
    born = cleaning.birth_date(today)
    aliases = [full_name(name) for name in cleaning.names("alias_names")] if "alias_names" in record.values else []
    mother, mother_last = cleaning.given("mother_first_name"), cleaning.surname("mother_last_name")
    guardian, guardian_last = cleaning.given("guardian_first_name"), cleaning.surname("guardian_last_name")
    home, zip_, city = cleaning.address("address_line"), cleaning.place("zip"), cleaning.place("city")
    if home.line == SUBSTITUTE_LINE and (zip_ == SUBSTITUTE_ZIP or (zip_ is None and city == SUBSTITUTE_CITY)):
        home, zip_, city = _NO_ADDRESS, None, None  # it weighs nothing and makes no key
    ssn, typed = cleaning.ssn()
    identifiers = cleaning.identifiers(typed)
    columns = (
        record.source,
        record.source_record_id,
        first.letters,  # first_name
        _together(first.alternatives, [given.alternatives for given, _ in aliases]) if aliases else first.alternatives,
        first.sound,
        middle.letters,  # middle_name
        last.letters,  # last_name
        _together(last.tokens, [family.tokens for _, family in aliases]) if aliases else last.tokens,
        last.sound,
        _name_key(first.letters, last.letters),
        cleaning.suffix() or last.suffix,
        born.iso,
        born.year,
        born.month,
        born.day,
        cleaning.flag("birth_date_estimated"),
        cleaning.sex(),
        cleaning.small_number("birth_order") or first.birth_order,
        cleaning.flag("multiple_birth"),
        ssn,
        cleaning.cin(),
        identifiers,
        _types_of(identifiers) if identifiers else (),
        mother.letters,  # mother_first
        mother_last.letters,
        guardian.letters,  # guardian_first
        guardian_last.letters,
        home.line,  # address
        home.house_number,
        home.street,
        zip_,
        city,
        cleaning.place("state"),
        cleaning.contact("phone"),
        cleaning.contact("email"),
        cleaning.case_id(),
    )
    return columns, tuple(cleaning.findings)


def _sorted(values: set[str]) -> tuple[str, ...]:
    return tuple(sorted(values)) if len(values) > 1 else tuple(values)


def _together(own: tuple[str, ...], of_aliases: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """A name's words and those of its aliases."""
    return _sorted({*own, *chain.from_iterable(of_aliases)})


def _types_of(identifiers: tuple[str, ...]) -> tuple[str, ...]:
    return _sorted({identifier.partition(":")[0] for identifier in identifiers})


def _name_key(first: str | None, last: str | None) -> str | None:
    """First and last name in alphabetical order: the same when swapped."""
    if not first or not last:
        return None
    return first + last if first <= last else last + first


class _Cleaning:
    """The values of one record and what was found wrong with them on the way."""

    __slots__ = ("findings", "values")

    def __init__(self, values: Mapping[str, CanonicalValue]) -> None:
        self.values = values
        self.findings: list[Finding] = []

    def text(self, field: str) -> str:
        value = self.values.get(field)
        if not value:
            return ""
        return value.strip() if isinstance(value, str) else " ".join(value)

    def names(self, field: str) -> Sequence[str]:
        value = self.values.get(field) or ()
        return [name for name in _BETWEEN_NAMES.split(value) if name] if isinstance(value, str) else value

    def placeholder(self, field: str) -> None:
        self.findings.append(Finding(field, "placeholder", "stands for a value that is not known"))

    def invalid(self, field: str, reason: str) -> None:
        self.findings.append(Finding(field, "invalid", reason))

    def given(self, field: str) -> GivenName:
        text = self.text(field)
        if not text:
            return _NO_GIVEN_NAME
        name = given_name(text)
        if name.placeholder:
            self.placeholder(field)
        return name

    def surname(self, field: str) -> Surname:
        text = self.text(field)
        if not text:
            return _NO_SURNAME
        name = surname(text)
        if name.placeholder:
            self.placeholder(field)
        return name

    def suffix(self) -> str | None:
        text = self.text("suffix")
        return suffix(text) if text else None

    def birth_date(self, today: dt.date) -> BirthDate:
        text = self.text("birth_date")
        if not text:
            return _NO_BIRTH_DATE
        born = birth_date(text, today)
        if born.problem:
            self.findings.append(Finding("birth_date", born.problem, born.reason))
        return born

    def address(self, field: str) -> Address:
        text = self.text(field)
        if not text:
            return _NO_ADDRESS
        cleaned = address(text)
        if cleaned.placeholder:
            self.placeholder(field)
        return cleaned

    def sex(self) -> str | None:
        text = self.text("sex")
        return _SEX.get(text.lower()) if text else None

    def flag(self, field: str) -> bool | None:
        text = self.text(field)
        return _FLAGS.get(text.lower()) if text else None

    def small_number(self, field: str) -> int | None:
        text = self.text(field)
        if not text:
            return None
        if text.isascii() and text.isdigit() and len(text) <= 2 and 1 <= int(text) <= 9:
            return int(text)
        self.invalid(field, "is not a number from 1 to 9")
        return None

    def place(self, field: Literal["zip", "city", "state"]) -> str | None:
        text = self.text(field)
        return None if not text else zip_code(text) if field == "zip" else place(text)

    def case_id(self) -> str | None:
        text = self.text("case_id")
        return " ".join(text.split()) or None if text else None

    def contact(self, field: str) -> str | None:
        text = self.text(field)
        if not text:
            return None
        cleaned = phone(text) if field == "phone" else email(text)
        if cleaned is None:
            self.placeholder(field)
        return cleaned

    def ssn(self) -> tuple[str | None, str | None]:
        """The SSN, and an identifier of another kind that stood in its place (an ITIN, a pseudo number)."""
        text = self.text("ssn")
        if not text:
            return None, None
        reading = classify_ssn(_digits_misread_as_letters(text))
        if reading.kind == "ssn":
            return reading.value, None
        if reading.kind in ("itin", "atin", "pseudo"):
            return None, f"{reading.kind}:{reading.value}"
        self.findings.append(Finding("ssn", "placeholder" if reading.kind == "dummy" else "invalid", reading.reason))
        return None, None

    def cin(self) -> str | None:
        text = self.text("cin")
        if not text:
            return None
        try:
            return cin_value(text)
        except IdentifierError as error:
            self.invalid("cin", str(error))
            return None

    def identifiers(self, typed: str | None) -> tuple[str, ...]:
        """Personal identifiers as "type:value"; one of several people (a sibling set's court number) is left out."""
        found = {typed} if typed else set()
        for field, value in self.values.items():
            if "." not in field or not field.startswith(IDENTIFIER_PREFIX):  # the former is the cheaper to ask
                continue
            text = value.strip() if isinstance(value, str) else ""
            if text and (identifier := self._identifier(field, text)):
                found.add(identifier)
        return _sorted(found)

    def _identifier(self, field: str, text: str) -> str | None:
        type_name = field[len(IDENTIFIER_PREFIX) :]
        try:
            value, personal = identifier_value(type_name, text)
        except IdentifierError as error:
            self.invalid(field, str(error))
            return None
        return f"{type_name}:{value}" if personal else None


def _digits_misread_as_letters(text: str) -> str:
    """Repair at most two letters that scanning put for digits (O for 0); more letters mean it is something else."""
    inner = text.strip()
    if inner.isdigit() or inner.replace("-", "").isdigit():
        return inner
    misread = sum(c.isalpha() for c in inner)
    return inner.translate(_MISREAD_DIGITS) if 0 < misread <= 2 and not inner[-1].isalpha() else inner
