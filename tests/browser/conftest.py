"""The pages in real Chromium: a service on loopback with a database of its own, browsers, signing in, axe.

For a test of a page: `desk` is the running service (its `url`, its `database_url`), `browse(role, theme=…)` a page of a
browser in which an invented person of that role is signed in, `assert_accessible(page)` axe at WCAG 2.1 AA.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from index_service.accounts.administering import add_account
from index_service.accounts.roles import Role
from index_service.http.app import create_app
from index_service.settings import Settings
from index_service.store import accounts as store
from index_service.store.connection import connect
from tests.index_service.accounts.hashing import cheap_hashing
from tests.index_service.accounts.invented import PASSWORD

CHROMIUM = Path("/usr/bin/chromium")
WCAG_2_1_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
TIMEOUT_MS = 10_000

_PEOPLE = {
    Role.STEWARD: ("ana.lopez", "Ana López"),
    Role.SENIOR_STEWARD: ("kim.tran", "Kim Tran"),
    Role.SUPERVISOR: ("omar.reyes", "Omar Reyes"),
    Role.AUDITOR: ("ruth.okafor", "Ruth Okafor"),
}
Browse = Callable[..., Page]
NewContext = Callable[..., BrowserContext]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: drives the pages in Chromium (Debian's package chromium)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder is marked; without Chromium it is skipped, except in CI, where it fails."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM.exists() and not os.environ.get("CI"):
                item.add_marker(pytest.mark.skip(reason="Chromium is not installed: make browsers"))


@dataclass(frozen=True, slots=True)
class RunningService:
    """A service that answers at `url`, on the database at `database_url`."""

    url: str
    database_url: str
    app: FastAPI


@contextmanager
def running_service(database_url: str, settings: Settings | None = None) -> Iterator[RunningService]:
    """The service in a thread of this process, on a free port of loopback."""
    settings = (settings or Settings()).model_copy(update={"port": 0, "pool_size": 4})
    listening = socket.create_server(("127.0.0.1", 0))
    host, port = listening.getsockname()
    app = create_app(database_url, settings)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the service did not start"
            thread.join(0.02)
        yield RunningService(f"http://{host}:{port}", database_url, app)
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of this folder. Ended with it: while it runs, this thread has an event loop."""
    with sync_playwright() as playwright:
        arguments = ["--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def desk(database_url: str) -> Iterator[RunningService]:
    """A service on an empty database."""
    with cheap_hashing(), running_service(database_url) as service:
        yield service


@pytest.fixture
def browser_context(chromium: Browser) -> Iterator[NewContext]:
    """Makes browsers that share nothing with each other, 1280 pixels wide unless told otherwise."""
    made: list[BrowserContext] = []

    def make(*, theme: Theme = "light", width: int = 1280, script: bool = True) -> BrowserContext:
        context = chromium.new_context(
            color_scheme=theme,
            viewport={"width": width, "height": 900},
            java_script_enabled=script,
            bypass_csp=False,
            locale="en-US",
        )
        context.set_default_timeout(TIMEOUT_MS)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def browse(desk: RunningService, browser_context: NewContext) -> Browse:
    """Opens the first page in a new browser: signed in as a person of the role, or at the sign-in page for None."""

    def open_page(
        role: Role | None = Role.STEWARD, *, theme: Theme = "light", width: int = 1280, script: bool = True
    ) -> Page:
        page = browser_context(theme=theme, width=width, script=script).new_page()
        page.goto(f"{desk.url}/workbench/")
        if role is not None:
            sign_in(page, person_of(desk, role))
        return page

    return open_page


def person_of(desk: RunningService, role: Role) -> str:
    """The name of the invented person of a role, whose account is made when first asked for."""
    name, display_name = _PEOPLE[role]
    with connect(desk.database_url) as conn:
        if store.account_by_name(conn, name) is None:
            add_account(conn, name, display_name=display_name, roles=[role], password=PASSWORD)
    return name


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Fill in the sign-in page that is open."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()


def assert_accessible(page: Page) -> None:
    """axe finds nothing at WCAG 2.1 AA, and the page does not scroll sideways."""
    results = Axe().run(page, options={"runOnly": WCAG_2_1_AA, "resultTypes": ["violations"]})
    found = [
        f"{violation['id']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for violation in results.response["violations"]
        for node in violation["nodes"]
    ]
    assert found == [], "\n".join([page.url, *found])
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"), page.url
