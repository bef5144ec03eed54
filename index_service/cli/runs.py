"""`person-index runs` and `status`: how nights and relinks went, and how the index stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer
from index_service.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from index_service.store.overview import Overview

runs = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="How nights and relinks went.")
app.add_typer(
    runs,
    name="runs",
    epilog=examples("person-index runs list", "person-index runs show 12", "person-index runs report --out night.html"),
)
CHANGED = ("joined", "split", "moved", "retired")


@runs.command("list", epilog=examples("person-index runs list", "person-index runs list --limit 5 --json"))
def list_runs(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many of each.")] = 15,
    as_json: AsJson = False,
) -> None:
    """List nights and relinks, the newest first."""
    from index_service.database import open_database
    from index_service.store import workbench
    from index_service.store.nights import nights

    with open_database() as conn:
        of_nights, relinks = nights(conn, limit), workbench.runs(conn, limit)
    night_rows = [
        [night.night_id, night.status, _when(night.started_at), _took(night.started_at, night.finished_at),
         len(night.report.get("files", [])), len(night.report.get("problems", []))]
        for night in of_nights
    ]  # fmt: skip
    run_rows = [
        [run.run_id, run.kind, run.status, _when(run.started_at), _took(run.started_at, run.finished_at),
         f"{run.counts.get('records', 0):,}", sum(int(run.counts.get(kind, 0)) for kind in CHANGED),
         run.counts.get("questions", 0)]
        for run in relinks
    ]  # fmt: skip
    tables = [
        _table("Nights", ("night", "ended", "began", "seconds", "files", "problems"), night_rows),
        _table("Relinks", ("run", "kind", "ended", "began", "seconds", "records", "changes", "questions"), run_rows),
    ]
    figures = {
        "nights": [
            {"night_id": n.night_id, "status": n.status, "started_at": n.started_at, "finished_at": n.finished_at}
            for n in of_nights
        ],
        "runs": [_without_policy(asdict(run)) for run in relinks],
    }
    answer(figures, tables, as_json=as_json)


@runs.command(epilog=examples("person-index runs show 12 --json"))
def show(
    run_id: Annotated[int, typer.Argument(metavar="RUN", help="Number of the relink.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Show a relink: what it changed with examples, what needed accepting, how long each stage took."""
    from index_service.database import open_database
    from index_service.store import workbench

    with open_database() as conn:
        found = workbench.run(conn, run_id)
        if found is None:
            raise UsageError(f"There is no run {run_id}.", hint="They are listed by: person-index runs list")
        told = workbench.examples_of_run(conn, run_id, 5)
    counts = [[name, count] for name, count in found.counts.items() if isinstance(count, int)]
    lines: list[object] = [f"Run {run_id}: {found.kind}, {found.status}, model {found.model_fingerprint or 'none'}."]
    lines += [f"  {clause}" for clause in found.counts.get("over_budget", [])]
    if found.decided_by:
        decided = "Rejected" if found.status == "rejected" else "Accepted"
        lines.append(f"  {decided} by {found.decided_by}, {_when(found.decided_at)}")
    lines.append(_table("Counts", ("what", "how many"), counts))
    events = [
        [kind.kind, event.person_id, " ".join(event.other_person_ids), len(event.records)]
        for kind in told
        for event in kind.events
    ]
    proposed = [
        [each["kind"], each["persons"][0], " ".join(each["persons"][1:]), each["records"]]
        for each in found.counts.get("examples", [])
    ]
    lines.append(_table("Examples", ("kind", "person", "others", "records"), events or proposed))
    lines.append(_table("Seconds", ("stage", "seconds"), [[s, f"{t:.2f}"] for s, t in found.timings.items()]))
    of_kind = {kind.kind: kind.total for kind in told}
    answer(asdict(found) | {"events": of_kind}, lines, as_json=as_json)


