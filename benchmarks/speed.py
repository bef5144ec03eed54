"""Speed beside bare Splink on the same records, blocking keys and machine, in one run: one table, one JSON.

Run as `python -m benchmarks.speed [--records 100000 --records 1000000]`, or `make bench-speed`. Every phase is a
process of its own; the database is an embedded server in a temporary folder, as durable as in service.

Phases: load (extracts to PostgreSQL, `person-index load`), train and relink (PostgreSQL to published, the commands of
the same names, train with its report); the same fit and link without a database; bare Splink's train, block, score
and cluster.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.circumstances import machine, versions, write_result
from benchmarks.measured import (
    SPLINK_LINKS,
    TABLE_WIDTH,
    Phase,
    beside,
    command,
    from_commands,
    from_report,
    load_sources,
    must,
    phase_table,
    run_phase,
    say,
    working_folder,
)
from benchmarks.memory import watched
from benchmarks.targets import SPEED_TARGETS, Verdict

RESULT = Path(__file__).parent / "results" / "speed.json"
SIZES = (100_000, 1_000_000)


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
        with working_folder(folder) as work, console.status(f"{size:,} records"):
            measured[size], scorers[size] = measure(work, size, seed, console)
        console.print(phase_table(size, measured[size]))
    growth = _growth(measured)
    if growth:
        console.print(_growth_table(growth, measured))
    console.print(*_scorer_lines(scorers), *_target_lines(measured, scorers), sep="\n")
    write_result(out, _document(measured, scorers, growth, seed))
    console.print(f"written: {out}")


def measure(work: Path, size: int, seed: int, console: Console) -> tuple[dict[str, Phase], Any]:
    """Run all phases at one size, in order; a phase that fails says so and does not stop the others."""
    made = must(run_phase("extracts", work, str(size), str(seed)))
    sources = made["sources"]
    say(console, f"{made['records']:,} records of {len(sources)} sources written")
    phases = _core_phases(work, console) + _service_phases(work, sources, made["records"], console)
    named = {phase.name: phase for phase in phases}
    scored = run_phase("scorer", work).report
    return {phase.name: _beside_splink(phase, named) for phase in phases}, (scored or {}).get("candidates")


def _core_phases(work: Path, console: Console) -> list[Phase]:
    """The matching core and bare Splink, without a database."""
    phases = []
    for name, part in (("normalise", "normalise"), ("fit", "train"), ("link", "link")):
        phases.append(from_report(f"core: {name}", part, run_phase(name, work)))
        say(console, f"core: {name} {phases[-1].seconds or phases[-1].failed}")
    prepared = run_phase("splink_input", work)
    if prepared.exit_code:
        return [*phases, Phase("Splink: train", None, failed=prepared.complaint)]
    ran = run_phase("splink", work)
    splink = [from_report(f"Splink: {part}", part, ran) for part in ("train", *SPLINK_LINKS)]
    say(console, f"Splink {[phase.seconds for phase in splink]}")
    return phases + splink


def _service_phases(work: Path, sources: Sequence[str], records: int, console: Console) -> list[Phase]:
    """The commands of the service on an embedded server."""
    from index_service.settings import Settings
    from index_service.store.server import running_database

    data = work / "database"
    phases = []
    with running_database(Settings(database_url=None, data=data)) as url:
        environment = {**os.environ, "PERSON_INDEX_DATABASE_URL": url}
        loads = load_sources(work, sources, environment, data)
        phases.append(from_commands("load", loads, records))
        say(console, f"load {phases[-1].seconds or phases[-1].failed}")
        # the first relink changes every person, which the policy's budget would hold back
        commands = {"train": ("--out", str(work / "service-model.json")), "relink": ("--accept",)}
        for name, options in commands.items():
            ran = watched(command(name, *options), environment=environment, server_folder=data)
            phases.append(from_commands(name, [ran], records))
            say(console, f"{name} {phases[-1].seconds or phases[-1].failed}")
    return phases


def _beside_splink(phase: Phase, named: Mapping[str, Phase]) -> Phase:
    """Put a phase beside Splink's time for the same job: training, or block, score and cluster together."""
    jobs = {"core: fit": ("train",), "train": ("train",), "core: link": SPLINK_LINKS, "relink": SPLINK_LINKS}
    return beside(phase, [named.get(f"Splink: {part}") for part in jobs.get(phase.name, ())])


def _growth(measured: Mapping[int, Mapping[str, Phase]]) -> dict[str, float]:
    """How many times as long each phase takes at the largest size as at the smallest."""
    if len(measured) < 2:
        return {}
    small, large = measured[min(measured)], measured[max(measured)]
    pairs = {name: (small[name].seconds, large[name].seconds) for name in small if name in large}
    return {name: late / early for name, (early, late) in pairs.items() if early and late}


def _judged(measured: Mapping[int, Mapping[str, Phase]], scorers: Mapping[int, Any]) -> list[Verdict]:
    """The targets beside what was measured at the largest size."""
    size = max(measured)
    found: dict[str, Mapping[str, Any]] = {name: phase.figures() for name, phase in measured[size].items()}
    if scored := scorers.get(size):
        found["scorer"] = scored[max(scored, key=int)]
    return [Verdict(target, found.get(target.data, {}).get(target.figure)) for target in SPEED_TARGETS]


def _target_lines(measured: Mapping[int, Mapping[str, Phase]], scorers: Mapping[int, Any]) -> Iterator[str]:
    for verdict in _judged(measured, scorers):
        target, value = verdict.target, verdict.measured
        told = "–" if value is None else f"{value:,.1f}"
        yield f"target: {target.data}, {target.figure} {target.bound} {target.value:,g}: {told}, {verdict.outcome}"


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
        "targets": [
            {**asdict(v.target), "measured": v.measured, "outcome": v.outcome} for v in _judged(measured, scorers)
        ],
        "versions": versions(),
    }


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


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(run)
    app()
