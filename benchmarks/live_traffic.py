"""Look-ups that go on while something else runs: what they take, and whether a lock held any of them up.

Run as `python -m benchmarks.live_traffic DATABASE_URL`: looks up records and their persons, one after the other, until
standard input is closed, and prints one line of JSON. A look-up that waits for a lock longer than `LOCK_MS` is broken
off by the server, so that a delay by a lock is told from one by a busy machine.
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
from index_service.store.lookup import person, person_of_record

LOCK_MS = 50
PAUSE_S = 0.005
RECORDS = 2_000


@contextmanager
def live_traffic(url: str) -> Iterator[dict[str, Any]]:
    """Inside, look-ups are under way; afterwards the figures are there."""
    figures: dict[str, Any] = {}
    process = subprocess.Popen(
        python("-m", "benchmarks.live_traffic", url), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield figures
    finally:
        output, _ = process.communicate()
        figures.update(json.loads(output.strip().splitlines()[-1]) if output.strip() else {})


async def look_up_until(ended: threading.Event, url: str) -> dict[str, Any]:
    """Look up records at random until it is over; times in milliseconds."""
    took, held_up = list[float](), 0
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await conn.execute(f"SET lock_timeout = {LOCK_MS}")
        asked = await (
            await conn.execute(f"SELECT source, source_record_id FROM source_record ORDER BY random() LIMIT {RECORDS}")
        ).fetchall()
        while not ended.is_set():
            source, source_record_id = asked[len(took) % len(asked)]
            started = time.perf_counter()
            try:
                standing = await person_of_record(conn, source, source_record_id)
                if standing is not None and standing.person_id is not None:
                    await person(conn, standing.person_id)
            except psycopg.errors.LockNotAvailable:
                held_up += 1
            took.append((time.perf_counter() - started) * 1e3)
            await asyncio.sleep(PAUSE_S)
    return {"look_ups": len(took), f"held_up_over_{LOCK_MS}_ms": held_up, **_quantiles(took)}


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
    print(json.dumps(asyncio.run(look_up_until(ended, url))))


if __name__ == "__main__":
    main(sys.argv[1])