@runs.command(epilog=examples("person-index runs report", "person-index runs report 31 --out night-31.html"))
def report(
    night_id: Annotated[
        int | None, typer.Argument(metavar="[NIGHT]", help="Number of the night; the latest.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="REPORT.html", help="Where to write it; default in var/reports.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the report of a night: one HTML page with plots that opens offline."""
    from index_service.cli.night_page import night_page, read_night
    from index_service.database import open_database

    with open_database() as conn:
        data = read_night(conn, night_id)
    if data is None:
        raise UsageError("There is no such night.", hint="They are listed by: person-index runs list")
    path = out or REPORTS / f"night-{data.night.night_id:05}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(night_page(data), encoding="utf-8")
    answer({"night_id": data.night.night_id, "report": str(path)}, [f"Written to {path}."], as_json=as_json)


REPORTS = Path("var/reports")


@app.command(epilog=examples("person-index status", "person-index status --json"))
def status(as_json: AsJson = False) -> None:
    """Show how the index stands: what is loaded, waiting and linked, stewards' queue, last good night, what to tidy."""
    from index_service.database import open_database
    from index_service.store.overview import overview, table_advice
    from index_service.store.stewardship import counts

    with open_database() as conn:
        found, queue = overview(conn), counts(conn)
    advice = table_advice(found.tables)
    held = [[s.source, f"{s.held:,}", f"{s.withdrawn:,}", _when(s.loaded_at)] for s in found.sources]
    asked = [[q.kind, q.open, q.waiting, q.claimed, _age(q.oldest), str(q.first_due or "")] for q in queue]
    large = [[t.name, f"{t.live_rows:,}", f"{t.dead_rows:,}", _size(t.size_bytes)] for t in found.tables[:8]]
    figures = asdict(found) | {
        "queue": [asdict(each) for each in queue],
        "advice": advice,
    }
    lines = [
        *_standing(found),
        _table("Sources", ("source", "records", "withdrawn", "loaded"), held),
        _table("Stewards' queue", ("kind", "open", "second person", "claimed", "oldest", "court day"), asked),
        _table("Largest tables", ("table", "rows", "dead", "on disk"), large),
        *(advice or ["The tables need nothing."]),
    ]
    answer(figures, lines, as_json=as_json)


def _standing(found: Overview) -> Iterator[str]:
    records = sum(source.held for source in found.sources)
    yield f"{records:,} records are {found.persons:,} persons; {_size(found.size_bytes)} on disk."
    waits = f"{found.records_to_link:,} records wait for a relink"
    if found.relinks_waiting:
        waits += (
            f"; relink {', '.join(map(str, found.relinks_waiting))} waits for a person (person-index relink accept)"
        )
    yield waits + "."
    for file in found.files_kept_out:
        yield f"Kept out in night {file.night_id}: {file.source}/{file.file_name}. {' '.join(file.reasons)}"
    for kind in ("good night", "night", "relink", "full relink"):
        if kind in found.latest:
            last = found.latest[kind]
            yield f"Last {kind}: {last.number}, {last.status.replace('_', ' ')}, {_age(last.at)} ago."
    if "good night" not in found.latest:
        yield "There was no good night yet."
    if found.model is not None:
        yield f"Model {found.model[0]}, {_age(found.model[1])} old."


def _table(title: str, columns: tuple[str, ...], rows: Sequence[Sequence[object]]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for place, name in enumerate(columns):
        numbers = bool(rows) and all(str(row[place]).replace(",", "").replace(".", "").isdigit() for row in rows)
        table.add_column(name, justify="right" if numbers else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(str, row))
    return table


def _when(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "–"


def _took(began: datetime, ended: datetime | None) -> str:
    return f"{(ended - began).total_seconds():.1f}" if ended else "–"


def _age(at: datetime | None) -> str:
    if at is None:
        return "–"
    hours = (datetime.now(UTC) - at).total_seconds() / 3600
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} h" if hours >= 1 else f"{hours * 60:.0f} min"


def _size(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.0f} MiB"


def _without_policy(run: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in run.items() if name != "policy"}
