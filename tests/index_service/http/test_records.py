"""Records sent over HTTP: whose they are, why, on which conditions, and that a repetition changes nothing."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import httpx
import pytest

from tests.index_service.http.client import with_client

CHILD: dict[str, Any] = {
    "first_name": "Marisol",
    "last_name": "Testvogel",
    "birth_date": "2015-03-02",
    "sex": "female",
    "mother_first_name": "Ines",
    "address_line": "12 Example St",
    "city": "Sacramento",
    "zip": "95814",
    "phone": "916-555-0142",
}
STORMS, POSTS = map(int, os.environ.get("PERSON_INDEX_STORMS", "3x40").split("x"))
"""Rounds, and simultaneous posts in each; `make prove-sequence` runs 50 rounds of 100."""

PATH = "/v1/sources/{}/records/{}"


def test_a_new_child_a_second_record_and_what_they_say(database_url: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        first = await client.put(PATH.format("calsaws", "a"), json=CHILD)
        assert first.status_code == 201, first.text
        assert first.json()["outcome"] == "created"
        assert first.json()["strongest"] is None
        assert first.headers["etag"] == '"1"'
        second = await client.put(PATH.format("calpads", "b"), json=CHILD)
        assert second.status_code == 201
        assert second.json()["outcome"] == "joined"
        assert second.json()["person_id"] == first.json()["person_id"]
        strongest = second.json()["strongest"]
        assert (strongest["source"], strongest["source_record_id"]) == ("calsaws", "a")
        assert strongest["match_weight"] > 12
        person = await client.get("/v1/sources/calpads/records/b/person")
        assert [record["source_record_id"] for record in person.json()["records"]] == ["b", "a"]

    with_client(database_url, use)


async def told_events(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """All events, without their positions, which are others each time."""
    return [event | {"position": ""} for event in (await client.get("/v1/events")).json()["events"]]


def test_the_same_again_changes_nothing(database_url: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        first = await client.put(PATH.format("calsaws", "a"), json=CHILD)
        events = await told_events(client)
        again = await client.put(PATH.format("calsaws", "a"), json=CHILD)
        assert again.status_code == 200
        assert again.json()["outcome"] == "unchanged"
        assert again.json()["person_id"] == first.json()["person_id"]
        assert await told_events(client) == events

    with_client(database_url, use)


def test_a_correction_can_split_what_a_mistake_joined(database_url: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        kept = await client.put(PATH.format("calsaws", "a"), json=CHILD)
        await client.put(PATH.format("meds", "b"), json=CHILD)
        other = CHILD | {"first_name": "Wendell", "last_name": "Anders", "birth_date": "2009-11-23", "sex": "male"}
        other |= {"mother_first_name": "Ruth", "address_line": "9 Elsewhere Rd", "zip": "90001", "phone": "2135550111"}
        split = await client.put(PATH.format("meds", "b"), json=other)
        assert split.json()["outcome"] == "split"
        assert split.json()["person_id"] != kept.json()["person_id"]
        assert split.json()["split_person_ids"] == [split.json()["person_id"]]
        back = await client.put(PATH.format("meds", "b"), json=CHILD)
        assert back.json()["outcome"] == "joined_persons"
        assert back.json()["retired_person_ids"] == [split.json()["person_id"]]

    with_client(database_url, use)


def test_a_withdrawn_record_belongs_to_nobody(database_url: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        assert (await client.delete(PATH.format("meds", "b"))).status_code == 404
        await client.put(PATH.format("meds", "b"), json=CHILD)
        gone = await client.delete(PATH.format("meds", "b"))
        assert (gone.status_code, gone.json()["outcome"], gone.json()["person_id"]) == (200, "withdrawn", None)
        assert (await client.get("/v1/sources/meds/records/b/person")).status_code == 404
        back = await client.put(PATH.format("meds", "b"), json=CHILD)
        assert back.json()["outcome"] == "created"

    with_client(database_url, use)


def test_conditions(database_url: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        path = PATH.format("calsaws", "a")
        assert (await client.put(path, json=CHILD, headers={"If-Match": '"1"'})).status_code == 412
        assert (await client.put(path, json=CHILD, headers={"If-None-Match": "*"})).status_code == 201
        assert (await client.put(path, json=CHILD, headers={"If-None-Match": "*"})).status_code == 412
        newer = CHILD | {"zip": "95815"}
        stale = await client.put(path, json=newer, headers={"If-Match": '"2"'})
        assert (stale.status_code, stale.headers["etag"]) == (412, '"1"')
        assert (await client.put(path, json=newer, headers={"If-Match": '"1"'})).headers["etag"] == '"2"'

    with_client(database_url, use)


def test_a_request_under_a_key_is_answered_once_and_for_all(database_url: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        path, key = PATH.format("calsaws", "a"), {"Idempotency-Key": "one"}
        first = await client.put(path, json=CHILD, headers=key)
        await client.put(path, json=CHILD | {"zip": "95815"})
        again = await client.put(path, json=CHILD, headers=key)
        assert (again.status_code, again.json()) == (201, first.json())
        assert (await client.put(path, json=CHILD | {"zip": "95816"}, headers=key)).status_code == 409
        assert (await client.get("/v1/sources/calsaws/records/a/person")).json()["records"]

    with_client(database_url, use)


def test_of_many_at_once_one_person_is_left(database_url: str) -> None:
    """Twelve departments that report one new child at the same moment report one child."""

    async def use(client: httpx.AsyncClient) -> None:
        for new in range(STORMS):
            child = CHILD | {"first_name": f"Marisol{chr(97 + new % 26)}", "birth_date": f"20{new % 24:02}-06-17"}
            slips = [child, child | {"zip": "95815"}, child | {"middle_name": "Q"}, child | {"phone": "9165550143"}]
            sent = [
                client.put(PATH.format(("calsaws", "meds", "calpads")[n % 3], f"{new}-{n}"), json=slips[n % 4])
                for n in range(POSTS)
            ]
            answers = await asyncio.gather(*sent)
            assert {answer.status_code for answer in answers} == {201}
            person = await client.get(f"/v1/sources/calsaws/records/{new}-0/person")
            assert len(person.json()["records"]) == POSTS

    with_client(database_url, use)


def test_a_batch_takes_in_what_can_be_used(database_url: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        records = [{"source_record_id": f"r{n}", "fields": CHILD | {"zip": f"958{n:02}"}} for n in range(70)]
        records[3]["source_record_id"] = "r0"
        records.append({"source_record_id": "r1", "fields": {"deleted": True}})
        records.append({"source_record_id": "\u200bx", "fields": CHILD})
        answer = await client.post("/v1/sources/meds/records:batch", json={"records": records})
        assert answer.status_code == 200, answer.text
        entries = answer.json()["records"]
        assert [entry["source_record_id"] for entry in entries] == [record["source_record_id"] for record in records]
        assert entries[3]["written"]["version"] == 2
        assert entries[70]["written"]["outcome"] == "withdrawn"
        assert entries[71]["written"] is None
        assert entries[71]["problem"]["field"] == "source_record_id"

    with_client(database_url, use)


@pytest.mark.parametrize(
    ("body", "field"),
    [({"first_nam": "x"}, "not canonical"), ({"birth_date": 3}, "birth_date"), ({"alias_names": "x"}, "alias_names")],
)
def test_what_cannot_be_read_is_named(database_url: str, body: dict[str, Any], field: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        answer = await client.put(PATH.format("meds", "b"), json=body)
        assert answer.status_code == 422
        assert field in answer.text

    with_client(database_url, use)


def test_an_unknown_source_is_not_found(database_url: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        assert (await client.put(PATH.format("nowhere", "b"), json=CHILD)).status_code == 404

    with_client(database_url, use)


def test_a_value_that_cannot_be_used_is_told_and_the_rest_is_linked(database_url: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        answer = await client.put(PATH.format("meds", "b"), json=CHILD | {"birth_date": "2015-02-31"})
        assert answer.status_code == 201
        assert [entry["field"] for entry in answer.json()["not_used"]] == ["birth_date"]
        assert "2015-02-31" not in answer.text

    with_client(database_url, use)
