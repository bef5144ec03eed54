"""The night's work at given sizes, PostgreSQL to published, beside bare Splink: one table, one JSON.

Run as `python -m benchmarks.relink [--records 100000 --records 1000000]`, or `make bench-relink`. Every command is a
process of its own; the database is an embedded server in a temporary folder, as durable as in service.

At each size: load, train, a full relink that publishes for the first time, with look-ups beside; one hundredth of the
records changed and relinked by itself; another hundredth changed and all relinked again; a third changed and relinked
by itself, with look-ups beside. Then bare Splink blocks, scores and clusters the same records with the same keys,
without a store. What stands beside Splink is the first relink, with what the look-ups cost it, and the full one after
it, without.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks.circumstances import machine, versions, write_result
from benchmarks.live_traffic import live_traffic
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
from benchmarks.memory import MEGABYTE, bytes_in, watched
from benchmarks.relink_report import AGAIN, BESIDE, CHANGED, FIRST, Night, judged, notes, stages_table, targets_table

RESULT = Path(__file__).parent / "results" / "relink.json"
SIZES = (100_000, 1_000_000, 5_000_000, 10_000_000)
CHANGES = ((CHANGED, "--changed", False), (AGAIN, "--full", False), (BESIDE, "--changed", True))
"""After each hundredth that has changed: what is relinked, and whether look-ups go on beside it."""


def run(
    records: Annotated[
        list[int] | None, typer.Option(help="Synthetic records, about (repeat for several sizes).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the synthetic population.")] = 0,
    splink_up_to: Annotated[int, typer.Option(help="The largest size at which bare Splink is tried.")] = 10_000_000,
    memory_gb: Annotated[float, typer.Option(help="Memory for linking, in GB.")] = 4.0,
    folder: Annotated[Path | None, typer.Option(help="Where to work; a temporary folder by default.")] = None,
    out: Annotated[Path, typer.Option(help="The JSON to write.")] = RESULT,
) -> None:
    """Measure a night's work at each size, and bare Splink on the same records."""
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)  # the table is one, also in a log
    measured: dict[int, Night] = {}
    for size in records or SIZES:
        with working_folder(folder) as work, console.status(f"{size:,} records"):
            measured[size] = measure(work, size, seed, memory_gb, size <= splink_up_to, console)
        night = measured[size]
        console.print(phase_table(size, night.phases), stages_table(night), *notes(night), sep="\n")
        write_result(out, _document(measured, seed, memory_gb))  # what is measured stays, whatever comes of the next
    console.print(targets_table(measured), f"written: {out}", sep="\n")
    if any("failed" in figures for night in measured.values() for figures in night.traffic.values()):
        raise SystemExit("Look-ups broke off: what they would have met was not measured.")


def measure(work: Path, size: int, seed: int, memory_gb: float, with_splink: bool, console: Console) -> Night:
    """Run all phases at one size, in order; a phase that fails says so and does not stop the others."""
    made = must(run_phase("extracts", work, str(size), str(seed)))
    say(console, f"{made['records']:,} records of {len(made['sources'])} sources written")
    night = Night()
    _service_phases(night, work, made, seed, memory_gb, console)
    splink = _splink_phases(work, console) if with_splink else []
    phases = {phase.name: phase for phase in [*night.phases.values(), *splink]}
    night.phases = {
        name: beside(phase, [phases.get(f"Splink: {part}") for part in SPLINK_LINKS])
        if name in (FIRST, AGAIN)
        else phase
        for name, phase in phases.items()
    }
    return night


def _service_phases(
    night: Night, work: Path, made: Mapping[str, Any], seed: int, memory_gb: float, console: Console
) -> None:
    """The commands of the service on an embedded server."""
    from index_service.settings import Settings
    from index_service.store.server import running_database

    data, spill = work / "database", work / "spill"
    spill.mkdir()
    with running_database(Settings(database_url=None, data=data)) as url:
        environment = {**os.environ, "PERSON_INDEX_DATABASE_URL": url, "TMPDIR": str(spill)}

        def note(phase: Phase) -> None:
            night.phases[phase.name] = phase
            night.disk_mb[phase.name] = bytes_in(data) / MEGABYTE
            say(console, f"{phase.name} {phase.seconds or phase.failed}")

        def one(name: str, records: int, *arguments: str, look_ups: bool = False) -> None:
            with ExitStack() as stack:
                traffic = stack.enter_context(live_traffic(url)) if look_ups else None
                ran = watched(command(*arguments), environment=environment, server_folder=data)
            note(from_commands(name, [ran], records))
            if traffic is not None:
                night.traffic[name] = traffic

        total, options = made["records"], ("--accept", "--memory-gb", str(memory_gb))
        note(from_commands("load", load_sources(work, made["sources"], environment, data), total))
        one("train", total, "train", "--out", str(work / "model.json"))
        one(FIRST, total, "relink", *options, look_ups=True)
        for turn, (name, scope, look_ups) in enumerate(CHANGES):
            changed = must(run_phase("changed", work, str(turn), str(seed)))["records"]
            loads = load_sources(work, made["sources"], environment, data, folder=f"changed-{turn}")
            note(from_commands(f"load: {turn + 1}. change", loads, changed))
            one(name, changed if scope == "--changed" else total, "relink", scope, *options, look_ups=look_ups)


def _splink_phases(work: Path, console: Console) -> list[Phase]:
    """Bare Splink on the records as they were loaded first, with the keys of the model that was fitted."""
    for name in ("normalise", "splink_input"):
        ran = run_phase(name, work)
        if ran.exit_code:
            why = ran.complaint or f"exit code {ran.exit_code}"
            say(console, f"our own {name} failed, so that there is nothing for Splink to link")
            return [Phase(f"our input for Splink: {name}", None, failed=why)]
    ran = run_phase("splink", work)
    phases = [from_report(f"Splink: {part}", part, ran) for part in ("train", *SPLINK_LINKS)]
    say(console, f"Splink {[phase.seconds for phase in phases]}")
    return phases


def _document(measured: Mapping[int, Night], seed: int, memory_gb: float) -> dict[str, Any]:
    return {
        "machine": machine(),
        "measured_on": time.strftime("%Y-%m-%d"),
        "memory_gb": memory_gb,
        "seed": seed,
        "sizes": {size: night.figures() for size, night in measured.items()},
        "targets": judged(measured),
        "versions": versions(),
    }


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(run)
    app()
