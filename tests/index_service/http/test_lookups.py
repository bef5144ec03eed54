"""The answers of the service, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
import pytest

from index_service.store.connection import Connection
from tests.index_service.http.client import get, with_client
from tests.index_service.store.partitions import load_ids, publish

STRANGE_IDS = [
    "0Ab3",
    "0aB3",
    "a/b",
    "/",
    "a/person",
    "..",
    "a%2Fb",
    "%",
    "ä ö",
    "子",
    "?x=1#y",
    "a+b",
    " ",
    "a;b,c",
    "\\",
    '"',
]


@pytest.fixture
def family(conn: Connection) -> Connection:
    """A {1, 2}; B {3} joins A at the second publication."""
    load_ids(conn, "123")
    publish(conn, {"1": "A", "2": "A", "3": "B"})
    publish(conn, {"1": "A", "2": "A", "3": "A"})
    return conn


def record_ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [record["source_record_id"] for record in answer.json()["records"]]


def test_a_record_leads_to_its_person_and_all_its_records(family: Connection, database_url: str) -> None:
    answer = get(database_url, "/v1/sources/cws_cms/records/1/person")
    assert answer.json()["person_id"] == "A"
    assert record_ids(answer) == ["1", "2", "3"]
    record = answer.json()["records"][0]
    assert record["source"] == "cws_cms"
    assert record["probability"] == 0.99
    assert record["reason"] == "relink"
    assert datetime.fromisoformat(record["since"]) < datetime.now(UTC)


def test_every_printable_id_is_found_and_only_by_itself(conn: Connection, database_url: str) -> None:
    load_ids(conn, STRANGE_IDS)
    publish(conn, {record_id: f"P{number}" for number, record_id in enumerate(STRANGE_IDS)})

    async def ask_for_each(client: httpx.AsyncClient) -> None:
        for number, record_id in enumerate(STRANGE_IDS):
            answer = await client.get(
                f"/v1/sources/cws_cms/records/{quote(record_id, safe='').replace('.', '%2E')}/person"
            )
            assert answer.json().get("person_id") == f"P{number}", record_id
            assert record_ids(answer) == [record_id]

    with_client(database_url, ask_for_each)


def test_ids_are_case_sensitive(conn: Connection, database_url: str) -> None:
    load_ids(conn, ["aB"])
    publish(conn, {"aB": "A"})
    assert get(database_url, "/v1/sources/cws_cms/records/aB/person").status_code == 200
    assert get(database_url, "/v1/sources/cws_cms/records/ab/person").status_code == 404
    assert get(database_url, "/v1/sources/CWS_CMS/records/aB/person").status_code == 404


def test_unknown_unlinked_and_withdrawn_records_get_the_same_answer(family: Connection, database_url: str) -> None:
    load_ids(family, ["unlinked"])
    load_ids(family, "2", deleted=True)
    answers = [get(database_url, f"/v1/sources/cws_cms/records/{i}/person") for i in ("unknown", "unlinked", "2")]
    assert {answer.status_code for answer in answers} == {404}
    bodies = [answer.json() | {"request_id": ""} for answer in answers]
    assert bodies[0] == bodies[1] == bodies[2]
    assert record_ids(get(database_url, "/v1/persons/A")) == ["1", "3"]


def test_a_retired_id_answers_with_its_survivor_and_says_so(family: Connection, database_url: str) -> None:
    answer = get(database_url, "/v1/persons/B").json()
    assert answer["person_id"] == "A"
    assert answer["retired"]["person_id"] == "B"
    assert get(database_url, "/v1/persons/A").json()["retired"] is None


def test_forwarding_goes_on_over_several_retirements(family: Connection, database_url: str) -> None:
    load_ids(family, "4")
    publish(family, {"1": "A", "2": "A", "3": "A", "4": "C"})
    publish(family, {"1": "C", "2": "C", "3": "C", "4": "C"})
    assert get(database_url, "/v1/persons/B").json()["person_id"] == "C"


def test_the_past_is_answered_as_it_was_believed(family: Connection, database_url: str) -> None:
    times = family.execute("SELECT DISTINCT at FROM identity_event ORDER BY at").fetchall()
    (first,), (second,) = times
    between = quote((second - timedelta(microseconds=1)).isoformat())
    before = quote((first - timedelta(microseconds=1)).isoformat())
    then = get(database_url, f"/v1/persons/B?as_of={between}")
    assert then.json()["person_id"] == "B"
    assert then.json()["retired"] is None
    assert record_ids(then) == ["3"]
    assert record_ids(get(database_url, f"/v1/sources/cws_cms/records/1/person?as_of={between}")) == ["1", "2"]
    assert get(database_url, f"/v1/persons/B?as_of={before}").status_code == 404
    assert record_ids(get(database_url, f"/v1/persons/B?as_of={quote(second.isoformat())}")) == ["1", "2", "3"]


def test_a_plus_that_was_not_encoded_is_understood(family: Connection, database_url: str) -> None:
    moment = family.execute("SELECT max(at) FROM identity_event").fetchone()
    assert moment is not None
    assert get(database_url, f"/v1/persons/A?as_of={moment[0].astimezone(UTC).isoformat()}").status_code == 200


@pytest.mark.parametrize(
    ("as_of", "reason"),
    [("2026-01-30T11:22:33", "time zone"), ("Canaryname", "no moment"), ("2999-01-01T00:00:00Z", "future")],
)
def test_a_moment_that_is_none_is_refused_without_repeating_it(database_url: str, as_of: str, reason: str) -> None:
    answer = get(database_url, f"/v1/persons/A?as_of={as_of}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert error["field"] == "query.as_of"
    assert reason in error["problem"]
    assert error["mend"]
    assert as_of not in answer.text


def test_the_history_of_an_id_tells_where_its_records_came_from_and_went(family: Connection, database_url: str) -> None:
    answer = get(database_url, "/v1/persons/B/history").json()
    assert answer["forwards_to"] == "A"
    assert answer["retired_at"] == answer["records"][0]["until"]
    assert [(event["kind"], event["person_id"]) for event in answer["events"]] == [
        ("created", "B"),
        ("joined", "A"),
        ("retired", "B"),
    ]
    assert get(database_url, "/v1/persons/nobody/history").status_code == 404


def test_events_are_read_page_by_page_without_gap_or_repeat(family: Connection, database_url: str) -> None:
    seen: list[tuple[str, str]] = []

    async def read_all(client: httpx.AsyncClient) -> None:
        query: dict[str, str] = {}
        more, position = True, ""
        while more:
            page = (await client.get("/v1/events", params={**query, "limit": 3})).json()
            seen.extend((event["kind"], event["person_id"]) for event in page["events"])
            position = page["events"][0]["position"]
            query, more = {"after": page["next_after"]}, page["more"]
        last = (await client.get("/v1/events", params=query)).json()
        assert (last["events"], last["more"]) == ([], False)
        resumed = (await client.get("/v1/events", params={"after": position})).json()
        assert resumed["events"] == []  # the last page had one

    with_client(database_url, read_all)
    assert seen == [("created", "A"), ("created", "B"), ("joined", "A"), ("retired", "B")]


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=AQABq0f1nZ0v", "limit=0", "limit=1001"])
def test_events_cannot_be_asked_for_out_of_bounds(database_url: str, query: str) -> None:
    answer = get(database_url, f"/v1/events?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"query.{query.partition('=')[0]}"
