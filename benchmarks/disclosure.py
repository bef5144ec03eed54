"""What the ledger costs: look-ups that release and write the ledger against look-ups that only read, in one run.

Run as `python -m benchmarks.disclosure [--persons 20000] [--seconds 4] [--rounds 3]`, or `make bench-disclosure`.

Both ask for random persons over as many connections, in turns, on a durable embedded server (fsync on): first straight
to the database, then through a FastAPI service of one process with one route for each. The agreements are the shipped
examples; each person has three records, a legal responsibility and every tenth record a consent on file.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI
from rich.console import Console
from rich.table import Table

from benchmarks.circumstances import machine, versions, write_result
from benchmarks.targets import LEDGER_TARGET, Verdict
from config.agreements import load_agreements
from config.purposes import load_purposes
from config.sources import load_sources
from index_service.disclosure.clauses import clauses_of
from index_service.http.connections import Connections
from index_service.http.together import Together
from index_service.store import lookup
from index_service.store.agreements import apply_agreements
from index_service.store.connection import AsyncConnection, Connection, Pool, connect, lookup_pool
from index_service.store.embedded import EmbeddedServer
from index_service.store.migrate import migrate
from index_service.store.releasing import AskedPersons, Pointer, Question, answering_pool, released_persons
from index_service.store.roles import answering_url, grant_answering

app = typer.Typer(add_completion=False)
RESULT = Path(__file__).parent / "results" / "disclosure.json"
CONNECTIONS = (1, 8, 16)
HTTP = "HTTP, 8 connections"
JUDGED = (HTTP,)
SEED = 20260101
QUESTION = Question("pmap", "ann", "COURT", "request", b"x" * 80)
LookUp = Callable[[AsyncConnection, str], Awaitable[object]]

FILL = """
INSERT INTO source_record (source, source_record_id, current_version, last_version, content_hash, withdrawn)
SELECT s, s || n, 1, 1, '', false
FROM generate_series(1, %(persons)s) n, unnest(ARRAY['cws_cms', 'meds', 'juvenile_court']) s;
INSERT INTO person (person_id, created_at) SELECT 'P' || n, now() FROM generate_series(1, %(persons)s) n;
INSERT INTO membership (record_id, person_id, from_at, probability, reason, run_id)
SELECT record_id, 'P' || substring(source_record_id FROM '[0-9]+$'), now(), 0.99, 'created', 1 FROM source_record;
INSERT INTO consent (kind, record_id, covers, sources, clients, purposes, from_at, document, recorded_by)
SELECT 'consent', record_id, 'person', '{csi}', '{}', '{}', now(), 'file', 'clerk'
FROM source_record WHERE record_id %% 10 = 0;
INSERT INTO relationship (kind, record_id, client_id, from_at, recorded_by)
SELECT 'legal_responsibility', record_id, 'county', now(), 'clerk' FROM source_record WHERE source = 'cws_cms';
"""


async def only_read(conn: AsyncConnection, person_id: str) -> object:
    return await lookup.person(conn, person_id)


async def with_ledger(conn: AsyncConnection, person_id: str) -> list[Pointer]:
    (told,) = await released_persons(conn, [AskedPersons(QUESTION, persons=[person_id])])
    return told


def fill(conn: Connection, persons: int) -> None:
    migrate(conn)
    for statement in FILL.split(";")[:-1]:
        conn.execute(statement.encode(), {"persons": persons})
    conn.execute("VACUUM ANALYZE")
    sources, purposes = load_sources(), load_purposes()
    agreements = load_agreements(sources, purposes)
    apply_agreements(conn, agreements, clauses_of(agreements, sources, purposes), reason="benchmark", who="benchmark")
    grant_answering(conn)


async def rate(pool: Pool, look_up: LookUp, connections: int, persons: int, seconds: float) -> float:
    """Look-ups a second over some connections at once."""
    numbers = random.Random(SEED)  # noqa: S311
    done = 0
    until = time.perf_counter() + seconds

    async def ask() -> None:
        nonlocal done
        async with pool.connection() as conn:
            while time.perf_counter() < until:
                await look_up(conn, f"P{numbers.randint(1, persons)}")
                done += 1

    began = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(connections)))
    return done / (time.perf_counter() - began)


async def compare(url: str, connections: int, persons: int, seconds: float, rounds: int) -> dict[str, float]:
    """Both kinds in turns, so that what else the machine does weighs on both; medians of the rounds."""
    rates: dict[str, list[float]] = {"only_read": [], "with_ledger": []}
    async with (
        lookup_pool(url, connections) as reading,
        answering_pool(answering_url(url), connections) as releasing,
    ):
        for pool, look_up in ((reading, only_read), (releasing, with_ledger)):
            await rate(pool, look_up, connections, persons, 0.5)
        for _ in range(rounds):
            rates["only_read"].append(await rate(reading, only_read, connections, persons, seconds))
            rates["with_ledger"].append(await rate(releasing, with_ledger, connections, persons, seconds))
    return _figures(rates)


def service(url: str) -> FastAPI:
    """A service with a route for each kind of look-up, as thin as the real ones; nothing before them.

    As there, releases that arrive together share a statement and a commit.
    """
    reading, releasing = lookup_pool(url, 8), answering_pool(answering_url(url), 8)
    together = Together(Connections(releasing, 5.0), released_persons)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with reading, releasing:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/only_read/{person_id}")
    async def read(person_id: str) -> list[str]:
        async with reading.connection() as conn:
            person = await lookup.person(conn, person_id)
            return [member.source for member in person.members] if person else []

    @app.get("/with_ledger/{person_id}")
    async def release(person_id: str) -> list[str]:
        return [pointer.source for pointer in await together.ask(AskedPersons(QUESTION, persons=[person_id]))]

    return app


def serve(url: str, port: int) -> None:
    uvicorn.run(service(url), port=port, log_level="error")


async def http_rate(port: int, path: str, connections: int, persons: int, seconds: float) -> float:
    """Requests a second over some connections at once, by a client that does next to nothing."""
    numbers = random.Random(SEED)  # noqa: S311
    done = 0
    until = time.perf_counter() + seconds

    async def ask() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            writer.write(f"GET /{path}/P{numbers.randint(1, persons)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise ConnectionError(head[:80])
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            if length < len("[]") + 1:
                raise ValueError("the answer is empty")
            await reader.readexactly(length)
            done += 1
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(connections)))
    return done / (time.perf_counter() - began)


def compare_http(url: str, persons: int, seconds: float, rounds: int) -> dict[str, float]:
    port = 18473
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(url, port))
    process.start()
    try:
        time.sleep(5)
        rates: dict[str, list[float]] = {"only_read": [], "with_ledger": []}
        for _ in range(rounds):
            for path, found in rates.items():
                found.append(asyncio.run(http_rate(port, path, 8, persons, seconds)))
    finally:
        process.terminate()
        process.join()
    return _figures(rates)


def _figures(rates: dict[str, list[float]]) -> dict[str, float]:
    ratios = [b / a for a, b in zip(rates["only_read"], rates["with_ledger"], strict=True)]
    return {
        "only_read_per_s": round(statistics.median(rates["only_read"])),
        "with_ledger_per_s": round(statistics.median(rates["with_ledger"])),
        "ratio": round(statistics.median(ratios), 3),
        "lowest_ratio": round(min(ratios), 3),
    }


@app.command()
def run(
    persons: Annotated[int, typer.Option(help="Persons of three records each.")] = 20_000,
    seconds: Annotated[float, typer.Option(help="How long each kind is asked, a round.")] = 4.0,
    rounds: Annotated[int, typer.Option(help="How often both kinds take turns.")] = 3,
    connections: Annotated[list[int] | None, typer.Option(help="Connections at once (repeat).")] = None,
    folder: Annotated[Path | None, typer.Option(help="Where to work; a temporary folder by default.")] = None,
    out: Annotated[Path, typer.Option("--json", help="The JSON to write.")] = RESULT,
) -> None:
    """Measure both kinds of look-up, straight to the database and over HTTP."""
    console = Console()
    with (
        tempfile.TemporaryDirectory(prefix="person-index-", dir=folder) as work,
        EmbeddedServer(Path(work) / "data").running() as url,
    ):
        with connect(url) as conn:
            fill(conn, persons)
        found: dict[str, dict[str, float]] = {}
        for number in connections or CONNECTIONS:
            found[f"database, {number} connections"] = asyncio.run(compare(url, number, persons, seconds, rounds))
        found[HTTP] = compare_http(url, persons, seconds, rounds)
    console.print(_table(persons, found))
    asked = {"persons": persons, "seconds": seconds, "rounds": rounds, "seed": SEED, "bound": LEDGER_TARGET.value}
    measured = {"measured_on": time.strftime("%Y-%m-%d"), **asked, "look_ups": found}
    write_result(out, {"machine": machine(), "versions": versions(), **measured})
    console.print(f"written: {out}")


def _table(persons: int, found: Mapping[str, Mapping[str, float]]) -> Table:
    title = (
        f"Look-ups a second among {persons:,} persons; target: with the ledger {LEDGER_TARGET.value:g} of those without"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("look-ups")
    for name in ("only reading", "with the ledger", "ratio", "lowest"):
        table.add_column(name, justify="right")
    table.add_column("target")
    for name, figures in found.items():
        verdict = Verdict(LEDGER_TARGET, figures["ratio"]).outcome if name in JUDGED else "–"
        cells = (f"{figures['only_read_per_s']:,}", f"{figures['with_ledger_per_s']:,}")
        table.add_row(name, *cells, f"{figures['ratio']:.3f}", f"{figures['lowest_ratio']:.3f}", verdict)
    return table


if __name__ == "__main__":
    app()
