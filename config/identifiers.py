"""Identifiers: how each kind is read from text, and whether it names one person.

Pure functions. An error says what is wrong and how to mend it and never repeats the value, so it may be
shown and logged.
A scoped identifier (unique only within its county or court) is written `<scope>:<value>`, for example `43:006132463`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

SCOPE_SEPARATOR = ":"


class IdentifierError(ValueError):
    """A text is no identifier of its kind. Never carries the text."""

    def __init__(self, problem: str, mend: str) -> None:
        self.problem = problem
        self.mend = mend
        super().__init__(f"{problem}; {mend}")


# --- CWS/CMS ---------------------------------------------------------------------------------------

BASE_62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CWS_CMS_PREFIX_LIMIT = 62**7
CWS_CMS_SUFFIX_LIMIT = 62**3

_BASE_62_VALUE = {character: value for value, character in enumerate(BASE_62)}
_CWS_CMS_KEY = re.compile(r"[0-9A-Za-z]{10}")
_CWS_CMS_PRINTED = re.compile(r"(\d{4})-(\d{4})-(\d{4})-(\d{7})|\d{19}", re.ASCII)


def parse_cws_cms_id(text: str) -> str:
    """Read a CWS/CMS id in either spelling into its ten base-62 characters. Case matters.

    The screen prints 19 digits, with or without dashes: 13 for the first seven characters, six for the last three,
    each converted by itself. There is no check digit, so only length, alphabet and range are tested; the creation time
    inside is not, because bulk-made ids deliberately carry impossible times.

    Raises:
        IdentifierError: wrong length or alphabet, or digits beyond what ten characters can hold.
    """
    text = text.strip()
    if _CWS_CMS_KEY.fullmatch(text):
        return text
    if not _CWS_CMS_PRINTED.fullmatch(text):
        raise IdentifierError(
            "a CWS/CMS id has 10 characters 0-9, A-Z, a-z, or 19 digits",
            "give it as CWS/CMS stores or prints it (dddd-dddd-dddd-ddddddd), as text and not as a number",
        )
    digits = text.replace("-", "")
    prefix, suffix = int(digits[:13]), int(digits[13:])
    if prefix >= CWS_CMS_PREFIX_LIMIT or suffix >= CWS_CMS_SUFFIX_LIMIT:
        raise IdentifierError(
            "the 19 digits lie outside the range of CWS/CMS ids",
            "copy the id again: its first 13 digits are at most 3521614606207, its last six at most 238327",
        )
    return _to_base_62(prefix, 7) + _to_base_62(suffix, 3)


def format_cws_cms_id(key: str) -> str:
    """Print a CWS/CMS id as its screens do: `dddd-dddd-dddd-ddddddd`.

    Raises:
        IdentifierError: the text is no CWS/CMS id.
    """
    key = parse_cws_cms_id(key)
    digits = f"{_from_base_62(key[:7]):013d}{_from_base_62(key[7:]):06d}"
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:12]}-{digits[12:]}"


def _to_base_62(number: int, width: int) -> str:
    characters = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        characters.append(BASE_62[digit])
    return "".join(reversed(characters))


def _from_base_62(text: str) -> int:
    number = 0
    for character in text:
        number = number * 62 + _BASE_62_VALUE[character]
    return number


# --- Medi-Cal: CIN, MEDS id, county id -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cin:
    """A Client Index Number and what came with it.

    `value` is the nine characters that never change. The check digit is kept and not verified: how it is
    computed is not published. `doubts` name what is unusual and was accepted all the same.
    """

    value: str
    check_digit: str | None = None
    card_issue_date: str | None = None  # YDDD: last digit of the year, day of the year
    doubts: tuple[str, ...] = ()


_CIN = re.compile(r"(\d{8}[A-Z])(?:(\d)(\d{4})?)?", re.ASCII)
_CIN_LETTERS = frozenset("ACDEFGHMNSTUVWXY")


def parse_cin(text: str) -> Cin:
    """Read a Client Index Number from its 9 characters, 10 with the check digit, or the 14 of a Medi-Cal card.

    Raises:
        IdentifierError: the text has none of the three forms.
    """
    value, check_digit, issue_date = _match_cin(text).groups()
    return Cin(value, check_digit, issue_date, _doubts_about_cin(value))


def cin_value(text: str) -> str:
    """Read the nine characters of a Client Index Number alone, as `parse_cin` does.

    Raises:
        IdentifierError: the text has none of the three forms.
    """
    return str(_match_cin(text)[1])


def _match_cin(text: str) -> re.Match[str]:
    match = _CIN.fullmatch(_compact(text))
    if match is None:
        raise IdentifierError(
            "a CIN has eight digits and a letter, then perhaps a check digit and a four-digit card date",
            "give the 9, 10 or 14 characters as they stand on the card or in MEDS",
        )
    return match


def _doubts_about_cin(value: str) -> tuple[str, ...]:
    doubts = []
    if value[0] != "9":
        doubts.append("a CIN usually begins with 9")
    if value[-1] not in _CIN_LETTERS:
        doubts.append("the letter is unusual for a CIN")
    return tuple(doubts)


@dataclass(frozen=True, slots=True)
class MedsId:
    """What a MEDS id is: a Social Security number, or a number that MEDS made up because there was none."""

    kind: Literal["ssn", "pseudo"]
    value: str
    doubts: tuple[str, ...] = ()


_PSEUDO = re.compile(r"\d{8}[A-Z]", re.ASCII)
_USUAL_PSEUDO = re.compile(r"[89]\d{7}P", re.ASCII)


def parse_meds_id(text: str) -> MedsId:
    """Tell a MEDS id that is a Social Security number from a pseudo number, which has a letter in ninth place.

    Raises:
        IdentifierError: neither a pseudo number nor a Social Security number that can have been issued.
    """
    compact = _compact(text)
    if _PSEUDO.fullmatch(compact):
        unusual = _USUAL_PSEUDO.fullmatch(compact) is None
        return MedsId(
            "pseudo", compact, ("a MEDS pseudo number usually begins with 8 or 9 and ends in P",) if unusual else ()
        )
    reading = classify_ssn(compact)
    if reading.value is None or reading.kind != "ssn":
        raise IdentifierError(
            f"a MEDS id is a Social Security number or eight digits and a letter; this one is not ({reading.reason})",
            "leave it empty where MEDS has none",
        )
    return MedsId("ssn", reading.value)


@dataclass(frozen=True, slots=True)
class CountyId:
    """The 14 characters by which a county knows a member of an aid case.

    A person has several, one per case, and the aid code in it changes with eligibility: it names a membership in a
    case.
    """

    county: str
    aid_code: str
    case_serial: str
    budget_unit: str
    person_number: str

    @property
    def case(self) -> str:
        """County and serial: the case whatever the aid and whoever the member."""
        return f"{self.county}{SCOPE_SEPARATOR}{self.case_serial}"

    def __str__(self) -> str:
        return "-".join((self.county, self.aid_code, self.case_serial, self.budget_unit, self.person_number))


_COUNTY_ID = re.compile(r"(\d{2})([0-9A-Z]{2})([0-9A-Z]{7})([0-9A-Z])(\d{2})", re.ASCII)


def parse_county_id(text: str) -> CountyId:
    """Read a county id: county 2, aid code 2, case serial 7, budget unit 1, person number 2; dashes are optional.

    Raises:
        IdentifierError: the text has not these 14 characters.
    """
    match = _COUNTY_ID.fullmatch(_compact(text))
    if match is None:
        raise IdentifierError(
            "a county id has 14 characters: county 2, aid code 2, case 7, budget unit 1, person 2",
            "give it whole, as in 43-30-XXXXXXX-0-01",
        )
    return CountyId(*match.groups())


# --- Social Security and taxpayer numbers ----------------------------------------------------------

SsnKind = Literal["ssn", "itin", "atin", "pseudo", "dummy", "invalid"]


@dataclass(frozen=True, slots=True)
class SsnReading:
    """What a text in a Social Security number's place is. `value` is set for ssn, itin, atin and pseudo only."""

    kind: SsnKind
    value: str | None
    reason: str


