"""The page at /docs says what /openapi.json says, and needs nothing but this service."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from index_service.http.documentation import page
from tests.index_service.http.client import get

VOID = {"meta"}


class Nesting(HTMLParser):
    """Checks that every element that is opened is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_has_every_operation_and_schema_and_asks_nobody_else(database_url: str) -> None:
    document = get(database_url, "/openapi.json").json()
    answer = get(database_url, "/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for path, verbs in document["paths"].items():
        assert all(f">{verb.upper()} {path}</h3>" in answer.text for verb in verbs)
    assert all(f'id="schema-{name}"' in answer.text for name in document["components"]["schemas"])
    assert "<script" not in answer.text
    assert not re.search(r'(?:src|href)="(?:[a-z]+:)?//', answer.text)
    targets = set(re.findall(r'href="#([^"]+)"', answer.text))
    assert targets <= set(re.findall(r'id="([^"]+)"', answer.text))
    nesting = Nesting()
    nesting.feed(answer.text)
    assert nesting.open == []


def test_what_a_description_says_is_text_and_not_markup() -> None:
    written = page({"info": {"title": "A & B", "version": "1", "description": "<b>x</b>"}, "paths": {}})
    assert "A &amp; B" in written
    assert "&lt;b&gt;x&lt;/b&gt;" in written
