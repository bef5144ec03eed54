"""What the service benchmark says: a table per size, the targets beside the figures, growth from size to size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table

from benchmarks.service_loops import CEILING, INGEST, LOOK_UP, RESOLVE, Measured
from benchmarks.targets import SERVICE_GROWTH, SERVICE_TARGETS, Target

WIDTH = 120
RATE_TO_CEILING = "rate_to_ceiling"
_ROWS = (
    (LOOK_UP, "rate"), (LOOK_UP, RATE_TO_CEILING), (LOOK_UP, "p95_ms"), (LOOK_UP, "p99_ms"),
    (RESOLVE, "rate"), (RESOLVE, "p95_ms"), (INGEST, "rate"), (INGEST, "p95_ms"),
)  # fmt: skip
_IN_WORDS = {"rate": "a second", RATE_TO_CEILING: "of the ceiling's rate", "p95_ms": "p95, ms", "p99_ms": "p99, ms"}
_TARGETS = {(target.data, target.figure): target for target in SERVICE_TARGETS}

Sizes = Mapping[int, Sequence[Measured]]
"""The loops by number of records, for one number of workers."""


def figure(measured: Sequence[Measured], loop: str, name: str) -> float | None:
    """A figure of a loop; None where it was not measured."""
    named = {each.name: each for each in measured}
    if loop not in named or (name == RATE_TO_CEILING and CEILING not in named):
        return None
    if name == RATE_TO_CEILING:
        return named[loop].rate / named[CEILING].rate
    return float(getattr(named[loop], name))


def growth(sizes: Sizes, loop: str, name: str) -> float | None:
    """How many times as slow at the largest size as at the smallest; None where only one was measured."""
    if len(sizes) < 2:
        return None
    small, large = (figure(sizes[size], loop, name) for size in (min(sizes), max(sizes)))
    if small is None or large is None:
        return None
    return small / large if name == "rate" else large / small


def judged(sizes: Sizes) -> list[dict[str, Any]]:
    """Every target beside what was measured: figures at the smallest size, growth from there to the largest."""
    at = min(sizes)
    return [
        *(_verdict(target, figure(sizes[at], target.data, target.figure), records=at) for target in SERVICE_TARGETS),
        *(_verdict(t, growth(sizes, t.data, t.figure), growth_to=max(sizes)) for t in SERVICE_GROWTH),
    ]


def _verdict(target: Target, measured: float | None, **at: int) -> dict[str, Any]:
    said = {"loop": target.data, "figure": target.figure, target.bound: target.value, "measured": measured, **at}
    return said | {"outcome": _outcome(target, measured)}


def _outcome(target: Target, measured: float | None) -> str:
    if measured is None:
        return "not measured"
    return "met" if target.met(measured) else "missed"


def targets_table(workers: int, sizes: Sizes) -> Table:
    """A row per figure that matters: its target, what was measured at each size, how it grows."""
    table = Table(title=f"Targets, {workers} worker(s)", box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("", "", "target"):
        table.add_column(heading)
    for heading in (*(f"{size:,} records" for size in sizes), "times as slow", "at most"):
        table.add_column(heading, justify="right")
    bounds = {(target.data, target.figure): target for target in SERVICE_GROWTH}
    for loop, name in _ROWS:
        target, bound, grown = _TARGETS.get((loop, name)), bounds.get((loop, name)), growth(sizes, loop, name)
        table.add_row(
            loop,
            _IN_WORDS[name],
            f"{target.bound} {target.value:g}" if target else "",
            *(_cell(target if size == min(sizes) else None, figure(sizes[size], loop, name)) for size in sizes),
            "" if bound is None else _cell(bound, grown),
            "" if bound is None else f"{bound.value:g}",
        )
    return table


def _cell(target: Target | None, value: float | None) -> str:
    if value is None:
        return "–"
    number = f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"
    if target is None:
        return number
    outcome = _outcome(target, value)
    return f"{number} [{'green' if outcome == 'met' else 'red'}]{outcome}[/]"


def rates_table(records: int, by_workers: Mapping[int, Sequence[Measured]]) -> Table:
    """Rates and latencies of every loop at one size, and what a request costs in processor time."""
    title = f"{records:,} records: requests over HTTP, milliseconds"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("workers")
    table.add_column("loop", no_wrap=True)
    headings = ("clients", "requests", "a second", "p50", "p95", "p99", "CPU service", "CPU database", "load")
    for heading in headings:
        table.add_column(heading, justify="right")
    for workers, measured in by_workers.items():
        for loop in measured:
            table.add_row(
                str(workers),
                loop.name,
                str(loop.clients),
                f"{loop.requests:,}",
                f"{loop.rate:,.0f}",
                *(f"{ms:.1f}" for ms in (loop.p50_ms, loop.p95_ms, loop.p99_ms)),
                *(f"{ms:.2f}" for ms in (loop.service_cpu_ms, loop.database_cpu_ms)),
                f"{loop.load:.1f}",
            )
    return table


def parts_table(records: int, by_workers: Mapping[int, Sequence[Measured]]) -> Table:
    """Where the mean time of a question goes, and how many records it is compared with.

    What waits for a core, or for its turn in the service's process, waits in each part.
    """
    title = f"{records:,} records: where the time goes, mean milliseconds, waiting included"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("workers")
    table.add_column("loop", no_wrap=True)
    for heading in ("candidates", "in SQL", "scoring", "the rest", "writes a turn"):
        table.add_column(heading, justify="right")
    for workers, measured in by_workers.items():
        for loop in measured:
            if loop.candidates is not None:
                parts = ("–",) * 3 if loop.in_parts is None else tuple(f"{ms:.2f}" for ms in loop.in_parts)
                turn = "–" if loop.writes_a_turn is None else f"{loop.writes_a_turn:.1f}"
                table.add_row(str(workers), loop.name, f"{loop.candidates:.1f}", *parts, turn)
    return table


def beside_splink(asked: Mapping[str, Any]) -> str:
    """What scoring takes by itself, beside Splink's scoring of the same questions."""
    return (
        f"Scoring one question by itself, medians of {asked['questions']} with {asked['candidates']:.1f} candidates on "
        f"average:\n  ours {asked['ours_ms']:.2f} ms, Splink's score_pairs {asked['splink_ms']:.1f} ms "
        f"(processor time {asked['ours_cpu_ms']:.2f} and {asked['splink_cpu_ms']:.1f} ms).\n"
    )