_DUMMY_SSNS = frozenset({"123456789", "078051120", "219099999"} | {digit * 9 for digit in "0123456789"})
_ADVERTISED = "98765432"  # 987-65-4320 to 987-65-4329 are reserved for advertisements
_ITIN_GROUPS = frozenset({*range(50, 66), *range(70, 89), 90, 91, 92, *range(94, 100)})
_ATIN_GROUP = 93
_NEVER_ISSUED = frozenset({"000", "666"})


def classify_ssn(text: str) -> SsnReading:
    """Say what stands in a Social Security number's place. Dashes and spaces do not matter.

    Only `ssn` may be compared as a Social Security number: area not 000, 666 or 900-999, group not 00, serial not 0000,
    not on the lists of dummies. Taxpayer numbers (ITIN; ATIN, given while an adoption is pending) and MEDS pseudo
    numbers are told apart, because they change while the person stays.
    """
    compact = _compact(text)
    if not (len(compact) == 9 and compact.isascii() and compact.isdigit()):
        if _PSEUDO.fullmatch(compact):
            return SsnReading("pseudo", compact, "a MEDS pseudo number, with a letter in ninth place")
        return SsnReading("invalid", None, "a Social Security number has nine digits; leading zeros must be kept")
    if compact in _DUMMY_SSNS or compact.startswith(_ADVERTISED):
        return SsnReading("dummy", None, "a known filler in place of a Social Security number")
    return _classify_nine_digits(compact)


