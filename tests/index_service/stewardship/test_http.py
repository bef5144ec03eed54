"""The queue and the judgements over HTTP: what a steward does, and what a steward is told instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from index_service.http.stewards import steward_of
from index_service.stewardship.deciding import Steward
from index_service.store.connection import Connection
from tests.index_service.http.client import with_client
from tests.index_service.stewardship.invented import DOUBTFUL, MARIA, OTHER, TWIN, persons, send, withdraw

M1, M2, D1, O = ("ccsas", "m1"), ("meds", "m2"), ("csi", "d1"), ("meds", "o")  # noqa: E741
S1 = ("calpads", "s1")
SAME = {"kind": "same", "reason": "birth certificates"}
ANN, BEN = {"X-Steward": "ann"}, {"X-Steward": "ben"}


@pytest.fixture
def index(conn: Connection) -> Connection:
    """Marisol {m1, m2}, who may be {d1}; another child {o}."""
    send(conn, {M1: MARIA, M2: MARIA, D1: DOUBTFUL, O: OTHER})
    return conn


def stewards_by_header(app: FastAPI) -> None:
    """Whoever the request names decides; `sue` is a senior steward."""

    def named(request: Request) -> Steward:
        name = request.headers.get("X-Steward", "ann")
        return Steward(name, senior=name == "sue")

    app.dependency_overrides[steward_of] = named


def using(url: str, steps: Callable[[Callable[..., Any]], Any]) -> None:
    """Run steps that call `ask(method, path, …)` and await the answer."""

    async def use(client: httpx.AsyncClient) -> None:
        async def ask(method: str, path: str, status: int = 200, **more: Any) -> Any:
            answer = await client.request(method, f"/v1{path}", **more)
            assert answer.status_code == status, answer.text
            return answer

        await steps(ask)

    with_client(url, use, prepare=stewards_by_header)


def key(source_and_id: tuple[str, str]) -> dict[str, str]:
    return {"source": source_and_id[0], "source_record_id": source_and_id[1]}


def test_a_steward_lists_claims_previews_decides_and_undoes(index: Connection, database_url: str) -> None:
    before = persons(index)

    async def steps(ask: Callable[..., Any]) -> None:
        (task,) = (await ask("GET", "/reviews")).json()["reviews"]
        path = f"/reviews/{task['review_id']}"
        assert task["kind"] == "possible_duplicate"
        seen = await ask("POST", f"{path}/claim", headers=ANN)
        assert seen.json()["claimed_by"] == "ann"
        assert seen.json()["right"] == [key(D1)]
        told = (await ask("POST", f"{path}/preview", json=SAME)).json()
        assert told["retired"] == [{"person_id": before[D1], "forwards_to": before[M1]}]
        assert persons(index) == before
        done = await ask("POST", f"{path}/decide", json=SAME, headers={**ANN, "If-Match": seen.headers["ETag"]})
        assert done.json()["effect"]["events"] == {"joined": 1, "retired": 1}
        assert persons(index)[D1] == before[M1]
        assert (await ask("GET", path)).json()["closed_why"] == "decided"
        (made,) = (await ask("GET", "/judgements", params=key(D1))).json()["judgements"]
        assert (made["who"], made["in_force"], made["review_id"]) == ("ann", True, task["review_id"])
        undone = await ask("POST", f"{path}/undo", json={"reason": "a mistake"}, headers=ANN)
        assert undone.json()["effect"]["revived"] == [before[D1]]
        assert persons(index) == before
        assert (await ask("GET", f"/judgements/{made['judgement_id']}")).json()["undone"]["reason"] == "a mistake"
        assert (await ask("GET", "/reviews/counts")).json()["kinds"][0]["open"] == 1

    using(database_url, steps)


def test_a_review_is_read_with_evidence_that_adds_up_and_with_rivals(index: Connection, database_url: str) -> None:
    """Her twin {s1} is a rival of either side; the other child is none."""
    send(index, {S1: TWIN})

    async def steps(ask: Callable[..., Any]) -> None:
        reviews = (await ask("GET", "/reviews")).json()["reviews"]
        read = [(await ask("GET", f"/reviews/{each['review_id']}")).json() for each in reviews]
        for review in read:
            evidence = review["evidence"]
            assert evidence["weight"] == pytest.approx(review["weight"], abs=1e-6)
            for sum_, begins, bits in (
                ("weight_against_stranger", "prior_against_stranger", "bits"),
                ("weight_against_sibling", "prior_against_sibling", "sibling_bits"),
            ):
                added = evidence[begins] + sum(each[bits] for each in evidence["comparisons"])
                assert added == pytest.approx(evidence[sum_], abs=1e-9)
            persons_of_review = {review["left_person_id"], review["right_person_id"]}
            for rival in evidence["rivals"]:
                assert rival["person_id"] not in persons_of_review | {persons(index)[O]}
        rivals = {rival["person_id"] for review in read for rival in review["evidence"]["rivals"]}
        assert rivals and rivals <= {persons(index)[key] for key in (M1, D1, S1)}

    using(database_url, steps)


def test_what_cannot_be_done_is_told_as_a_problem_and_nothing_is_done(index: Connection, database_url: str) -> None:
    before = persons(index)

    async def steps(ask: Callable[..., Any]) -> None:
        async def refused(status: int, kind: str, method: str, path: str, **more: Any) -> None:
            answer = await ask(method, path, status, **more)
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["type"] == f"urn:person-index:{kind}"

        (task,) = (await ask("GET", "/reviews")).json()["reviews"]
        path = f"/reviews/{task['review_id']}"
        now = {"If-Match": f'"{task["version"]}"'}
        await refused(428, "precondition-required", "POST", f"{path}/decide", json=SAME)
        await refused(409, "not-claimed", "POST", f"{path}/decide", json=SAME, headers=now)
        await ask("POST", f"{path}/claim", headers=ANN)
        await refused(409, "claimed-by-another", "POST", f"{path}/claim", headers=BEN)
        await refused(409, "claimed-by-another", "POST", f"{path}/decide", json=SAME, headers={**BEN, **now})
        await refused(412, "task-changed", "POST", f"{path}/decide", json=SAME, headers={"If-Match": '"99"'})
        move = {"kind": "move", "reason": "x", "chosen": [key(M1), key(M2)]}
        await refused(422, "impossible-choice", "POST", f"{path}/decide", json=move, headers=now)
        index.execute("UPDATE review_task SET claimed_until = clock_timestamp() - interval '1 second'")
        await refused(409, "lease-expired", "POST", f"{path}/decide", json=SAME, headers=now)
        await refused(404, "unknown-task", "POST", "/reviews/999/claim")
        await refused(404, "unknown-judgement", "GET", "/judgements/999")
        withdraw(index, D1)
        await refused(409, "task-closed", "POST", f"{path}/claim")
        same = {**SAME, "left": [key(M1), key(M2)], "right": [key(O)]}
        await ask("POST", "/judgements", json=same)
        apart = {"kind": "different", "reason": "x", "left": [key(M1)], "right": [key(O)]}
        await refused(409, "contradictory-judgement", "POST", "/judgements", json=apart)
        nobody = {**SAME, "left": [key(M1)], "right": [key(("meds", "nobody"))]}
        await refused(409, "unknown-record", "POST", "/judgements", json=nobody)
        await refused(422, "malformed-judgements", "POST", "/judgements/import", json={"csv": "a,b\n1,2\n"})

    using(database_url, steps)
    now = persons(index)
    assert now[M1] == now[M2] == before[M1]


def test_the_filters_of_the_queue(index: Connection, database_url: str) -> None:
    async def steps(ask: Callable[..., Any]) -> None:
        (task,) = (await ask("GET", "/reviews")).json()["reviews"]

        async def found(**asked: object) -> bool:
            return bool((await ask("GET", "/reviews", params=asked)).json()["reviews"])

        assert await found(kind="possible_duplicate") and not await found(kind="possible_split")
        assert await found(source="csi") and not await found(source="dds")
        assert await found(least_weight=task["weight"]) and not await found(least_weight=task["weight"] + 0.1)
        assert await found(most_weight=task["weight"]) and not await found(most_weight=task["weight"] - 0.1)
        assert await found(person_id=task["left_person_id"]) and not await found(person_id="nobody")
        assert await found(opened_before=task["created_at"])
        assert not await found(opened_before="2020-01-01T00:00:00Z")
        assert not await found(assignee="ann") and await found(unclaimed=True)
        await ask("POST", f"/reviews/{task['review_id']}/claim", headers=ANN)
        assert await found(assignee="ann") and not await found(unclaimed=True)
        assert not await found(status="decided")
        assert not await found(for_second=True)

    using(database_url, steps)


def test_judgements_leave_as_csv_and_come_back(index: Connection, database_url: str) -> None:
    async def steps(ask: Callable[..., Any]) -> None:
        same = {**SAME, "left": [key(M1), key(M2)], "right": [key(O)]}
        made = (await ask("POST", "/judgements", json=same)).json()["judgement_id"]
        together = persons(index)
        text = (await ask("GET", "/judgements/export")).text
        assert text.splitlines()[0] == "judgement,kind,part,source,source_record_id,reason"
        again = (await ask("POST", "/judgements/import", json={"csv": text})).json()["judgements"]
        assert [each["already_in_force"] for each in again] == [True]
        await ask("POST", f"/judgements/{made}/undo", json={"reason": "x"})
        apart = persons(index)
        (told,) = (await ask("POST", "/judgements/import", json={"csv": text})).json()["judgements"]
        assert told["decided"]["effect"]["retired"] and persons(index) == apart
        await ask("POST", "/judgements/import", json={"csv": text, "dry_run": False})
        assert persons(index) == together

    using(database_url, steps)
