"""Paths of pages, and links to them. Ids stand in paths, values of records never do."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from markupsafe import Markup

from index_service.http.workbench.local_paths import MOUNTED_AT
from index_service.http.workbench.said import source_title
from linkage.record import RecordKey

QUEUE = f"{MOUNTED_AT}/queue"
SEARCH = f"{MOUNTED_AT}/search"
RUNS = f"{MOUNTED_AT}/runs"
SEALS = f"{MOUNTED_AT}/seals"
BROKEN_GLASS = f"{MOUNTED_AT}/broken-glass"
LEDGER = f"{MOUNTED_AT}/ledger"
MODEL = f"{MOUNTED_AT}/model"
HELP = f"{MOUNTED_AT}/help"
_MOST_NAMED = 6


def person_path(person_id: str) -> str:
    return f"{MOUNTED_AT}/persons/{quote(person_id, safe='')}"


def history_path(person_id: str) -> str:
    return f"{person_path(person_id)}/history"


def record_path(source: str, source_record_id: str) -> str:
    """In the query, since an id may hold slashes and dots that a path would lose."""
    return f"{MOUNTED_AT}/record?{urlencode({'source': source, 'id': source_record_id})}"


def task_path(task_id: int) -> str:
    return f"{MOUNTED_AT}/tasks/{task_id}"


def run_path(run_id: int) -> str:
    return f"{RUNS}/{run_id}"


def person_link(person_id: str) -> Markup:
    return Markup('<a class="code" href="{}">{}</a>').format(person_path(person_id), person_id)


def record_link(source: str, source_record_id: str) -> Markup:
    return Markup('<a href="{}">{} <span class="code">{}</span></a>').format(
        record_path(source, source_record_id), source_title(source), source_record_id
    )


def persons_in_words(persons: Sequence[str]) -> Markup:
    """Links to persons, as "A, B and C"; "nobody" where there are none."""
    return _listed([person_link(person_id) for person_id in persons], len(persons)) if persons else Markup("nobody")


def records_in_words(keys: Sequence[RecordKey]) -> Markup:
    """Links to records; of many, the first few and how many more."""
    return _listed([record_link(*key) for key in keys[:_MOST_NAMED]], len(keys)) if keys else Markup("no records")


def _listed(links: list[Markup], total: int) -> Markup:
    if total > len(links):
        return Markup(", ").join(links) + Markup(" and {} more").format(total - len(links))
    if len(links) == 1:
        return links[0]
    return Markup(", ").join(links[:-1]) + Markup(" and ") + links[-1]
