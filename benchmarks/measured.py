"""What the speed benchmarks share: a measured phase, commands and phases in processes of their own, the table."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.memory import Watched, python, watched

TABLE_WIDTH = 150
SPLINK_LINKS = ("block", "score", "cluster")


@dataclass(frozen=True, slots=True)
class Phase:
    """One measured phase; the ratios are its time over bare Splink's for the same job, where Splink has one.

    `processor_seconds` is what its process and the server worked, which other programs on the machine disturb less than
    the clock; `server_processor_seconds` the server's share of it. `spilled_mb` is the most that lay in temporary files
    at once; `stages_s` are the parts that the command tells of.
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
    spilled_mb: float | None = None
    stages_s: Mapping[str, float] | None = None

    @property
    def records_a_second(self) -> float | None:
        return rate(self.records, self.seconds)

    @property
    def pairs_a_second(self) -> float | None:
        return rate(self.pairs, self.seconds)

    def figures(self) -> dict[str, Any]:
        return {**asdict(self), "records_a_second": self.records_a_second, "pairs_a_second": self.pairs_a_second}


def command(*arguments: str) -> list[str]:
    return python("-c", "from index_service.cli import main; main()", *arguments, "--json")


def run_phase(name: str, work: Path, *arguments: str) -> Watched:
    return watched(python("-m", "benchmarks.phases", name, str(work), *arguments), environment=os.environ)


def from_report(name: str, part: str, ran: Watched) -> Phase:
    if ran.exit_code or ran.report is None:
        return Phase(name, None, failed=ran.complaint or f"exit code {ran.exit_code}")
    pairs = None if part == "train" else ran.report.get("pairs")  # training looks at samples of them
    worked = ran.report["processor_s"][part]
    return Phase(
        name, ran.report["timings_s"][part], ran.report["records"], pairs, ran.peak_mb, processor_seconds=worked
    )


def from_commands(name: str, ran: Sequence[Watched], records: int) -> Phase:
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
        spilled_mb=max(watch.spilled_mb for watch in ran),
        stages_s=_stages(ran),
    )


def _stages(ran: Sequence[Watched]) -> dict[str, float]:
    """Seconds by part, of all commands together: a relink's stages, and what of a load is not starting the program."""
    stages: Counter[str] = Counter()
    for watch in ran:
        report = watch.report or {}
        stages.update(report.get("timings_s") or {})
        for load in report.get("loads", ()):
            stages.update({part: load[f"{part}_s"] for part in ("reading", "storing")})
    return dict(stages)


def beside(phase: Phase, parts: Sequence[Phase | None]) -> Phase:
    """A phase with its time over that of the parts together; as it is where there are none, or one was not measured."""
    seconds = [part.seconds for part in parts if part and part.seconds]
    if phase.seconds is None or not parts or len(seconds) < len(parts):
        return phase
    worked = [part.processor_seconds for part in parts if part and part.processor_seconds]
    processor_ratio = (
        phase.processor_seconds / sum(worked) if phase.processor_seconds and len(worked) == len(parts) else None
    )
    return replace(phase, ratio=phase.seconds / sum(seconds), processor_ratio=processor_ratio)


def load_sources(
    work: Path, sources: Sequence[str], environment: Mapping[str, str], data: Path, folder: str = "extracts"
) -> list[Watched]:
    """Load an extract of each source with the command, each a process; those of `folder` of the working folder."""
    return [
        watched(
            command(
                "load",
                source,
                str(work / folder / f"{source}.parquet"),
                "--accept",
                "--rejects",
                str(work / f"{source}.rejects.csv"),
            ),
            environment=environment,
            server_folder=data,
        )
        for source in sources
    ]


def phase_table(size: int, phases: Mapping[str, Phase]) -> Table:
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
            number(phase.seconds, 2),
            *(number(value) for value in whole),
            *(number(value, 2) for value in last),
        )
    table.caption = "\n".join(failures) or None
    return table


def number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def rate(amount: int | None, seconds: float | None) -> float | None:
    return amount / seconds if amount is not None and seconds else None


def must(ran: Watched) -> dict[str, Any]:
    if ran.exit_code or ran.report is None:
        raise SystemExit(f"a phase failed: {ran.complaint or ran.exit_code}")
    return ran.report


def say(console: Console, text: str) -> None:
    console.print(f"[dim]{time.strftime('%H:%M:%S')} {text}[/]")


@contextmanager
def working_folder(folder: Path | None) -> Iterator[Path]:
    work = Path(tempfile.mkdtemp(prefix="person-index-bench-", dir=folder))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
