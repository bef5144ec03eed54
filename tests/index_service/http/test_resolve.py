"""Questions over HTTP: who is it, how sure, and never a silent best guess."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from index_service import resolving
from index_service.models import document_of
from index_service.store.agreements import apply_agreements
from index_service.store.connection import connect
from index_service.store.runs import save_model, set_current_model
from linkage.normalise import normalise
from linkage.record import SourceRecord
from tests.index_service.http.client import with_client
from tests.index_service.http.test_records import told_events
from tests.linkage.invented import invented_ssn
from tests.linkage.models import made_model

FAMILY: dict[str, Any] = {
    "last_name": "Testvogel",
    "mother_first_name": "Ines",
    "mother_last_name": "Testvogel",
    "address_line": "12 Example St",
    "city": "Sacramento",
    "zip": "95814",
    "phone": "916-555-0142",
}
ANA = FAMILY | {"first_name": "Marisolita", "birth_date": "2015-03-02", "sex": "female", "multiple_birth": True}
EVA = ANA | {"first_name": "Evadne"}
LEO = FAMILY | {"first_name": "Leo", "birth_date": "2011-07-19", "sex": "male"}


def with_family(url: str, use: Callable[[httpx.AsyncClient, dict[str, str]], Coroutine[Any, Any, None]]) -> None:
    """Ana and Eva are twins, Leo their brother; three systems know each."""

    async def fill(client: httpx.AsyncClient) -> None:
        persons = {}
        for name, child in (("ana", ANA), ("eva", EVA), ("leo", LEO)):
            for source in ("calsaws", "meds", "calpads"):
                answer = await client.put(f"/v1/sources/{source}/records/{name}", json=child)
                assert answer.status_code == 201, answer.text
            persons[name] = answer.json()["person_id"]
        assert len(set(persons.values())) == 3
        await use(client, persons)

    with_client(url, fill)


async def ask(client: httpx.AsyncClient, **question: Any) -> dict[str, Any]:
    answer = await client.post("/v1/resolve", json=question)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_child_who_can_only_be_one(database_url: str) -> None:
    async def use(client: httpx.AsyncClient, persons: dict[str, str]) -> None:
        found = await ask(client, fields=ANA)
        first = found["persons"][0]
        assert (first["person_id"], first["grade"]) == (persons["ana"], "certain")
        assert first["probability"] > 0.999
        assert first["match_weight"] <= min(first["weight_against_stranger"], first["weight_against_sibling"])
        assert "first_name" in [part["comparison"] for part in first["agreed"]]
        assert not found["twin_or_sibling_competes"]

    with_family(database_url, use)


def test_without_a_first_name_both_twins_are_told(database_url: str) -> None:
    async def use(client: httpx.AsyncClient, persons: dict[str, str]) -> None:
        question = {name: value for name, value in ANA.items() if name != "first_name"}
        found = await ask(client, fields=question)
        twins = {person["person_id"]: person for person in found["persons"]}
        assert {persons["ana"], persons["eva"]} <= set(twins)
        assert found["twin_or_sibling_competes"]
        assert all(person["grade"] != "certain" for person in found["persons"])
        assert abs(twins[persons["ana"]]["probability"] - twins[persons["eva"]]["probability"]) < 0.01
        assert (await ask(client, fields=question, only_certain=True))["persons"] == []

    with_family(database_url, use)


def test_a_known_record_answers_by_itself(database_url: str) -> None:
    async def use(client: httpx.AsyncClient, persons: dict[str, str]) -> None:
        found = await ask(client, records=[{"source": "meds", "source_record_id": "leo"}])
        assert [(p["person_id"], p["grade"], p["known"]) for p in found["persons"]] == [
            (persons["leo"], "certain", True)
        ]

    with_family(database_url, use)


@pytest.mark.parametrize("number", [{"ssn": invented_ssn(7)}, {"cin": "91234567A"}])
def test_a_number_alone_is_weighed_and_never_certain(database_url: str, number: dict[str, str]) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        sent = await client.put("/v1/sources/calsaws/records/leo", json=LEO | number)
        found = await ask(client, fields=number)
        (person,) = found["persons"]
        assert person["person_id"] == sent.json()["person_id"]
        assert person["grade"] != "certain"
        assert not person["known"]
        told = [part["comparison"] for part in person["agreed"]]
        assert told == [name for name in number if name != "ssn"], "no agreement can grant an SSN"

    with_client(database_url, use)


def test_a_record_that_the_traits_contradict_is_said_to(database_url: str) -> None:
    async def use(client: httpx.AsyncClient, persons: dict[str, str]) -> None:
        found = await ask(client, fields=LEO, records=[{"source": "meds", "source_record_id": "ana"}])
        by_person = {person["person_id"]: person for person in found["persons"]}
        assert by_person[persons["ana"]]["contradiction"]
        assert by_person[persons["ana"]]["grade"] == "possible"
        assert by_person[persons["leo"]]["grade"] == "probable", "a named record disagrees: nobody is certain"
        assert found["persons"][0]["person_id"] == persons["leo"]

    with_family(database_url, use)


def test_records_of_different_persons_are_said_to_disagree(database_url: str) -> None:
    async def use(client: httpx.AsyncClient, persons: dict[str, str]) -> None:
        named = [{"source": "meds", "source_record_id": name} for name in ("ana", "eva")]
        found = await ask(client, records=named)
        assert found["records_disagree"]
        assert {person["person_id"] for person in found["persons"]} == {persons["ana"], persons["eva"]}
        assert {person["grade"] for person in found["persons"]} == {"possible"}

    with_family(database_url, use)


def test_nobody_is_an_answer_and_nothing_is_kept(database_url: str) -> None:
    async def use(client: httpx.AsyncClient, persons: dict[str, str]) -> None:
        events = await told_events(client)
        stranger = {"first_name": "Wendell", "last_name": "Anders", "birth_date": "1999-11-23"}
        assert (await ask(client, fields=stranger))["persons"] == []
        assert (await ask(client))["persons"] == []
        assert await told_events(client) == events

    with_family(database_url, use)


def test_no_more_than_asked_for(database_url: str) -> None:
    async def use(client: httpx.AsyncClient, persons: dict[str, str]) -> None:
        question = {name: value for name, value in ANA.items() if name != "first_name"}
        found = await ask(client, fields=question, count=1)
        assert len(found["persons"]) == 1
        assert found["more"]
        assert found["twin_or_sibling_competes"], "said even where only one is asked for"

    with_family(database_url, use)


@pytest.mark.parametrize("few", ["FEW_CANDIDATES", "FEW_BESIDE"])
def test_where_there_are_many_the_answer_is_the_same(
    database_url: str, monkeypatch: pytest.MonkeyPatch, few: str
) -> None:
    """Beyond a few candidates, or other records of their persons, only those of the likeliest persons are read."""

    async def use(client: httpx.AsyncClient, persons: dict[str, str]) -> None:
        unnamed = {name: value for name, value in ANA.items() if name != "first_name"}
        leo = [{"source": "meds", "source_record_id": "leo"}]
        questions: list[dict[str, Any]] = [{"fields": ANA}, {"fields": unnamed}, {"fields": unnamed, "records": leo}]
        answers = [await ask(client, **question) for question in questions]
        monkeypatch.setattr(resolving, few, -1)
        assert [await ask(client, **question) for question in questions] == answers
        assert persons["leo"] in [person["person_id"] for person in answers[2]["persons"]]

    with_family(database_url, use)


def test_only_a_few_records_are_weighed_on_the_event_loop(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """More are weighed in a thread, though their candidates were few: others are not kept waiting."""
    weighed_in: list[threading.Thread] = []
    weighed = resolving._weighed

    def noting(*args: Any) -> tuple[resolving.Resolved, ...]:
        weighed_in.append(threading.current_thread())
        return weighed(*args)

    monkeypatch.setattr(resolving, "_weighed", noting)

    async def use(client: httpx.AsyncClient, persons: dict[str, str]) -> None:
        on_the_loop = await ask(client, fields=ANA)
        assert weighed_in.pop() is threading.current_thread()
        monkeypatch.setattr(resolving, "FEW_RECORDS", 2)
        assert (await ask(client, fields=ANA))["persons"][0]["person_id"] == on_the_loop["persons"][0]["person_id"]
        assert weighed_in.pop() is not threading.current_thread()

    with_family(database_url, use)


def test_a_long_record_is_cleaned_in_a_thread(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned_in: list[threading.Thread] = []

    def noting(record: SourceRecord) -> Any:
        cleaned_in.append(threading.current_thread())
        return normalise(record)

    monkeypatch.setattr("index_service.http.resolve.normalise", noting)

    async def use(client: httpx.AsyncClient, persons: dict[str, str]) -> None:
        assert (await ask(client, fields=ANA))["persons"][0]["person_id"] == persons["ana"]
        assert cleaned_in.pop() is threading.current_thread()
        assert (await ask(client, fields=ANA | {"alias_names": ["Ana Testvogel " * 20] * 10}))["persons"]
        assert cleaned_in.pop() is not threading.current_thread()

    with_family(database_url, use)


def test_other_agreements_hold_from_the_next_question_on(database_url: str) -> None:
    async def use(client: httpx.AsyncClient, persons: dict[str, str]) -> None:
        assert (await ask(client, fields=ANA))["persons"]
        with connect(database_url) as conn:
            apply_agreements(conn, [], [], reason="test", who="tests")
        assert not (await ask(client, fields=ANA))["persons"]
        assert not (await ask(client, records=[{"source": "meds", "source_record_id": "ana"}]))["persons"]

    with_family(database_url, use)


def test_another_model_holds_from_the_next_question_on(database_url: str) -> None:
    async def use(client: httpx.AsyncClient, persons: dict[str, str]) -> None:
        before = (await ask(client, fields=ANA))["persons"][0]["match_weight"]
        model = made_model(seed=2)
        with connect(database_url) as conn, conn.transaction():
            save_model(conn, model.fingerprint, document_of(model))
            set_current_model(conn, model.fingerprint)
        after = (await ask(client, fields=ANA))["persons"][0]["match_weight"]
        assert after != before
        assert after == (await ask(client, fields=ANA))["persons"][0]["match_weight"]

    with_family(database_url, use)
