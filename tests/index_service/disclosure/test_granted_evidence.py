"""Nobody finds out a value that the agreement does not grant by guessing at it and looking at how it agrees."""

from __future__ import annotations

import json
from typing import Any

import pytest

from config.fields import CANONICAL_FIELDS, IDENTIFIER_PREFIX
from index_service.disclosure.clauses import clauses_of
from index_service.disclosure.everything import everything_for
from index_service.store.agreements import apply_agreements
from index_service.store.connection import Connection
from index_service.visible_evidence import COLUMNS_OF, FIELDS_COMPARED, as_granted, may_tell, said_by
from linkage.comparisons import COMPARISONS
from linkage.normalise import normalise
from linkage.record import COLUMNS, SourceRecord
from tests.index_service.access.minting import PURPOSES
from tests.index_service.disclosure.generated import SOURCES
from tests.index_service.disclosure.test_nothing_told import Sent, answers
from tests.index_service.disclosure.two_databases import Population, fill
from tests.linkage.edge_cases import edge_cases

GRANTED = ("first_name", "last_name", "birth_date")
MARISOL = {
    "first_name": "Marisol",
    "last_name": "Testvogel",
    "birth_date": "2013-04-17",
    "mother_first_name": "Ines",
    "address_line": "12 Example St",
    "zip": "95814",
    "cin": "91234567A",
    "phone": "9165550143",
}
KNOWN = {name: MARISOL[name] for name in GRANTED}
GUESSES: list[dict[str, str]] = [
    {"cin": MARISOL["cin"]},
    {"cin": "91234568A"},
    {"mother_first_name": "Ines"},
    {"mother_first_name": "Anes"},
    {"address_line": "12 Example St"},
    {"zip": "95814"},
]
STORED = {"source": "meds", "source_record_id": "1"}


@pytest.fixture
def told(conn: Connection, database_url: str) -> Any:
    """What two callers are told, one with and one without right to the values: caller and requests to bodies."""
    population = Population(
        {("meds", "1"): MARISOL, ("cws_cms", "2"): MARISOL}, [{("meds", "1"): "P0", ("cws_cms", "2"): "P0"}]
    )
    fill(conn, population, with_forbidden=True)
    names = everything_for("names", ("TREAT",), name="names")
    (grant,) = names.grants
    held = [
        names.model_copy(update={"grants": (grant.model_copy(update={"attributes": GRANTED}),)}),
        everything_for("all_seeing", ("TREAT",), name="all_seeing"),
    ]
    apply_agreements(conn, held, clauses_of(held, SOURCES, PURPOSES), reason="test", who="tests")

    def asked(caller: str, sent: list[Sent]) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in answers(database_url, sent, caller, "TREAT")]

    return asked


def test_a_guess_at_a_value_that_is_not_granted_changes_no_comparison_with_a_stored_record(told: Any) -> None:
    sent = [Sent("POST", "/v1/compare", {"left": {"fields": KNOWN | guess}, "right": STORED}) for guess in GUESSES]
    of_names = told("names", [*sent, Sent("POST", "/v1/compare", {"left": {"fields": KNOWN}, "right": STORED})])
    assert all(answer == of_names[-1] for answer in of_names)
    assert len({json.dumps(answer) for answer in told("all_seeing", sent)}) > len(GUESSES) // 2


def test_a_guess_changes_nothing_that_an_answer_says_of_the_evidence_and_no_figure_but_the_grade_s(told: Any) -> None:
    sent = [Sent("POST", "/v1/resolve", {"fields": KNOWN | guess}) for guess in GUESSES]
    persons = [answer["persons"][0] for answer in told("names", sent)]
    for person in persons:
        assert person["figures_are_least"]
        evidence = {part["comparison"] for part in person["agreed"] + person["disagreed"]}
        assert evidence <= set(GRANTED)
        assert person["probability"] in {0.005, 0.5, 1 - 0.00025}
    by_grade = {(person["grade"], json.dumps(person)) for person in persons}
    assert len(by_grade) == len({grade for grade, _ in by_grade})


def test_what_is_granted_is_told_in_full(told: Any) -> None:
    for caller in ("names", "all_seeing"):
        (answer,) = told(caller, [Sent("POST", "/v1/resolve", {"fields": KNOWN})])
        (person,) = answer["persons"]
        assert not person["figures_are_least"]
        assert {part["comparison"] for part in person["agreed"]} == set(GRANTED)


def test_every_column_and_every_comparison_is_some_field_s() -> None:
    """A column that were forgotten would be compared though its field is not granted."""
    listed = {column for columns in COLUMNS_OF.values() for column in columns}
    assert listed | {"source", "source_record_id", "identifiers", "identifier_types"} == set(COLUMNS)
    assert COLUMNS_OF.keys() <= CANONICAL_FIELDS.keys()
    for comparison in COMPARISONS:
        fields = FIELDS_COMPARED.get(comparison.name, (comparison.name,))
        assert comparison.name == "identifiers" or set(fields) <= COLUMNS_OF.keys()


def test_a_record_without_any_grant_says_nothing_and_a_number_in_a_number_s_place_is_known_for_what_it_is() -> None:
    for record in edge_cases(200, seed=1):
        assert not said_by(as_granted(record, ()))
        assert said_by(as_granted(record, said_by(record))) == said_by(record)
    asked = said_by(normalise(SourceRecord("", "", {"identifier.ssid": "1234567890"}))[0])
    assert asked == {IDENTIFIER_PREFIX + "ssid"}
    assert not may_tell("identifiers", asked, GRANTED)
