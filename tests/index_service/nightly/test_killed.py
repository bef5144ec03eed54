"""A night that is killed at any point is completed by the next job, and nothing tells the difference."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from index_service.store.connection import Connection, connect
from index_service.store.lookup import IdentityEvent
from index_service.store.nights import faults
from linkage.record import SourceRecord
from tests.conftest import NewDatabase
from tests.index_service.nightly.nights import drop, night, state
from tests.index_service.store.partitions import replay
from tests.index_service.test_sequence_neutrality import invented_records

KILLS = int(os.environ.get("PERSON_INDEX_KILLS", "3"))
"""How often a night is interrupted; 30 and more take minutes. A kill that came too late does not count."""

_JOB = "import sys; from index_service.cli import run; sys.exit(run(sys.argv[1:]))"


def start(url: str, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _JOB, "nightly", "--drop", str(folder), "--json"],
        env=os.environ | {"PERSON_INDEX_DATABASE_URL": url, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=folder.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def interrupt(conn: Connection, job: subprocess.Popen[bytes], after_s: float) -> str:
    """Kill the job so long after its night has begun; says what the night was about, "" where it was over."""
    before = conn.execute("SELECT max(night_id) FROM night").fetchone()
    while job.poll() is None and conn.execute("SELECT max(night_id) FROM night").fetchone() == before:
        time.sleep(0.005)
    time.sleep(after_s)
    job.kill()
    job.wait(timeout=60)
    stood = conn.execute(
        "SELECT CASE WHEN EXISTS (SELECT FROM run WHERE status = 'running') THEN 'linking' "
        "WHEN EXISTS (SELECT FROM night_file WHERE outcome = 'storing') THEN 'storing' "
        "WHEN EXISTS (SELECT FROM record_to_link) THEN 'between' ELSE 'else' END FROM night WHERE status = 'running'"
    ).fetchone()
    return stood[0] if stood else ""


def told(conn: Connection) -> Counter[str]:
    """What events told of the coming and going of records; raises where a consumer of all events would be misled.

    Which of two persons of one age keeps its id is drawn at random: so joins, splits and moves are replayed instead.
    """
    columns = "seq, kind, person_id, other_person_ids, records, run_id, at"
    seen = [IdentityEvent(*row) for row in conn.execute(f"SELECT {columns} FROM identity_event ORDER BY seq")]
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    members = conn.execute(
        "SELECT source, source_record_id, person_id FROM membership JOIN source_record USING (record_id) "
        "WHERE to_at IS NULL"
    )
    assert replay(seen) == {(source, record): person for source, record, person in members}
    doubled = Counter((event.run_id, key) for event in seen for key in event.records)
    assert set(doubled.values()) == {1}, "a publication tells of a record once"
    return Counter(
        f"{event.kind}: {sorted(event.records)}" for event in seen if event.kind in ("created", "added", "removed")
    )


def arrivals(chance: random.Random, pool: list[SourceRecord], there: list[SourceRecord]) -> list[SourceRecord]:
    """Some records that are new, some that were there before, and of these a few with another's values."""
    come = [pool.pop() for _ in range(30)]
    known = chance.sample(there, min(6, len(there)))
    there += come
    return [*come, *known[:2], *(replace(a, values=b.values) for a, b in pairwise(known[2:]))]


def test_killed_at_random(new_database: NewDatabase, tmp_path: Path) -> None:
    chance = random.Random(os.environ.get("PERSON_INDEX_SEED", "11"))  # noqa: S311 - points in time, no secret
    disturbed, undisturbed, folder = new_database(), new_database(), tmp_path / "drop"
    pool, there = invented_records(30 * (KILLS + 2), seed=91), list[SourceRecord]()
    chance.shuffle(pool)
    drop(folder, "00000.csv", arrivals(chance, pool, there))
    job = start(disturbed, folder)
    assert job.wait(timeout=120) == 0
    night(undisturbed, folder)
    at: Counter[str] = Counter()
    with connect(disturbed) as one, connect(undisturbed) as other:
        took = "SELECT extract(epoch FROM finished_at - started_at)::float8 FROM night"
        night_s = one.execute(took).fetchall()[0][0]
        for number in range(1, 4 * KILLS + 1):
            drop(folder, f"{number:05}.csv", arrivals(chance, pool, there))
            stood = interrupt(one, start(disturbed, folder), chance.uniform(0, night_s))
            at[stood] += 1
            night_s *= 1.05 if stood else 0.8
            night(disturbed, folder)
            night(undisturbed, folder)
            assert state(one) == state(other)
            assert told(one) == told(other)
            assert faults(one) == {}
            if at.total() - at[""] == KILLS:
                break
    print(f"Interrupted {dict(at)}")  # noqa: T201 - a figure of the long run
    assert at.total() - at[""] == KILLS, f"{dict(at)}: so many nights were killed before they had ended"
