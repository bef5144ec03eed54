"""Look-ups, questions and writes a second over real HTTP, in one run: one table, one JSON.

Run as `python -m benchmarks.service [--records 100000] [--workers 1 --workers 2]`, or `make bench-service`.

A synthetic population is loaded and relinked with the shipped model on an embedded server, as durable as in service;
some records are held back. For each number of workers `person-index serve` runs as a process on a fresh copy of that
database, and another process sends it requests over keep-alive connections on loopback, loop by loop: an endpoint
that touches no database, look-ups of records, questions, records held back. Both share the machine's cores with the
database, as on a small installation. Processor time per request is told beside the rates, which depend on what else
the machine does.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.request import urlopen

import psutil
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.circumstances import machine, versions, write_result
from benchmarks.memory import python
from benchmarks.service_requests import HttpRequest, look_ups, questions, read_held, spread, writes
from benchmarks.serving import connected, copied, database_server, prepare, say, serving, working_folder
from benchmarks.targets import SERVICE_TARGETS, Target

RESULT = Path(__file__).parent / "results" / "service.json"
WARM_UP, WARM_UP_S = 200, 10.0
TOKEN_SCOPES = ("index/read", "index/resolve", "index/write")
CEILING, LOOK_UP, RESOLVE, INGEST = "ceiling", "look-up", "resolve", "ingest"
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


def run(
    records: Annotated[int, typer.Option(help="Synthetic records, about.")] = 100_000,
    workers: Annotated[list[int] | None, typer.Option(help="Processes that answer; repeat to compare.")] = None,
    seed: Annotated[int, typer.Option(help="Of the population and the questions.")] = 0,
    seconds: Annotated[float, typer.Option(help="How long each loop lasts at most.")] = 10.0,
    folder: Annotated[
        Path | None, typer.Option(help="Where to prepare; what lies prepared there is used again.")
    ] = None,
    yardstick: Annotated[bool, typer.Option(help="Ask Splink the same questions.")] = True,
    out: Annotated[Path, typer.Option("--json", help="The JSON to write.")] = RESULT,
) -> None:
    """Measure the service at one size; figures of other sizes in the JSON stay."""
    console = Console()
    console.width = max(console.width, 150)
    with working_folder(folder) as work:
        prepare(work, records, seed, console)
        answers = {count: measure(work, count, seed, seconds, console) for count in workers or [1, 2]}
        asked = _yardstick(work, seed, console) if yardstick else {}
    for count, loops in answers.items():
        console.print(_table(records, count, loops, asked))
    console.print(*_verdict_lines(answers), sep="\n")
    _write(out, records, seed, answers, asked)
    console.print(f"written: {out}")


def measure(work: Path, workers: int, seed: int, seconds: float, console: Console) -> list[Measured]:
    """Run all loops against the service with so many processes, on a fresh copy of the database."""
    held = read_held(work)
    found = []
    with database_server(work) as server, copied(server) as url, serving(url, work, workers) as (port, process):
        for loop in loops(held, seed, seconds):
            found.append(_run(loop, port, process, work, _token(url, port, work)))
            say(console, f"{workers} worker(s): {loop.name} {found[-1].rate:,.0f}/s, p95 {found[-1].p95_ms:.1f} ms")
    return found


def loops(held: Mapping[str, list[dict[str, Any]]], seed: int, seconds: float) -> Iterator[Loop]:
    """The loops, in order; questions about those whom the writes add come before them."""
    held = dict(held)
    many = int(seconds * 4_000)
    yield Loop(CEILING, 16, list(spread([HttpRequest("GET", "/healthz")], many)), seconds)
    yield Loop(LOOK_UP, 16, list(spread(look_ups(held), many)), seconds)
    yield Loop(RESOLVE, 8, list(spread(questions(held, seed), many)), seconds)
    yield Loop(INGEST, 8, writes(held, seed), seconds)


def _run(loop: Loop, port: int, process: psutil.Process, work: Path, token: str | None) -> Measured:
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


def _token(url: str, port: int, work: Path) -> str:
    """A token for a client made for the purpose, which may learn everything."""
    from config.purposes import load_purposes
    from index_service.access.signing_keys import SigningKeys
    from index_service.access.tokens import issue
    from index_service.disclosure.everything import allow_everything
    from index_service.store.access import Client, Limits, add_version, client

    unlimited = Limits(requests_per_second=1e6, burst=1_000_000, not_found_per_minute=1_000_000)
    bench = Client("bench", "benchmark", "Invented County", TOKEN_SCOPES, ("TREAT",), limits=unlimited)
    with connected(url) as conn:
        if client(conn, bench.client_id) is None:
            add_version(conn, bench, reason="benchmark", who="benchmark")
        allow_everything(conn, bench.client_id, bench.purposes, who="benchmark")
    return issue(
        bench,
        issuer=f"http://127.0.0.1:{port}",
        keys=SigningKeys(work / "signing-keys.json"),
        scopes=TOKEN_SCOPES,
        purposes={"TREAT": load_purposes().system_of("TREAT")},
        user=None,
        now=time.time(),
    ).text


def _yardstick(work: Path, seed: int, console: Console) -> dict[str, Any]:
    from benchmarks.service_yardstick import ask_splink

    with database_server(work) as server:
        found = ask_splink(server.url(), questions(read_held(work), seed))
    ours, theirs = found["ours_ms"], found["splink_ms"]
    say(console, f"scoring one question: ours {ours:.2f} ms, Splink {theirs:.2f} ms, median")
    return found


def judged(measured: Sequence[Measured]) -> dict[str, tuple[Target, float]]:
    """Every target by name, beside what was measured."""
    named = {loop.name: loop for loop in measured}
    figures = {name: asdict(loop) for name, loop in named.items()}
    if LOOK_UP in named and CEILING in named:
        figures[LOOK_UP]["rate_to_ceiling"] = named[LOOK_UP].rate / named[CEILING].rate
    return {
        f"{target.data} {target.figure}": (target, float(figures[target.data][target.figure]))
        for target in SERVICE_TARGETS
        if target.data in figures
    }


def _verdict_lines(answers: Mapping[int, Sequence[Measured]]) -> Iterator[str]:
    for count, measured in answers.items():
        for name, (target, value) in judged(measured).items():
            word = "met" if target.met(value) else "missed"
            yield f"{count} worker(s): {name} {value:,.2f}, {target.bound} {target.value:g}: {word}"


def _table(records: int, workers: int, measured: Sequence[Measured], asked: Mapping[str, Any]) -> Table:
    """Args: `asked`: what Splink's scoring of the same questions took, if it was asked."""
    title = f"{records:,} records, {workers} worker(s); times in ms, CPU in ms a request"
    table = Table(title=title, caption=_beside_splink(asked) if asked else None)
    table.add_column("loop")
    headings = ("clients", "requests", "per s", "p50", "p95", "p99", "CPU service", "CPU database", "candidates")
    for heading in (*headings, "writes a turn", "SQL", "scoring", "rest", "load"):
        table.add_column(heading, justify="right")
    for loop in measured:
        table.add_row(
            loop.name,
            str(loop.clients),
            f"{loop.requests:,}",
            f"{loop.rate:,.0f}",
            *(f"{value:.1f}" for value in (loop.p50_ms, loop.p95_ms, loop.p99_ms)),
            *(f"{value:.2f}" for value in (loop.service_cpu_ms, loop.database_cpu_ms)),
            *("–" if value is None else f"{value:.1f}" for value in (loop.candidates, loop.writes_a_turn)),
            *("–" if loop.in_parts is None else f"{ms:.2f}" for ms in loop.in_parts or (0.0, 0.0, 0.0)),
            f"{loop.load:.1f}",
        )
    return table


