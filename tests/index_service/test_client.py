"""The client as an integrator uses it: against the service, and against one that is busy, away or wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import structlog

from index_service import client as client_module
from index_service.client import (
    Conflict,
    InvalidRequest,
    NotAllowed,
    NotFound,
    PersonIndexClient,
    ServiceFailed,
    Unavailable,
)
from index_service.store.connection import Connection
from tests.index_service.http.running import running_for_hub
from tests.index_service.http.test_lookups import STRANGE_IDS

MARISOL = {
    "first_name": "Marisol",
    "last_name": "Testvogel",
    "birth_date": "2015-03-02",
    "mother_first_name": "Ines",
    "address_line": "12 Example St",
    "zip": "95814",
    "identifier.ssid": "1234567890",
}


@pytest.fixture
def index(conn: Connection, database_url: str) -> Iterator[PersonIndexClient]:
    """A client of the running service."""
    with (
        structlog.testing.capture_logs(),
        running_for_hub(database_url) as (base, headers),
        PersonIndexClient(base, token=lambda: headers["Authorization"].removeprefix("Bearer ")) as client,
    ):
        yield client


def test_a_record_is_written_asked_for_compared_and_withdrawn(index: PersonIndexClient) -> None:
    first = index.put_record("calsaws", "0Ab3", MARISOL)
    assert first.outcome == "created"
    assert index.put_record("calsaws", "0Ab3", MARISOL).outcome == "unchanged"
    second = index.put_record("calpads", "17/x", MARISOL)
    assert (second.outcome, second.person_id) == ("joined", first.person_id)
    assert first.strongest is None
    assert second.strongest is not None
    assert (second.strongest.source, second.strongest.source_record_id) == ("calsaws", "0Ab3")
    assert "first_name" in {part.comparison for part in second.strongest.comparisons}
    person = index.person_of_record("calpads", "17/x")
    assert [(r.source, r.source_record_id) for r in person.records] == [("calpads", "17/x"), ("calsaws", "0Ab3")]
    assert index.person(person.person_id) == person
    assert datetime.now(UTC) - person.records[0].since < timedelta(minutes=5)
    assert index.compare(("calsaws", "0Ab3"), ("calpads", "17/x")).outcome == "link"
    assert index.waterfall(("calsaws", "0Ab3"), ("calpads", "17/x")).startswith("<svg ")
    assert index.compare(MARISOL, {**MARISOL, "first_name": "Joaquin"}).outcome != "link"
    resolved = index.resolve({"first_name": "Marisol", "last_name": "Testvogel", "birth_date": "2015-03-02"})
    assert resolved.persons[0].person_id == first.person_id
    assert index.resolve({}, records=[("calpads", "17/x")]).persons[0].known
    assert index.delete_record("calpads", "17/x").outcome == "withdrawn"
    with pytest.raises(NotFound):
        index.person_of_record("calpads", "17/x")
    assert {record.source: record.until is None for record in index.history(person.person_id).records} == {
        "calsaws": True,
        "calpads": False,
    }


def test_events_are_resumed_from_where_one_was(index: PersonIndexClient) -> None:
    for number in range(5):
        index.put_record("calsaws", str(number), {"first_name": f"Invented{number}", "last_name": "Nobody"})
    everything = list(index.events(page=2))
    assert len({event.position for event in everything}) == 5
    assert [event.person_id for event in index.events(after=everything[2].position, page=1)] == [
        event.person_id for event in everything[3:]
    ]
    assert everything[0].records[0].source == "calsaws"


def test_many_records_are_written_in_batches_and_one_that_is_wrong_is_told(
    index: PersonIndexClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "BATCH_LIMIT", 2)
    records = {record_id: {"first_name": "Marisol"} for record_id in STRANGE_IDS[:5]}
    entries = index.put_records("calsaws", records)
    assert [entry.source_record_id for entry in entries] == list(records)
    assert all(entry.written and entry.problem is None for entry in entries)
    (refused,) = index.put_records("cws_cms", {"no id of this source": MARISOL})
    assert refused.written is None
    assert refused.problem is not None
    assert refused.problem.field == "source_record_id"


def test_what_is_wrong_is_told_as_a_typed_error_with_the_fields_at_fault(index: PersonIndexClient) -> None:
    with pytest.raises(InvalidRequest) as raised:
        index.put_record("calsaws", "1", {"frist_name": "Marisol"})
    assert raised.value.status == 422
    assert raised.value.kind == "urn:person-index:invalid"
    assert raised.value.request_id
    assert "first_name" in raised.value.faults[0].mend
    with pytest.raises(NotFound):
        index.person("K7Q2-MX9T-4RWA")
    index.put_record("calsaws", "1", MARISOL)
    with pytest.raises(Conflict):
        index.put_record("calsaws", "1", MARISOL, only_if_new=True)
    with pytest.raises(Conflict):
        index.delete_record("calsaws", "1", if_version=7)


def test_a_version_is_asked_for_and_replaced(index: PersonIndexClient) -> None:
    with pytest.raises(NotFound):
        index.record_version("calsaws", "1/x")
    index.put_record("calsaws", "1/x", MARISOL)
    index.put_record("calsaws", "1/x", {**MARISOL, "zip": "95815"}, if_version=index.record_version("calsaws", "1/x"))
    assert index.record_version("calsaws", "1/x") == 2
    index.delete_record("calsaws", "1/x", if_version=2)
    with pytest.raises(NotFound):
        index.record_version("calsaws", "1/x")


Answers = Iterator[httpx.Response | Exception]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client waited between attempts."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def scripted(answers: Answers, seen: list[httpx.Request], token: Callable[[], str] | None = None) -> PersonIndexClient:
    """A client of a service that answers as the script says."""

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        given = next(answers)
        if isinstance(given, Exception):
            raise given
        return given

    return PersonIndexClient("http://index", token=token, transport=httpx.MockTransport(answer))


WRITTEN = {
    "source": "calsaws", "source_record_id": "1", "version": 1, "outcome": "created", "person_id": "A",
    "probability": 1.0, "retired_person_ids": [], "split_person_ids": [], "waits_for_review": [],
    "waits_for_relink": False, "not_used": [], "a_property_of_a_later_version": 1,
}  # fmt: skip


def test_a_busy_service_is_asked_again_when_it_wants_and_a_write_keeps_its_key(pauses: list[float]) -> None:
    busy: list[httpx.Response | Exception] = [
        httpx.Response(503, headers={"Retry-After": "3"}),
        httpx.Response(429),
        httpx.ConnectError("refused"),
    ]
    seen: list[httpx.Request] = []
    with scripted(iter([*busy, httpx.Response(201, json=WRITTEN)]), seen) as index:
        assert index.put_record("calsaws", "1", MARISOL).person_id == "A"
    assert len({request.headers["Idempotency-Key"] for request in seen}) == 1
    assert len(seen) == 4
    assert 3 <= pauses[0] <= 3.75
    assert 0 < pauses[1] < pauses[2] < 3


def test_a_batch_keeps_its_key_and_the_next_has_another(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "BATCH_LIMIT", 1)
    taken = httpx.Response(200, json={"records": []})
    seen: list[httpx.Request] = []
    with scripted(iter([httpx.Response(503), taken, taken]), seen) as index:
        index.put_records("calsaws", {"1": MARISOL, "2": MARISOL})
    first, again, second = (request.headers["Idempotency-Key"] for request in seen)
    assert first == again != second


def test_two_writes_have_two_keys(pauses: list[float]) -> None:
    seen: list[httpx.Request] = []
    with scripted(iter([httpx.Response(200, json=WRITTEN)] * 2), seen) as index:
        index.put_record("calsaws", "1", MARISOL)
        index.put_record("calsaws", "1", MARISOL)
    assert len({request.headers["Idempotency-Key"] for request in seen}) == 2


def test_a_service_that_stays_away_is_given_up(pauses: list[float]) -> None:
    def away() -> Answers:
        while True:
            yield httpx.ReadTimeout("no answer")

    seen: list[httpx.Request] = []
    with scripted(away(), seen) as index, pytest.raises(Unavailable, match="ReadTimeout"):
        index.person("A")
    assert (len(seen), len(pauses)) == (5, 4)


@pytest.mark.parametrize(("status", "error"), [(401, NotAllowed), (403, NotAllowed), (500, ServiceFailed)])
def test_what_will_not_get_better_is_not_tried_again(pauses: list[float], status: int, error: type[Exception]) -> None:
    seen: list[httpx.Request] = []
    with scripted(iter([httpx.Response(status, text="no JSON")]), seen) as index, pytest.raises(error):
        index.person("A")
    assert pauses == []


def test_a_token_is_asked_for_before_every_attempt(pauses: list[float]) -> None:
    tokens = iter(["first", "second"])
    seen: list[httpx.Request] = []
    answers = iter([httpx.Response(503), httpx.Response(200, json={"events": [], "next_after": "AQ", "more": False})])
    with scripted(answers, seen, lambda: next(tokens)) as index:
        assert list(index.events()) == []
    assert [request.headers["Authorization"] for request in seen] == ["Bearer first", "Bearer second"]
