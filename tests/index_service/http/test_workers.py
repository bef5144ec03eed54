"""Worker processes are looked after: replaced when one ends, ended in order, never left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest


@contextmanager
def running(work: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.index_service.http.idle_workers", work]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    alive = [child for child in psutil.Process(process.pid).children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in alive if "spawn_main" in " ".join(child.cmdline())]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_worker_that_ends_is_replaced_and_all_end_at_sigterm() -> None:
    with running("idle") as process:
        assert first_line(process) == "ready"
        first, second = workers_of(process)
        first.kill()
        until(lambda: first not in workers_of(process) and len(workers_of(process)) == 2)
        assert second in workers_of(process)
        process.send_signal(signal.SIGTERM)
        output, log = process.communicate(timeout=60)
        assert process.returncode == 0
        assert output.count("worker_ended") == 1
        assert output.endswith("ended\n")
        assert "Traceback" not in log
        assert not second.is_running()


def test_workers_end_when_their_parent_is_killed() -> None:
    with running("idle") as process:
        assert first_line(process) == "ready"
        workers = workers_of(process)
        process.kill()
        until(lambda: not any(worker.is_running() for worker in workers))


def test_workers_that_cannot_start_are_told_and_not_tried_for_ever() -> None:
    with running("fail") as process:
        output, log = process.communicate(timeout=60)
        assert output == "A worker process ended before it served.\nended\n"
        assert "Traceback" not in log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_while_they_start_leaves_nobody_behind_and_no_traceback(number: signal.Signals) -> None:
    with running("idle") as process:
        until(lambda: len(workers_of(process)) > 0)
        process.send_signal(number)
        output, log = process.communicate(timeout=60)
        assert output.endswith("ended\n")
        assert "Traceback" not in log
