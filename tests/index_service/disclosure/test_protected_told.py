"""Safe at Home: what is not told of a person whose whereabouts, or whose change of name, are protected."""

from __future__ import annotations

from collections.abc import Iterator

from config.fields import PROTECTIVE_FLAGS
from config.sources import load_sources
from index_service.arriving import receive
from index_service.disclosure.clauses import clauses_of
from index_service.disclosure.everything import everything_for
from index_service.ingesting import Write, ingest
from index_service.packets import IDENTIFYING
from index_service.store.agreements import apply_agreements
from index_service.store.connection import Connection, connect
from index_service.store.releasing import AskedPersons, released_persons
from index_service.store.roles import answering_url, grant_answering
from tests.conftest import NewDatabase
from tests.index_service.access.minting import PURPOSES
from tests.index_service.disclosure.population import ask, question
from tests.index_service.disclosure.test_nothing_told import Sent, answers
from tests.index_service.disclosure.test_protected_persons import HOME, MARISOL
from tests.index_service.disclosure.two_databases import Population, fill

SOURCES = load_sources()


def told(url: str, person: str) -> dict[str, object]:
    """All values told of a person's records, by source."""
    wanted = ("first_name", "last_name", "alias_names", "cin", *HOME, *PROTECTIVE_FLAGS)
    asked = AskedPersons(question("all_seeing", "TREAT"), persons=[person], attributes=wanted)
    (found,) = ask(answering_url(url), lambda conn: released_persons(conn, [asked]))
    return {pointer.source: pointer.attributes for pointer in found}


def come(conn: Connection, source: str, record_id: str, **values: str) -> str:
    (answer,) = ingest(conn, [Write(receive(SOURCES[source], record_id, values).arrival)])
    return str(answer.person_id)  # type: ignore[union-attr]


def test_of_a_protected_person_no_source_s_address_is_told_and_no_name_but_the_protected_record_s(
    database_url: str,
) -> None:
    with connect(database_url) as conn:
        held = [everything_for("all_seeing", ("TREAT",), name="all_seeing")]
        apply_agreements(conn, held, clauses_of(held, SOURCES, PURPOSES), reason="test", who="tests")
        grant_answering(conn)
        person = come(conn, "meds", "1", **MARISOL, **HOME)
        assert told(database_url, person) == {
            "meds": {name: MARISOL[name] for name in ("first_name", "last_name", "cin")} | HOME
        }
        new_name = MARISOL | {"last_name": "Anders", "middle_name": "Q"}
        flags = {"address_protected": "true", "name_protected": "true"}
        assert come(conn, "calpads", "1234567890", **new_name, **HOME, **flags) == person
        assert told(database_url, person) == {
            "calpads": {name: new_name[name] for name in ("first_name", "last_name", "cin")},
            "meds": {"cin": MARISOL["cin"]},
        }


FLAGS = {"address_protected": "true", "name_protected": "true"}
NOW = MARISOL | {"first_name": "Ana", "last_name": "Anders"}
ELSEWHERE = {"address_line": "77 Elm Ave", "city": "Fresno", "zip": "93650", "phone": "5595550188"}


def hidden_in_two_ways() -> list[Population]:
    """A protected person whose earlier name and whereabouts, which another source still says, are others in each."""
    earlier = (MARISOL | HOME, MARISOL | {"first_name": "Zora", "last_name": "Quill"} | ELSEWHERE)
    said = [{("calpads", "1234567890"): NOW | FLAGS, ("meds", "1"): values} for values in earlier]
    return [Population(values, [dict.fromkeys(values, "P0")]) for values in said]


def questions() -> Iterator[Sent]:
    """Guesses at the name and place of before, alone and with what is known of the person, and what is named."""
    meds = {"source": "meds", "source_record_id": "1"}
    former = {name: MARISOL[name] for name in ("first_name", "last_name")}
    for guess in (former, HOME, former | HOME, {"phone": HOME["phone"]}, {"zip": HOME["zip"]}):
        for known in ({}, {"birth_date": MARISOL["birth_date"]}, {"cin": MARISOL["cin"]}, NOW):
            yield Sent("POST", "/v1/resolve", {"fields": known | guess})
            yield Sent("POST", "/v1/resolve", {"fields": known | guess, "records": [meds]})
            yield Sent("POST", "/v1/compare", {"left": {"fields": known | guess}, "right": meds})
            child = {name: value for name, value in (known | guess).items() if name in IDENTIFYING}
            yield Sent("POST", "/v1/pmap/resolve", child | {"received_on": "2026-11-02"})
    yield Sent("POST", "/v1/compare", {"left": meds, "right": {"source": "calpads", "source_record_id": "1234567890"}})


def test_guesses_at_a_protected_person_s_earlier_name_and_whereabouts_are_answered_alike_right_or_wrong(
    new_database: NewDatabase,
) -> None:
    told = []
    for population in hidden_in_two_ways():
        url = new_database()
        with connect(url) as conn:
            fill(conn, population, with_forbidden=True)
            held = [everything_for("all_seeing", ("TREAT",), name="all_seeing")]
            apply_agreements(conn, held, clauses_of(held, SOURCES, PURPOSES), reason="test", who="tests")
        told.append(answers(url, list(questions()), "all_seeing", "TREAT"))
    for right, wrong in zip(*told, strict=True):
        assert right == wrong
    assert any('"P0"' in text and status == 200 for status, _, text in told[0])


def test_without_the_flags_such_guesses_are_answered_by_what_the_records_say(new_database: NewDatabase) -> None:
    told = []
    for population in hidden_in_two_ways():
        url = new_database()
        plain = {key: {n: v for n, v in values.items() if n not in FLAGS} for key, values in population.values.items()}
        with connect(url) as conn:
            fill(conn, Population(plain, population.steps), with_forbidden=True)
            held = [everything_for("all_seeing", ("TREAT",), name="all_seeing")]
            apply_agreements(conn, held, clauses_of(held, SOURCES, PURPOSES), reason="test", who="tests")
        told.append(answers(url, list(questions()), "all_seeing", "TREAT"))
    assert sum(right != wrong for right, wrong in zip(*told, strict=False)) > 20  # of packets more is asked