def _classify_nine_digits(digits: str) -> SsnReading:
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    if area[0] == "9":
        if int(group) in _ITIN_GROUPS:
            return SsnReading("itin", digits, "an individual taxpayer number")
        if int(group) == _ATIN_GROUP:
            return SsnReading("atin", digits, "an adoption taxpayer number, given while an adoption is pending")
        return SsnReading("invalid", None, "the first three digits were never issued")
    if area in _NEVER_ISSUED:
        return SsnReading("invalid", None, "the first three digits were never issued")
    if group == "00" or serial == "0000":
        return SsnReading("invalid", None, "the middle two or the last four digits are all zero")
    return SsnReading("ssn", digits, "a well-formed Social Security number")


# --- Courts, counties, schools ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CourtNumber:
    """A juvenile court number. Without suffix it names a set of siblings."""

    number: str
    suffix: str | None


_COURT_NUMBER = re.compile(r"[0-9A-Z](?:[0-9A-Z./-]*[0-9A-Z])?")
_COURT_CHILD = re.compile(r"(.*\d)[-:]?([A-Z])")
_COURT_CHILDREN = re.compile(r"(.*\d)-?[A-Z](?:[-,&][A-Z])+")


def parse_court_number(text: str) -> CourtNumber:
    """Read a court number: one letter after the last digit is the child's suffix.

    Several letters (`...A-C` in a caption) name several children, and are dropped. Every county makes its own
    numbers, so nothing else about the form is tested.

    Raises:
        IdentifierError: empty, or with characters no court number has.
    """
    compact = re.sub(r"\s", "", text).upper()
    for pattern in (_COURT_CHILDREN, _COURT_CHILD):
        match = pattern.fullmatch(compact)
        if match and _COURT_NUMBER.fullmatch(match[1]):
            return CourtNumber(match[1], match[2] if pattern is _COURT_CHILD else None)
    if not _COURT_NUMBER.fullmatch(compact):
        raise IdentifierError(
            "a court number has letters, digits, dashes and dots only",
            "give the number as the court's caption prints it",
        )
    return CourtNumber(compact, None)


def compose_scoped(scope: str, value: str) -> str:
    """Write an identifier that is unique only within its county or court together with it."""
    return f"{scope}{SCOPE_SEPARATOR}{value}"


def split_scoped(text: str, what: str, scope_name: str) -> tuple[str, str]:
    """Take a scoped identifier apart into scope and value.

    Raises:
        IdentifierError: the scope or the value is missing.
    """
    scope, _, value = text.strip().partition(SCOPE_SEPARATOR)
    scope, value = scope.strip().upper(), value.strip()
    if not scope or not value:
        raise IdentifierError(
            f"{what} means nothing without its {scope_name}", f"write it as <{scope_name}>{SCOPE_SEPARATOR}<number>"
        )
    return scope, value


def _parse_scoped_court_number(text: str) -> str:
    court, value = split_scoped(text, "a court number", "court")
    number = parse_court_number(value)
    scoped = compose_scoped(court, number.number)
    return f"{scoped}{SCOPE_SEPARATOR}{number.suffix}" if number.suffix else scoped


def _has_child_suffix(canonical: str) -> bool:
    return canonical.count(SCOPE_SEPARATOR) == 2


_COUNTY = re.compile(r"\d{2}", re.ASCII)
_CCN = re.compile(r"[0-9A-Z]{9}")


def parse_ccn(text: str) -> str:
    """Read a County Client Number together with its two-digit county: `43:006132463`.

    Raises:
        IdentifierError: no county, or not nine characters.
    """
    county, value = split_scoped(text, "a County Client Number", "county")
    value = value.upper()
    if not _COUNTY.fullmatch(county):
        raise IdentifierError("the county is not two digits", "write the county's code, 01 to 58, before the number")
    if not _CCN.fullmatch(value):
        raise IdentifierError(
            "a County Client Number has nine letters or digits", "keep leading zeros; read the column as text"
        )
    return compose_scoped(county, value)


def parse_opaque(text: str) -> str:
    """Take an identifier whose form is not published as it stands, without space around it. Case matters.

    Raises:
        IdentifierError: nothing is left.
    """
    value = " ".join(text.split())
    if not value:
        raise IdentifierError("the identifier is empty", "leave the column empty only where there is no identifier")
    return value


def _parse_scoped_opaque(text: str) -> str:
    return compose_scoped(*split_scoped(text, "the number", "county"))


def _compact(text: str) -> str:
    return text.replace("-", "").replace(" ", "").strip().upper()


# --- The registry ----------------------------------------------------------------------------------


def _always(_canonical: str) -> bool:
    return True


