"""A night that is killed at any point is completed by the next job, and nothing tells the difference."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from index_service.store.connection import connect
from index_service.store.nights import faults
from tests.conftest import NewDatabase
from tests.index_service.nightly.nights import drop, night, state
from tests.index_service.test_sequence_neutrality import invented_records

KILLS = int(os.environ.get("PERSON_INDEX_KILLS", "3"))
"""How often the job is killed; 30 and more take minutes."""

_JOB = "import sys; from index_service.cli import run; sys.exit(run(sys.argv[1:]))"


def start(url: str, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _JOB, "nightly", "--drop", str(folder), "--json"],
        env=os.environ | {"PERSON_INDEX_DATABASE_URL": url, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=folder.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def test_killed_at_random(new_database: NewDatabase, tmp_path: Path) -> None:
    chance = random.Random(os.environ.get("PERSON_INDEX_SEED", "11"))  # noqa: S311 - points in time, no secret
    disturbed, undisturbed, folder = new_database(), new_database(), tmp_path / "drop"
    records = invented_records(8 * (KILLS + 2), seed=91)
    chance.shuffle(records)
    size = len(records) // (KILLS + 2)
    drop(folder, "0.csv", records[:size])
    began = time.monotonic()
    job = start(disturbed, folder)
    job.communicate(timeout=120)
    whole_s = time.monotonic() - began
    assert job.returncode == 0
    night(undisturbed, folder)
    interrupted = 0
    for number in range(1, KILLS + 1):
        again = chance.sample(records[: number * size], 4)
        drop(folder, f"{number}.csv", [*records[number * size : (number + 1) * size], *again])
        job = start(disturbed, folder)
        time.sleep(chance.uniform(0.3, 1.0) * whole_s)
        job.kill()
        job.communicate(timeout=60)
        interrupted += job.returncode != 0
        night(disturbed, folder)
        night(undisturbed, folder)
        with connect(disturbed) as one, connect(undisturbed) as other:
            assert state(one) == state(other)
            assert faults(one) == {}
    assert interrupted, "at least one job was killed before it had ended"
