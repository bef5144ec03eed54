"""How far two records agree: one sentence per verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from linkage.columns import RecordColumns, one_against_many, pairs_within
from linkage.compare import agreement_levels
from linkage.comparisons import BY_NAME, COMPARISONS
from linkage.record import NormalisedRecord
from tests.linkage.edge_cases import edge_cases
from tests.linkage.invented import invented_ssn, record

Values = dict[str, Any]


def verdict(comparison: str, left: NormalisedRecord, right: NormalisedRecord) -> str:
    declared = BY_NAME[comparison]
    (level,) = agreement_levels(one_against_many(left, RecordColumns.of([right])), [declared])[:, 0]
    return "missing" if level < 0 else declared.labels[level]


def first(name: str, **others: Any) -> Values:
    return {"first_name": name, **others}


def last(name: str, **others: Any) -> Values:
    return {"last_name": name, **others}


def born(date: str, **others: Any) -> Values:
    return {"birth_date": date, **others}


def home(line: str) -> Values:
    return {"address_line": line}


VERDICTS: list[tuple[str, str, Values, Values, str]] = [
    ("the same name with and without accent", "first_name", first("José"), first("Jose"), "same"),
    ("a two-part name joined", "first_name", first("Mary Ann"), first("Maryann"), "same"),
    ("a nickname", "first_name", first("Liz"), first("Elizabeth"), "nickname, alias or in the other field"),
    (
        "an alias",
        "first_name",
        first("Ana", alias_names=["Zoe Ray"]),
        first("Zoe"),
        "nickname, alias or in the other field",
    ),
    (
        "first and last name exchanged",
        "first_name",
        first("Kim", last_name="Lee"),
        first("Lee", last_name="Kim"),
        "nickname, alias or in the other field",
    ),
    (
        "called by the middle name",
        "first_name",
        {"first_name": "Ana", "middle_name": "Zoe"},
        {"first_name": "Zoe"},
        "the other's middle name",
    ),
    (
        "given names in another order",
        "middle_name",
        {"first_name": "Ana", "middle_name": "Zoe"},
        {"first_name": "Zoe", "middle_name": "Ana"},
        "the other's first name",
    ),
    ("a name cut off", "first_name", first("Evangelina"), first("Evange"), "one within the other"),
    ("the second given name alone", "first_name", first("Maria Elena"), first("Elena"), "one within the other"),
    ("an initial", "first_name", first("M"), first("Maria"), "initial"),
    ("two places changed", "first_name", first("Martha"), first("Marhta"), "nearly the same"),
    ("a rough likeness", "first_name", first("Melissa"), first("Melinda"), "alike"),
    ("two names", "first_name", first("Ana"), first("Christopher"), "disagrees"),
    ("a placeholder says nothing", "first_name", first("Baby Boy"), first("Ana"), "missing"),
    ("the same middle name", "middle_name", {"middle_name": "Ana"}, {"middle_name": "ANA"}, "same"),
    ("a middle initial", "middle_name", {"middle_name": "A."}, {"middle_name": "Ana"}, "initial"),
    (
        "a middle name cut off",
        "middle_name",
        {"middle_name": "Christopher"},
        {"middle_name": "Christo"},
        "nearly the same",
    ),
    ("another middle name", "middle_name", {"middle_name": "Rosa"}, {"middle_name": "Lynn"}, "disagrees"),
    ("the same suffix", "suffix", {"suffix": "Jr."}, {"suffix": "junior"}, "same"),
    ("father and son", "suffix", {"suffix": "Jr"}, {"suffix": "Sr"}, "disagrees"),
    ("girl and boy", "sex", {"sex": "female"}, {"sex": "M"}, "disagrees"),
    ("a sex that is not known says nothing", "sex", {"sex": "unknown"}, {"sex": "female"}, "missing"),
    ("the same SSN", "ssn", {"ssn": invented_ssn()}, {"ssn": invented_ssn()}, "same"),
    (
        "two digits of an SSN exchanged",
        "ssn",
        {"ssn": invented_ssn(12)},
        {"ssn": invented_ssn(21)},
        "one or two digits off",
    ),
    ("three digits off", "ssn", {"ssn": invented_ssn(1111)}, {"ssn": invented_ssn(1222)}, "disagrees"),
    ("a placeholder SSN says nothing", "ssn", {"ssn": "123-45-6789"}, {"ssn": invented_ssn()}, "missing"),
    ("the same CIN, once with check digit", "cin", {"cin": "90000001A"}, {"cin": "90000001A7"}, "same"),
    (
        "one identifier of several in common",
        "identifiers",
        {"identifier.ssid": "0000000001", "identifier.uci": "0000001"},
        {"identifier.ssid": "0000000001", "identifier.uci": "2"},
        "one in common",
    ),
    (
        "two numbers of one kind",
        "identifiers",
        {"identifier.ssid": "0000000001"},
        {"identifier.ssid": "2"},
        "disagrees",
    ),
    ("numbers of two kinds say nothing", "identifiers", {"identifier.ssid": "1"}, {"identifier.uci": "1"}, "missing"),
    ("first and second twin", "birth_order", {"birth_order": "1"}, {"first_name": "Baby Boy B"}, "disagrees"),
    ("both of several", "multiple_birth", {"multiple_birth": "y"}, {"multiple_birth": "true"}, "one of several"),
    ("one side says so", "multiple_birth", {"multiple_birth": "y"}, {}, "one of several"),
    ("a birth order says so", "multiple_birth", {"birth_order": "2"}, {}, "one of several"),
    ("one side says not", "multiple_birth", {"multiple_birth": "n", "birth_order": "1"}, {}, "born alone"),
    ("one says so, one not", "multiple_birth", {"multiple_birth": "y"}, {"multiple_birth": "n"}, "disagrees"),
    ("neither says", "multiple_birth", first("Ana"), first("Ana"), "missing"),
    ("the same birth date in two spellings", "birth_date", born("2015-03-09"), born("03/09/2015"), "same"),
    ("a digit off", "birth_date", born("2015-03-09"), born("2015-03-08"), "one digit off, or day and month swapped"),
    (
        "day and month swapped",
        "birth_date",
        born("2015-03-09"),
        born("2015-09-03"),
        "one digit off, or day and month swapped",
    ),
    ("a birth date without day", "birth_date", born("2015-03"), born("2015-03-09"), "known parts agree"),
    ("a year of birth alone", "birth_date", born("2015"), born("2015-03-09"), "known parts agree"),
    (
        "the same day and month of another year",
        "birth_date",
        born("2015-03-09"),
        born("2009-03-09"),
        "two of day, month, year",
    ),
    ("the same month", "birth_date", born("2015-03-09"), born("2015-03-21"), "two of day, month, year"),
    (
        "an estimated date a year off",
        "birth_date",
        born("2015-03-09", birth_date_estimated="y"),
        born("2014-11-21"),
        "estimated, within a year",
    ),
    ("a year alone, one off", "birth_date", born("2014"), born("2015-03-09"), "estimated, within a year"),
    ("two digits off", "birth_date", born("2015-03-09"), born("2025-04-09"), "two digits off"),
    ("a year off in all else", "birth_date", born("2015-03-09"), born("2014-11-21"), "within a year"),
    ("two birth dates", "birth_date", born("2015-03-09"), born("2007-11-21"), "disagrees"),
    ("a placeholder date says nothing", "birth_date", born("1900-01-01"), born("2015-03-09"), "missing"),
    ("the same surname hyphened and spaced", "last_name", last("García-López"), last("Garcia Lopez"), "same"),
    ("one surname of two", "last_name", last("García López"), last("López"), "a surname in common"),
    ("two surnames in the other order", "last_name", last("García López"), last("López García"), "a surname in common"),
    ("an alias's surname", "last_name", last("Ray", alias_names=["Ana Lopez"]), last("Lopez"), "a surname in common"),
    ("a surname cut off", "last_name", last("Villanueva"), last("Villan"), "one within the other"),
    ("a letter of a surname", "last_name", last("Martinez"), last("Martines"), "nearly the same"),
    ("surnames alike", "last_name", last("Garcia"), last("Garza"), "alike"),
    ("two surnames", "last_name", last("Ray"), last("Lopez"), "disagrees"),
    (
        "the same mother",
        "mother",
        {"mother_first_name": "Rosa", "mother_last_name": "Cruz"},
        {"mother_first_name": "ROSA", "mother_last_name": "Cruz"},
        "same first and last name",
    ),
    (
        "a mother's first name",
        "mother",
        {"mother_first_name": "Rosa", "mother_last_name": "Cruz"},
        {"mother_first_name": "Rosa"},
        "same first name",
    ),
    (
        "a mother's name cut off",
        "mother",
        {"mother_first_name": "Rosalinda"},
        {"mother_first_name": "Rosal"},
        "first name nearly the same",
    ),
    (
        "a mother's surname",
        "mother",
        {"mother_first_name": "Rosa", "mother_last_name": "Cruz"},
        {"mother_first_name": "Lynn", "mother_last_name": "Cruz"},
        "same last name",
    ),
    ("another mother", "mother", {"mother_first_name": "Rosa"}, {"mother_first_name": "Lynn"}, "disagrees"),
    (
        "a mother of whom only the surname is known says nothing",
        "mother",
        {"mother_last_name": "Cruz"},
        {"mother_first_name": "Rosa"},
        "missing",
    ),
    (
        "the same guardian",
        "guardian",
        {"guardian_first_name": "Rosa", "guardian_last_name": "Cruz"},
        {"guardian_first_name": "Rosa", "guardian_last_name": "Cruz"},
        "same first and last name",
    ),
    (
        "the same address in two spellings",
        "address",
        home("12 North Main Street, Apt. 4"),
        home("12 N MAIN ST #4"),
        "same",
    ),
    (
        "another flat of the house",
        "address",
        home("12 N Main St Apt 4"),
        home("12 N Main St"),
        "same house number and street",
    ),
    (
        "a misspelt street",
        "address",
        home("12 Hawthorn Court"),
        home("12 Hawthorne Ct"),
        "same house number, street alike",
    ),
    (
        "a digit of the house number",
        "address",
        home("11680 Hawthorn Court"),
        home("11690 Hawthorn Court"),
        "nearly the same",
    ),
    ("neighbours", "address", home("12 Oak Ave"), home("977 Oak Ave"), "same street"),
    ("two addresses", "address", home("12 Oak Ave"), home("977 Palm Dr"), "disagrees"),
    ("no address says nothing", "address", home("Homeless"), home("12 Oak Ave"), "missing"),
    ("the same ZIP code", "locality", {"zip": "93701-0001"}, {"zip": "93701", "city": "Clovis"}, "same ZIP code"),
    ("the same city", "locality", {"zip": "93701", "city": "Fresno"}, {"zip": "93799", "city": "FRESNO"}, "same city"),
    ("a digit of the ZIP code", "locality", {"zip": "93701"}, {"zip": "93702"}, "ZIP code one digit off"),
    ("the same state", "locality", {"zip": "93701", "state": "CA"}, {"zip": "95814", "state": "ca"}, "same state"),
    ("two places", "locality", {"zip": "93701"}, {"zip": "89501"}, "disagrees"),
    ("a ZIP code beside a city says nothing", "locality", {"zip": "93701"}, {"city": "Fresno"}, "missing"),
    ("the same telephone", "phone", {"phone": "(555) 010-0199"}, {"phone": "+1 555 010 0199"}, "same"),
    ("a digit of the telephone", "phone", {"phone": "555-010-0199"}, {"phone": "555-010-0198"}, "one digit off"),
    ("two telephones", "phone", {"phone": "555-010-0199"}, {"phone": "555-010-0288"}, "disagrees"),
    ("the same e-mail address", "email", {"email": "ana@example.org"}, {"email": "Ana@Example.org"}, "same"),
    (
        "a letter of the e-mail address",
        "email",
        {"email": "ana.lopez@example.org"},
        {"email": "ana.lopes@example.org"},
        "nearly the same",
    ),
    ("two e-mail addresses", "email", {"email": "ana@example.org"}, {"email": "zed@example.com"}, "disagrees"),
    ("the same case", "case_id", {"case_id": "C-7"}, {"case_id": " C-7 "}, "same"),
    ("two cases", "case_id", {"case_id": "C-7"}, {"case_id": "c-7"}, "disagrees"),
]


@pytest.mark.parametrize(
    ("comparison", "left", "right", "expected"), [v[1:] for v in VERDICTS], ids=[f"{v[1]}: {v[0]}" for v in VERDICTS]
)
def test_verdict(comparison: str, left: Values, right: Values, expected: str) -> None:
    assert verdict(comparison, record(1, **left), record(2, **right)) == expected
    assert verdict(comparison, record(2, **right), record(1, **left)) == expected, "the other way round"


def test_every_level_of_every_comparison_has_its_sentence() -> None:
    said = {(comparison, expected) for _, comparison, _, _, expected in VERDICTS if expected != "missing"}
    guardian_is_declared_like_mother = {("guardian", label) for label in BY_NAME["guardian"].labels}
    strongest_only = {(c.name, label) for c in COMPARISONS if c.top == 1 for label in c.labels}
    every = {(c.name, label) for c in COMPARISONS for label in c.labels}
    assert (
        every
        - said
        - guardian_is_declared_like_mother
        - strongest_only
        - {("cin", "one or two digits off"), ("cin", "disagrees")}
        == set()
    )


def test_agreement_is_symmetric() -> None:
    records = RecordColumns.of(edge_cases(200, seed=21))
    left, right = np.triu_indices(200, 1)
    forth = agreement_levels(pairs_within(records, left, right), COMPARISONS)
    back = agreement_levels(pairs_within(records, right, left), COMPARISONS)
    assert np.array_equal(forth, back)


def test_a_record_agrees_with_itself_wherever_it_says_anything() -> None:
    records = RecordColumns.of(edge_cases(200, seed=22))
    rows = np.arange(200)
    levels = agreement_levels(pairs_within(records, rows, rows), COMPARISONS)
    partial_dates = np.array([date is None for date in records.column("birth_date")])
    unnamed = {"mother": records.column("mother_last"), "guardian": records.column("guardian_last")}
    for k, comparison in enumerate(COMPARISONS):
        said = levels[:, k] >= 0
        assert said.any()
        if comparison.name == "multiple_birth":
            said &= np.array([flag is True for flag in records.column("multiple_birth")])
        if comparison.name == "birth_date":
            said &= ~partial_dates
        if comparison.name in unnamed:
            said &= np.array([name is not None for name in unnamed[comparison.name]])
        if comparison.name == "locality":
            said &= np.array([code is not None for code in records.column("zip")])
        assert (levels[said, k] == comparison.top).all(), comparison.name


def test_no_pairs_have_no_levels() -> None:
    none = np.zeros(0, np.intp)
    assert agreement_levels(pairs_within(RecordColumns.of([]), none, none), COMPARISONS).shape == (0, len(COMPARISONS))
