"""Speed beside bare Splink on the same records, blocking keys and machine, in one run: one table, one JSON.

Run as `python -m benchmarks.speed [--records 100000 --records 1000000]`, or `make bench-speed`. Every phase is a
process of its own; the database is an embedded server in a temporary folder, as durable as in service.

Phases: load (extracts to PostgreSQL, `person-index load`), train and relink (PostgreSQL to published, the commands of
the same names, train with its report); the same fit and link without a database; bare Splink's train, block, score
and cluster.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.circumstances import machine, versions, write_result
from benchmarks.memory import Watched, python, watched

RESULT = Path(__file__).parent / "results" / "speed.json"
SIZES = (100_000, 1_000_000)
TABLE_WIDTH = 150
SPLINK_LINKS = ("block", "score", "cluster")


@dataclass(frozen=True, slots=True)
class Phase:
    """One measured phase; the ratios are its time over bare Splink's for the same job, where Splink has one.

    `processor_seconds` is what its process and the server worked, which other programs on the machine disturb less than
    the clock; `server_processor_seconds` the server's share of it.
    """

    name: str
    seconds: float | None
    records: int | None = None
    pairs: int | None = None
    peak_mb: float | None = None
    server_peak_mb: float | None = None
    ratio: float | None = None
    failed: str | None = None
    processor_seconds: float | None = None
    processor_ratio: float | None = None
    server_processor_seconds: float | None = None

    @property
    def records_a_second(self) -> float | None:
        return _rate(self.records, self.seconds)

    @property
    def pairs_a_second(self) -> float | None:
        return _rate(self.pairs, self.seconds)

    def figures(self) -> dict[str, Any]:
        return {**asdict(self), "records_a_second": self.records_a_second, "pairs_a_second": self.pairs_a_second}


def run(
    records: Annotated[
        list[int] | None, typer.Option(help="Synthetic records, about (repeat for several sizes).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the synthetic population.")] = 0,
    folder: Annotated[Path | None, typer.Option(help="Where to work; a temporary folder by default.")] = None,
    out: Annotated[Path, typer.Option(help="The JSON to write.")] = RESULT,
) -> None:
    """Measure load, train and relink, and bare Splink on the same data."""
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)  # the table is one, also in a log
    measured: dict[int, dict[str, Phase]] = {}
    scorers: dict[int, Any] = {}
    for size in records or SIZES:
        with _working_folder(folder) as work, console.status(f"{size:,} records"):
            measured[size], scorers[size] = measure(work, size, seed, console)
        console.print(_table(size, measured[size]))
    growth = _growth(measured)
    if growth:
        console.print(_growth_table(growth, measured))
    console.print(*_scorer_lines(scorers), sep="\n")
    write_result(out, _document(measured, scorers, growth, seed))
    console.print(f"written: {out}")


def measure(work: Path, size: int, seed: int, console: Console) -> tuple[dict[str, Phase], Any]:
    """Run all phases at one size, in order; a phase that fails says so and does not stop the others."""
    made = _must(_phase("extracts", work, str(size), str(seed)))
    sources = made["sources"]
    _say(console, f"{made['records']:,} records of {len(sources)} sources written")
    phases = _core_phases(work, console) + _service_phases(work, sources, made["records"], console)
    named = {phase.name: phase for phase in phases}
    scored = _phase("scorer", work).report
    return {phase.name: _beside_splink(phase, named) for phase in phases}, (scored or {}).get("candidates")


def _core_phases(work: Path, console: Console) -> list[Phase]:
    """The matching core and bare Splink, without a database."""
    phases = []
    for name, part in (("normalise", "normalise"), ("fit", "train"), ("link", "link")):
        phases.append(_from_report(f"core: {name}", part, _phase(name, work)))
        _say(console, f"core: {name} {phases[-1].seconds or phases[-1].failed}")
    prepared = _phase("splink_input", work)
    if prepared.exit_code:
        return [*phases, Phase("Splink: train", None, failed=prepared.complaint)]
    ran = _phase("splink", work)
    splink = [_from_report(f"Splink: {part}", part, ran) for part in ("train", *SPLINK_LINKS)]
    _say(console, f"Splink {[phase.seconds for phase in splink]}")
    return phases + splink


def _service_phases(work: Path, sources: Sequence[str], records: int, console: Console) -> list[Phase]:
    """The commands of the service on an embedded server."""
    from index_service.settings import Settings
    from index_service.store.server import running_database

    data = work / "database"
    phases = []
    with running_database(Settings(database_url=None, data=data)) as url:
        environment = {**os.environ, "PERSON_INDEX_DATABASE_URL": url}
        loads = [
            watched(
                _command(
                    "load",
                    source,
                    str(work / "extracts" / f"{source}.parquet"),
                    "--rejects",
                    str(work / f"{source}.rejects.csv"),
                ),
                environment=environment,
                server_folder=data,
            )
            for source in sources
        ]
        phases.append(_from_commands("load", loads, records))
        _say(console, f"load {phases[-1].seconds or phases[-1].failed}")
        # the first relink changes every person, which the policy's budget would hold back
        commands = {"train": ("--out", str(work / "service-model.json")), "relink": ("--accept",)}
        for name, options in commands.items():
            ran = watched(_command(name, *options), environment=environment, server_folder=data)
            phases.append(_from_commands(name, [ran], records))
            _say(console, f"{name} {phases[-1].seconds or phases[-1].failed}")
    return phases


def _command(*arguments: str) -> list[str]:
    return python("-c", "from index_service.cli import main; main()", *arguments, "--json")


def _phase(name: str, work: Path, *arguments: str) -> Watched:
    return watched(python("-m", "benchmarks.phases", name, str(work), *arguments), environment=os.environ)


def _from_report(name: str, part: str, ran: Watched) -> Phase:
    if ran.exit_code or ran.report is None:
        return Phase(name, None, failed=ran.complaint or f"exit code {ran.exit_code}")
    pairs = None if part == "train" else ran.report.get("pairs")  # training looks at samples of them
    worked = ran.report["processor_s"][part]
    return Phase(
        name, ran.report["timings_s"][part], ran.report["records"], pairs, ran.peak_mb, processor_seconds=worked
    )


def _from_commands(name: str, ran: Sequence[Watched], records: int) -> Phase:
    """Sum the time of commands, starting Python included; memory is the highest of any."""
    failures = [watch.complaint or f"exit code {watch.exit_code}" for watch in ran if watch.exit_code]
    if failures:
        return Phase(name, None, failed=failures[0])
    pairs = [
        int(watch.report["candidate_pairs"]) for watch in ran if watch.report and "candidate_pairs" in watch.report
    ]
    return Phase(
        name,
        sum(watch.elapsed_s for watch in ran),
        records,
        sum(pairs) if pairs else None,
        max(watch.peak_mb for watch in ran),
        max(watch.server_peak_mb for watch in ran),
        processor_seconds=sum(watch.processor_s + watch.server_processor_s for watch in ran),
        server_processor_seconds=sum(watch.server_processor_s for watch in ran),
    )


def _beside_splink(phase: Phase, named: Mapping[str, Phase]) -> Phase:
    """Put a phase beside Splink's time for the same job: training, or block, score and cluster together."""
    jobs = {"core: fit": ("train",), "train": ("train",), "core: link": SPLINK_LINKS, "relink": SPLINK_LINKS}
    parts = [named.get(f"Splink: {part}") for part in jobs.get(phase.name, ())]
    seconds = [part.seconds for part in parts if part and part.seconds]
    if phase.seconds is None or not parts or len(seconds) < len(parts):
        return phase
    worked = [part.processor_seconds for part in parts if part and part.processor_seconds]
    processor_ratio = (
        phase.processor_seconds / sum(worked) if phase.processor_seconds and len(worked) == len(parts) else None
    )
    return replace(phase, ratio=phase.seconds / sum(seconds), processor_ratio=processor_ratio)


