"""Look-ups, questions and writes a second over real HTTP, at several sizes in one run: tables, and one JSON.

Run as `python -m benchmarks.service [--records 100000 --records 1000000] [--folder FOLDER]`, or `make bench-service`.

At each size a synthetic population is loaded and relinked with the shipped model on an embedded server, as durable as
in service; some records are held back. For each number of workers `person-index serve` runs as a process on a fresh
copy of that database, and another process sends it requests over keep-alive connections on loopback, loop by loop: an
endpoint that touches no database, look-ups of records, questions, those of them with the most candidates, records held
back. Both share the machine's cores with the database, as on a small installation. Processor time per request is told
beside the rates, which depend on what else the machine does.

To prepare a million records takes most of the time: `--folder` keeps what is prepared for the next run.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks.circumstances import machine, versions, write_result
from benchmarks.service_loops import Measured, loops, run_loop
from benchmarks.service_report import WIDTH, beside_splink, judged, parts_table, rates_table, targets_table
from benchmarks.service_requests import heaviest, questions, read_held
from benchmarks.serving import connected, copied, database_server, prepared, say, serving

RESULT = Path(__file__).parent / "results" / "service.json"
SIZES = (100_000, 1_000_000)
WORKERS = (1, 2)
TOKEN_SCOPES = ("index/read", "index/resolve", "index/write")

Loops = dict[int, dict[int, list[Measured]]]
"""What was measured, by number of records and number of workers."""


def run(
    records: Annotated[
        list[int] | None, typer.Option(help="Synthetic records, about (repeat for several sizes).")
    ] = None,
    workers: Annotated[list[int] | None, typer.Option(help="Processes that answer (repeat to compare).")] = None,
    seed: Annotated[int, typer.Option(help="Of the population and the questions.")] = 0,
    seconds: Annotated[float, typer.Option(help="How long each loop lasts at most.")] = 10.0,
    folder: Annotated[
        Path | None, typer.Option(help="Where prepared indexes are kept, and found again by the next run.")
    ] = None,
    yardstick: Annotated[bool, typer.Option(help="Ask Splink the same questions.")] = True,
    out: Annotated[Path, typer.Option("--json", help="The JSON to write.")] = RESULT,
) -> None:
    """Measure the service at each size, and hold it against its targets."""
    console = Console()
    console.width = max(console.width, WIDTH)  # the tables are the same in a log
    found: Loops = {}
    asked: dict[int, dict[str, Any]] = {}
    for size in sorted(set(records or SIZES)):
        with prepared(folder, size, seed, console) as work:
            found[size] = {count: measure(work, size, count, seed, seconds, console) for count in workers or WORKERS}
            asked[size] = _yardstick(work, size, seed, console) if yardstick else {}
        console.print("", rates_table(size, found[size]), parts_table(size, found[size]), sep="\n")
        if yardstick:
            console.print(beside_splink(asked[size]), highlight=False)
        write_result(out, document(found, asked, seed))  # what is measured stays, whatever comes of the next
    for count, sizes in by_workers(found).items():
        console.print(targets_table(count, sizes))
    console.print(f"written: {out}")


def measure(work: Path, size: int, workers: int, seed: int, seconds: float, console: Console) -> list[Measured]:
    """Run all loops against the service with so many processes, on a fresh copy of the database."""
    held = read_held(work)
    found = []
    with database_server(work) as server, copied(server) as url:
        heavy = heaviest(url, questions(held, seed))
        with serving(url, work, workers) as (port, process):
            for loop in loops(held, heavy, seed, seconds):
                found.append(run_loop(loop, port, process, work, _token(url, port, work)))
                rate = f"{loop.name} {found[-1].rate:,.0f}/s, p95 {found[-1].p95_ms:.1f} ms"
                say(console, f"{size:,} records, {workers} worker(s): {rate}")
    return found


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


def _yardstick(work: Path, size: int, seed: int, console: Console) -> dict[str, Any]:
    from benchmarks.service_yardstick import ask_splink

    say(console, f"{size:,} records: the same questions to Splink")
    with database_server(work) as server:
        return ask_splink(server.url(), questions(read_held(work), seed))


def by_workers(found: Mapping[int, Mapping[int, Sequence[Measured]]]) -> dict[int, dict[int, Sequence[Measured]]]:
    """The loops by number of workers, then by number of records."""
    counts = next(iter(found.values()))
    return {count: {size: loops_of[count] for size, loops_of in found.items()} for count in counts}


def document(found: Loops, asked: Mapping[int, Mapping[str, Any]], seed: int) -> dict[str, Any]:
    """What is written: all figures, and the targets beside them."""
    sizes = {
        size: {
            "workers": {count: {loop.name: asdict(loop) for loop in of} for count, of in found[size].items()},
            "splink": asked[size],
        }
        for size in found
    }
    targets = {count: judged(of) for count, of in by_workers(found).items()}
    at = {"machine": machine(), "versions": versions(), "measured_on": time.strftime("%Y-%m-%d"), "seed": seed}
    return at | {"sizes": sizes, "targets_by_workers": targets}


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(run)
    app()
