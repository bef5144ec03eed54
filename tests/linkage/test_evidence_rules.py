"""What may never link on its own, and what contradicts itself."""

from __future__ import annotations

from typing import Any

import pytest

from config.policy import LinkagePolicy, load_policy
from linkage.columns import RecordColumns, one_against_many
from linkage.compare import agreement_levels
from linkage.comparisons import COMPARISONS
from linkage.evidence_rules import (
    born_apart,
    contradicts_itself,
    family_alone,
    number_alone,
    number_of_a_relative,
    opposed_pairs,
)
from tests.linkage.invented import invented_ssn, record

NAMES = [c.name for c in COMPARISONS]
Values = dict[str, Any]


def levels(left: Values, right: Values) -> Any:
    return agreement_levels(one_against_many(record(1, **left), RecordColumns.of([record(2, **right)])), COMPARISONS)


ANA = {
    "ssn": invented_ssn(), "first_name": "Ana", "last_name": "Lopez", "birth_date": "2015-03-09", "birth_order": "1",
    "mother_first_name": "Rosa", "cin": "90000001A", "identifier.ssid": "1",
}  # fmt: skip
ONLY_THE_SSN = {"ssn": invented_ssn(), "first_name": "Zed", "last_name": "Lopez", "birth_date": "2007-11-21"}


@pytest.mark.parametrize(
    ("other", "alone"),
    [
        (ONLY_THE_SSN, True),
        ({"ssn": invented_ssn()}, True),  # nothing else is said
        ({**ONLY_THE_SSN, "first_name": "Anna"}, False),
        ({**ONLY_THE_SSN, "birth_date": "2015-03-10"}, False),
        ({**ONLY_THE_SSN, "cin": "90000001A"}, True),  # two numbers of a parent
        ({**ONLY_THE_SSN, "ssn": "", "identifier.ssid": "1"}, True),
        ({**ONLY_THE_SSN, "mother_first_name": "Rosa"}, True),  # the household says nothing of the person
        ({**ANA, "ssn": invented_ssn(7777)}, False),
        ({"first_name": "Zed", "ssn": invented_ssn(7777)}, False),  # no number agrees
    ],
)
def test_a_number_needs_a_first_name_or_birth_date_beside_it(other: Values, alone: bool) -> None:
    assert number_of_a_relative(levels(ANA, other), NAMES).tolist() == [alone]


@pytest.mark.parametrize(
    ("other", "alone"),
    [
        ({"ssn": invented_ssn()}, True),
        ({"ssn": invented_ssn(), "first_name": "Zed", "last_name": "Ray", "birth_date": "2007-11-21"}, True),
        (ONLY_THE_SSN, False),  # the surname agrees: it is a relative's number at least
        ({"ssn": invented_ssn(), "mother_first_name": "Rosa"}, False),
    ],
)
def test_a_number_that_nothing_else_supports_stands_alone(other: Values, alone: bool) -> None:
    assert number_alone(levels(ANA, other), NAMES).tolist() == [alone]


TWIN = {"first_name": "Zoe", "last_name": "Lopez", "birth_date": "2015-03-09", "mother_first_name": "Rosa"}


@pytest.mark.parametrize(
    ("why", "other", "contradicts"),
    [
        ("a twin has another first name", TWIN, True),
        ("an unnamed twin has another birth order", {**TWIN, "first_name": "Baby Girl B"}, True),
        ("an unnamed twin has another SSN", {**TWIN, "first_name": "", "ssn": invented_ssn(7777)}, True),
        ("the same child under a nickname", {**TWIN, "first_name": "Anna"}, False),
        ("the same child, its birth order mistyped", {**TWIN, "first_name": "Ana", "birth_order": "2"}, False),
        ("the same child renamed, by two numbers", {**TWIN, "ssn": invented_ssn(), "cin": "90000001A"}, False),
        ("one number could be the twin's", {**TWIN, "cin": "90000001A"}, True),
        ("called by its middle name", {**TWIN, "middle_name": "Ana"}, False),
        ("the same child, its SSN mistaken", {**TWIN, "first_name": "Ana", "ssn": invented_ssn(7777)}, False),
        ("a sibling was born on another day", {**TWIN, "birth_date": "2012-11-21"}, False),
        ("a stranger born on the day", {**TWIN, "last_name": "Ray", "mother_first_name": "Lynn"}, False),
    ],
)
def test_agreement_of_birth_date_and_household_is_contradicted_by(why: str, other: Values, contradicts: bool) -> None:
    assert contradicts_itself(levels(ANA, other), NAMES).tolist() == [contradicts], why


@pytest.mark.parametrize(
    ("other", "apart"),
    [
        ({**ANA, "birth_date": "1988-11-21"}, False),  # name and numbers are the same: the date is wrong
        ({"first_name": "Ana", "last_name": "Lopez", "birth_date": "1988-11-21"}, True),  # called as her mother
        ({"ssn": invented_ssn(), "first_name": "Rosa", "birth_date": "1988-11-21"}, True),
        ({"first_name": "Ana", "last_name": "Lopez", "birth_date": "2014-03-09"}, False),  # one digit
        ({"first_name": "Ana", "last_name": "Lopez"}, False),
    ],
)
def test_birth_dates_with_nothing_in_common_are_of_two_persons(other: Values, apart: bool) -> None:
    assert born_apart(levels(ANA, other), NAMES).tolist() == [apart]


NAMELESS = {"last_name": "Lopez", "mother_first_name": "Rosa", "birth_date": "2015-03-10"}


@pytest.mark.parametrize(
    ("other", "alone"),
    [
        (NAMELESS, True),  # a brother's birth date may be a digit off as well
        ({**NAMELESS, "birth_date": ""}, True),
        ({**NAMELESS, "birth_date": "2015-03-09"}, False),
        ({**NAMELESS, "ssn": invented_ssn()}, False),
        ({**NAMELESS, "identifier.ssid": "1"}, False),
        ({**NAMELESS, "first_name": "Ana"}, False),
        ({**NAMELESS, "first_name": "Zed"}, False),  # another's name is weighed, and ruled on elsewhere
    ],
)
def test_a_family_alone_is_a_brother_s_too(other: Values, alone: bool) -> None:
    assert family_alone(levels(ANA, other), NAMES).tolist() == [alone]


@pytest.mark.parametrize("other", [ONLY_THE_SSN, TWIN, NAMELESS])
def test_the_policy_keeps_such_pairs_from_linking_unless_it_says_otherwise(other: Values) -> None:
    service = load_policy()
    lenient = LinkagePolicy(
        **{
            **service.model_dump(),
            "number_alone_never_links": False,
            "number_of_a_relative_needs_review": False,
            "contradiction_needs_review": False,
            "family_alone_never_links": False,
        }
    )
    assert opposed_pairs(levels(ANA, other), NAMES, service).tolist() == [True]
    assert opposed_pairs(levels(ANA, other), NAMES, lenient).tolist() == [False]
    assert opposed_pairs(levels(ANA, ANA), NAMES, service).tolist() == [False]


def test_a_comparison_that_takes_no_part_says_nothing() -> None:
    pattern = levels(ANA, TWIN)
    only_family = [k for k, name in enumerate(NAMES) if name in ("birth_date", "last_name")]
    assert contradicts_itself(pattern[:, only_family], ["birth_date", "last_name"]).tolist() == [False]
