"""What holds for every page, also for pages still to be written: form tokens, headers, cookies, roles, errors."""

from __future__ import annotations

import asyncio
import json
import re

import httpx
import pytest
import structlog
from fastapi.routing import APIRoute, iter_route_contexts

from index_service.accounts.roles import Role
from index_service.accounts.sessions import csrf_token
from index_service.http.workbench import application
from index_service.http.workbench.desk import desk_for
from index_service.http.workbench.forms import FIELD, HEADER
from index_service.http.workbench.headers import HEADERS
from index_service.settings import Settings
from index_service.store import connection
from index_service.store.connection import Connection
from tests.index_service.accounts.invented import PASSWORD, add_steward, event_kinds
from tests.index_service.http.workbench.browsing import SIGN_IN, Visitor, with_visitor
from tests.index_service.http.workbench.conftest import Visit
from tests.index_service.http.workbench.extra_pages import add_extra_pages


def sent_to() -> list[str]:
    """Every path of the workbench to which something can be sent, whichever page takes it."""
    pages = application.workbench(desk_for("postgresql://", Settings()))
    routes = [context.original_route for context in iter_route_contexts(pages.routes)]
    paths = [
        route.path for route in routes if isinstance(route, APIRoute) and (route.methods or set()) - {"GET", "HEAD"}
    ]
    return sorted("/workbench" + re.sub(r"{\w+}", "1", path) for path in paths)


def test_all_that_can_be_sent_is_known_here() -> None:
    assert sent_to() == [
        "/workbench/account/password",
        "/workbench/account/sessions/1/end",
        "/workbench/appearance",
        "/workbench/broken-glass/1/review",
        "/workbench/judgements/1/undo",
        "/workbench/ledger/accounting",
        "/workbench/ledger/accounting.csv",
        "/workbench/ledger/verify",
        "/workbench/persons/1/numbers",
        "/workbench/persons/1/seal",
        "/workbench/persons/1/unmerge",
        "/workbench/persons/1/unmerge/now",
        "/workbench/queue/next",
        "/workbench/record/numbers",
        "/workbench/seals/1/open",
        "/workbench/seals/1/second",
        "/workbench/search",
        "/workbench/search/id",
        "/workbench/session",
        "/workbench/shortcuts",
        "/workbench/sign-in",
        "/workbench/sign-out",
        "/workbench/sign-out-everywhere",
        "/workbench/tasks/1/claim",
        "/workbench/tasks/1/decide",
        "/workbench/tasks/1/numbers",
        "/workbench/tasks/1/preview",
        "/workbench/tasks/1/release",
        "/workbench/tasks/1/second",
    ]


def test_nothing_is_done_without_the_token_of_a_page_in_this_browser(visit: Visit, conn: Connection) -> None:
    async def story(visitor: Visitor) -> None:
        for signed_in in (False, True):
            if signed_in:
                await visitor.sign_in()
            foreign = csrf_token("another browser's session")
            for path in sent_to():
                for fields in ({}, {FIELD: ""}, {FIELD: foreign}, {FIELD: "ü"}):
                    answer = await visitor.client.post(path, data={"name": "ana.lopez", "password": PASSWORD, **fields})
                    assert answer.status_code == 403, path
                    assert "out of date" in answer.text
                answer = await visitor.client.post(path, json={FIELD: foreign}, headers={HEADER: foreign})
                assert answer.status_code == 403
        assert (await visitor.get("/workbench/account")).status_code == 200, "still signed in"

    visit(story)
    assert event_kinds(conn) == ["account_added", "signed_in"]


