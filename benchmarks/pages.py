"""How long the service takes for each page of the workbench, on a synthetic population: one table, one JSON.

Run as `python -m benchmarks.pages [--records 100000]`, or `make bench-pages`.

A population is loaded and relinked on an embedded server; `person-index serve` answers one signed-in steward, page
after page, over loopback. Each kind of page is asked for several tasks, persons and records, the largest first; the
time is that of the whole answer. The first page of each kind finds nothing warm and is told apart.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import unescape
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import httpx
import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.circumstances import machine, versions, write_result
from benchmarks.serving import connected, copied, database_server, prepared, say, serving
from index_service.http.workbench.forms import FIELD

RESULT = Path(__file__).parent / "results" / "pages.json"
TARGET_MS = 300.0
_NAME, _PASSWORD = "bench.steward", "quiet otters paint seven bridges"
_TOKEN = re.compile(rf'name="{FIELD}" value="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds per page of one kind. `first_ms`: of the first, which finds nothing warm."""

    page: str
    asked: int
    first_ms: float
    p50_ms: float
    p95_ms: float
    most_ms: float
    kilobytes: float


def run(
    records: Annotated[int, typer.Option(help="Synthetic records, about.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Of the population.")] = 0,
    times: Annotated[int, typer.Option(help="Pages of each kind.")] = 30,
    folder: Annotated[
        Path | None, typer.Option(help="Where prepared indexes are kept, and found again by the next run.")
    ] = None,
    out: Annotated[Path, typer.Option("--json", help="The JSON to write.")] = RESULT,
) -> None:
    """Measure all pages at one size; figures of other sizes in the JSON stay."""
    console = Console()
    with (
        prepared(folder, records, seed, console) as work,
        database_server(work) as server,
        copied(server) as url,
        serving(url, work, 1) as (port, _),
    ):
        _add_steward(url)
        asked = paths(url, times)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as browser:
            token = _sign_in(browser)
            found = [_timed(browser, page, its) for page, its in asked.items()]
            found.append(_timed_search(browser, token, url, times))
    console.print(_table(records, found))
    slow = [timed.page for timed in found if timed.p95_ms > TARGET_MS]
    say(console, f"over {TARGET_MS:.0f} ms at p95: {', '.join(slow) or 'no page'}")
    earlier = _earlier(out)
    measured = {"measured_on": time.strftime("%Y-%m-%d"), "seed": seed, "pages": [asdict(timed) for timed in found]}
    write_result(out, {"machine": machine(), "versions": versions(), "sizes": {**earlier, str(records): measured}})
    console.print(f"written: {out}")


def paths(url: str, times: int) -> dict[str, list[str]]:
    """Kind of page -> what to ask for: tasks of every kind, the largest persons as well as some others."""
    with connected(url) as conn:

        def first(statement: str) -> list[tuple[str, ...]]:
            return [tuple(map(str, row)) for row in conn.execute(statement, {"times": times}).fetchall()]

        tasks = first(
            "SELECT task_id FROM (SELECT task_id, row_number() OVER (PARTITION BY kind ORDER BY "
            "cardinality(left_records) + cardinality(right_records) DESC, task_id) AS place FROM review_task) t "
            "ORDER BY place, task_id LIMIT %(times)s"
        )
        persons = first(
            "SELECT person_id FROM membership WHERE to_at IS NULL GROUP BY person_id "
            "ORDER BY count(*) DESC, person_id LIMIT %(times)s"
        )
        records = first(
            "SELECT source, source_record_id FROM source_record WHERE NOT withdrawn ORDER BY md5(source_record_id) "
            "LIMIT %(times)s"
        )
        runs = first("SELECT run_id FROM run WHERE kind = 'full' AND status = 'published' ORDER BY run_id DESC LIMIT 1")
    filters = ("", "?county=19", "?source=meds", "?kind=possible_duplicate", "?weight=near", "?start=300")
    return {
        "home": ["/workbench/"] * times,
        "queue": [f"/workbench/queue{filters[i % len(filters)]}" for i in range(times)],
        "task": [f"/workbench/tasks/{task}" for (task,) in tasks],
        "person": [f"/workbench/persons/{person}" for (person,) in persons],
        "history": [f"/workbench/persons/{person}/history" for (person,) in persons],
        "record": [f"/workbench/record?{urlencode({'source': source, 'id': key})}" for source, key in records],
        "runs": ["/workbench/runs"] * times,
        "run": [f"/workbench/runs/{run}" for (run,) in runs] * times,
        "model": ["/workbench/model"] * times,
        "help": ["/workbench/help"] * times,
    }


