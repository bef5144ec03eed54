"""Look-ups that go on while something else runs: what they take, and whether a lock held any of them up.

Run as `python -m benchmarks.live_traffic DATABASE_URL`: asks who the person of a record is, one record after the other,
as the service does: by the login that may release and read no table, with a row of the ledger for each answer. It goes
on until standard input is closed, and prints one line of JSON. A look-up that waits for a lock longer than `LOCK_MS` is
broken off by the server, so that a delay by a lock is told from one by a busy machine.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg

from benchmarks.memory import python
from index_service.store.connection import connect
from index_service.store.releasing import AskedPersons, Question, answering_pool, released_persons

LOCK_MS = 50
HELD_UP = f"held_up_over_{LOCK_MS}_ms"
PAUSE_S = 0.02
RECORDS = 2_000
QUESTION = Question("bench", None, "TREAT", "live traffic", b"x" * 80)
"""Who asks: somebody who may learn of everything; 80 bytes are what a sealed question takes in the ledger."""


@contextmanager
def live_traffic(url: str) -> Iterator[dict[str, Any]]:
    """Inside, look-ups are under way; afterwards the figures are there."""
    figures: dict[str, Any] = {}
    process = subprocess.Popen(
        python("-m", "benchmarks.live_traffic", url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield figures
    finally:
        output, errors = process.communicate()
        if process.returncode or not output.strip():
            said = errors.strip().splitlines()
            figures["failed"] = said[-1] if said else f"exit code {process.returncode}"
        else:
            figures.update(json.loads(output.strip().splitlines()[-1]))


def allow(url: str) -> list[tuple[str, str]]:
    """Let the asker learn of everything; returns keys of records to ask for, drawn at random."""
    from index_service.disclosure.everything import allow_everything
    from index_service.store.roles import grant_answering

    with connect(url) as conn:
        allow_everything(conn, QUESTION.client, [QUESTION.purpose], who="benchmark")
        grant_answering(conn)
        drawn = "SELECT source, source_record_id FROM source_record ORDER BY random() LIMIT %s"
        return [(source, record_id) for source, record_id in conn.execute(drawn, [RECORDS]).fetchall()]


async def look_up_until(ended: threading.Event, url: str, asked: list[tuple[str, str]]) -> dict[str, Any]:
    """Look records up until it is over; times in milliseconds."""
    from index_service.store.roles import answering_url

    took, counts = list[float](), {"answered": 0, HELD_UP: 0, "timed_out": 0}
    async with answering_pool(answering_url(url), 1) as pool, pool.connection() as conn:
        await conn.execute(f"SET lock_timeout = {LOCK_MS}")
        while not ended.is_set():
            source, record_id = asked[len(took) % len(asked)]
            started = time.perf_counter()
            try:
                (told,) = await released_persons(conn, [AskedPersons(QUESTION, record=(source, record_id))])
                counts["answered"] += bool(told)
            except psycopg.errors.LockNotAvailable:
                counts[HELD_UP] += 1
            except psycopg.errors.QueryCanceled:  # by the service's own limit
                counts["timed_out"] += 1
            took.append((time.perf_counter() - started) * 1e3)
            await asyncio.sleep(PAUSE_S)
    return {"look_ups": len(took), **counts, **_quantiles(took)}


def _quantiles(took: list[float]) -> dict[str, float]:
    shares = {"p50_ms": 0.5, "p99_ms": 0.99, "p999_ms": 0.999, "max_ms": 1.0}
    return {name: float(np.quantile(took, share)) for name, share in shares.items()} if took else {}


def main(url: str) -> None:
    """Look up until standard input is closed."""
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    print(json.dumps(asyncio.run(look_up_until(ended, url, allow(url)))))


if __name__ == "__main__":
    main(sys.argv[1])