def _growth(measured: Mapping[int, Mapping[str, Phase]]) -> dict[str, float]:
    """How many times as long each phase takes at the largest size as at the smallest."""
    if len(measured) < 2:
        return {}
    small, large = measured[min(measured)], measured[max(measured)]
    pairs = {name: (small[name].seconds, large[name].seconds) for name in small if name in large}
    return {name: late / early for name, (early, late) in pairs.items() if early and late}


def _document(
    measured: Mapping[int, Mapping[str, Phase]], scorers: Mapping[int, Any], growth: Mapping[str, float], seed: int
) -> dict[str, Any]:
    return {
        "growth": growth,
        "machine": machine(),
        "measured_on": time.strftime("%Y-%m-%d"),
        "scorer": scorers,
        "seed": seed,
        "sizes": {size: {name: phase.figures() for name, phase in phases.items()} for size, phases in measured.items()},
        "versions": versions(),
    }


def _table(size: int, phases: Mapping[str, Phase]) -> Table:
    table = Table(title=f"{size:,} synthetic records; × Splink = time over bare Splink's for the same job")
    table.add_column("phase")
    for heading in ("seconds", "records/s", "pairs", "pairs/s", "peak MB", "server MB", "× Splink", "CPU s", "× CPU"):
        table.add_column(heading, justify="right")
    failures: list[str] = []
    for name, phase in phases.items():
        if phase.failed is not None:
            table.add_row(name, "[red]failed[/]")
            failures.append(f"{name}: {phase.failed[:TABLE_WIDTH]}")
            continue
        whole = [phase.records_a_second, phase.pairs, phase.pairs_a_second, phase.peak_mb, phase.server_peak_mb]
        last = [phase.ratio, phase.processor_seconds, phase.processor_ratio]
        table.add_row(
            name,
            _number(phase.seconds, 2),
            *(_number(value) for value in whole),
            *(_number(value, 2) for value in last),
        )
    table.caption = "\n".join(failures) or None
    return table


def _growth_table(growth: Mapping[str, float], measured: Mapping[int, Any]) -> Table:
    table = Table(title=f"Growth of time from {min(measured):,} to {max(measured):,} records")
    table.add_column("phase")
    table.add_column("times as long", justify="right")
    for name, times in growth.items():
        table.add_row(name, f"{times:.1f}")
    return table


def _scorer_lines(scorers: Mapping[int, Any]) -> Iterator[str]:
    for size, figures in scorers.items():
        for candidates, cost in (figures or {}).items():
            each = f"{cost['milliseconds_a_record']:.2f} ms a record, {cost['microseconds_a_pair']:.1f} µs a pair"
            yield f"native scorer, model of {size:,} records, one record against {candidates}: {each}"


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _rate(amount: int | None, seconds: float | None) -> float | None:
    return amount / seconds if amount is not None and seconds else None


def _must(ran: Watched) -> dict[str, Any]:
    if ran.exit_code or ran.report is None:
        raise SystemExit(f"the synthetic records could not be made: {ran.complaint}")
    return ran.report


def _say(console: Console, text: str) -> None:
    console.print(f"[dim]{time.strftime('%H:%M:%S')} {text}[/]")


@contextmanager
def _working_folder(folder: Path | None) -> Iterator[Path]:
    work = Path(tempfile.mkdtemp(prefix="person-index-bench-", dir=folder))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(run)
    app()
