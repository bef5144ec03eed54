"""The pages around signing in, in real Chromium: by keyboard, in both themes, with and without script, and axe."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect
from pydantic import SecretStr

from index_service.accounts.roles import Role
from index_service.settings import Settings
from index_service.store.connection import connect
from tests.browser.conftest import (
    THEMES,
    Browse,
    NewContext,
    RunningService,
    Theme,
    assert_accessible,
    person_of,
    running_service,
    sign_in,
)
from tests.identity_provider import CLIENT_ID, CLIENT_SECRET, running_provider
from tests.index_service.accounts.hashing import cheap_hashing
from tests.index_service.accounts.invented import PASSWORD, let_time_pass
from tests.index_service.http.workbench.extra_pages import add_extra_pages

PICTURES = os.environ.get("PERSON_INDEX_PICTURES")
"""A folder for pictures of the pages, to look at."""


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("theme", THEMES)
def test_every_page_is_accessible_in_both_themes(browse: Browse, desk: RunningService, theme: Theme) -> None:
    page = browse(None, theme=theme)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(_text(message)))
    visited = []

    def look(name: str) -> None:
        visited.append(name)
        picture(page, f"{name}-{theme}")
        assert_accessible(page)

    look("sign-in")
    person_of(desk, Role.STEWARD)
    sign_in(page, "ana.lopez", "wrong")
    look("sign-in-failed")
    sign_in(page, "ana.lopez")
    look("home")
    page.get_by_role("link", name="Your account").click()
    look("account")
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill("passwordpassword")
    page.get_by_label("New password again").fill("passwordpassword")
    page.get_by_role("button", name="Change password").click()
    look("account-error")
    page.goto(f"{desk.url}/workbench/nowhere")
    look("not-found")
    page.get_by_role("button", name="Sign out").click()
    look("signed-out")
    page.goto(f"{desk.url}/workbench/timed-out?next=/workbench/account")
    look("timed-out")
    assert len(visited) == 8
    expected = re.compile(r"status of (401|404|422)")
    assert [complaint for complaint in complaints if not expected.search(complaint)] == []


def _text(message: ConsoleMessage) -> str:
    return f"{message.type}: {message.text}"


@pytest.mark.parametrize("width", [320, 640])
def test_on_a_narrow_or_magnified_screen_nothing_scrolls_sideways(browse: Browse, width: int) -> None:
    """640 pixels are what a window of 1280 shows at 200 %, 320 at 400 %."""
    page = browse(Role.SENIOR_STEWARD, width=width)
    assert_accessible(page)
    page.get_by_role("link", name="Your account").click()
    picture(page, f"account-{width}")
    assert_accessible(page)
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("link", name="Sign in again").click()
    picture(page, f"sign-in-{width}")
    assert_accessible(page)


def test_signing_in_by_keyboard_alone(browse: Browse, desk: RunningService) -> None:
    page = browse(None)
    person_of(desk, Role.STEWARD)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    picture(page, "skip-link")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("ana.lopez")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Welcome, Ana López")).to_be_visible()
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate(outline) == "solid", page.evaluate("document.activeElement.outerHTML")


def test_the_choice_of_theme_needs_no_script_and_stays(browse: Browse) -> None:
    page = browse(None, script=False)

    def ground() -> str:
        return str(page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor"))

    light = ground()
    page.get_by_role("button", name="Dark").click()
    dark = ground()
    assert dark != light
    page.reload()
    assert ground() == dark
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="System").click()
    assert ground() == light


def test_everything_works_without_script(browse: Browse, desk: RunningService) -> None:
    page = browse(Role.STEWARD, script=False)
    expect(page.get_by_text(re.compile(r"you are signed out at \d\d:\d\d P[DS]T"))).to_be_visible()
    expect(page.locator("#session-warning")).to_be_hidden()
    page.get_by_role("link", name="Your account").click()
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()


def test_a_warning_comes_before_the_session_ends_and_gives_more_time(browse: Browse, desk: RunningService) -> None:
    page = browse()
    page.get_by_role("link", name="Your account").click()
    page.get_by_label("Present password").focus()
    spend(desk, timedelta(minutes=28, seconds=30))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    warning = page.get_by_role("alertdialog", name="Still there?")
    expect(warning).to_be_visible()
    expect(page.get_by_role("heading", name="Still there?")).to_be_focused()
    expect(warning).to_contain_text("2 minutes")
    picture(page, "warning")
    assert_accessible(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(warning).to_be_hidden()
    expect(page.get_by_label("Present password")).to_be_focused()
    assert page.evaluate("fetch('/workbench/session').then(answer => answer.json())")["left_s"] > 1700


def test_when_the_time_is_over_the_page_leads_away_and_back(browse: Browse, desk: RunningService) -> None:
    page = browse()
    page.get_by_role("link", name="Your account").click()
    page.wait_for_url("**/workbench/account")
    spend(desk, timedelta(minutes=31))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("heading", name="Your session has ended")).to_be_visible()
    page.get_by_role("link", name="Sign in").click()
    sign_in(page, "ana.lopez")
    expect(page).to_have_url(f"{desk.url}/workbench/account")


def spend(desk: RunningService, time: timedelta) -> None:
    with connect(desk.database_url) as conn:
        let_time_pass(conn, time)


def test_the_page_prints_without_what_is_only_for_the_screen(browse: Browse) -> None:
    page = browse(theme="dark")
    page.get_by_role("link", name="Your account").click()
    page.emulate_media(media="print")
    picture(page, "account-print")
    expect(page.get_by_role("heading", name="What happened last")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    expect(page.get_by_role("button")).to_have_count(0)


def test_a_script_that_got_into_a_page_would_not_run(browse: Browse) -> None:
    page = browse()
    page.evaluate("""
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(script);
    """)
    assert page.evaluate("window.ran === undefined")


def test_signing_in_at_a_provider_out_and_back(database_url: str, browser_context: NewContext) -> None:
    with running_provider() as provider:
        settings = Settings(
            oidc_issuer=provider.issuer,
            oidc_client_id=CLIENT_ID,
            oidc_client_secret=SecretStr(CLIENT_SECRET),
            oidc_roles_claim="groups",
            oidc_roles={"cws-stewards": "steward"},
        )
        with running_service(database_url, settings) as service:
            page = browser_context().new_page()
            page.goto(f"{service.url}/workbench/account")
            picture(page, "sign-in-provider")
            assert_accessible(page)

            def at_the_provider(user: str) -> None:
                page.get_by_role("link", name="Sign in with your organisation").click()
                expect(page.get_by_role("button", name="Go on")).to_be_visible()
                page.get_by_label("Who are you?").fill(user)
                page.get_by_role("button", name="Go on").click()

            at_the_provider("lee")
            expect(page.get_by_text("gives you no role in the person index")).to_be_visible()
            picture(page, "provider-no-role")
            assert_accessible(page)
            page.goto(f"{service.url}/workbench/account")
            at_the_provider("ana")
            expect(page).to_have_url(f"{service.url}/workbench/account")
            expect(page.get_by_text("your password is kept there")).to_be_visible()
            page.get_by_role("button", name="Sign out", exact=True).click()
            expect(page.get_by_text("may still be signed in with your organisation")).to_be_visible()


def test_a_provider_that_is_down_is_a_page_with_advice(database_url: str, browser_context: NewContext) -> None:
    settings = Settings(oidc_issuer="http://127.0.0.1:1", oidc_client_id=CLIENT_ID)
    with running_service(database_url, settings) as service:
        page = browser_context(theme="dark").new_page()
        page.goto(f"{service.url}/workbench/sign-in/provider")
        expect(page.get_by_text("The identity provider does not answer")).to_be_visible()
        picture(page, "provider-down")
        assert_accessible(page)


@pytest.mark.parametrize("theme", THEMES)
def test_refusals_and_failures_are_pages_too(
    monkeypatch: pytest.MonkeyPatch, database_url: str, browser_context: NewContext, theme: Theme
) -> None:
    add_extra_pages(monkeypatch)
    with cheap_hashing(), running_service(database_url) as service:
        page = browser_context(theme=theme).new_page()
        page.goto(f"{service.url}/workbench/for-supervisors")
        sign_in(page, person_of(service, Role.STEWARD))
        expect(page.get_by_role("heading", name="This is not part of your role")).to_be_visible()
        picture(page, f"not-allowed-{theme}")
        assert_accessible(page)
        page.goto(f"{service.url}/workbench/fails")
        expect(page.get_by_role("heading", name="Something went wrong")).to_be_visible()
        picture(page, f"failed-{theme}")
        assert_accessible(page)
