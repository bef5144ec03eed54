"""Progress bars on standard error, with rate and time remaining, and only where a person watches.

Stages that cannot tell how far they are (a relink's, a fit's) are told by how long they took last time, which each job
leaves in a file of the installation.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from index_service.stages import Advance, unwatched

SURE_FROM = 0.02
"""Share of a stage from which what is left is told by the pace so far."""


@contextmanager
def progress_bars(job: str = "", *, watched: bool | None = None, memory: Path | None = None) -> Iterator[Advance]:
    """One bar per stage, in the order in which they report; nothing at all unless standard error is a terminal.

    Args:
        job: what is done, if its stages shall be remembered: they take about as long the next time.
        memory: the file in which that is kept; the installation's unless given.
    """
    if not job:
        with _bars({}, watched=watched) as advance:
            yield advance
        return
    kept = _Remembered(memory or _memory(), job)
    with _bars(kept.before(), watched=watched) as advance:
        yield kept.noting(advance)
    kept.keep()


@contextmanager
def _bars(expected_s: Mapping[str, float], *, watched: bool | None) -> Iterator[Advance]:
    if not (sys.stderr.isatty() if watched is None else watched):
        yield unwatched
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        _Shown(share_text),
        TimeElapsedColumn(),
        _Shown(remaining_text),
        _Shown(rate_text),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def advance(stage: str, share: float, *, done: int = 0) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=1.0, expected_s=expected_s.get(stage), done=0)
            bars.update(tasks[stage], completed=min(share, 1.0), done=done)

        yield advance


def share_text(task: Task) -> str:
    """How much of a stage is done: by its own word, else by the time it took last; "" where nobody knows."""
    expected_s = task.fields.get("expected_s")
    if task.completed or not expected_s:
        return f"{task.completed:4.0%}" if task.completed else ""
    return f"{min((task.elapsed or 0.0) / expected_s, 0.99):4.0%}"


def remaining_text(task: Task) -> str:
    """How long a stage will take yet; "" where nobody knows, or it is done."""
    left = _remaining_s(task)
    if left is None or task.finished:
        return ""
    minutes, seconds = divmod(round(left), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d} left"


def rate_text(task: Task) -> str:
    """How many records a stage goes through in a second, on average; "" where it does not count any."""
    elapsed = (task.finished_time if task.finished else task.elapsed) or 0.0
    done = task.fields.get("done", 0)
    return f"{done / elapsed:,.0f} records/s" if done and elapsed else ""


def _remaining_s(task: Task) -> float | None:
    elapsed, expected_s = task.elapsed or 0.0, task.fields.get("expected_s")
    if task.completed >= SURE_FROM:
        return float(elapsed / task.completed * (1.0 - task.completed))
    return max(expected_s - elapsed, 0.0) if expected_s else None


class _Shown(ProgressColumn):
    def __init__(self, text: Callable[[Task], str]) -> None:
        super().__init__()
        self._text = text

    def render(self, task: Task) -> Text:
        return Text(self._text(task), style="progress.remaining")


class _Remembered:
    """How long each stage of each job took, in a file that may be missing or lost at any time."""

    def __init__(self, path: Path, job: str) -> None:
        self._path, self._job = path, job
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = {}

    def before(self) -> dict[str, float]:
        """Seconds by stage, of the last time that the job came to its end."""
        kept = self._read().get(self._job)
        return {stage: float(seconds) for stage, seconds in kept.items()} if isinstance(kept, dict) else {}

    def noting(self, advance: Advance) -> Advance:
        """The same reports, their times noted."""

        def noted(stage: str, share: float, *, done: int = 0) -> None:
            began = self._began.setdefault(stage, time.monotonic())
            if share >= 1.0:
                self._took[stage] = round(time.monotonic() - began, 3)
            advance(stage, share, done=done)

        return noted

    def keep(self) -> None:
        """Keep them for the next time; where that is not possible, the next time knows nothing."""
        if self._took and self._path.parent.is_dir():
            with suppress(OSError):
                self._path.write_text(json.dumps(self._read() | {self._job: self._took}), encoding="utf-8")

    def _read(self) -> dict[str, object]:
        with suppress(OSError, ValueError):
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        return {}


def _memory() -> Path:
    from index_service.settings import Settings

    return Settings().stage_seconds
