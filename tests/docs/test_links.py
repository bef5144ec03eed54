"""The documents name files that are there, and the code names decisions that are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions"
PACKAGES = ("config", "linkage", "training", "index_service", "benchmarks")
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "CHANGELOG.md"])

_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
_PATH_IN_CODE = re.compile(r"`((?:config|linkage|training|index_service|tests|benchmarks|docs)/[\w./-]+)`")
_DECISION_IN_CODE = re.compile(r"docs/decisions/(\d{4}[\w-]*)")


def names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in _LINK.findall(text) if not (page.parent / link).exists()]
    paths = [path for path in _PATH_IN_CODE.findall(text) if not (ROOT / path).exists()]
    assert links + paths == []


def test_decisions_are_numbered_without_a_gap_and_listed() -> None:
    decisions = sorted(DECISIONS.glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    listed = (DECISIONS / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in decisions if path.name not in listed] == []


def test_decisions_that_the_code_names_are_there() -> None:
    missing = [f"{path}: {name}" for path, name in _named_decisions() if not list(DECISIONS.glob(f"{name}*.md"))]
    assert missing == []


def _named_decisions() -> Iterator[tuple[Path, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for name in _DECISION_IN_CODE.findall(path.read_text(encoding="utf-8")):
                yield path.relative_to(ROOT), name