def _timed(browser: httpx.Client, page: str, its: Sequence[str]) -> Timed:
    return _figures(page, [_asked(browser, "GET", path) for path in its])


def _timed_search(browser: httpx.Client, token: Mapping[str, str], url: str, times: int) -> Timed:
    """Searches by the traits that records have."""
    with connected(url) as conn:
        rows = conn.execute(
            "SELECT first_name, last_name, birth_date FROM normalised_record WHERE first_name <> '' "
            "AND last_name <> '' AND birth_date IS NOT NULL ORDER BY md5(source_record_id) LIMIT %s",
            (times,),
        ).fetchall()
    traits = [dict(zip(("first_name", "last_name", "birth_date"), row, strict=True)) for row in rows]
    return _figures("search", [_asked(browser, "POST", "/workbench/search", {**token, **trait}) for trait in traits])


def _asked(browser: httpx.Client, verb: str, path: str, form: Mapping[str, str] | None = None) -> tuple[float, int]:
    began = time.perf_counter()
    answer = browser.request(verb, path, data=form)
    took = (time.perf_counter() - began) * 1000
    if answer.status_code != 200:
        raise SystemExit(f"{verb} {path.split('?', 1)[0]} answered {answer.status_code}")
    return took, len(answer.content)


def _figures(page: str, answers: Sequence[tuple[float, int]]) -> Timed:
    ms = np.array([took for took, _ in answers])
    warm = ms[1:] if len(ms) > 1 else ms
    p50, p95 = np.percentile(warm, [50, 95])
    size = float(np.mean([size for _, size in answers])) / 1000
    return Timed(page, len(ms), float(ms[0]), float(p50), float(p95), float(warm.max()), size)


def _add_steward(url: str) -> None:
    from index_service.accounts.administering import add_account
    from index_service.accounts.roles import Role

    with connected(url) as conn:
        add_account(conn, _NAME, display_name="Bench Steward", roles=(Role.STEWARD,), password=_PASSWORD)


def _sign_in(browser: httpx.Client) -> dict[str, str]:
    """Signs in as a person would; returns the token that forms of this session carry."""
    form = _token_in(browser.get("/workbench/sign-in").text)
    answer = browser.post("/workbench/sign-in", data={**form, "name": _NAME, "password": _PASSWORD})
    if answer.status_code != 303:
        raise SystemExit(f"signing in answered {answer.status_code}")
    return _token_in(browser.get("/workbench/search").text)


def _token_in(page: str) -> dict[str, str]:
    found = _TOKEN.search(page)
    return {FIELD: unescape(found[1])} if found else {}


def _table(records: int, found: Sequence[Timed]) -> Table:
    table = Table(title=f"Workbench, about {records:,} records: milliseconds for the whole page", title_justify="left")
    for column in ("page", "asked", "first", "p50", "p95", "most", "KB"):
        table.add_column(column, justify="left" if column == "page" else "right")
    for each in found:
        table.add_row(each.page, str(each.asked), *_cells(each))
    return table


def _cells(timed: Timed) -> Iterator[str]:
    for value in (timed.first_ms, timed.p50_ms, timed.p95_ms, timed.most_ms, timed.kilobytes):
        yield f"{value:,.0f}"


def _earlier(out: Path) -> dict[str, object]:
    import json

    found: dict[str, object] = json.loads(out.read_text(encoding="utf-8")).get("sizes", {}) if out.is_file() else {}
    return found


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(run)
    app()