def _never(_canonical: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class IdentifierType:
    """A kind of identifier: how its text is read and what it says about a person.

    Attributes:
        parse: text -> canonical text; raises IdentifierError.
        personal: whether the kind can name one person at all.
        names_one_person: whether this canonical value does; a court number without suffix does not.
        one_per_person: whether a person has one only, so that two different values speak against one person. False
            where a person may have several: one per county, per petition, or per duplicate entry in the same system.
    """

    name: str
    description: str
    parse: Callable[[str], str]
    personal: bool = True
    one_per_person: bool = False
    names_one_person: Callable[[str], bool] = _always


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier as read: type, canonical value, and whether it names one person."""

    type: str
    value: str
    personal: bool


def _parse_ssn(text: str) -> str:
    return _parse_taxpayer(text, "ssn")


def _parse_itin(text: str) -> str:
    return _parse_taxpayer(text, "itin")


def _parse_atin(text: str) -> str:
    return _parse_taxpayer(text, "atin")


def _parse_taxpayer(text: str, wanted: SsnKind) -> str:
    reading = classify_ssn(text)
    if reading.kind != wanted or reading.value is None:
        raise IdentifierError(f"not usable as {wanted.upper()}: {reading.reason}", "leave it empty where there is none")
    return reading.value


def _parse_meds_pseudo(text: str) -> str:
    meds_id = parse_meds_id(text)
    if meds_id.kind == "ssn":
        raise IdentifierError("this MEDS id is a Social Security number", "give it as ssn")
    return meds_id.value


def _parse_county_id_text(text: str) -> str:
    return str(parse_county_id(text))


_TYPES = (
    IdentifierType("ssn", "Social Security number, nine digits.", _parse_ssn, one_per_person=True),
    IdentifierType("itin", "Individual taxpayer number.", _parse_itin),
    IdentifierType("atin", "Taxpayer number given while an adoption is pending; ends with it.", _parse_atin),
    IdentifierType("cin", "Medi-Cal Client Index Number, nine characters.", cin_value, one_per_person=True),
    IdentifierType(
        "meds_id", "MEDS id while it is a pseudo number; replaced once there is an SSN.", _parse_meds_pseudo
    ),
    IdentifierType(
        "county_id",
        "Membership in a county aid case, 14 characters; changes with case and aid.",
        _parse_county_id_text,
        personal=False,
        names_one_person=_never,
    ),
    IdentifierType("cws_cms_client_id", "CWS/CMS client, ten base-62 characters.", parse_cws_cms_id),
    IdentifierType(
        "cws_cms_case_id",
        "CWS/CMS case or referral, ten base-62 characters.",
        parse_cws_cms_id,
        personal=False,
        names_one_person=_never,
    ),
    IdentifierType("cares_id", "CWS-CARES person; the form is not published, case matters.", parse_opaque),
    IdentifierType(
        "court_number",
        "Juvenile court number with its court and the child's suffix: <court>:<number>:<suffix>.",
        _parse_scoped_court_number,
        names_one_person=_has_child_suffix,
    ),
    IdentifierType("ccn", "County Client Number of behavioral health, with its county: <county>:<number>.", parse_ccn),
    IdentifierType("ssid", "Statewide student identifier; ten digits, as far as is known.", parse_opaque),
    IdentifierType("uci", "Regional center client identifier (UCI); seven digits, as far as is known.", parse_opaque),
    IdentifierType("ccsas_participant_id", "Child support participant; the form is not published.", parse_opaque),
    IdentifierType("calsaws_person_id", "CalSAWS person; the form is not published.", parse_opaque),
    IdentifierType("cair2_id", "Immunization registry patient; the form is not published.", parse_opaque),
    IdentifierType(
        "probation_number", "Probation youth, unique within its county: <county>:<number>.", _parse_scoped_opaque
    ),
)

IDENTIFIER_TYPES: Mapping[str, IdentifierType] = MappingProxyType({each.name: each for each in _TYPES})
"""Type name -> type. A type that is not here is accepted as opaque text; see `identifier_type`."""


def identifier_type(name: str) -> IdentifierType:
    """Look a type up; one that nobody has described is opaque, personal, and no contradiction when it differs."""
    known = IDENTIFIER_TYPES.get(name)
    return known or IdentifierType(name, "An identifier of a type that is not described here.", parse_opaque)


def read_identifier(type_name: str, text: str) -> Identifier:
    """Read an identifier of a type, known or not, into its canonical text.

    Raises:
        IdentifierError: the text is no identifier of that type.
    """
    return Identifier(type_name, *identifier_value(type_name, text))


def identifier_value(type_name: str, text: str) -> tuple[str, bool]:
    """The canonical text of an identifier, and whether it names one person; for many at a time.

    Raises:
        IdentifierError: the text is no identifier of that type.
    """
    kind = IDENTIFIER_TYPES.get(type_name) or identifier_type(type_name)
    value = kind.parse(text)
    return value, kind.personal and kind.names_one_person(value)