def _beside_splink(asked: Mapping[str, Any]) -> str:
    return (
        f"The same questions through Splink's score_pairs, one at a time: scoring {asked['splink_ms']:.2f} ms "
        f"(CPU {asked['splink_cpu_ms']:.2f}), ours {asked['ours_ms']:.2f} ms (CPU {asked['ours_cpu_ms']:.2f}); medians "
        f"of {asked['questions']} questions with {asked['candidates']:.1f} candidates on average."
    )


def _write(
    out: Path, records: int, seed: int, answers: Mapping[int, Sequence[Measured]], yardstick: Mapping[str, Any]
) -> None:
    earlier = json.loads(out.read_text(encoding="utf-8")).get("sizes", {}) if out.is_file() else {}
    measured: dict[str, Any] = {
        "workers": {str(count): {loop.name: asdict(loop) for loop in found} for count, found in answers.items()},
        "measured_on": time.strftime("%Y-%m-%d"),
        "seed": seed,
        "splink": yardstick,
    }
    sizes = {**earlier, str(records): measured}
    write_result(out, {"machine": machine(), "versions": versions(), "sizes": sizes, "growth": growth(sizes)})


def growth(sizes: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Median latency of each loop at the largest size over that at the smallest, by number of workers."""
    if len(sizes) < 2:
        return {}
    small, large = (sizes[str(size)]["workers"] for size in (min(map(int, sizes)), max(map(int, sizes))))
    return {
        count: {name: large[count][name]["p50_ms"] / small[count][name]["p50_ms"] for name in small[count]}
        for count in small
        if count in large
    }


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(run)
    app()
