"""Runs a command in a process of its own and watches how much memory and processor time it and the server take."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
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
    resident set size; summed over the process and its descendants, and over the server's processes. Processor time is
    that of the process and its descendants, and what the server worked meanwhile. What is spilled lies in the folder
    that the environment names as `TMPDIR`.
    """

    exit_code: int
    report: dict[str, Any] | None
    complaint: str
    elapsed_s: float
    peak_mb: float
    server_peak_mb: float
    processor_s: float
    server_processor_s: float
    spilled_mb: float


def watched(command: Sequence[str], *, environment: Mapping[str, str], server_folder: Path | None = None) -> Watched:
    """Run a command to its end; the server is the one whose data cluster lies in `server_folder`."""
    worked, server_worked = _worked_by_children(), _worked_by(_server_pid(server_folder))
    started = time.perf_counter()
    process = subprocess.Popen(
        list(command), env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    spill = Path(environment["TMPDIR"]) if "TMPDIR" in environment else None
    watch = _Watch(process.pid, server_folder, spill)
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
        processor_s=_worked_by_children() - worked,
        server_processor_s=_worked_by(_server_pid(server_folder)) - server_worked,
        spilled_mb=watch.spilled / MEGABYTE,
    )


def python(*arguments: str) -> list[str]:
    """The command that runs this interpreter with arguments."""
    return [sys.executable, *arguments]


class _Watch(threading.Thread):
    def __init__(self, pid: int, server_folder: Path | None, spill: Path | None) -> None:
        super().__init__(daemon=True)
        self._pid, self._server_folder, self._spill = pid, server_folder, spill
        self._ended = threading.Event()
        self.peak = self.server_peak = self.spilled = 0

    def run(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            server = _family(_server_pid(self._server_folder))
            own = [process for process in _family(self._pid) if process not in server]
            self.peak = max(self.peak, _memory(own))
            self.server_peak = max(self.server_peak, _memory(server))
            self.spilled = max(self.spilled, bytes_in(self._spill))

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


def bytes_in(folder: Path | None) -> int:
    """What the files in a folder, at any depth, take on the disk; what vanishes meanwhile is left out."""
    found = 0
    for path in folder.rglob("*") if folder is not None else ():
        with suppress(OSError):
            found += path.lstat().st_blocks * 512
    return found


def _worked_by_children() -> float:
    """Processor seconds of all processes that this one has started and seen end, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _worked_by(pid: int | None) -> float:
    """Processor seconds of a server's processes, those that have ended included; 0 where there is none."""
    times = [times for process in _family(pid) if (times := _times_of(process))]
    ended = times[0].children_user + times[0].children_system if times else 0.0
    return float(sum(each.user + each.system for each in times) + ended)


def _times_of(process: psutil.Process) -> Any:
    try:
        return process.cpu_times()
    except psutil.NoSuchProcess:
        return None


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
