"""The demo as a newcomer meets it: a process that serves until it is told to stop, and the commands that it prints."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from tests.conftest import database_folder

_RUN = "import sys; from index_service.cli import run; sys.exit(run(sys.argv[1:]))"
PATIENCE_S = 300


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo of few children, as it starts."""
    with database_folder() as folder:
        arguments = ["demo", "--children", "60", "--seed", "2", "--folder", str(folder)]
        process = subprocess.Popen(
            [sys.executable, "-c", _RUN, *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PERSON_INDEX_PORT": "0", "COLUMNS": "400"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def test_it_is_asked_with_what_it_prints_and_leaves_no_process(demo: subprocess.Popen[str], tmp_path: Path) -> None:
    assert demo.stdout is not None
    printed = []
    for line in demo.stdout:
        printed.append(line)
        if line.lstrip().startswith("curl "):
            break
    url = re.search(r"The service runs at (\S+) ", "".join(printed))
    assert url is not None, "".join(printed)
    answer = json.loads(told(printed[-2:], tmp_path))
    asked = printed[-1].rstrip().removesuffix("/person").rpartition("/")[2]
    assert asked in [quote(record["source_record_id"], safe="") for record in answer["records"]], answer
    assert len(answer["records"]) > 1
    begun = [psutil.Process(demo.pid), *psutil.Process(demo.pid).children(recursive=True)]
    demo.send_signal(signal.SIGTERM)
    assert demo.wait(timeout=60) == 0
    assert psutil.wait_procs(begun, timeout=30)[1] == []


def told(commands: list[str], folder: Path) -> str:
    """What the commands answer, typed into another terminal; of person-index, the program under test."""
    script = "".join(commands).replace("person-index", f"{sys.executable} -c '{_RUN}'", 1)
    asked = subprocess.run(
        ["/bin/sh", "-c", script.replace("curl ", "curl --silent --show-error ")],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    return asked.stdout
