"""Loops of requests against a running service, and what each of them cost: rates, latencies, processor time."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

from benchmarks.memory import python
from benchmarks.service_requests import HttpRequest, look_ups, questions, spread, writes

WARM_UP, WARM_UP_S = 200, 10.0
CEILING, LOOK_UP, RESOLVE, HEAVY, INGEST = "ceiling", "look-up", "resolve", "resolve, heavy", "ingest"
IN_SQL, SCORING = ("find candidates", "release"), "weigh"  # stages of a question, as the service's metrics name them


@dataclass(frozen=True, slots=True)
class Loop:
    """Requests that are sent by so many clients at once, for at most so long."""

    name: str
    clients: int
    requests: Sequence[HttpRequest]
    seconds: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds so far: of the service's processes and of the database's."""

    service: float
    database: float

    def since(self, before: Cost) -> Cost:
        return Cost(self.service - before.service, self.database - before.database)


@dataclass(frozen=True, slots=True)
class Measured:
    """One loop: rates, latencies in ms, processor time in ms a request, and what the service's metrics say.

    `stages_ms`: by stage of the work, a request; with several requests at once a stage includes waiting for a core.
    """

    name: str
    clients: int
    requests: int
    rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    statuses: Mapping[str, int]
    service_cpu_ms: float
    database_cpu_ms: float
    client_cpu_ms: float
    load: float
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    candidates: float | None = None
    writes_a_turn: float | None = None
    mean_ms: float | None = None

    @property
    def in_parts(self) -> tuple[float, float, float] | None:
        """Of a question's mean time: in SQL, in scoring, in the rest; None for other requests."""
        if self.mean_ms is None or SCORING not in self.stages_ms:
            return None
        in_sql, scoring = sum(self.stages_ms.get(stage, 0.0) for stage in IN_SQL), self.stages_ms[SCORING]
        return in_sql, scoring, self.mean_ms - in_sql - scoring


def loops(
    held: Mapping[str, list[dict[str, Any]]], heavy: Sequence[HttpRequest], seed: int, seconds: float
) -> Iterator[Loop]:
    """The loops, in order; questions about those whom the writes add come before them."""
    many = int(seconds * 4_000)
    yield Loop(CEILING, 16, list(spread([HttpRequest("GET", "/healthz")], many)), seconds)
    yield Loop(LOOK_UP, 16, list(spread(look_ups(held), many)), seconds)
    yield Loop(RESOLVE, 8, list(spread(questions(held, seed), many)), seconds)
    yield Loop(HEAVY, 8, list(spread(heavy, many)), seconds)
    yield Loop(INGEST, 8, writes(held, seed), seconds)


def run_loop(loop: Loop, port: int, process: psutil.Process, work: Path, token: str) -> Measured:
    """Send a loop's requests, some beforehand to warm up.

    Args:
        port, process: of the service.
        work: the working folder of the prepared database.
    """
    warm_up = 0 if loop.name == CEILING else min(WARM_UP, len(loop.requests) // 10)
    if warm_up:
        _sent(Loop(loop.name, loop.clients, loop.requests[:warm_up], WARM_UP_S), port, work, token)
    before, figures = _cost(process, work), _figures(port)
    sent = _sent(Loop(loop.name, loop.clients, loop.requests[warm_up:], loop.seconds), port, work, token)
    cost, after = _cost(process, work).since(before), _figures(port)
    took, count = sorted(sent["seconds"]), len(sent["seconds"])
    grown = {name: after[name] - figures.get(name, 0.0) for name in after}
    return Measured(
        name=loop.name,
        clients=loop.clients,
        requests=count,
        rate=count / sent["elapsed_s"],
        p50_ms=percentile(took, 0.50),
        p95_ms=percentile(took, 0.95),
        p99_ms=percentile(took, 0.99),
        statuses=sent["statuses"],
        service_cpu_ms=cost.service / count * 1e3,
        database_cpu_ms=cost.database / count * 1e3,
        client_cpu_ms=sent["client_cpu_s"] / count * 1e3,
        load=os.getloadavg()[0],
        stages_ms=_stages(grown, count),
        mean_ms=sum(took) / count * 1e3,
        candidates=_mean(grown, "person_index_candidates"),
        writes_a_turn=_mean(grown, "person_index_write_turn_writes"),
    )


def _sent(loop: Loop, port: int, work: Path, token: str | None) -> dict[str, Any]:
    """Have another process send the requests; returns its report."""
    plan = {
        "host": "127.0.0.1",
        "port": port,
        "clients": loop.clients,
        "seconds": loop.seconds,
        "token": token,
        "requests": [[request.method, request.path, request.body] for request in loop.requests],
    }
    path = work / "plan.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    done = subprocess.run(python("-m", "benchmarks.http_load", str(path)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{loop.name}: {done.stderr.strip()}")
    report: dict[str, Any] = json.loads(done.stdout)
    failed = {status: count for status, count in report["statuses"].items() if not status.startswith("2")}
    if failed:
        raise SystemExit(f"{loop.name}: answers by status {report['statuses']}")
    return report


def percentile(ascending: Sequence[float], share: float) -> float:
    """In ms: the smallest value that so large a share does not exceed."""
    return ascending[max(0, -int(-share * len(ascending) // 1) - 1)] * 1e3


def _figures(port: int) -> dict[str, float]:
    """The service's own metrics: series with labels, and value."""
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {series: float(value) for series, value in pairs}


def _stages(grown: Mapping[str, float], requests: int) -> dict[str, float]:
    begins = 'person_index_stage_seconds_sum{stage="'
    return {
        series.removeprefix(begins).removesuffix('"}'): seconds / requests * 1e3
        for series, seconds in grown.items()
        if series.startswith(begins) and seconds
    }


def _mean(grown: Mapping[str, float], name: str) -> float | None:
    count = grown.get(f"{name}_count", 0.0)
    return grown[f"{name}_sum"] / count if count else None


def _cost(process: psutil.Process, work: Path) -> Cost:
    postmaster = int((work / "database" / "cluster" / "postmaster.pid").read_text().splitlines()[0])
    return Cost(_family_seconds(process), _family_seconds(psutil.Process(postmaster)))


def _family_seconds(first: psutil.Process) -> float:
    """Processor time of a process and its descendants, those that ended included."""
    total = 0.0
    for process in (first, *first.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
