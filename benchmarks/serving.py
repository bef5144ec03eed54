"""A service on a prepared database, for benchmarks that ask it over HTTP."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from psycopg import sql
from rich.console import Console

from benchmarks.memory import python
from benchmarks.service_requests import write_extracts

PREPARED = "prepared"
DATABASE = "bench"


@contextmanager
def prepared(folder: Path | None, records: int, seed: int, console: Console) -> Iterator[Path]:
    """A folder with a database in which the population is loaded and linked, and what is held back of it.

    It is kept below `folder`, and used again if it lies there; without a folder it is temporary. What an interrupted
    run left there, or one with another schema or model, is done anew.
    """
    with _working_folder(folder, f"{records}-records-seed-{seed}") as work, keys_in(work):
        if not _is_prepared(work):
            _prepare(work, records, seed, console)
        yield work


def _prepare(work: Path, records: int, seed: int, console: Console) -> None:
    say(console, f"{records:,} records: preparing")
    sources = write_extracts(work, records, seed)
    with database_server(work) as server:
        environment = {**os.environ, "PERSON_INDEX_DATABASE_URL": server.url()}
        for source in sources:
            extract = work / "extracts" / f"{source}.parquet"
            command("load", source, str(extract), "--rejects", str(work / f"{source}.csv"), environment=environment)
        say(console, f"{records:,} records: loaded")
        command("relink", "--accept", environment=environment)
        say(console, f"{records:,} records: linked")
        with connected(server.url()) as conn:
            conn.execute("VACUUM (ANALYZE)")
    shutil.rmtree(work / "extracts")
    (work / PREPARED).write_text(_prepared_with())


def _is_prepared(work: Path) -> bool:
    mark = work / PREPARED
    return mark.is_file() and mark.read_text() == _prepared_with()


def _prepared_with() -> str:
    """What a prepared index hangs on beside its population: the last migration, and the model."""
    from index_service.linking_context import shipped
    from index_service.store.migrate import migrations

    return f"{migrations()[-1].name} {shipped().fingerprint}"


@contextmanager
def serving(url: str, work: Path, workers: int) -> Iterator[tuple[int, psutil.Process]]:
    """`person-index serve` on a database; yields port and process."""
    environment = {
        **os.environ,
        "PERSON_INDEX_OPEN_METRICS": "true",
        "PERSON_INDEX_DATABASE_URL": url,
        "PERSON_INDEX_PORT": "0",
        "PERSON_INDEX_WORKERS": str(workers),
    }
    log = work / f"service-{workers}.log"
    with log.open("wb") as lines:
        process = subprocess.Popen(_person_index("serve"), env=environment, stdout=lines, stderr=lines)
        try:
            yield _port(log, process), psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(60)


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    """The port that the service says it listens on."""
    for _ in range(600):
        for line in log.read_text(encoding="utf-8").splitlines():
            if "http://127.0.0.1:" in line:
                return int(line.split("http://127.0.0.1:", 1)[1].split(" ", 1)[0].split('"', 1)[0])
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit(f"the service did not start: {log.read_text(encoding='utf-8')[-2000:]}")


def database_server(work: Path) -> Any:
    from index_service.store.embedded import EmbeddedServer

    return _running(EmbeddedServer(work / "database"))


@contextmanager
def _running(server: Any) -> Iterator[Any]:
    with server.running():
        yield server


@contextmanager
def copied(server: Any) -> Iterator[str]:
    """A copy of the prepared database, dropped afterwards; yields its URL."""
    name, whole = sql.Identifier(DATABASE), sql.Identifier("person_index")
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name)
    with connected(server.url("postgres")) as conn:
        conn.execute(drop)
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(name, whole))
    try:
        yield server.url(DATABASE)
    finally:
        with connected(server.url("postgres")) as conn:
            conn.execute(drop)


def connected(url: str) -> Any:
    from index_service.store.connection import connect

    return connect(url)


def _person_index(*arguments: str) -> list[str]:
    return python("-c", "from index_service.cli import main; main()", *arguments)


def command(*arguments: str, environment: Mapping[str, str]) -> None:
    done = subprocess.run(_person_index(*arguments), env=dict(environment), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{arguments[0]}: {done.stderr.strip()}")


def say(console: Console, text: str) -> None:
    console.print(f"[dim]{time.strftime('%H:%M:%S')} {text}[/]")


@contextmanager
def _working_folder(folder: Path | None, name: str) -> Iterator[Path]:
    if folder is not None:
        kept = folder / name
        if not _is_prepared(kept):
            shutil.rmtree(kept, ignore_errors=True)
            kept.mkdir(parents=True)
        yield kept
        return
    work = Path(tempfile.mkdtemp(prefix="person-index-bench-"))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def keys_in(work: Path) -> Iterator[None]:
    """Keys and seals of everything that runs, here and in other processes, lie in the folder of the database."""
    places = {
        "PERSON_INDEX_SIGNING_KEYS": str(work / "signing-keys.json"),
        "PERSON_INDEX_SEALING_KEYS": str(work / "sealing-keys.json"),
        "PERSON_INDEX_LEDGER_SEALS": str(work / "ledger-seals"),
    }
    before = {name: os.environ.get(name) for name in places}
    os.environ.update(places)
    try:
        yield
    finally:
        for name, place in before.items():
            if place is None:
                del os.environ[name]
            else:
                os.environ[name] = place
