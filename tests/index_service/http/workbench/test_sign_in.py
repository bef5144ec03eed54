"""Signing in and out in the browser: what is asked for, kept, refused and said."""

from __future__ import annotations

from datetime import timedelta

import pytest

from index_service.accounts import administering
from index_service.accounts.signing_in import FREE_ATTEMPTS
from index_service.store.connection import Connection
from tests.index_service.accounts.invented import PASSWORD, add_steward, event_kinds, let_time_pass
from tests.index_service.http.workbench.browsing import SIGN_IN, Visitor
from tests.index_service.http.workbench.conftest import Visit

ACCOUNT = "/workbench/account"


def test_who_is_not_signed_in_is_led_through_the_sign_in_to_the_page_wanted(visit: Visit) -> None:
    async def story(visitor: Visitor) -> None:
        answer = await visitor.get(f"{ACCOUNT}?done=session")
        assert answer.status_code == 303
        assert answer.headers["location"] == f"{SIGN_IN}?next=/workbench/account%3Fdone%3Dsession"
        await visitor.get(answer.headers["location"])
        assert 'name="next" value="/workbench/account?done=session"' in visitor.page
        answer = await visitor.sign_in(wanted=f"{ACCOUNT}?done=session")
        assert answer.headers["location"] == f"{ACCOUNT}?done=session"
        assert "Where you are signed in" in visitor.page
        assert (await visitor.get(SIGN_IN)).headers["location"] == "/workbench/"

    visit(story)


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/docs", "/workbench/\\evil.example"])
def test_signing_in_leads_nowhere_else(visit: Visit, wanted: str) -> None:
    async def story(visitor: Visitor) -> None:
        assert (await visitor.sign_in(wanted=wanted)).headers["location"] == "/workbench/"
        visitor.client.cookies.clear()
        await visitor.get(SIGN_IN)
        await visitor.client.get(SIGN_IN, params={"next": wanted})
        assert "evil" not in visitor.page

    visit(story)


def test_the_mount_itself_leads_to_the_first_page(visit: Visit) -> None:
    async def story(visitor: Visitor) -> None:
        assert (await visitor.get("/workbench")).headers["location"] == "/workbench/"
        assert (await visitor.get("/workbench/")).headers["location"] == SIGN_IN

    visit(story)


def test_whatever_is_wrong_the_page_is_the_same(visit: Visit, conn: Connection) -> None:
    add_steward(conn, "kim.tran")
    administering.disable(conn, "kim.tran")

    async def story(visitor: Visitor) -> None:
        pages = set()
        for name, password in (("ana.lopez", "wrong"), ("nobody.here", PASSWORD), ("kim.tran", PASSWORD)):
            assert (await visitor.sign_in(name, password)).status_code == 401
            pages.add(visitor.page.replace(name, "NAME"))
        assert len(pages) == 1
        assert "not right" in pages.pop()
        assert (await visitor.sign_in("", "")).status_code == 422

    visit(story)


def test_a_name_is_held_after_failures_and_the_page_says_for_how_long(visit: Visit, conn: Connection) -> None:
    async def story(visitor: Visitor) -> None:
        for _ in range(FREE_ATTEMPTS):
            assert (await visitor.sign_in(password="wrong")).status_code == 401
        held = await visitor.sign_in()
        assert held.status_code == 429
        assert 25 < int(held.headers["retry-after"]) <= 31
        assert "Too many attempts" in visitor.page
        let_time_pass(conn, timedelta(seconds=31))
        assert (await visitor.sign_in()).status_code == 303

    visit(story)
    assert event_kinds(conn).count("locked_out") == 1


def test_a_script_in_a_name_stays_text(visit: Visit, conn: Connection) -> None:
    administering.add_account(
        conn, "mallory", display_name="<script>alert(1)</script>", roles=["steward"], password=PASSWORD
    )

    async def story(visitor: Visitor) -> None:
        await visitor.sign_in('"><script>alert(2)</script>', "wrong")
        assert "<script>alert" not in visitor.page
        await visitor.sign_in("mallory")
        assert "&lt;script&gt;alert(1)" in visitor.page
        assert "<script>alert" not in visitor.page

    visit(story)


def test_signing_in_gives_another_cookie_and_ends_the_former_session(visit: Visit, conn: Connection) -> None:
    async def story(visitor: Visitor) -> None:
        await visitor.sign_in()
        first = visitor.cookie("session")
        assert first
        answer = await visitor.client.get(SIGN_IN)
        assert answer.status_code == 303
        await visitor.send(SIGN_IN, {"name": "ana.lopez", "password": PASSWORD})
        assert visitor.cookie("session") not in (None, first)

    visit(story)
    assert conn.execute("SELECT ended_why FROM account_session ORDER BY session_id").fetchall() == [
        ("signed_in_again",),
        (None,),
    ]


def test_signing_out_ends_the_session_and_forgets_the_cookie(visit: Visit) -> None:
    async def story(visitor: Visitor) -> None:
        await visitor.sign_in()
        kept = dict(visitor.client.cookies)
        answer = await visitor.send("/workbench/sign-out")
        assert answer.headers["location"] == "/workbench/signed-out"
        assert visitor.cookie("session") is None
        await visitor.get("/workbench/signed-out")
        assert "You are signed out" in visitor.page
        visitor.client.cookies.update(kept)  # somebody has copied the cookie before
        assert (await visitor.get(ACCOUNT)).status_code == 303

    visit(story)


