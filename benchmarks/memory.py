"""Runs a command in a process of its own and watches how much memory it and the database server take."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

INTERVAL_S = 0.2
MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Watched:
    """What a command did: its last line of output as JSON (None if it is none), seconds, and peaks in MB.

    Memory is proportional set size where the system tells it (shared pages are divided among their users), else
    resident set size; summed over the process and its descendants, and over the server's processes.
    """

    exit_code: int
    report: dict[str, Any] | None
    complaint: str
    elapsed_s: float
    peak_mb: float
    server_peak_mb: float


def watched(command: Sequence[str], *, environment: Mapping[str, str], server_folder: Path | None = None) -> Watched:
    """Run a command to its end; the server is the one whose data cluster lies in `server_folder`."""
    started = time.perf_counter()
    process = subprocess.Popen(
        list(command), env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    watch = _Watch(process.pid, server_folder)
    watch.start()
    output, errors = process.communicate()
    elapsed_s = time.perf_counter() - started
    watch.stop()
    return Watched(
        exit_code=process.returncode,
        report=_report(output),
        complaint=errors.strip().splitlines()[-1] if process.returncode and errors.strip() else "",
        elapsed_s=elapsed_s,
        peak_mb=watch.peak / MEGABYTE,
        server_peak_mb=watch.server_peak / MEGABYTE,
    )


def python(*arguments: str) -> list[str]:
    """The command that runs this interpreter with arguments."""
    return [sys.executable, *arguments]


class _Watch(threading.Thread):
    def __init__(self, pid: int, server_folder: Path | None) -> None:
        super().__init__(daemon=True)
        self._pid, self._server_folder = pid, server_folder
        self._ended = threading.Event()
        self.peak = self.server_peak = 0

    def run(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            server = _family(_server_pid(self._server_folder))
            own = [process for process in _family(self._pid) if process not in server]
            self.peak = max(self.peak, _memory(own))
            self.server_peak = max(self.server_peak, _memory(server))

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _family(pid: int | None) -> list[psutil.Process]:
    if pid is None:
        return []
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _memory(processes: Iterable[psutil.Process]) -> int:
    return sum(_memory_of(process) for process in processes)


def _memory_of(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
        return int(getattr(full, "pss", 0) or full.rss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _server_pid(folder: Path | None) -> int | None:
    """The postmaster's process id, as PostgreSQL writes it on the first line of its pid file."""
    if folder is None:
        return None
    try:
        return int((folder / "cluster" / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def _report(output: str) -> dict[str, Any] | None:
    """The JSON document that the output ends with: its last line, or the whole."""
    for text in (output.strip().splitlines()[-1:] or [""])[0], output:
        try:
            report = json.loads(text)
        except ValueError:
            continue
        if isinstance(report, dict):
            return report
    return None
