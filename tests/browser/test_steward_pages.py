"""The stewards' pages in Chromium: each in both themes, and the whole loop from signing in to undoing, by keyboard."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from index_service.accounts.roles import Role
from index_service.store.connection import connect
from index_service.store.embedded import EmbeddedServer
from tests.browser.conftest import (
    Browse,
    RunningService,
    assert_accessible,
    person_of,
    running_service,
    sign_in,
)
from tests.index_service.access.minting import hub_headers
from tests.index_service.accounts.hashing import cheap_hashing
from tests.index_service.accounts.invented import PASSWORD
from tests.index_service.stewardship.invented import withdraw
from tests.stewards_cases import ALEXA, copy_of, person_of_record, put, task_about, template

PICTURES = os.environ.get("PERSON_INDEX_PICTURES")


@pytest.fixture(scope="module")
def filled(embedded_server: EmbeddedServer) -> Iterator[str]:
    with template(embedded_server, children=3) as name:
        yield name


@pytest.fixture
def desk(embedded_server: EmbeddedServer, filled: str) -> Iterator[RunningService]:
    """A service on a database with cases."""
    with copy_of(embedded_server, filled) as url, cheap_hashing(), running_service(url) as service:
        yield service


def task_in(desk: RunningService, source: str, source_record_id: str) -> int:
    with connect(desk.database_url) as conn:
        return task_about(conn, source, source_record_id)


def person_in(desk: RunningService, source: str, source_record_id: str) -> str:
    with connect(desk.database_url) as conn:
        return person_of_record(conn, source, source_record_id)


def told_over_the_api(desk: RunningService, path: str) -> str:
    """The person that an integrating system is told, with a token of its own."""
    answer = httpx.get(f"{desk.url}{path}", headers=hub_headers(desk.database_url, desk.app))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["person_id"])


def look(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)
    assert_accessible(page)


def claim(page: Page) -> None:
    page.get_by_role("button", name="Claim this task").first.click()
    expect(page.get_by_text("You work on this until")).to_be_visible()


def test_the_whole_loop_by_keyboard(browse: Browse, desk: RunningService) -> None:
    before, other = person_in(desk, "calpads", "alex-4"), person_in(desk, "calsaws", "alex-1")
    page = browse(None)
    person_of(desk, Role.STEWARD)
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type("ana.lopez")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Welcome, Ana López")).to_be_visible()
    page.keyboard.press("q")
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    task = task_in(desk, "calpads", "alex-4")
    row = page.get_by_role("row").filter(has_text=f"Task {task}")
    row.get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Are these two persons one?")).to_be_visible()
    page.keyboard.press("c")
    expect(page.get_by_text("You work on this until")).to_be_visible()
    page.keyboard.press("s")
    expect(page.get_by_role("radio", name="Same person")).to_be_checked()
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("One month off in the school's record; all else agrees.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status")).to_contain_text("the same person")
    expect(page.locator("h1")).to_be_focused()
    expect(page.get_by_text("You work on this until")).to_be_visible()
    assert page.url != f"{desk.url}/workbench/tasks/{task}"
    assert person_in(desk, "calpads", "alex-4") == other
    assert told_over_the_api(desk, f"/v1/persons/{before}") == other
    assert told_over_the_api(desk, "/v1/sources/calpads/records/alex-4/person") == other
    page.keyboard.press("u")
    expect(page.get_by_role("status")).to_contain_text("Undone")
    assert told_over_the_api(desk, f"/v1/persons/{before}") == before
    assert person_in(desk, "calpads", "alex-4") == before
    assert page.url.startswith(f"{desk.url}/workbench/tasks/{task}?")


def test_a_person_is_split_and_the_split_undone(browse: Browse, desk: RunningService) -> None:
    page = browse()
    person = person_in(desk, "calsaws", "alex-1")
    page.goto(f"{desk.url}/workbench/persons/{person}")
    page.get_by_label("alex-3 leaves").check()
    page.get_by_role("button", name="Preview the split").click()
    expect(page.get_by_text("1 new person comes to be, under a new id.")).to_be_visible()
    assert person_in(desk, "csi", "alex-3") == person
    page.get_by_label("Reason").fill("The clinic wrote over another child's file.")
    page.get_by_role("button", name="Split").click()
    expect(page.get_by_role("status")).to_contain_text("these records are another person")
    assert person_in(desk, "csi", "alex-3") != person
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("Undone")
    assert person_in(desk, "csi", "alex-3") == person


def test_a_second_person_agrees(browse: Browse, desk: RunningService) -> None:
    with connect(desk.database_url) as conn:
        withdraw(conn, ("calpads", "alex-4"))
        put(conn, ("juvenile_court", "alex-9", ALEXA))
    before = person_in(desk, "juvenile_court", "alex-9")
    task = f"{desk.url}/workbench/tasks/{task_in(desk, 'juvenile_court', 'alex-9')}"
    first = browse()
    first.goto(task)
    claim(first)
    expect(first.get_by_text("Both are in care: waits for a second person.")).to_be_visible()
    first.get_by_role("radio", name="Same person").check()
    first.get_by_label("Reason").fill("The same child; the month is a slip.")
    first.get_by_role("button", name="Decide and go on").click()
    expect(first.get_by_role("status")).to_contain_text("Waits for a second person")
    assert person_in(desk, "juvenile_court", "alex-9") == before
    first.goto(task)
    expect(first.get_by_text("A senior steward other than ana.lopez has to agree.")).to_be_visible()
    second = browse(Role.SENIOR_STEWARD)
    second.goto(task)
    look(second, "task-second")
    second.keyboard.press("s")
    expect(second.get_by_role("radio", name="I agree")).to_be_checked()
    second.keyboard.type("I looked at the birth record.")
    second.keyboard.press("Control+Enter")
    expect(second.get_by_text("A steward decided it.")).to_be_visible()
    assert person_in(desk, "juvenile_court", "alex-9") != before


def test_two_stewards_at_once_on_one_task(browse: Browse, desk: RunningService) -> None:
    task = f"{desk.url}/workbench/tasks/{task_in(desk, 'calpads', 'alex-4')}"
    one, other = browse(), browse(Role.SENIOR_STEWARD)
    one.goto(task)
    other.goto(task)
    claim(one)
    other.get_by_role("button", name="Claim this task").first.click()
    expect(other.get_by_role("alert")).to_contain_text("ana.lopez works on this task")
    look(other, "task-of-another")
    expect(other.get_by_role("button", name="Decide and go on")).to_have_count(0)
    one.get_by_role("radio", name="Different people").check()
    one.get_by_label("Reason").fill("Two children.")
    one.get_by_role("button", name="Decide and go on").click()
    expect(one.get_by_role("status")).to_contain_text("different people")
    other.reload()
    expect(other.get_by_text("A steward decided it.")).to_be_visible()


def test_everything_works_without_script(browse: Browse, desk: RunningService) -> None:
    page = browse(script=False)
    page.get_by_role("link", name="Go to the queue").click()
    page.get_by_role("button", name="Take the next task").click()
    expect(page.get_by_text("You work on this until")).to_be_visible()
    page.get_by_role("radio", name="Cannot tell").check()
    page.get_by_label("Reason").fill("Too little is known.")
    page.get_by_label("what is missing?").fill("A birth certificate.")
    page.get_by_role("button", name="Decide and go on").click()
    expect(page.get_by_role("status")).to_contain_text("cannot tell")
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("Undone")


def test_keys_do_nothing_in_fields_nor_when_switched_off(browse: Browse, desk: RunningService) -> None:
    page = browse()
    page.keyboard.press("/")
    expect(page.get_by_role("heading", name="Search", exact=True)).to_be_visible()
    page.get_by_label("First name", exact=True).focus()
    page.keyboard.type("q?n/")
    expect(page.get_by_label("First name", exact=True)).to_have_value("q?n/")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Help", exact=True)).to_be_visible()
    page.get_by_role("button", name="Switch keys off").click()
    expect(page.get_by_text("Single keys are off")).to_be_visible()
    page.keyboard.press("q")
    page.wait_for_timeout(200)
    assert "/workbench/help" in page.url


def test_a_script_in_a_name_does_not_run(browse: Browse, desk: RunningService) -> None:
    page = browse()
    page.goto(f"{desk.url}/workbench/persons/{person_in(desk, 'calpads', 'script-1')}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("<script>")
    assert page.evaluate("window.ran === undefined")


def test_a_task_prints_without_forms(browse: Browse, desk: RunningService) -> None:
    page = browse(theme="dark")
    page.goto(f"{desk.url}/workbench/tasks/{task_in(desk, 'calpads', 'alex-4')}")
    claim(page)
    page.emulate_media(media="print")
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / "task-print.png", full_page=True)
    expect(page.get_by_role("heading", name="Side by side")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)
    expect(page.get_by_label("Reason")).to_be_hidden()


def test_the_session_ends_and_the_task_is_where_it_was(browse: Browse, desk: RunningService) -> None:
    page = browse(script=False)  # with it, the page may lead away by itself before the button is pressed
    task = f"{desk.url}/workbench/tasks/{task_in(desk, 'calpads', 'alex-4')}"
    page.goto(task)
    with connect(desk.database_url) as conn:
        conn.execute("UPDATE account_session SET last_seen_at = last_seen_at - interval '2 hours'")
    page.get_by_role("button", name="Claim this task").first.click()
    expect(page.get_by_role("heading", name="Your session has ended")).to_be_visible()
    page.get_by_role("link", name="Sign in").click()
    sign_in(page, "ana.lopez")
    expect(page).to_have_url(re.compile(re.escape(task)))
