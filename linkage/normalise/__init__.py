"""Stage 1: clean what a source said into the columns that blocking and comparing read.

`normalise` never fails on a value: what cannot be used becomes None and a `Finding`, so that a load can
count it. Cleaning is the same for one record over the API and for ten million at night.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from itertools import chain

from config.identifiers import IdentifierError, classify_ssn, parse_cin, read_identifier
from linkage.normalise.addresses import Address, address, zip_code
from linkage.normalise.contacts import email, phone
from linkage.normalise.dates import BirthDate, birth_date
from linkage.normalise.names import GivenName, Surname, full_name, given_name, place, suffix, surname
from linkage.record import CanonicalValue, Finding, NormalisedRecord, SourceRecord

_SEX = {"f": "f", "female": "f", "w": "f", "girl": "f", "m": "m", "male": "m", "boy": "m"}
_TRUE = frozenset({"y", "yes", "true", "t", "1"})
_FALSE = frozenset({"n", "no", "false", "f", "0"})
_MISREAD_DIGITS = str.maketrans("OoQDIlSBZG", "0000115826")
_BETWEEN_NAMES = re.compile(r"\s*[;|]\s*")
_NO_GIVEN_NAME, _NO_SURNAME, _NO_ADDRESS = GivenName(), Surname(), Address()
IDENTIFIER_PREFIX = "identifier."


def normalise(record: SourceRecord, today: dt.date | None = None) -> tuple[NormalisedRecord, tuple[Finding, ...]]:
    """Clean one source record.

    Args:
        record: canonical fields in the source's spelling.
        today: birth dates after this day are refused; the current day unless given.

    Returns:
        The normalised record, and what could not be used as it stood (field, kind, reason; never a value).
    """
    cleaning = _Cleaning(record.values)
    first = cleaning.given("first_name")
    middle = cleaning.given("middle_name")
    last = cleaning.surname("last_name")
    born = cleaning.birth_date(today or dt.date.today())  # noqa: DTZ011 - a calendar day, not an instant
    aliases = [full_name(name) for name in cleaning.names("alias_names")]
    mother, mother_last = cleaning.given("mother_first_name"), cleaning.surname("mother_last_name")
    guardian, guardian_last = cleaning.given("guardian_first_name"), cleaning.surname("guardian_last_name")
    home = cleaning.address("address_line")
    ssn, typed = cleaning.ssn()
    identifiers = cleaning.identifiers(typed)
    normalised = NormalisedRecord(
        source=record.source,
        source_record_id=record.source_record_id,
        first_name=first.letters,
        first_alternatives=_together(first.alternatives, [given.alternatives for given, _ in aliases]),
        first_sound=first.sound,
        middle_name=middle.letters,
        last_name=last.letters,
        last_tokens=_together(last.tokens, [family.tokens for _, family in aliases]),
        last_sound=last.sound,
        name_key=_name_key(first.letters, last.letters),
        suffix=cleaning.suffix() or last.suffix,
        birth_date=born.iso,
        birth_year=born.year,
        birth_month=born.month,
        birth_day=born.day,
        birth_estimated=cleaning.flag("birth_date_estimated"),
        sex=cleaning.sex(),
        birth_order=cleaning.small_number("birth_order") or first.birth_order,
        multiple_birth=cleaning.flag("multiple_birth"),
        ssn=ssn,
        cin=cleaning.cin(),
        identifiers=identifiers,
        identifier_types=_sorted({i.partition(":")[0] for i in identifiers}) if identifiers else (),
        mother_first=mother.letters,
        mother_last=mother_last.letters,
        guardian_first=guardian.letters,
        guardian_last=guardian_last.letters,
        address=home.line,
        house_number=home.house_number,
        street=home.street,
        zip=zip_code(cleaning.text("zip")),
        city=place(cleaning.text("city")),
        state=place(cleaning.text("state")),
        phone=cleaning.contact("phone"),
        email=cleaning.contact("email"),
        case_id=" ".join(cleaning.text("case_id").split()) or None,
    )
    return normalised, tuple(cleaning.findings)


def _sorted(values: set[str]) -> tuple[str, ...]:
    return tuple(sorted(values))


def _together(own: tuple[str, ...], of_aliases: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """A name's words, sorted already, and those of its aliases."""
    return _sorted({*own, *chain.from_iterable(of_aliases)}) if of_aliases else own


def _name_key(first: str | None, last: str | None) -> str | None:
    """First and last name in alphabetical order: the same when swapped."""
    if not first or not last:
        return None
    return first + last if first <= last else last + first


class _Cleaning:
    """The values of one record and what was found wrong with them on the way."""

    __slots__ = ("findings", "texts", "values")

    def __init__(self, values: Mapping[str, CanonicalValue]) -> None:
        self.values = values
        self.texts = {
            field: value.strip() if isinstance(value, str) else " ".join(value or ()) for field, value in values.items()
        }
        self.findings: list[Finding] = []

    def text(self, field: str) -> str:
        return self.texts.get(field, "")

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
            return BirthDate()
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
        return _SEX.get(self.text("sex").lower())

    def flag(self, field: str) -> bool | None:
        text = self.text(field).lower()
        return None if not text else True if text in _TRUE else False if text in _FALSE else None

    def small_number(self, field: str) -> int | None:
        text = self.text(field)
        if not text:
            return None
        if text.isascii() and text.isdigit() and len(text) <= 2 and 1 <= int(text) <= 9:
            return int(text)
        self.invalid(field, "is not a number from 1 to 9")
        return None

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
            return parse_cin(text).value
        except IdentifierError as error:
            self.invalid("cin", str(error))
            return None

    def identifiers(self, typed: str | None) -> tuple[str, ...]:
        """Personal identifiers as "type:value"; one of several people (a sibling set's court number) is left out."""
        found = {typed} if typed else set()
        for field in [name for name in self.values if name.startswith(IDENTIFIER_PREFIX)]:
            text = self.texts[field]
            if text and isinstance(self.values[field], str):
                identifier = self._identifier(field.removeprefix(IDENTIFIER_PREFIX), text)
                if identifier:
                    found.add(identifier)
        return _sorted({f for f in found if f})

    def _identifier(self, type_name: str, text: str) -> str | None:
        try:
            identifier = read_identifier(type_name, text)
        except IdentifierError as error:
            self.invalid(IDENTIFIER_PREFIX + type_name, str(error))
            return None
        return f"{identifier.type}:{identifier.value}" if identifier.personal else None


def _digits_misread_as_letters(text: str) -> str:
    """Repair at most two letters that scanning put for digits (O for 0); more letters mean it is something else."""
    inner = text.strip()
    if inner.replace("-", "").isdigit():
        return inner
    misread = sum(c.isalpha() for c in inner)
    return inner.translate(_MISREAD_DIGITS) if 0 < misread <= 2 and not inner[-1].isalpha() else inner
