"""Versions of one record: what a source rightly changes, and another person written over it."""

from __future__ import annotations

from typing import Any

import pytest

from config.policy import load_policy
from index_service.models import read_model
from linkage.overlaid import Overlay, overlays
from linkage.weights import compile_model
from tests.linkage.invented import invented_ssn, record

COMPILED, POLICY = compile_model(read_model()), load_policy()

CHILD: dict[str, Any] = {
    "first_name": "Marisol",
    "last_name": "Quintanilla",
    "birth_date": "2014-03-09",
    "sex": "female",
    "mother_first_name": "Rosaura",
    "address_line": "814 Alder Way",
    "city": "Fresno",
    "zip": "93701",
    "identifier__ssid": "1",
}
OTHER = {"first_name": "Thaddeus", "last_name": "Okonkwo", "birth_date": "2009-11-30", "sex": "male"}
NUMBERS = {"ssn": invented_ssn(1), "cin": "91234567A"}
OTHER_NUMBERS = {"ssn": invented_ssn(7, area=735, group=22), "cin": "97654321C"}
BABY = CHILD | {"first_name": "Baby Girl", "birth_date": "2024-05-01"}
NOT_THE_NAME = CHILD | {"first_name": ""}


def said(*versions: dict[str, Any]) -> Overlay | None:
    (found,) = overlays([[record(1, **values) for values in versions]], COMPILED, POLICY)
    return found


RIGHTLY_CHANGED = {
    "nothing that counts": [CHILD, CHILD | {"phone": "5595550100"}],
    "a newborn gets its name": [BABY, BABY | {"first_name": "Julia"}],
    "a newborn gets its name and a corrected sex": [BABY, BABY | {"first_name": "Jules", "sex": "male"}],
    "an adopted child gets other names, parents and a home": [
        CHILD | NUMBERS,
        CHILD
        | {"first_name": "Grace", "last_name": "Oyelaran", "mother_first_name": "Adaeze"}
        | {"address_line": "9 Elm St", "city": "Eureka", "zip": "95501", "ssn": OTHER_NUMBERS["ssn"]},
    ],
    "a typing error in the name": [CHILD | {"first_name": "Marisl"}, CHILD],
    "a typing error in the birth date": [CHILD | {"birth_date": "2014-03-19"}, CHILD],
    "day and month swapped, and the sex": [CHILD | {"birth_date": "2014-09-03", "sex": "male"}, CHILD],
    "first and last name swapped": [CHILD | {"first_name": "Quintanilla", "last_name": "Marisol"}, CHILD],
    "another first name and sex, as people change both": [
        CHILD | NUMBERS,
        CHILD | NUMBERS | {"first_name": "Leo", "sex": "male"},
    ],
    "a guessed name and birth date set right, the numbers the same": [
        CHILD | NUMBERS | {"first_name": "Ana", "birth_date": "2011-01-01"},
        CHILD | NUMBERS,
    ],
    "another birth date alone": [CHILD, CHILD | {"birth_date": "2009-11-30"}],
    "one thing after another": [
        CHILD,
        CHILD | {"last_name": "Oyelaran"},
        CHILD | {"last_name": "Oyelaran", "first_name": "Grace"},
        CHILD | {"last_name": "Oyelaran", "first_name": "Grace", "birth_date": "2014-03-29"},
    ],
    "written over and restored": [CHILD, CHILD | OTHER, CHILD],
}

WRITTEN_OVER = {
    "another first name, birth date and sex": ([CHILD, CHILD | OTHER], 0),
    "even where both numbers were kept": ([CHILD | NUMBERS, CHILD | NUMBERS | OTHER], 0),
    "another first name and birth date, one number kept": (
        [CHILD | NUMBERS, CHILD | OTHER | {"sex": "female", "ssn": NUMBERS["ssn"]}],
        0,
    ),
    "a newborn over a newborn": (
        [BABY, BABY | {"first_name": "Baby Boy", "birth_date": "2022-11-27", "sex": "male"}],
        0,
    ),
    "a twin of the other sex with its own numbers": (
        [CHILD | NUMBERS, CHILD | OTHER_NUMBERS | {"first_name": "Joaquin", "sex": "male"}],
        0,
    ),
    "and touched up since": ([CHILD, CHILD | OTHER, CHILD | OTHER | {"phone": "7075550100"}], 0),
    "after versions that agree": ([CHILD, CHILD | {"phone": "5595550100"}, CHILD | OTHER], 1),
    "and a third over the second": (
        [CHILD, CHILD | OTHER, CHILD | {"first_name": "Bartholomew", "birth_date": "1999-07-21", "sex": "female"}],
        1,
    ),
    "over a version without a name": ([NOT_THE_NAME, CHILD, CHILD | OTHER], 1),
}


@pytest.mark.parametrize("versions", RIGHTLY_CHANGED.values(), ids=RIGHTLY_CHANGED)
def test_what_a_source_rightly_changes_is_no_overlay(versions: list[dict[str, Any]]) -> None:
    assert said(*versions) is None


@pytest.mark.parametrize(("versions", "before"), WRITTEN_OVER.values(), ids=WRITTEN_OVER)
def test_another_person_written_over_a_record_is_one(versions: list[dict[str, Any]], before: int) -> None:
    found = said(*versions)
    assert found is not None and found.before == before
    assert "sex" in found.fields or "birth_date" in found.fields


def test_it_says_which_comparisons_are_at_odds() -> None:
    found = said(CHILD, CHILD | OTHER)
    assert found is not None
    assert set(found.fields) == {"first_name", "last_name", "birth_date", "sex"}


def test_many_records_at_once_are_each_as_alone() -> None:
    histories = [*RIGHTLY_CHANGED.values(), [CHILD], *(versions for versions, _ in WRITTEN_OVER.values())]
    together = overlays([[record(1, **values) for values in versions] for versions in histories], COMPILED, POLICY)
    assert together == [said(*versions) for versions in histories]
    assert overlays([], COMPILED, POLICY) == []
