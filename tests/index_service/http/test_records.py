"""Records sent over HTTP: whose they are, why, on which conditions, and that a repetition changes nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from index_service import turns
from index_service.http import record_batches
from index_service.http.problems import too_busy
from index_service.http.record_batches import BATCH_LIMIT
from index_service.http.records import submit
from index_service.ingesting import Answered, Write
from index_service.store.agreements import apply_agreements
from index_service.store.connection import connect
from index_service.store.publish import lock_publication
from index_service.turns import Turns
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


def test_conditions_are_read_as_http_has_them(database_url: str) -> None:
    """Lists, weak tags and tags of others, and `*`; a record that is not there has no version."""

    async def use(client: httpx.AsyncClient) -> None:
        path = PATH.format("calsaws", "a")

        async def status(said: str, **headers: str) -> int:
            answer = await client.put(path, json=CHILD | {"zip": said}, headers=headers)
            return answer.status_code

        match, none_match = "If-Match", "If-None-Match"
        assert await status("95814", **{match: "*"}) == 412
        assert await status("95814", **{none_match: '"1", "2"'}) == 201
        assert await status("95815", **{none_match: '"1"'}) == 412
        assert await status("95815", **{none_match: 'W/"1"'}) == 412
        assert await status("95815", **{match: '"2" , "1"'}) == 200
        assert await status("95816", **{match: 'W/"2"'}) == 412, "a weak tag names no version that could be replaced"
        assert await status("95816", **{match: '"of-another-service", "01"'}) == 412
        assert await status("95816", **{match: "*", none_match: '"1"'}) == 200
        assert await status("95817", **{match: "3"}) == 422
        assert (await client.delete(path, headers={match: "*", none_match: '"3"'})).status_code == 412
        assert (await client.delete(path, headers={match: "*"})).status_code == 200

    with_client(database_url, use)


def test_who_may_write_a_record_is_told_its_version(database_url: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        path = PATH.format("calsaws", quote("0Ab3/17", safe=""))
        assert (await client.get(path)).status_code == 404
        for zip_code in ("95814", "95815"):
            await client.put(path, json=CHILD | {"zip": zip_code})
        held = await client.get(path)
        assert held.json() == {"source": "calsaws", "source_record_id": "0Ab3/17", "version": 2}
        assert held.headers["etag"] == '"2"'
        await client.delete(path, headers={"If-Match": held.headers["etag"]})
        assert (await client.get(path)).status_code == 404

    with_client(database_url, use)


def test_who_may_not_write_a_source_cannot_tell_a_record_that_is_held_from_none(database_url: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        await client.put(PATH.format("calsaws", "a"), json=CHILD)
        with connect(database_url) as conn:
            apply_agreements(conn, [], [], reason="test", who="tests")
        told = [await client.get(PATH.format(*key)) for key in (("calsaws", "a"), ("calsaws", "b"), ("nowhere", "a"))]
        bodies = [{**answer.json(), "request_id": ""} for answer in told]
        assert bodies[0] == bodies[1] == bodies[2]
        assert [answer.status_code for answer in told] == [404] * 3
        assert {tuple(sorted(answer.headers)) for answer in told} == {tuple(sorted(told[0].headers))}

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
            # each of a family of its own: one household of hundreds is put off to the next relink (`max_live_records`)
            own = f"{chr(97 + new // 26)}{chr(97 + new % 26)}"
            child = CHILD | {
                "first_name": f"Marisol{own}",
                "last_name": f"{own}vogel",
                "mother_first_name": f"Ines{own}",
                "address_line": f"{100 + new} {own} Example St",
                "birth_date": f"20{new % 24:02}-{1 + new % 12:02}-17",
                "zip": f"{95000 + 2 * new}",
                "phone": f"916-555-{new:04}",
            }
            slips = [
                child,
                child | {"zip": f"{95001 + 2 * new}"},
                child | {"middle_name": "Q"},
                child | {"phone": f"530-555-{new:04}"},
            ]
            sent = [
                client.put(PATH.format(("calsaws", "meds", "calpads")[n % 3], f"{new}-{n}"), json=slips[n % 4])
                for n in range(POSTS)
            ]
            answers = await asyncio.gather(*sent)
            assert {answer.status_code for answer in answers} == {201}
            person = await client.get(f"/v1/sources/calsaws/records/{new}-0/person")
            assert len(person.json()["records"]) == POSTS

    with_client(database_url, use, pool_wait_s=300, request_s=300)  # a busy machine is no answer


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


def batch_of(count: int) -> dict[str, Any]:
    return {"records": [{"source_record_id": f"r{n}", "fields": CHILD | {"zip": f"958{n:02}"}} for n in range(count)]}


def test_a_batch_broken_off_is_completed_under_its_key(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken in is answered as before and changes nothing, though it was corrected in between."""
    path, key = "/v1/sources/meds/records:batch", {"Idempotency-Key": "one"}
    monkeypatch.setattr(record_batches, "WRITES_UNDER_WAY", 2)

    async def use(client: httpx.AsyncClient) -> None:

        def full_after_three(turns: Turns, writes: Sequence[Write]) -> list[Future[Answered]]:
            if "r4" in [write.key[1] for write in writes]:
                raise too_busy()
            return submit(turns, writes)

        with monkeypatch.context() as busy:
            busy.setattr(record_batches, "submit", full_after_three)
            assert (await client.post(path, json=batch_of(6), headers=key)).status_code == 503
        corrected = await client.put(PATH.format("meds", "r0"), json=CHILD | {"phone": "9165550177"})
        assert corrected.json()["version"] == 2
        first = await client.post(path, json=batch_of(6), headers=key)
        written = [entry["written"] for entry in first.json()["records"]]
        assert [(each["source_record_id"], each["version"]) for each in written] == [(f"r{n}", 1) for n in range(6)]
        assert [each["outcome"] for each in written] == ["created"] + ["joined"] * 5
        assert (await client.get(PATH.format("meds", "r0"))).json()["version"] == 2
        assert (await client.post(path, json=batch_of(6), headers=key)).json() == first.json()

    with_client(database_url, use)


