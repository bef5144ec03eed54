"""Stewards who work over the API see what their client's agreements let it review; and the ledger has what they saw."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from config.sources import load_sources
from index_service.access.scopes import OURS
from index_service.disclosure.clauses import clauses_of
from index_service.disclosure.everything import everything_for
from index_service.store.agreements import apply_agreements
from index_service.store.connection import Connection
from tests.index_service.access.minting import PURPOSES, UNLIMITED, bearer, mint_client, mint_token
from tests.index_service.disclosure.test_nothing_told import Sent, without_what_varies
from tests.index_service.http.client import with_client
from tests.index_service.stewardship.invented import DOUBTFUL, MARIA, OTHER, TWIN, persons, send

SOURCES = load_sources()
M1, M2, D1, O = ("ccsas", "m1"), ("meds", "m2"), ("csi", "d1"), ("meds", "o")  # noqa: E741
SAME = {"kind": "same", "reason": "birth certificates"}
NO_SUCH = 4711


def named(key: tuple[str, str]) -> dict[str, str]:
    return {"source": key[0], "source_record_id": key[1]}


def held() -> list[Any]:
    """One client may review everything, one all but behavioral health."""
    all_seeing = everything_for("all_seeing", ("TREAT",), name="all_seeing")
    strict = everything_for("strict", ("TREAT",), [name for name in SOURCES if name != "csi"], name="strict")
    return [all_seeing, strict]


@pytest.fixture
def index(conn: Connection) -> Connection:
    """Marisol {m1, m2}, who may be {d1}; another child {o}. The question is about a record of behavioral health."""
    send(conn, {M1: MARIA, M2: MARIA, D1: DOUBTFUL, O: OTHER})
    agreements = held()
    apply_agreements(conn, agreements, clauses_of(agreements, SOURCES, PURPOSES), reason="test", who="tests")
    return conn


def ask(url: str, conn: Connection, client_id: str, sent: list[Sent], **headers: str) -> list[httpx.Response]:
    minted = mint_client(conn, client_id, scopes=OURS, limits=UNLIMITED)
    told: list[httpx.Response] = []

    async def use(client: httpx.AsyncClient) -> None:
        app: FastAPI = client._transport.app  # type: ignore[attr-defined]
        client.headers.update({**bearer(mint_token(app, minted.client)), **headers})
        told.extend([await client.request(each.verb, each.path, json=each.body) for each in sent])

    with_client(url, use)
    return told


def about(review: int, judgement: int, record: tuple[str, str]) -> list[Sent]:
    """Everything that can be asked or done about a task, a judgement and a record by number and name."""
    judged = {**SAME, "left": [named(M1)], "right": [named(record)]}
    file = (
        f"judgement,kind,part,source,source_record_id,reason\n1,same,1,meds,m2,x\n1,same,1,{record[0]},{record[1]},x\n"
    )
    return [
        Sent("GET", f"/v1/reviews/{review}"),
        *(Sent("POST", f"/v1/reviews/{review}/{act}") for act in ("claim", "release")),
        Sent("POST", f"/v1/reviews/{review}/decide", SAME),
        Sent("POST", f"/v1/reviews/{review}/preview", SAME),
        Sent("POST", f"/v1/reviews/{review}/undo", {"reason": "a mistake"}),
        Sent("GET", f"/v1/judgements/{judgement}"),
        Sent("POST", f"/v1/judgements/{judgement}/undo", {"reason": "a mistake"}),
        Sent("POST", f"/v1/judgements/{judgement}/second", {"reason": "so it is", "agrees": True}),
        Sent("POST", "/v1/judgements", judged),
        Sent("POST", "/v1/judgements/preview", judged),
        Sent("POST", "/v1/judgements/import", {"csv": file, "dry_run": False}),
        Sent("GET", f"/v1/judgements?source={record[0]}&source_record_id={record[1]}"),
    ]


def test_what_a_client_may_not_review_is_answered_as_what_is_not_there_and_nothing_is_done(
    index: Connection, database_url: str
) -> None:
    said = [
        Sent("POST", "/v1/judgements", {"kind": "different", "reason": "x", "left": [named(D1)], "right": [named(O)]})
    ]
    (made,) = ask(database_url, index, "all_seeing", said)
    (review,) = index.execute("SELECT task_id FROM review_task WHERE status = 'open'").fetchone() or (0,)
    forbidden = about(review, made.json()["judgement_id"], D1)
    before = persons(index)
    lists = [Sent("GET", f"/v1/{path}") for path in ("reviews", "reviews/counts", "judgements", "judgements/export")]
    told = ask(
        database_url,
        index,
        "strict",
        [*forbidden, *about(NO_SUCH, NO_SUCH, ("csi", "nobody")), *lists],
        **{"If-Match": '"1"'},
    )
    for sent, one, other in zip(forbidden, told, told[len(forbidden) :], strict=False):
        plain = [without_what_varies(answer.text).replace(str(NO_SUCH), "N") for answer in (one, other)]
        plain[0] = (
            plain[0]
            .replace(f"task {review}", "task N")
            .replace(f"judgement {made.json()['judgement_id']}", "judgement N")
        )
        assert (one.status_code, plain[0]) == (other.status_code, plain[1]), sent
        assert one.status_code >= 400 or one.json() == {"judgements": [], "next_before": None}
    reviews, counts, judgements, export = told[-4:]
    assert reviews.json() == {"reviews": [], "more": False}
    assert counts.json()["kinds"] == []
    assert judgements.json()["judgements"] == []
    assert export.text.count("\n") == 1
    assert persons(index) == before
    assert index.execute("SELECT count(*) FROM judgement").fetchone() == (1,)


def test_who_may_review_sees_it_and_the_ledger_says_so(index: Connection, database_url: str) -> None:
    (listed,) = ask(database_url, index, "all_seeing", [Sent("GET", "/v1/reviews")])
    (task,) = listed.json()["reviews"]
    rows = index.execute(
        "SELECT outcome, pointers FROM disclosure WHERE client_id = 'all_seeing' AND action = 'review'"
    ).fetchall()
    assert {outcome for outcome, _ in rows} == {"released"}
    told = {(pointer["source"], pointer["id"]) for _, pointers in rows for pointer in pointers}
    assert told == {M1, M2, D1}
    assert {task["left_person_id"], task["right_person_id"]} == {persons(index)[M1], persons(index)[D1]}


def test_a_look_at_nothing_has_its_row_too(index: Connection, database_url: str) -> None:
    ask(database_url, index, "strict", [Sent("GET", "/v1/reviews"), Sent("GET", f"/v1/reviews/{NO_SUCH}")])
    rows = index.execute("SELECT outcome FROM disclosure WHERE client_id = 'strict' AND action = 'review'").fetchall()
    assert rows == [("nothing",)] * 2


def evidence_for(index: Connection, url: str, client: str, review: int) -> dict[str, Any]:
    (told,) = ask(url, index, client, [Sent("GET", f"/v1/reviews/{review}")])
    evidence: dict[str, Any] = told.json()["evidence"]
    return evidence


def test_evidence_is_of_granted_attributes_and_rivals_are_of_reviewable_records(
    conn: Connection, database_url: str
) -> None:
    """Her twin {d1}, of behavioral health, is a rival in a question about others, for those who may review it."""
    send(conn, {M1: MARIA, M2: MARIA, ("calpads", "s1"): DOUBTFUL, D1: TWIN})
    nameless = everything_for("nameless", ("TREAT",), name="nameless")
    grants = tuple(
        grant.model_copy(update={"attributes": tuple(each for each in grant.attributes if each != "first_name")})
        for grant in nameless.grants
    )
    agreements = [*held(), nameless.model_copy(update={"grants": grants})]
    apply_agreements(conn, agreements, clauses_of(agreements, SOURCES, PURPOSES), reason="test", who="tests")
    now = persons(conn)
    asked = {now[M1], now["calpads", "s1"]}
    (review,) = [
        number
        for number, *sides in conn.execute("SELECT task_id, left_person_id, right_person_id FROM review_task")
        if set(sides) == asked
    ]
    every, strict, without_names = (
        evidence_for(conn, database_url, client, review) for client in ("all_seeing", "strict", "nameless")
    )
    assert [each["person_id"] for each in every["rivals"]] == [now[D1]]
    assert strict == every | {"rivals": []}
    assert {each["comparison"] for each in every["comparisons"]} - {
        each["comparison"] for each in without_names["comparisons"]
    } == {"first_name"}