@pytest.mark.parametrize(
    "header",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_from_a_page_elsewhere_is_refused_even_with_the_token(visit: Visit, header: dict[str, str]) -> None:
    async def story(visitor: Visitor) -> None:
        await visitor.sign_in()
        assert (await visitor.send("/workbench/sign-out", headers=header)).status_code == 403
        ours = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
        assert (await visitor.send("/workbench/sign-out", headers=ours)).status_code == 303

    visit(story)


def test_the_token_of_a_form_ends_with_its_session(visit: Visit) -> None:
    async def story(visitor: Visitor) -> None:
        await visitor.sign_in()
        former = visitor.form_token()
        await visitor.send("/workbench/sign-out")
        await visitor.sign_in()
        assert visitor.form_token() != former
        assert (await visitor.send("/workbench/sign-out", {FIELD: former})).status_code == 403

    visit(story)


def test_every_answer_carries_the_headers(visit: Visit) -> None:
    async def story(visitor: Visitor) -> None:
        await visitor.get(SIGN_IN)
        style = re.search(r'href="([^"]+\.css)"', visitor.page)
        assert style is not None
        for path in (SIGN_IN, "/workbench/", "/workbench/nowhere", style[1], "/workbench/session"):
            answer = await visitor.get(path)
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
            assert "strict-transport-security" not in answer.headers
            expected = "public, max-age=31536000, immutable" if path == style[1] else "no-store"
            assert answer.headers["cache-control"] == expected
        assert (await visitor.send("/workbench/sign-out", {FIELD: ""})).headers["x-frame-options"] == "DENY"

    visit(story)


def test_the_policy_allows_no_inline_script_or_style_and_the_pages_have_none(visit: Visit) -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy

    async def story(visitor: Visitor) -> None:
        for path in (SIGN_IN, "/workbench/signed-out", "/workbench/timed-out", "/workbench/nowhere"):
            await visitor.get(path)
            assert_nothing_inline(visitor.page)
        await visitor.sign_in()
        for path in ("/workbench/", "/workbench/account", "/workbench/nowhere"):
            await visitor.get(path)
            assert_nothing_inline(visitor.page)

    visit(story)


def assert_nothing_inline(page: str) -> None:
    assert page.startswith("<!doctype html>")
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:", page)
    assert not re.search(r'(?:src|href|action)="(?!/workbench/|#)', page), "nothing from another host"


def test_a_static_file_of_another_content_is_not_there(visit: Visit) -> None:
    async def story(visitor: Visitor) -> None:
        for name in ("workbench.css", "workbench.000000000000.css", "../app.py", "%2e%2e%2fapp.py"):
            assert (await visitor.get(f"/workbench/static/{name}")).status_code == 404

    visit(story)


def set_cookies(answer: httpx.Response) -> dict[str, str]:
    """The attributes of each cookie that an answer sets, by the cookie's name."""
    cookies = answer.headers.get_list("set-cookie")
    return {cookie.partition("=")[0]: cookie.partition(";")[2] for cookie in cookies}


def test_cookies_on_this_machine_are_out_of_reach_for_scripts_and_other_ports(visit: Visit) -> None:
    async def story(visitor: Visitor) -> None:
        assert set_cookies(await visitor.get(SIGN_IN)) == {"person_index_form_80": " HttpOnly; Path=/; SameSite=lax"}
        answer = await visitor.sign_in()
        assert set_cookies(answer) == {"person_index_session_80": " HttpOnly; Path=/; SameSite=lax"}

    visit(story)


def test_cookies_over_tls_are_secure_and_for_this_host_alone(visit: Visit) -> None:
    async def story(visitor: Visitor) -> None:
        form = await visitor.get(SIGN_IN)
        assert set_cookies(form) == {"__Host-person_index_form": " HttpOnly; Path=/; SameSite=lax; Secure"}
        assert form.headers["strict-transport-security"] == "max-age=31536000"
        answer = await visitor.sign_in()
        assert set_cookies(answer) == {"__Host-person_index_session": " HttpOnly; Path=/; SameSite=lax; Secure"}
        assert "Welcome" in visitor.page
        visitor.client.cookies.set("person_index_session_443", "planted")
        assert (await visitor.get("/workbench/account")).status_code == 200

    visit(story, base_url="https://localhost")


def test_a_choice_of_theme_is_kept_in_a_cookie_and_leads_back(visit: Visit) -> None:
    async def story(visitor: Visitor) -> None:
        await visitor.get(SIGN_IN)
        assert "data-theme" not in visitor.page
        answer = await visitor.send("/workbench/appearance", {"theme": "dark", "back": SIGN_IN})
        assert answer.headers["location"] == SIGN_IN
        await visitor.get(SIGN_IN)
        assert '<html lang="en" data-theme="dark">' in visitor.page
        assert 'value="dark" aria-pressed="true"' in visitor.page
        there = f"{SIGN_IN}?next=/workbench/account"
        await visitor.get(there)
        assert f'name="back" value="{there}"' in visitor.page
        assert (await visitor.send("/workbench/appearance", {"theme": "dark", "back": there})).headers[
            "location"
        ] == there
        answer = await visitor.send("/workbench/appearance", {"theme": '"><script>', "back": "https://evil.example/"})
        assert answer.headers["location"] == "/workbench/"
        await visitor.get(SIGN_IN)
        assert "data-theme" not in visitor.page

    visit(story)


@pytest.fixture
def _extra_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    add_extra_pages(monkeypatch)


@pytest.mark.usefixtures("_extra_pages")
def test_a_page_for_other_roles_is_refused_with_the_role_it_needs(visit: Visit, conn: Connection) -> None:
    add_steward(conn, "kim.tran", Role.SENIOR_STEWARD)

    async def story(visitor: Visitor) -> None:
        await visitor.sign_in()
        assert (await visitor.get("/workbench/for-stewards")).json() == "ana.lopez"
        assert (await visitor.get("/workbench/for-supervisors")).status_code == 403
        assert "<strong>supervisor</strong> or <strong>auditor</strong>" in visitor.page
        await visitor.send("/workbench/sign-out")
        await visitor.sign_in("kim.tran")
        assert (await visitor.get("/workbench/for-stewards")).json() == "kim.tran", "a senior steward is a steward"

    visit(story)


@pytest.mark.usefixtures("_extra_pages")
@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/workbench/nowhere", 404, "Page not found"),
        ("/workbench/static/", 404, "Page not found"),
        ("/workbench/sign-out", 405, "Not possible here"),
        ("/workbench/number/Canaryname", 422, "could not read"),
        ("/workbench/cannot", 503, "Load something."),
        ("/workbench/fails", 500, "Something went wrong"),
    ],
)
def test_an_error_is_a_page_with_advice_and_without_values(visit: Visit, path: str, status: int, says: str) -> None:
    async def story(visitor: Visitor) -> None:
        for _ in range(2):
            answer = await visitor.get(path, **{"X-Request-ID": "0b7c1c5f-5d0e-4b57-9f3a-6a1f0c2d3e4f"})
            assert answer.status_code == status
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert says in visitor.page
            assert "0b7c1c5f-5d0e-4b57-9f3a-6a1f0c2d3e4f" in visitor.page
            assert "Canaryname" not in re.sub(r'name="back" value="[^"]*"', "", visitor.page)
            assert_nothing_inline(visitor.page)
            await visitor.sign_in()

    visit(story)


def test_without_a_database_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LOOKUP_TIMEOUT_MS", 200)

    async def story(visitor: Visitor) -> None:
        visitor.client.cookies.set("person_index_session_80", "x")
        answer = await visitor.get("/workbench/account")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert "The database does not answer" in visitor.page

    asyncio.run(with_visitor("postgresql://nobody@127.0.0.1:1/none", story))


def test_logs_name_the_page_and_hold_no_value(visit: Visit, conn: Connection) -> None:
    async def story(visitor: Visitor) -> None:
        await visitor.sign_in("canaryname", "canaryname")
        await visitor.sign_in()
        await visitor.get("/workbench/static/canaryname")
        await visitor.get("/workbench/sign-in?next=/workbench/canaryname")
        await visitor.get("/workbench/canaryname")

    with structlog.testing.capture_logs() as lines:
        visit(story)
    assert "canaryname" not in json.dumps(lines)
    named = {line["route"] for line in lines if line["event"] == "request"}
    assert {"/workbench/sign-in", "/workbench/", "/workbench/static/{name}"} <= named
