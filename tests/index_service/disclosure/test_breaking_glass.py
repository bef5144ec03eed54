"""Broken glass: a human user, with a reason, where the agreement says so; for a time, and reviewed by others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI

from config.agreements import load_agreements
from index_service.access.scopes import OURS
from index_service.access.statements_of_use import User
from index_service.access.tokens import issue
from index_service.accounts.roles import Role
from index_service.disclosure.clauses import clauses_of
from index_service.disclosure.reviewing_glass import OwnGlass, review_glass
from index_service.http.access import Access
from index_service.stewardship.adoptions import agree_to_seal, propose_seal
from index_service.stewardship.deciding import Steward
from index_service.store.agreements import apply_agreements
from index_service.store.connection import Connection
from index_service.store.on_file import NotOnFile, glass_cases
from tests.index_service.access.minting import PURPOSES, UNLIMITED, bearer, mint_client
from tests.index_service.accounts.hashing import cheap_hashing
from tests.index_service.accounts.invented import add_steward
from tests.index_service.cli.conftest import PersonIndex, in_database, person_index  # noqa: F401 - fixtures
from tests.index_service.disclosure.generated import SOURCES
from tests.index_service.disclosure.population import CHILD, OTHER, two_children
from tests.index_service.http.client import with_client
from tests.index_service.http.workbench.browsing import Visitor, with_visitor

Ask = Callable[..., Any]
REASON = "a child at the door at night, nobody of the caseload to be reached"
URGENT = {"person_id": CHILD, "reason": REASON}
Lines = list[MutableMapping[str, Any]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
def index(conn: Connection) -> Connection:
    """Two children, and the shipped agreements, which let a county's workers break the glass."""
    two_children(conn)
    today = datetime.now(UTC)
    held = [
        each.model_copy(
            update={
                "from_date": datetime(2020, 1, 1, tzinfo=UTC).date(),
                "until_date": (today + timedelta(days=400)).date(),
            }
        )
        for each in load_agreements(SOURCES, PURPOSES)
    ]
    apply_agreements(conn, held, clauses_of(held, SOURCES, PURPOSES), reason="test", who="tests")
    return conn


def token(app: FastAPI, client: Any, user: str | None, *roles: str) -> str:
    access: Access = app.state.access
    acting = User(client.client_id, user, roles=roles) if user else None
    return issue(
        client,
        issuer=access.base_urls[0],
        keys=access.keys,
        scopes=tuple(OURS),
        purposes={code: PURPOSES.system_of(code) for code in client.purposes},
        user=acting,
        now=time.time(),
    ).text


def as_callers(conn: Connection, url: str, story: Callable[[Ask], Any]) -> None:
    """Runs a story that calls `ask(user, verb, path, status, …)`; a user's roles follow a colon."""
    workers = mint_client(
        conn, "cws_worker", scopes=OURS, purposes=("CHILDPROT", "FOSTERPLACE", "BTG"), limits=UNLIMITED
    ).client
    others = mint_client(conn, "stranger", scopes=OURS, purposes=("BTG",), limits=UNLIMITED).client

    async def use(client: httpx.AsyncClient) -> None:
        app: FastAPI = client._transport.app  # type: ignore[attr-defined]

        async def ask(
            user: str | None,
            verb: str,
            path: str,
            status: int,
            *,
            purpose: str = "BTG",
            stranger: bool = False,
            **more: Any,
        ) -> Any:
            name, _, role = (user or "").partition(":")
            who = token(app, others if stranger else workers, name or None, *filter(None, [role]))
            answer = await client.request(verb, f"/v1{path}", headers=bearer(who, purpose), **more)
            assert answer.status_code == status, answer.text
            return answer.json() if answer.content else None

        await story(ask)

    with_client(url, use)


