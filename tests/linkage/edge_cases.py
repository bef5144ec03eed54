"""Records made to be hard: variants of a few invented people, in which every level of every comparison occurs.

Accents, one-letter and empty names, two-part names, nicknames, swapped fields, partial and estimated dates, lists of
aliases and identifiers, misread digits, half-written addresses. The same seed gives the same records.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from linkage.record import CanonicalValue, NormalisedRecord
from tests.linkage.invented import invented_ssn, record

SOURCES = ("cws_cms", "meds", "juvenile_court")

Values = dict[str, CanonicalValue]

_FIRST = (
    "María", "Maria Elena", "Mary-Ann", "José", "Joseph", "Elizabeth", "Liz", "William", "Bill", "Zoë", "Nguyệt",
    "D'Andre", "Martha", "Marhta", "Christopher", "Kristopher", "Ана", "J", "Q", "",
)  # fmt: skip
_LAST = (
    "García López", "Garcia", "Lopez", "de la Cruz", "Cruz", "O’Brien", "Nguyễn", "Müller-Schmidt", "Müller", "Vu", "X",
    "Richardson", "Richards", "Martinez", "Martines", "",
)  # fmt: skip
_STREETS = (
    "North Main Street",
    "Oak Avenue",
    "Los Flores",
    "Peña Blanca Drive",
    "Martin Luther King Boulevard",
    "1st Street",
)
_CITIES = (("Fresno", "CA", "93701"), ("Cañada", "CA", "93702"), ("Reno", "NV", "89501"), ("San José", "CA", "95110"))


def edge_cases(count: int, *, seed: int, people: int = 40) -> list[NormalisedRecord]:
    """`count` normalised records of so many people."""
    rng = random.Random(seed)  # noqa: S311 - invented people are no secret
    written = [_person(rng) for _ in range(people)]
    return [_variant(rng, number, rng.choice(written)) for number in range(count)]


def _person(rng: random.Random) -> Values:
    city, state, zip_code = rng.choice(_CITIES)
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    return {
        "first_name": first,
        "middle_name": rng.choice(_FIRST),
        "last_name": last,
        "suffix": rng.choice(("", "Jr", "III")),
        "sex": rng.choice(("female", "male")),
        "birth_date": f"{rng.randint(2008, 2016)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
        "birth_order": rng.choice("12"),
        "multiple_birth": rng.choice("yn"),
        "ssn": invented_ssn(serial=rng.randint(1, 9999), area=rng.choice((734, 735)), group=rng.randint(11, 13)),
        "cin": f"9{rng.randint(0, 9_999_999):07d}A",
        "identifier.ssid": f"{rng.randint(1, 60):010d}",
        "identifier.uci": f"{rng.randint(1, 60):07d}",
        "mother_first_name": rng.choice(_FIRST),
        "mother_last_name": rng.choice(_LAST),
        "guardian_first_name": rng.choice(_FIRST),
        "guardian_last_name": rng.choice(_LAST),
        "address_line": f"{rng.randint(1, 3000)} {rng.choice(_STREETS)}",
        "city": city,
        "state": state,
        "zip": zip_code,
        "phone": f"55501{rng.randint(0, 99999):05d}",
        "email": f"{rng.choice(('ana.lopez', 'bea.cruz.garcia', 'zed'))}{rng.randint(1, 99)}@example.org",
        "case_id": f"C-{rng.randint(1, 30)}",
    }


def _variant(rng: random.Random, number: int, person: Values) -> NormalisedRecord:
    values = dict(person)
    for name in person:
        if rng.random() < 0.12:
            values[name] = ""
        elif rng.random() < 0.45:
            values[name] = rng.choice(_CHANGES.get(name, (_keep,)))(rng, str(values[name]))
    if rng.random() < 0.1:
        values["first_name"], values["last_name"] = values["last_name"], values["first_name"]
    if rng.random() < 0.2:
        values["birth_date_estimated"] = "y"
    values["alias_names"] = [f"{rng.choice(_FIRST)} {rng.choice(_LAST)}" for _ in range(rng.choice((0, 0, 0, 1, 2)))]
    return record(number, rng.choice(SOURCES), **{k: v for k, v in values.items() if v})


Change = Callable[[random.Random, str], str]


def _keep(_rng: random.Random, text: str) -> str:
    return text


def _other_letter(rng: random.Random, text: str) -> str:
    return _replaced(rng, text, "aeiounrst")


def _other_digit(rng: random.Random, text: str) -> str:
    digits = [i for i, c in enumerate(text) if c.isdigit()]
    if not digits:
        return text
    at = rng.choice(digits)
    return f"{text[:at]}{rng.choice('123456789')}{text[at + 1 :]}"


def _replaced(rng: random.Random, text: str, by: str) -> str:
    if not text:
        return text
    at = rng.randrange(len(text))
    return f"{text[:at]}{rng.choice(by)}{text[at + 1 :]}"


def _swapped(rng: random.Random, text: str) -> str:
    at = rng.randrange(max(len(text) - 1, 1))
    return f"{text[:at]}{text[at + 1 : at + 2]}{text[at : at + 1]}{text[at + 2 :]}"


def _cut(rng: random.Random, text: str) -> str:
    return text[: rng.randint(1, max(len(text), 1))]


def _initial(_rng: random.Random, text: str) -> str:
    return text[:1]


def _one_of(choices: Sequence[str]) -> Change:
    return lambda rng, _text: rng.choice(choices)


def _day_and_month_swapped(_rng: random.Random, text: str) -> str:
    year, month, day = text.split("-")
    return f"{year}-{day}-{month}" if int(day) <= 12 else text


def _without_day(_rng: random.Random, text: str) -> str:
    return text[:7]


def _only_year(_rng: random.Random, text: str) -> str:
    return text[:4]


def _with_unit(rng: random.Random, text: str) -> str:
    return f"{text} Apt {rng.randint(1, 9)}"


def _another_day(rng: random.Random, text: str) -> str:
    return f"{int(text[:4]) + rng.choice((-1, 0, 1))}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


_OF_NAMES: tuple[Change, ...] = (_other_letter, _other_letter, _swapped, _cut, _initial)
_FIRST_NAMES: tuple[Change, ...] = (*_OF_NAMES, _one_of(_FIRST))
_SURNAMES: tuple[Change, ...] = (*_OF_NAMES, _one_of(_LAST))

_CHANGES: dict[str, tuple[Change, ...]] = {
    "first_name": _FIRST_NAMES,
    "middle_name": _FIRST_NAMES,
    "last_name": _SURNAMES,
    "mother_first_name": _FIRST_NAMES,
    "mother_last_name": _SURNAMES,
    "guardian_first_name": _FIRST_NAMES,
    "guardian_last_name": _SURNAMES,
    "sex": (_one_of(("female", "male", "other")),),
    "birth_order": (_one_of("123"),),
    "multiple_birth": (_one_of("yn"),),
    "birth_date": (_other_digit, _swapped, _day_and_month_swapped, _without_day, _only_year, _another_day),
    "ssn": (_other_digit, _swapped),
    "cin": (_other_digit, _swapped),
    "address_line": (_other_digit, _other_letter, _swapped, _with_unit, _one_of([f"12 {s}" for s in _STREETS])),
    "zip": (_other_digit,),
    "city": (_one_of([city for city, _, _ in _CITIES]),),
    "phone": (_other_digit,),
    "email": (_other_letter, _other_digit),
    "case_id": (_other_digit,),
}  # fmt: skip
