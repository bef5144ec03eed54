"""What the index is to reach, declared before measuring: no threshold or model setting is fitted to the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

LINK = "person index, link"
SERVICE = "person index, service"
SPLINK = "Splink, "

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """One figure of one method on one data set, and its bound."""

    data: str
    method: str
    figure: str
    bound: Literal["at least", "at most"]
    value: float

    def met(self, measured: float) -> bool:
        return measured >= self.value if self.bound == "at least" else measured <= self.value


TARGETS: tuple[Target, ...] = (
    Target("febrl3", LINK, "f1", "at least", 0.998),
    Target("febrl4", LINK, "f1", "at least", 0.9995),
    Target("households_100k", LINK, "f1", "at least", 0.985),
    Target("households_100k", LINK, "false_links_in_household_to_splink", "at most", 0.02),
    Target("synthetic", LINK, "recall", "at least", 0.98),
    Target("synthetic", SERVICE, "false_links_in_10_000", "at most", 1.0),
    Target("synthetic", SERVICE, "twins_kept_apart", "at least", 0.999),
    Target("synthetic", LINK, "pair_completeness", "at least", 0.995),
    Target("synthetic", LINK, "nearly_certain_right", "at least", 0.99),
)

SERVICE_TARGETS: tuple[Target, ...] = (
    Target("look-up", "HTTP", "rate_to_ceiling", "at least", 0.5),
    Target("look-up", "HTTP", "p99_ms", "at most", 20.0),
    Target("resolve", "HTTP", "rate", "at least", 400.0),
    Target("resolve", "HTTP", "p95_ms", "at most", 25.0),
    Target("ingest", "HTTP", "rate", "at least", 250.0),
    Target("ingest", "HTTP", "p95_ms", "at most", 50.0),
)
"""By loop of the service benchmark, at the smallest size of a run: 100,000 records. The ceiling is the rate of an
endpoint that touches no database."""

SERVICE_GROWTH: tuple[Target, ...] = tuple(
    Target(loop, "HTTP", figure, "at most", 1.5)
    for loop in ("look-up", "resolve", "ingest")
    for figure in ("rate", "p95_ms")
)
"""How many times as slow each may be at the largest size of a run, 1,000,000 records, as at the smallest."""


RELINK_TARGETS: Mapping[int, tuple[Target, ...]] = {
    1_000_000: (
        Target("relink: first", "service", "ratio", "at most", 1.5),
        Target("relink: full again", "service", "ratio", "at most", 1.5),
        Target("relink", "service", "peak_gb", "at most", 4.0),
        Target("relink: 1 % changed", "service", "to_full", "at most", 0.03),
    ),
    10_000_000: (Target("relink", "service", "peak_gb", "at most", 16.0),),
}
"""By number of records. Ratios are to bare Splink's time; memory is that of every process, the server's included, in
the relink that takes most; to_full is to the time of linking everything again."""

LEDGER_TARGET = Target("look-up", "service", "ratio", "at least", 0.6)
"""Look-ups a second that release and write the ledger, to those that only read, over HTTP."""

SPEED_TARGETS: tuple[Target, ...] = (
    Target("load", "service", "records_a_second", "at least", 5_000.0),
    Target("relink", "service", "ratio", "at most", 1.5),
    Target("relink", "service", "peak_mb", "at most", 4_000.0),
    Target("scorer", "native", "microseconds_a_pair", "at most", 4.0),
)
"""At the largest size of a run, 1,000,000 records. The scorer's is for one record against most candidates."""

RELINK_HELD_UP = Target("relink", "service", "held_up", "at most", 0.0)
"""Look-ups that a lock delays by more than 50 ms, at every size."""

RELINK_GROWTH = tuple(
    Target(phase, "service", "growth_per_tenfold", "at most", 1.25) for phase in ("relink: first", "relink: full again")
)
"""How many times as long a record may take with ten times as many records."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target beside what was measured; None where the data set or the figure was not there."""

    target: Target
    measured: float | None

    @property
    def outcome(self) -> Literal["met", "missed", "not measured"]:
        if self.measured is None:
            return "not measured"
        return "met" if self.target.met(self.measured) else "missed"


def verdicts(results: Mapping[str, Mapping[str, Figures]]) -> list[Verdict]:
    """Judge every target; `results` holds the figures by data set and method."""
    return [Verdict(t, measured(results.get(t.data, {}), t.method, t.figure)) for t in TARGETS]


def measured(methods: Mapping[str, Figures], method: str, figure: str) -> float | None:
    """Look a figure up, or derive it from others."""
    figures = methods.get(method, {})
    if figure == "false_links_in_10_000":
        return _ratio(figures.get("false_links"), figures.get("linked_pairs"), 10_000.0)
    if figure == "false_links_in_household_to_splink":
        splink = better_splink(methods)
        return _ratio(figures.get("false_links_in_household"), splink.get("false_links_in_household"))
    value = figures.get(figure)
    return None if value is None else float(value)


def better_splink(methods: Mapping[str, Figures]) -> Figures:
    """Choose the Splink recipe with the higher F1 on this data set; empty where none has an answer."""
    answers = [
        figures for name, figures in methods.items() if name.startswith(SPLINK) and figures.get("f1") is not None
    ]
    return max(answers, key=lambda figures: float(figures["f1"]), default={})


def _ratio(part: float | None, whole: float | None, times: float = 1.0) -> float | None:
    return None if part is None or not whole else times * part / whole