def test_a_user_breaks_the_glass_for_one_person_and_is_alerted(
    index: Connection, database_url: str, lines: Lines
) -> None:
    async def story(ask: Ask) -> None:
        await ask("ann", "GET", f"/persons/{CHILD}", 404)
        broken = (await ask("ann", "POST", "/break-glass", 200, json=URGENT))["broken"]
        (under,) = broken
        assert under["agreement"] == "cws_worker/1"
        lasts = datetime.fromisoformat(under["expires_at"]) - datetime.now(UTC)
        assert timedelta(minutes=59) < lasts <= timedelta(minutes=60)
        told = await ask("ann", "GET", f"/persons/{CHILD}", 200)
        assert [record["source"] for record in told["records"]] == ["meds"]
        await ask("ben", "GET", f"/persons/{CHILD}", 404)
        await ask("ann", "GET", f"/persons/{OTHER}", 404)

    as_callers(index, database_url, story)
    (alert,) = [line for line in lines if line["event"] == "glass_broken"]
    assert (alert["agreement"], alert["alerts"], alert["log_level"]) == ("cws_worker/1", ["privacy_officer"], "warning")
    assert not any(word in str(alert) for word in (CHILD, "door", "ann"))
    (case,) = glass_cases(index)
    assert (case.glass.user, case.glass.person_id, case.answers, case.glass.reason) == ("ann", CHILD, 1, REASON)
    entered = index.execute("SELECT outcome, reason FROM disclosure WHERE reason IS NOT NULL").fetchall()
    assert entered == [("nothing", "the glass was broken")]


def test_only_a_user_for_that_purpose_under_an_agreement_that_says_so(
    index: Connection, database_url: str, lines: Lines
) -> None:
    async def story(ask: Ask) -> None:
        await ask(None, "POST", "/break-glass", 403, json=URGENT)
        await ask("ann", "POST", "/break-glass", 403, json=URGENT, purpose="CHILDPROT")
        await ask("ann", "POST", "/break-glass", 403, json=URGENT, stranger=True)
        await ask("ann", "POST", "/break-glass", 422, json={**URGENT, "reason": ""})

    as_callers(index, database_url, story)
    assert glass_cases(index) == []
    assert not [line for line in lines if line["event"] == "glass_broken"]
    assert index.execute("SELECT count(*) FROM disclosure WHERE outcome = 'refused'").fetchall() == [(3,)]


def test_nobody_is_answered_like_somebody(index: Connection, database_url: str, lines: Lines) -> None:
    async def story(ask: Ask) -> None:
        found = [
            await ask("ann", "POST", "/break-glass", 200, json={**URGENT, "person_id": p}) for p in (CHILD, "nobody")
        ]
        somebody, nobody = ([{**each, "expires_at": "", "review_by": ""} for each in told["broken"]] for told in found)
        assert somebody == nobody

    as_callers(index, database_url, story)
    assert [case.glass.person_id for case in glass_cases(index)] == [CHILD]
    assert len([line for line in lines if line["event"] == "glass_broken"]) == 2


def test_no_emergency_opens_a_seal(index: Connection, database_url: str, lines: Lines) -> None:
    asked = propose_seal(index, CHILD, {("calpads", "S1")}, Steward("ruth", supervisor=True), reason="order")
    agree_to_seal(index, asked.seal.seal_id, Steward("sue", senior=True), agrees=True, reason="seen")

    async def story(ask: Ask) -> None:
        assert len((await ask("ann", "POST", "/break-glass", 200, json=URGENT))["broken"]) == 1
        await ask("ann", "GET", f"/persons/{CHILD}", 404)
        await ask("ann", "GET", "/sources/meds/records/M1/person", 404)

    as_callers(index, database_url, story)
    assert glass_cases(index) == []


