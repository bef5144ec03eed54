"""Adoption seals over the API and in the workbench: two persons, and what is refused in words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI, Request

from index_service.accounts.roles import Role
from index_service.http.stewards import steward_of
from index_service.stewardship.deciding import Steward, judge
from index_service.stewardship.saying import Decision, Sides
from index_service.store.connection import Connection
from tests.index_service.accounts.hashing import cheap_hashing
from tests.index_service.accounts.invented import add_steward
from tests.index_service.http.client import with_client
from tests.index_service.http.workbench.browsing import Visitor, with_visitor
from tests.index_service.stewardship.adopted import A1, A2, AFTER, B1, B2, BEFORE, O, is_apart, sealed
from tests.index_service.stewardship.invented import DOUBTFUL, persons, send


@pytest.fixture(autouse=True)
def no_log_lines() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def stewards_by_header(app: FastAPI) -> None:
    def named(request: Request) -> Steward:
        name = request.headers.get("X-Steward", "ann")
        return Steward(name, senior=name == "sue", supervisor=name == "ruth")

    app.dependency_overrides[steward_of] = named


def test_two_persons_seal_over_the_api(conn: Connection, database_url: str) -> None:
    send(conn, {**BEFORE, **AFTER})
    old = persons(conn)[B1]
    body = {
        "person_id": old,
        "after": [{"source": source, "source_record_id": record_id} for source, record_id in (A1, A2)],
        "reason": "order of adoption, file 12",
    }

    sealed_record = {"source": B1[0], "source_record_id": B1[1]}

    async def use(client: httpx.AsyncClient) -> None:
        async def ask(who: str, path: str, status: int, sent: dict[str, Any]) -> Any:
            answer = await client.post(f"/v1/seals{path}", json=sent, headers={"X-Steward": who})
            assert answer.status_code == status, answer.text
            return answer.json()

        assert (await ask("ann", "", 403, body))["type"].endswith("supervisors-only")
        made = await ask("ruth", "", 200, body)
        number = made["seal"]["seal_id"]
        assert made["seal"]["state"] == "waiting"
        said = {"agrees": True, "reason": "seen"}
        assert (await ask("ruth", f"/{number}/second", 403, said))["type"].endswith("needs-second-person")
        done = await ask("sue", f"/{number}/second", 200, said)
        assert (done["seal"]["state"], done["retired_person_ids"]) == ("in_force", [old])
        assert (await ask("sue", "/99/second", 404, said))["type"].endswith("unknown-seal")
        refused = await ask("ruth", f"/{number}/open", 409, {"reason": "order of the court"})
        assert "No court order is on file" in refused["detail"]
        judged = await client.post(
            "/v1/judgements",
            json={
                "kind": "same",
                "reason": "x",
                "left": [body["after"][0]],
                "right": [sealed_record],
            },
            headers={"X-Steward": "sue"},
        )
        assert (judged.status_code, judged.json()["type"].rpartition(":")[2]) == (409, "unknown-record")
        listed = await client.get("/v1/seals", headers={"X-Steward": "ruth"})
        assert old not in listed.text
        assert done["person_ids"][0] not in listed.text

    with_client(database_url, use, prepare=stewards_by_header)
    assert is_apart(conn)


def test_a_supervisor_seals_in_the_workbench_and_a_senior_steward_agrees(conn: Connection, database_url: str) -> None:
    send(conn, {**BEFORE, **AFTER})
    old = persons(conn)[B1]
    chosen = conn.execute("SELECT record_id FROM source_record WHERE source_record_id IN ('a1', 'a2')").fetchall()
    with cheap_hashing():
        for name, role in (("ruth.low", Role.SUPERVISOR), ("sue.hill", Role.SENIOR_STEWARD), ("ann.lee", Role.STEWARD)):
            add_steward(conn, name, role)

        async def story(visitor: Visitor) -> None:
            await visitor.sign_in("ann.lee")
            assert (await visitor.get("/workbench/seals")).status_code == 403
            await visitor.sign_in("ruth.low")
            assert "Seal an adoption" in (await visitor.get(f"/workbench/persons/{old}")).text
            assert "Came" in (await visitor.get(f"/workbench/persons/{old}/seal")).text
            marked: Any = {"record": [str(number) for (number,) in chosen], "reason": ""}
            assert "Write the reason" in (await visitor.send(f"/workbench/persons/{old}/seal", marked)).text
            answer = await visitor.send(f"/workbench/persons/{old}/seal", {**marked, "reason": "file 12"})
            assert answer.headers["location"] == "/workbench/seals"
            assert "waits for a second person" in (await visitor.get("/workbench/seals")).text
            await visitor.sign_in("sue.hill")
            await visitor.get("/workbench/seals")
            agreed = await visitor.send("/workbench/seals/1/second", {"agrees": "true", "reason": "seen"})
            child = persons(conn)[A1]
            assert child in agreed.text
            assert old not in agreed.text
            assert (await visitor.get(f"/workbench/persons/{old}")).status_code == 404
            assert (await visitor.get(f"/workbench/persons/{persons(conn)[B1]}")).status_code == 404
            assert (await visitor.get("/workbench/record?source=cws_cms&id=b1")).status_code == 404
            page = (await visitor.get(f"/workbench/persons/{child}")).text
            assert "Ellery" in page
            assert "Rosaura" not in page
            assert "Quintanilla" not in page
            assert old not in (await visitor.get(f"/workbench/persons/{child}/history")).text

        asyncio.run(with_visitor(database_url, story))
    assert is_apart(conn)


def test_a_decision_against_a_sealed_person_is_a_page_that_tells_nothing_of_it(
    conn: Connection, database_url: str
) -> None:
    """A task that was open when the seal took effect, and a decision of before that somebody wants to undo."""
    send(conn, {**BEFORE, **AFTER, O: DOUBTFUL})
    task = conn.execute(
        "SELECT task_id FROM review_task t, source_record h WHERE h.source_record_id = 'o' "
        "AND h.record_id = ANY (t.left_records || t.right_records) AND t.status = 'open'"
    ).fetchall()[0][0]
    same = Sides(frozenset({B1}), frozenset({B2}))
    judged = judge(conn, Decision("same", "one child"), same, Steward("ann")).judgement_id
    with cheap_hashing():
        add_steward(conn, "sue.hill", Role.SENIOR_STEWARD)

        async def story(visitor: Visitor) -> None:
            await visitor.sign_in("sue.hill")
            await visitor.get(f"/workbench/tasks/{task}")
            assert (await visitor.send(f"/workbench/tasks/{task}/claim")).status_code == 303
            await visitor.get(f"/workbench/tasks/{task}")
            sealed(conn)
            before = persons(conn)
            for path, fields in (
                (f"/tasks/{task}/decide", {"kind": "same", "reason": "one child"}),
                (f"/tasks/{task}/preview", {"kind": "same"}),
                (f"/judgements/{judged}/undo", {"reason": "a mistake"}),
            ):
                answer = await visitor.send(f"/workbench{path}", fields)
                assert answer.status_code in (404, 409) and "<h1" in answer.text, path
                assert "Quintanilla" not in answer.text, path
            assert persons(conn) == before and is_apart(conn)

        asyncio.run(with_visitor(database_url, story))
