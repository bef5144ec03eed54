"""What the benchmark of a night's work says: targets beside figures, where a relink's time goes, look-ups meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import log10
from typing import Any

from rich.table import Table

from benchmarks.live_traffic import HELD_UP, LOCK_MS
from benchmarks.measured import Phase, number
from benchmarks.memory import MEGABYTE
from benchmarks.targets import RELINK_GROWTH, RELINK_HELD_UP, RELINK_TARGETS, Target, Verdict

FIRST, CHANGED, AGAIN = "relink: first", "relink: 1 % changed", "relink: full again"
BESIDE = f"{CHANGED}, look-ups beside"
RELINKS = (FIRST, CHANGED, AGAIN, BESIDE)


@dataclass(slots=True)
class Night:
    """What was measured at one size.

    Attributes:
        disk_mb: what the database's folder takes after a phase, write-ahead log included.
        traffic: figures of the look-ups beside a phase.
    """

    phases: dict[str, Phase] = field(default_factory=dict)
    disk_mb: dict[str, float] = field(default_factory=dict)
    traffic: dict[str, dict[str, Any]] = field(default_factory=dict)

    def figures(self) -> dict[str, Any]:
        return {
            "phases": {name: phase.figures() for name, phase in self.phases.items()},
            "disk_mb": self.disk_mb,
            "traffic": self.traffic,
            "changed_to_full": self.changed_to_full,
            "not_in_stages_s": {name: unaccounted_s(self.phases[name]) for name in RELINKS if name in self.phases},
        }

    @property
    def changed_to_full(self) -> float | None:
        """Time of relinking a hundredth over that of relinking everything, both without look-ups beside."""
        changed, again = (self._seconds(name) for name in (CHANGED, AGAIN))
        return changed / again if changed and again else None

    def seconds_a_record(self, name: str) -> float | None:
        seconds, phase = self._seconds(name), self.phases.get(name)
        return seconds / phase.records if seconds and phase and phase.records else None

    def figure(self, target: Target) -> float | None:
        """The figure that a target is about; None where it was not measured."""
        if target.figure == "to_full":
            return self.changed_to_full
        if target.figure == "peak_gb":
            return self._peak_gb()
        if target.figure == "held_up":
            return self._held_up()
        phase = self.phases.get(target.data)
        return phase.ratio if phase else None

    def _seconds(self, name: str) -> float | None:
        phase = self.phases.get(name)
        return phase.seconds if phase else None

    def _peak_gb(self) -> float | None:
        peaks = [
            phase.peak_mb + (phase.server_peak_mb or 0.0)
            for name, phase in self.phases.items()
            if name in RELINKS and phase.peak_mb is not None
        ]
        return max(peaks) * MEGABYTE / 1e9 if peaks else None

    def _held_up(self) -> float | None:
        if not self.traffic or any("failed" in each or not each["look_ups"] for each in self.traffic.values()):
            return None
        return float(sum(each[HELD_UP] + each["timed_out"] for each in self.traffic.values()))


def unaccounted_s(phase: Phase) -> float | None:
    """Seconds of a relink that are in none of its stages: to start the program, to open the database, to end."""
    return None if phase.seconds is None else phase.seconds - sum((phase.stages_s or {}).values())


def growth_per_tenfold(sizes: Mapping[int, Night], name: str) -> float | None:
    """How many times as long a record takes with ten times as many, from the smallest size to the largest."""
    if len(sizes) < 2:
        return None
    few, many = (sizes[size].seconds_a_record(name) for size in (min(sizes), max(sizes)))
    if few is None or many is None:
        return None
    tenfolds = log10(max(sizes) / min(sizes))
    return float((many / few) ** (1 / tenfolds))


def judged(sizes: Mapping[int, Night]) -> list[dict[str, Any]]:
    """Every target beside what was measured; those of a size that was not run are not measured."""
    at = [
        *((size, target) for size, targets in RELINK_TARGETS.items() for target in targets),
        *((size, RELINK_HELD_UP) for size in sizes),
    ]
    found = [
        _verdict(Verdict(target, sizes[size].figure(target) if size in sizes else None), records=size)
        for size, target in sorted(at, key=lambda each: each[0])
    ]
    return found + [
        _verdict(Verdict(target, growth_per_tenfold(sizes, target.data)), growth_to=max(sizes))
        for target in RELINK_GROWTH
    ]


def _verdict(verdict: Verdict, **at: int) -> dict[str, Any]:
    target = verdict.target
    said = {"phase": target.data, "figure": target.figure, target.bound: target.value, "measured": verdict.measured}
    return said | at | {"outcome": verdict.outcome}


def targets_table(sizes: Mapping[int, Night]) -> Table:
    table = Table(title="Targets")
    for heading in ("records", "phase", "figure", "at most", "measured", ""):
        table.add_column(heading, justify="left" if heading in ("phase", "figure", "") else "right")
    for each in judged(sizes):
        records = f"{each['records']:,}" if "records" in each else f"to {each['growth_to']:,}"
        cells = (f"{each['at most']:g}", number(each["measured"], 3))
        table.add_row(records, each["phase"], each["figure"], *cells, each["outcome"])
    return table


def stages_table(night: Night) -> Table:
    """Where the time of each relink goes, in seconds; the last row is what none of its stages is."""
    relinks = {name: night.phases[name] for name in RELINKS if name in night.phases}
    table = Table(title="Where a relink's seconds go")
    table.add_column("stage")
    for name in relinks:
        table.add_column(name.removeprefix("relink: "), justify="right")
    for stage in dict.fromkeys(stage for phase in relinks.values() for stage in phase.stages_s or {}):
        table.add_row(stage, *(number((phase.stages_s or {}).get(stage), 2) for phase in relinks.values()))
    table.add_row("start, open, end", *(number(unaccounted_s(phase), 2) for phase in relinks.values()))
    return table


def notes(night: Night) -> Iterator[str]:
    for name, megabytes in night.disk_mb.items():
        spilled = night.phases[name].spilled_mb or 0.0
        yield f"{name}: {number(megabytes)} MB on disk afterwards, at most {number(spilled)} MB in temporary files"
    for name, figures in night.traffic.items():
        yield f"look-ups beside {name}: {_traffic(figures)}"
    if night.changed_to_full is not None:
        yield f"relinking a hundredth took {night.changed_to_full:.1%} of relinking everything"


def _traffic(figures: Mapping[str, Any]) -> str:
    if "failed" in figures:
        return f"[red]broke off[/]: {figures['failed']}"
    return (
        f"{figures['look_ups']:,}, {figures['answered']:,} of them answered, half within {figures['p50_ms']:.1f} ms, "
        f"99 % within {figures['p99_ms']:.1f} ms, slowest {figures['max_ms']:.1f} ms; held up by a lock for more than "
        f"{LOCK_MS} ms: {figures[HELD_UP]}; timed out: {figures['timed_out']}"
    )