def test_a_supervisor_or_auditor_reviews_what_others_broke(index: Connection, database_url: str, lines: Lines) -> None:
    verdict = {"was_justified": False, "remark": "no emergency"}

    async def story(ask: Ask) -> None:
        await ask("ann", "POST", "/break-glass", 200, json=URGENT)
        await ask("ann", "GET", "/break-glass", 403)
        await ask("ann:steward", "GET", "/break-glass", 403)
        (case,) = (await ask("kay:auditor", "GET", "/break-glass", 200))["cases"]
        assert (case["user_id"], case["was_justified"]) == ("ann", None)
        path = f"/break-glass/{case['broken_glass_id']}/review"
        await ask("ann:supervisor", "POST", path, 403, json=verdict)
        await ask("kay:auditor", "POST", path, 204, json=verdict)
        await ask("ruth:supervisor", "POST", path, 404, json=verdict)
        await ask("ruth:supervisor", "POST", "/break-glass/99/review", 404, json=verdict)
        assert (await ask("ruth:supervisor", "GET", "/break-glass", 200))["cases"] == []
        (done,) = (await ask("ruth:supervisor", "GET", "/break-glass?reviewed_too=true", 200))["cases"]
        assert (done["was_justified"], done["reviewed_by"]) == (False, "kay (client:cws_worker)")

    as_callers(index, database_url, story)


def broken_by_ann(conn: Connection) -> None:
    conn.execute("SELECT * FROM break_glass('cws_worker', 'ann.lee', 'BTG', %s, %s, 'r', NULL)", [CHILD, REASON])


def test_the_review_by_command(index: Connection, in_database: str, person_index: PersonIndex) -> None:  # noqa: F811
    broken_by_ann(index)
    (case,) = person_index("break-glass", "list", "--json").json()["cases"]
    assert case["user"] == "ann.lee"
    number = str(case["broken_glass_id"])
    assert person_index("break-glass", "review", number, "--justified", "--remark", " ").code == 2
    assert person_index("break-glass", "review", number, "--justified", "--remark", "called the worker").code == 0
    assert person_index("break-glass", "review", number, "--justified", "--remark", "again").code == 1
    assert "Nothing waits" in person_index("break-glass", "list").out
    assert " justified " in person_index("break-glass", "list", "--all").out


def test_who_broke_it_does_not_review_it(index: Connection) -> None:
    broken_by_ann(index)
    (case,) = glass_cases(index)
    number = case.glass.broken_glass_id
    with pytest.raises(OwnGlass):
        review_glass(index, number, who="ann.lee", subject="ann.lee", was_justified=True, remark="right")
    with pytest.raises(NotOnFile):
        review_glass(index, number + 1, who="kay", subject="kay", was_justified=True, remark="right")
    assert len(glass_cases(index)) == 1


def test_the_review_in_the_workbench(index: Connection, database_url: str, lines: Lines) -> None:
    broken_by_ann(index)
    with cheap_hashing():
        for name, role in (("kay.moor", Role.AUDITOR), ("ann.stew", Role.STEWARD)):
            add_steward(index, name, role)

        async def story(visitor: Visitor) -> None:
            await visitor.sign_in("ann.stew")
            assert "The glass was broken" not in (await visitor.get("/workbench/")).text
            assert (await visitor.get("/workbench/broken-glass")).status_code == 403
            await visitor.sign_in("kay.moor")
            assert "1 case waits for a review" in (await visitor.get("/workbench/")).text
            assert REASON in (await visitor.get("/workbench/broken-glass")).text
            empty = await visitor.send("/workbench/broken-glass/1/review", {"remark": " ", "justified": "true"})
            assert (empty.status_code, "Write what you found" in empty.text) == (422, True)
            done = await visitor.send("/workbench/broken-glass/1/review", {"remark": "asked", "justified": "true"})
            assert done.status_code == 303
            assert "The glass was broken" not in (await visitor.get("/workbench/")).text
            assert "Nothing waits for a review" in (await visitor.get("/workbench/broken-glass")).text
            again = await visitor.send("/workbench/broken-glass/1/review", {"remark": "asked", "justified": "true"})
            assert again.status_code == 409

        asyncio.run(with_visitor(database_url, story))
