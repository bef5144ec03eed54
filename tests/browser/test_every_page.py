"""Every page there is, in both themes and on narrow screens: nothing for axe to find, and nothing scrolls sideways."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from playwright.sync_api import Page, expect
from starlette.routing import Mount

from index_service.accounts.roles import Role
from index_service.settings import Settings
from index_service.store.embedded import EmbeddedServer
from tests.browser.cases import Filled, copy_of, filled_database
from tests.browser.conftest import THEMES, Browse, RunningService, Theme, assert_accessible, running_service
from tests.index_service.access.minting import hub_headers
from tests.index_service.accounts.hashing import cheap_hashing

PICTURES = os.environ.get("PERSON_INDEX_PICTURES")
Look = Callable[[Page, str], None]

NOT_LOOKED_AT_HERE = frozenset(
    {
        "/sign-in",  # tests/browser/test_sign_in_pages.py looks at these
        "/sign-in/provider",
        "/sign-in/return",
        "/signed-out",
        "/timed-out",
        "/account",
        "/session",  # not pages: the clock of the session, files, pictures
        "/static/{name}",
        "/tasks/{task_id}/component.svg",
        "/runs/nights/{night_id}",
    }
)


@pytest.fixture(scope="module")
def filled(embedded_server: EmbeddedServer) -> Iterator[Filled]:
    with filled_database(embedded_server) as filled:
        yield filled


@pytest.fixture
def desk(embedded_server: EmbeddedServer, filled: Filled, tmp_path: Path) -> Iterator[RunningService]:
    settings = Settings(ledger_seals=tmp_path / "ledger-seals")
    with copy_of(embedded_server, filled.name) as url, cheap_hashing(), running_service(url, settings) as service:
        yield service


def pages_of(filled: Filled) -> Iterator[tuple[Role, str, str, int]]:
    """Who looks, name, path and status of every page that an address alone leads to."""
    steward, person = Role.STEWARD, f"/persons/{filled.person}"
    yield steward, "home", "/", 200
    yield steward, "queue", "/queue", 200
    yield steward, "queue-empty", "/queue?county=58", 200
    for name, number in filled.tasks.items():
        yield steward, f"task-{name}", f"/tasks/{number}", 200
    yield steward, "task-unknown", "/tasks/999999", 404
    yield steward, "person", person, 200
    yield steward, "person-retired", f"/persons/{filled.retired}", 200
    yield steward, "person-before", f"{person}?as_of=2020-01-01", 200
    yield steward, "person-as-of-error", f"{person}?as_of=soon", 200
    yield steward, "person-unknown", "/persons/nobody", 404
    yield steward, "history", f"{person}/history", 200
    yield steward, "history-retired", f"/persons/{filled.retired}/history", 200
    yield steward, "record", "/record?source=csi&id=alex-3", 200
    yield steward, "record-two-versions", "/record?source=csi&id=demo-overlay-3", 200
    yield steward, "record-unknown", "/record?source=csi&id=none", 404
    yield steward, "search", "/search", 200
    yield steward, "runs", "/runs", 200
    yield steward, "run", "/runs/1", 200
    yield Role.SUPERVISOR, "run-waits", "/runs", 200
    yield steward, "model", "/model", 200
    yield steward, "help", "/help", 200
    yield steward, "not-allowed", "/seals", 403
    yield Role.SUPERVISOR, "seals", "/seals", 200
    yield Role.SUPERVISOR, "seal", f"/persons/{filled.to_seal}/seal", 200
    yield Role.SUPERVISOR, "person-supervisor", person, 200
    yield Role.SENIOR_STEWARD, "seals-second", "/seals", 200
    yield Role.SENIOR_STEWARD, "task-second", f"/tasks/{filled.tasks['waiting']}", 200
    yield Role.AUDITOR, "broken-glass", "/broken-glass", 200
    yield Role.AUDITOR, "ledger", "/ledger", 200
    yield Role.AUDITOR, "task-auditor", f"/tasks/{filled.tasks['newborn']}", 200


def visit_every_page(browse: Callable[[Role], Page], desk: RunningService, filled: Filled, look: Look) -> None:
    """Look at each page, those that answer a form too."""
    readers: dict[Role, Page] = {}
    for role, name, path, status in pages_of(filled):
        page = readers.setdefault(role, browse(role)) if role not in readers else readers[role]
        answer = page.goto(f"{desk.url}/workbench{path}")
        assert answer is not None and answer.status == status, (path, answer)
        look(page, name)
    _visit_answers(readers, desk, filled, look)


def _visit_answers(readers: dict[Role, Page], desk: RunningService, filled: Filled, look: Look) -> None:
    page, supervisor, auditor = readers[Role.STEWARD], readers[Role.SUPERVISOR], readers[Role.AUDITOR]
    page.goto(f"{desk.url}/workbench/search")
    page.get_by_role("button", name="Search", exact=True).click()
    look(page, "search-error")
    page.get_by_label("First name", exact=True).fill("Marisol")
    page.get_by_label("Birth date").fill("2015-03-02")
    page.get_by_label("Last name", exact=True).fill("Testvogel")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("heading", name="found")).to_be_visible()
    look(page, "search-found")
    page.goto(f"{desk.url}/workbench/persons/{filled.person}")
    page.get_by_role("button", name="Show whole numbers").click()
    look(page, "person-numbers")
    page.goto(f"{desk.url}/workbench/persons/{filled.person}")
    page.get_by_role("button", name="Preview the split").click()
    look(page, "unmerge-error")
    page.goto(f"{desk.url}/workbench/persons/{filled.person}")
    page.get_by_label("alex-3 leaves").check()
    page.get_by_role("button", name="Preview the split").click()
    look(page, "unmerge")
    for name in ("newborn", "bridge"):
        page.goto(f"{desk.url}/workbench/tasks/{filled.tasks[name]}")
        page.get_by_role("button", name="Claim this task").first.click()
        page.get_by_role("button", name="Decide and go on").click()
        expect(page.get_by_role("alert")).to_contain_text("Choose what you decide.")
        page.get_by_text("More", exact=True).click()
        look(page, f"task-error-{name}")
        page.get_by_role("radio", name="Cannot tell").check()
        page.get_by_role("button", name="What would happen?").click()
        expect(page.get_by_role("heading", name="What would happen: cannot tell")).to_be_visible()
        expect(page.get_by_role("radio", name="Cannot tell")).to_be_checked()
        look(page, f"task-preview-{name}")
    supervisor.goto(f"{desk.url}/workbench/seals")
    supervisor.get_by_label("Reason").first.evaluate("field => field.removeAttribute('required')")
    supervisor.get_by_role("button", name="Ask that it be opened").first.click()
    look(supervisor, "seals-error")
    supervisor.goto(f"{desk.url}/workbench/persons/{filled.to_seal}/seal")
    supervisor.get_by_role("button", name="Ask for the seal").click()
    look(supervisor, "seal-error")
    headers = hub_headers(desk.database_url, desk.app)
    assert httpx.get(f"{desk.url}/v1/persons/{filled.person}", headers=headers).status_code == 200
    auditor.goto(f"{desk.url}/workbench/ledger")
    auditor.get_by_role("button", name="Verify all seals").click()
    expect(auditor.get_by_role("status")).to_contain_text("All as sealed")
    look(auditor, "ledger-verified")
    auditor.get_by_label("Person id").fill(filled.person)
    auditor.get_by_role("button", name="Show the accounting").click()
    expect(auditor.get_by_role("heading", name="Accounting of disclosures")).to_be_visible()
    look(auditor, "ledger-accounting")
    auditor.get_by_label("Person id").fill("nobody")
    auditor.get_by_role("button", name="Show the accounting").click()
    look(auditor, "ledger-error")
    auditor.goto(f"{desk.url}/workbench/broken-glass")
    auditor.get_by_label("What you found").first.evaluate("field => field.removeAttribute('required')")
    auditor.get_by_role("button", name="It was right", exact=True).first.click()
    look(auditor, "broken-glass-error")


@pytest.mark.parametrize("theme", THEMES)
def test_every_page_is_accessible_in_both_themes(
    browse: Browse, desk: RunningService, filled: Filled, theme: Theme
) -> None:
    complaints: list[str] = []

    def reader(role: Role) -> Page:
        page = browse(role, theme=theme)
        page.on("console", lambda message: complaints.append(message.text))
        return page

    def look(page: Page, name: str) -> None:
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"{name}-{theme}.png", full_page=True)
        assert_accessible(page)
        inner = "[...document.querySelectorAll('.scrolls')].filter(box => box.scrollWidth > box.clientWidth).length"
        assert page.evaluate(inner) == 0, f"{name}: a table scrolls sideways at 1280 pixels"

    visit_every_page(reader, desk, filled, look)
    assert [text for text in complaints if not any(code in text for code in ("403", "404", "422"))] == []


@pytest.mark.parametrize("width", [320, 640])
def test_on_a_narrow_or_magnified_screen_nothing_scrolls_sideways(
    browse: Browse, desk: RunningService, filled: Filled, width: int
) -> None:
    """640 pixels are what a window of 1280 shows at 200 %, 320 at 400 %."""

    def look(page: Page, name: str) -> None:
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not page.evaluate(wide), f"{name}: the page scrolls sideways at {width} pixels"

    visit_every_page(lambda role: browse(role, width=width), desk, filled, look)


def test_no_page_is_left_out(desk: RunningService, filled: Filled) -> None:
    """Whatever an address alone leads to is looked at here or where signing in is tested."""
    paths = [path.partition("?")[0] for _, _, path, _ in pages_of(filled)]
    (mounted,) = (each.app for each in desk.app.routes if isinstance(each, Mount) and each.path == "/workbench")
    assert isinstance(mounted, FastAPI)
    routes = [context.original_route for context in iter_route_contexts(mounted.routes)]
    left_out = {
        route.path
        for route in routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ())
        if not any(route.path_regex.match(path) for path in paths)
    }
    assert left_out == NOT_LOOKED_AT_HERE
