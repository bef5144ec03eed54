"""No page of the workbench lets anything personal into a log line or metric: canaries go to every page and form.

Every route gets an invented name, birth date and SSN in each part of its path, in each parameter of its query and in
every field that any form has, as a supervisor who may do everything, while the database works and while it is broken.
The fields of forms are read from the templates, routes and parameters from the application, so that a new page is
tested as soon as it is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Mount

from config.fields import CANONICAL_FIELDS
from index_service.accounts.roles import Role
from index_service.http import workbench
from index_service.http.app import create_app
from index_service.http.workbench.search import TRAITS
from index_service.settings import Settings
from index_service.store.connection import Connection
from tests.index_service.accounts.invented import add_steward
from tests.index_service.http.test_canaries import CANARIES, log_lines, traces_in
from tests.index_service.http.workbench.browsing import Visitor
from tests.index_service.http.workbench.conftest import Visit
from tests.index_service.store.partitions import load_ids, publish

TYPED = re.compile(r'\bvalue="[^"]*"|<textarea[^>]*>[^<]*')
"""What a form shows again of what was typed into it, and where the form for light and dark leads back to."""

PERSON = "K7Q2-MX9T-4RWA"
TEMPLATES = Path(workbench.__file__).parent / "templates"
FIELDS = (
    {name for page in TEMPLATES.glob("*.html") for name in re.findall(r'\bname="([a-z_]+)"', page.read_text())}
    | {name for name, _, _ in TRAITS}
    | set(CANONICAL_FIELDS)
)


class Page(NamedTuple):
    """A route of the workbench: method, path, and the names that it reads from its query or form."""

    method: str
    path: str
    names: frozenset[str]

    @property
    def ends_the_session(self) -> bool:
        return "sign-out" in self.path or self.path.endswith("/end")


def pages(app: FastAPI) -> list[Page]:
    """Every route; those that end the session last."""
    (mounted,) = [
        cast("FastAPI", route.app) for route in app.routes if isinstance(route, Mount) and route.path == "/workbench"
    ]
    found = []
    for context in iter_route_contexts(mounted.routes):
        if isinstance(context.original_route, APIRoute):
            route = cast("APIRoute", context)
            names = {field.alias for field in (*route.dependant.query_params, *route.dependant.body_params)}
            found += [Page(method, route.path_format, frozenset(names)) for method in sorted(route.methods or ())]
    return sorted(found, key=lambda page: (page.ends_the_session, page))


def paths(template: str, canary: str) -> Iterator[str]:
    """The path with a canary in place of each part, and with what is there."""
    if "{" not in template:
        yield template
        return
    for value in (canary, "1", PERSON):
        yield re.sub(r"\{[a-z_]+\}", quote(value, safe=""), template)


@pytest.mark.parametrize("broken", ["", "membership", "review_task"])
def test_what_is_sent_to_any_page_is_found_in_no_log_line_or_metric(
    visit: Visit, conn: Connection, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    load_ids(conn, ["1", CANARIES[0]], first_name="Zanahoria", last_name="Testvogel-Canary", birth_date=CANARIES[1])
    publish(conn, {"1": PERSON, CANARIES[0]: PERSON})
    add_steward(conn, "super.visor", Role.SENIOR_STEWARD, Role.SUPERVISOR)
    known = pages(create_app("postgresql://", Settings()))
    asked: list[tuple[str, int]] = []

    async def story(visitor: Visitor) -> None:
        await visitor.sign_in("super.visor")
        if broken:
            conn.execute(f"ALTER TABLE {broken} RENAME TO is_broken")
        for canary in CANARIES[:1] if broken else CANARIES:
            for page in known:
                if page.ends_the_session:
                    await visitor.sign_in("super.visor")
                for path in paths(page.path, canary):
                    statuses = await send(visitor, page, f"/workbench{path}", canary)
                    asked.extend((page.path, status) for status in statuses)
        assert traces_in((await visitor.client.get("/metrics")).text) == []

    with log_lines(monkeypatch) as written:
        visit(story)
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line for line in lines if traces_in(json.dumps(line))] == []
    assert sum(line["event"] == "request" for line in lines) >= len(asked)
    assert {path for path, _ in asked} == {page.path for page in known}
    answered = {path for path, status in asked if status == 200}
    assert answered >= ({"/search", "/queue", "/persons/{person_id}", "/seals"} if not broken else {"/help"})
    assert any(status >= 500 for _, status in asked) == bool(broken)


async def send(visitor: Visitor, page: Page, path: str, canary: str) -> list[int]:
    """The statuses. What an error says repeats nothing; a form may show again what was typed into it."""
    if page.method == "POST":
        answers = [await visitor.send(path, dict.fromkeys(FIELDS | page.names, canary))]
    else:
        query = dict.fromkeys((*page.names, canary), canary)
        answers = [await visitor.client.request(page.method, path, params=params) for params in ({}, query)]
    for answer in answers:
        said = TYPED.sub("", answer.text) if answer.status_code >= 400 else ""
        assert traces_in(said) == [], (page, answer.status_code)
    return [answer.status_code for answer in answers]
