"""How much a shared value says: little for a common name, nearly all for a number that nobody shares."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest

from linkage.batch import BatchEngine
from linkage.model import Frequencies, value_digest
from linkage.record import NormalisedRecord
from tests.linkage.invented import record, table_of
from training.frequencies import LEAST_LISTED, generic_values, value_frequencies

SURNAMES = (
    "Lopez",
    "Ray",
    "Nguyen",
    "Cruz",
    "Martin",
    "Adams",
    "Brooks",
    "Turner",
    "Ellis",
    "Fox",
    "Hale",
    "Inman",
    "Kerr",
)
GIVEN = ("Ana", "Luis", "Zoe", "Omar", "Eva", "Carl", "Dora", "Finn", "Gina", "Hugo", "Iris", "Jack", "Kate")


def population() -> list[NormalisedRecord]:
    """300 persons: every third called Maria, the rest with a name of their own; each with a telephone of its own."""
    return [
        record(i, first_name="Maria" if i % 3 == 0 else f"Name{_letters(i)}", phone=f"555{2_000_000 + 7 * i}")
        for i in range(300)
    ]


def _letters(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def frequencies(
    column: str, cluster: list[int] | None = None, records: list[NormalisedRecord] | None = None
) -> Frequencies:
    with BatchEngine(table_of(records or population())) as engine:
        found = value_frequencies(engine, column, np.array(cluster) if cluster else None)
    assert found is not None
    return found


def test_a_common_name_is_listed_with_about_its_share() -> None:
    found = frequencies("first_name")
    assert found.values == {"maria": pytest.approx(1 / 3, rel=0.02)}


def test_a_number_that_nobody_shares_weighs_far_more_than_a_common_name() -> None:
    name, phone = frequencies("first_name"), frequencies("phone")
    assert phone.values == {}
    assert log2(name.of("maria")) - log2(phone.of("5550000000")) > 10


def test_rare_values_are_not_named_in_the_model() -> None:
    records = [
        record(i, first_name=name) for i, name in enumerate(["Ana"] * LEAST_LISTED + ["Zoe"] * (LEAST_LISTED - 1))
    ]
    assert set(frequencies("first_name", records=records).values) == {"ana"}


def test_a_person_of_many_records_does_not_make_its_own_name_common() -> None:
    names = ["Xochitl"] * 30 + ["Maria"] * 40 + [f"Name{_letters(i)}" for i in range(60)]
    records = [record(i, first_name=name) for i, name in enumerate(names)]
    one_person_of_thirty_records = [0] * 30 + list(range(30, len(names)))
    assert set(frequencies("first_name", records=records).values) == {"maria", "xochitl"}
    found = frequencies("first_name", one_person_of_thirty_records, records)
    assert set(found.values) == {"maria"}
    assert found.of("xochitl") < 0.02 < found.of("maria")


def test_a_column_that_nobody_fills_has_no_frequencies() -> None:
    with BatchEngine(table_of(population())) as engine:
        assert value_frequencies(engine, "email", None) is None


def test_frequencies_are_probabilities() -> None:
    for column in ("first_name", "phone", "last_sound"):
        with BatchEngine(table_of(population())) as engine:
            found = value_frequencies(engine, column, None)
        for frequency in (*found.values.values(), found.other) if found else ():
            assert 0.0 < frequency <= 1.0


def of_different_people(count: int, **values: str) -> list[NormalisedRecord]:
    return [
        record(i, first_name=GIVEN[i], last_name=SURNAMES[i], birth_date=f"{2000 + i}-03-09", **values)
        for i in range(count)
    ]


def generic(records: list[NormalisedRecord]) -> dict[str, tuple[str, ...]]:
    with BatchEngine(table_of(records)) as engine:
        return generic_values(engine)


@pytest.mark.parametrize(
    ("column", "field", "value", "people"),
    [
        ("phone", "phone", "5550100199", 12),
        ("email", "email", "office@example.org", 6),
        ("cin", "cin", "90000001A", 4),
        ("identifiers", "identifier.ssid", "0000000001", 4),
    ],
)
def test_a_value_that_many_different_people_share_is_generic(column: str, field: str, value: str, people: int) -> None:
    stored = f"ssid:{value}" if column == "identifiers" else value
    assert generic(of_different_people(people, **{field: value})) == {column: (value_digest(stored),)}
    assert generic(of_different_people(people - 1, **{field: value})) == {}


def test_a_family_s_telephone_is_not_generic_however_many_children_it_has() -> None:
    children = [record(i, first_name=GIVEN[i], last_name="Lopez", phone="555-010-0199") for i in range(13)]
    assert generic(children) == {}


def test_a_child_with_many_records_does_not_make_its_own_number_generic() -> None:
    records = [
        record(i, first_name="Ana", last_name=SURNAMES[i], birth_date="2015-03-09", cin="90000001A") for i in range(13)
    ]
    assert generic(records) == {}


def test_generic_values_are_taken_out_of_lists_and_columns() -> None:
    values = {"phone": (value_digest("5550100199"),), "identifiers": (value_digest("ssid:1"),)}
    left_in = {"identifier.uci": "7", "email": "ana@example.org"}
    with BatchEngine(table_of([record(1, phone="555-010-0199", **{"identifier.ssid": "1"}, **left_in)])) as engine:
        assert engine.remove_generic(values) == {"phone": 1, "identifiers": 1}
        row = engine.con.execute("select phone, identifiers, email from records").fetchone()
    assert row == (None, ["uci:7"], "ana@example.org")