def test_a_session_out_of_time_says_so_and_leads_back(visit: Visit, conn: Connection) -> None:
    async def story(visitor: Visitor) -> None:
        await visitor.sign_in()
        let_time_pass(conn, timedelta(minutes=31))
        answer = await visitor.get(ACCOUNT)
        assert answer.headers["location"] == "/workbench/timed-out?next=/workbench/account"
        assert visitor.cookie("session") is None
        await visitor.get(answer.headers["location"])
        assert "after 30 minutes without doing anything" in visitor.page
        assert 'href="/workbench/sign-in?next=/workbench/account"' in visitor.page

    visit(story)


def test_a_form_sent_too_late_leads_back_to_its_page(visit: Visit, conn: Connection) -> None:
    async def story(visitor: Visitor) -> None:
        await visitor.sign_in()
        let_time_pass(conn, timedelta(minutes=31))
        referer = {"Referer": f"http://localhost{ACCOUNT}"}
        answer = await visitor.send(f"{ACCOUNT}/password", {"present": "a"}, headers=referer)
        assert answer.headers["location"] == "/workbench/timed-out?next=/workbench/account"

    visit(story)


def test_the_page_of_a_timed_out_session_forgets_the_cookie_and_a_live_one_goes_on(
    visit: Visit, conn: Connection
) -> None:
    async def story(visitor: Visitor) -> None:
        await visitor.sign_in()
        there = "/workbench/timed-out?next=/workbench/account"
        assert (await visitor.get(there)).headers["location"] == ACCOUNT
        let_time_pass(conn, timedelta(hours=11))
        assert (await visitor.get(there)).headers["location"] == there
        assert (await visitor.get(there)).status_code == 200

    visit(story)


def test_the_clock_for_the_warning_is_no_use_and_asking_for_more_is(visit: Visit, conn: Connection) -> None:
    async def story(visitor: Visitor) -> None:
        assert (await visitor.get("/workbench/session")).json() == {"left_s": 0, "extendable": False}
        await visitor.sign_in()
        let_time_pass(conn, timedelta(minutes=20))
        for _ in range(2):
            assert (await visitor.get("/workbench/session")).json()["left_s"] <= 600
        extended = await visitor.send("/workbench/session")
        assert extended.json()["left_s"] > 1790
        let_time_pass(conn, timedelta(minutes=31))
        assert (await visitor.send("/workbench/session")).json()["left_s"] == 0

    visit(story)


def test_the_account_page_shows_and_ends_other_sessions(visit: Visit, conn: Connection) -> None:
    async def story(visitor: Visitor) -> None:
        visitor.client.headers["User-Agent"] = "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/140.0"
        await visitor.sign_in()
        visitor.client.cookies.clear()
        visitor.client.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36"
        await visitor.sign_in()
        await visitor.get(ACCOUNT)
        assert "Firefox on Windows" in visitor.page
        assert "Chrome on Linux" in visitor.page
        assert visitor.page.count("This browser") == 1
        (other,) = conn.execute("SELECT min(session_id) FROM account_session").fetchone() or (0,)
        answer = await visitor.send(f"{ACCOUNT}/sessions/{other}/end")
        await visitor.get(answer.headers["location"])
        assert "The other session has ended" in visitor.page
        assert conn.execute("SELECT count(*) FROM account_session WHERE ended_at IS NULL").fetchone() == (1,)
        assert (await visitor.send("/workbench/sign-out-everywhere")).headers["location"] == "/workbench/signed-out"
        assert (await visitor.get(ACCOUNT)).status_code == 303

    visit(story)


def test_changing_the_password(visit: Visit) -> None:
    wanted = "a kettle hums nine old songs"

    async def story(visitor: Visitor) -> None:
        await visitor.sign_in()
        await visitor.get(ACCOUNT)
        before = visitor.cookie("session")
        for fields, says in [
            ({"present": PASSWORD, "wanted": wanted, "again": "x"}, "The two new passwords differ"),
            ({"present": "wrong", "wanted": wanted, "again": wanted}, "not your present password"),
            ({"present": PASSWORD, "wanted": "short", "again": "short"}, "at least 15"),
        ]:
            assert (await visitor.send(f"{ACCOUNT}/password", fields)).status_code == 422
            assert says in visitor.page
            assert PASSWORD not in visitor.page
        answer = await visitor.send(f"{ACCOUNT}/password", {"present": PASSWORD, "wanted": wanted, "again": wanted})
        assert answer.headers["location"] == f"{ACCOUNT}?done=password"
        assert visitor.cookie("session") not in (None, before)
        assert (await visitor.get(ACCOUNT)).status_code == 200
        visitor.client.cookies.clear()
        assert (await visitor.sign_in()).status_code == 401
        assert (await visitor.sign_in(password=wanted)).status_code == 303

    visit(story)


def test_local_accounts_can_be_switched_off(visit: Visit) -> None:
    async def story(visitor: Visitor) -> None:
        await visitor.get(SIGN_IN)
        assert 'type="password"' not in visitor.page
        assert (await visitor.send(SIGN_IN, {"name": "ana.lopez", "password": PASSWORD})).status_code == 404
        assert (await visitor.get(f"{SIGN_IN}/provider")).status_code == 404

    visit(story, local_accounts=False)
