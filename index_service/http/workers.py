"""Several processes that answer at one address: each accepts from the same socket, one parent looks after them.

The parent starts the database and the workers, replaces a worker that ends unasked, and ends them all in order. A
worker whose parent is gone ends by itself.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.synchronize import Semaphore

import structlog

from index_service.errors import IndexServiceError
from index_service.http.metrics import FOLDER_VARIABLE, forget_process
from index_service.logs import Event
from index_service.store.server import STOPPING_SIGNALS

Work = Callable[[socket.socket, Callable[[], None]], None]
"""What a worker does until a signal ends it, given the socket to accept from and what to call then. Picklable."""

_STOPPING = (signal.SIGINT, *STOPPING_SIGNALS)
_LOOK_S = 0.5
_START_S = 60.0
_log = structlog.get_logger()


class WorkerDidNotStart(IndexServiceError):
    """A worker process ended before it served."""

    hint = "The log above says why; try with one worker: person-index serve --workers 1"


def work_in_processes(
    work: Work, count: int, listening: socket.socket, ready: Callable[[], None], end_s: float
) -> None:
    """Run `work` in so many processes until SIGTERM, SIGHUP or Ctrl-C; returns when all have ended.

    Args:
        ready: called once all of them serve.
        end_s: seconds that a worker has to end in order, before it is killed.

    Raises:
        WorkerDidNotStart: one ended before it served; the others are ended too.
    """
    with _shared_metrics(), _noticing_signals() as stopping:
        workers = _Workers(multiprocessing.get_context("spawn"), work, listening)
        try:
            workers.start(count, stopping)
            if not stopping.is_set():
                ready()
            while not stopping.wait(_LOOK_S):
                workers.replace_ended()
        finally:
            workers.end(end_s)


class _Workers:
    """The processes, and how they are started and ended."""

    def __init__(self, context: SpawnContext, work: Work, listening: socket.socket) -> None:
        self._context = context
        self._work = work
        self._listening = listening
        self._serving: Semaphore = context.Semaphore(0)
        self._processes: list[SpawnProcess] = []

    def start(self, count: int, stopping: threading.Event) -> None:
        self._processes = [self._started() for _ in range(count)]
        for _ in range(count):
            waited = 0.0
            while not (stopping.is_set() or self._serving.acquire(timeout=_LOOK_S)):
                waited += _LOOK_S
                if waited > _START_S or not all(process.is_alive() for process in self._processes):
                    raise WorkerDidNotStart

    def replace_ended(self) -> None:
        for place, process in enumerate(self._processes):
            if not process.is_alive():
                _log.error(Event.WORKER_ENDED, exit_code=process.exitcode)
                forget_process(process.pid or 0)
                self._processes[place] = self._started()

    def end(self, seconds: float) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(seconds)
            if process.is_alive():
                process.kill()
                process.join()

    def _started(self) -> SpawnProcess:
        process = self._context.Process(target=_run, args=(self._work, self._listening, self._serving))
        with _signals_held():
            process.start()
        return process


def _run(work: Work, listening: socket.socket, serving: Semaphore) -> None:
    """The life of a worker; until it serves, a signal ends it without a word."""
    for number in _STOPPING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work(listening, serving.release)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Stopping signals wait; a process begun in the block inherits that, and is not interrupted half-made."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


@contextmanager
def _shared_metrics() -> Iterator[None]:
    """A folder in which the workers write their figures, so that any of them can tell the sum."""
    with tempfile.TemporaryDirectory(prefix="person-index-metrics-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER_VARIABLE]


@contextmanager
def _noticing_signals() -> Iterator[threading.Event]:
    """An event that is set by the signals that stop the service."""
    stopping = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopping.set()) for number in _STOPPING}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