def test_a_key_of_another_batch_writes_nothing(database_url: str) -> None:
    path, key = "/v1/sources/meds/records:batch", {"Idempotency-Key": "one"}

    async def use(client: httpx.AsyncClient) -> None:
        assert (await client.post(path, json=batch_of(1), headers=key)).status_code == 200
        assert (await client.put(PATH.format("meds", "x"), json=CHILD, headers=key)).status_code == 201, "another name"
        answer = await client.post(path, json=batch_of(3), headers=key)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:person-index:key-in-use")
        assert (await client.get(PATH.format("meds", "r1"))).status_code == 404

    with_client(database_url, use)


def test_a_batch_has_no_condition_and_a_thousand_records_at_most(database_url: str) -> None:
    path = "/v1/sources/meds/records:batch"

    async def use(client: httpx.AsyncClient) -> None:
        answer = await client.post(path, json=batch_of(1), headers={"If-Match": "*"})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "header.if-match")
        records = [{"source_record_id": f"r{n}", "fields": {"deleted": True}} for n in range(BATCH_LIMIT + 1)]
        answer = await client.post(path, json={"records": records})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.records")
        answer = await client.post(path, json={"records": records[:BATCH_LIMIT]})
        assert len(answer.json()["records"]) == BATCH_LIMIT == 1_000

    with_client(database_url, use)


def test_where_too_many_writes_wait_the_answer_is_to_come_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue is full: nothing is done, and nothing hangs."""
    monkeypatch.setattr(turns, "WAITING_LIMIT", 2)

    async def use(client: httpx.AsyncClient) -> None:
        with connect(database_url) as conn, conn.transaction():
            lock_publication(conn)  # whoever writes waits
            under_way = [asyncio.create_task(client.put(PATH.format("meds", "0"), json=CHILD))]
            while conn.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (0,):
                await asyncio.sleep(0.01)
            under_way += [asyncio.create_task(client.put(PATH.format("meds", f"{n}"), json=CHILD)) for n in (1, 2)]
            await asyncio.sleep(0.2)
            refused = [
                await client.put(PATH.format("meds", "3"), json=CHILD),
                await client.delete(PATH.format("meds", "3")),
                await client.post("/v1/sources/meds/records:batch", json=batch_of(1)),
            ]
        for answer in refused:
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:person-index:too-busy")
            assert answer.headers["retry-after"] == "1"
        assert [answer.status_code for answer in await asyncio.gather(*under_way)] == [201] * 3
        assert (await client.get(PATH.format("meds", "3"))).status_code == 404

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
