"""Lets writes take turns: those that wait together are taken in by one transaction, and each waits for its commit.

One thread with one connection writes for the whole process; other processes wait at the database's lock. Two writes to
one record never share a turn, so that each sees what the other did. Writes to a source of which a batch is being loaded
wait for it in a queue behind, with a thread and a connection of its own: the others go on.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from time import monotonic

import psycopg
import structlog

from index_service.errors import IndexServiceError
from index_service.http import metrics
from index_service.ingesting import Answered, SourcesLoading, Write, ingest, ingest_at_once
from index_service.logs import Event
from index_service.store.arrivals import forget_old_answers
from index_service.store.connection import Connection, connect
from index_service.store.retrying import ATTEMPTS, CONFLICTS, is_connection_lost, wait_before

WRITES_AT_ONCE = 16
GATHERING_S = 0.025
"""So long, about as long as it takes itself, a turn waits at most for those who were just answered: whoever writes much
comes back at once, and a turn costs little more for eight writes than for four. Who writes alone waits for nobody."""

FORGETTING_EVERY_S = 3600.0
"""How often answers kept for repetitions are forgotten that are older than a day."""

WAITING_LIMIT = 1_000
LOCK_TIMEOUT_MS = 8_000
"""So long a turn waits for a publication or a load; then all its writes are refused: each alone would wait too."""

STATEMENT_TIMEOUT_MS = 10_000
"""No statement of a turn takes so long, unless a write is bad: that one is found out by taking each alone, once."""

_log = structlog.get_logger()


class TooManyWrites(IndexServiceError):
    """More writes wait than can be handled soon; nothing was done with this one."""

    hint = "Send it again in a moment."


@dataclass(frozen=True, slots=True)
class _Waiting:
    write: Write
    answer: Future[Answered]


TakeIn = Callable[[Connection, Sequence[Write]], list[Answered]]
Forget = Callable[[Connection], None]


class Turns:
    """The queue of writes of one process, for one partition of the database."""

    def __init__(
        self,
        url: str,
        take_in: TakeIn = ingest_at_once,
        *,
        after_load: TakeIn | None = ingest,
        forget: Forget = forget_old_answers,
        is_counted: bool = True,
        afterwards: Callable[[], None] | None = None,
    ) -> None:
        """Args:
        take_in: takes in the writes of a turn; may raise `SourcesLoading`, where there is an `after_load`.
        after_load: takes in writes to sources that are being loaded, when the batch is in.
        forget: forgets answers that nobody asks for again; called hourly, between turns.
        is_counted: whether the metrics tell of the queue.
        afterwards: called when the writes of a turn are answered; must not wait.
        """
        self._url = url
        self._take_in = take_in
        self._forget = forget
        self._forgot_at = -FORGETTING_EVERY_S
        self._is_counted = is_counted
        self._afterwards = afterwards
        self._behind = (
            Turns(url, after_load, after_load=None, forget=forget, is_counted=False, afterwards=afterwards)
            if after_load
            else None
        )
        self._waiting: deque[_Waiting] = deque()
        self._taking: list[_Waiting] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._writing = 0  # writes that the last turn answered, and those that had come meanwhile
        self._answered_at = 0.0
        self._conn: Connection | None = None  # of the thread alone
        self._thread = threading.Thread(target=self._work, name="writes", daemon=True)

    def start(self) -> None:
        self._thread.start()
        if self._behind:
            self._behind.start()

    def stop(self) -> None:
        """Finish what was accepted, then end; returns when the last write is answered."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()
        if self._behind:
            self._behind.stop()

    @property
    def waiting(self) -> int:
        """Writes that wait for their turn."""
        return len(self._waiting) + (self._behind.waiting if self._behind else 0)

    def submit(self, writes: Sequence[Write]) -> list[Future[Answered]]:
        """Queue writes; each future is set once its write is committed, or failed.

        Raises:
            TooManyWrites: too many wait already, or the process is stopping.
        """
        with self._changed:
            if self._stopping or self.waiting + len(writes) > WAITING_LIMIT:
                raise TooManyWrites(f"{self.waiting:,} writes wait already.")
            waiting = [_Waiting(write, Future()) for write in writes]
            self._waiting.extend(waiting)
            self._count_waiting()
            self._changed.notify_all()
        return [each.answer for each in waiting]

    def _accept(self, waiting: Sequence[_Waiting]) -> None:
        """Queue writes that waited elsewhere."""
        with self._changed:
            self._waiting.extend(waiting)
            self._changed.notify_all()

    def _sources(self) -> frozenset[str]:
        """Sources of the writes that wait or are being taken in."""
        with self._changed:
            return frozenset(each.write.key[0] for each in (*self._waiting, *self._taking))

    def _work(self) -> None:
        while turn := self._next_turn():
            self._take(turn)
            self._taking = []
            self._answered_at, self._writing = monotonic(), len(turn) + len(self._waiting)
            if self._afterwards is not None:
                self._afterwards()
            self._forget_if_due()
        self._disconnect()

    def _forget_if_due(self) -> None:
        """Between turns; where the database is not there for it, in the next hour."""
        if self._conn is None or monotonic() - self._forgot_at < FORGETTING_EVERY_S:
            return
        self._forgot_at = monotonic()
        try:
            self._forget(self._conn)
        except psycopg.Error as error:
            _log.error(Event.FORGETTING_FAILED, error=type(error).__name__)
            self._disconnect()

    def _next_turn(self) -> list[_Waiting]:
        """The writes that come first, of different records; waits for one. Nothing once all are done and we stop.

        A write that was given up while it waited is left out; from now on these cannot be given up.
        """
        with self._changed:
            turn: list[_Waiting] = []
            while not turn:
                while not self._waiting and not self._stopping:
                    self._changed.wait()
                if not self._waiting:
                    break
                self._gather()
                turn = self._first_of_each_record()
            self._taking = turn
            self._count_waiting()
            if self._is_counted:
                metrics.observe_write_turn(len(turn))
            return turn

    def _gather(self) -> None:
        """Wait a moment until as many are there as were just answered, and those who came meanwhile."""
        until = self._answered_at + GATHERING_S
        while len(self._waiting) < min(self._writing, WRITES_AT_ONCE) and not self._stopping:
            left_s = until - monotonic()
            if left_s <= 0:
                break
            self._changed.wait(left_s)

    def _count_waiting(self) -> None:
        if self._is_counted:
            metrics.set_writes_waiting(self.waiting)

    def _first_of_each_record(self) -> list[_Waiting]:
        """Take from the queue what one turn handles; what was given up is dropped, what waits for a load handed on."""
        behind = self._behind._sources() if self._behind else frozenset[str]()
        turn: list[_Waiting] = []
        names: set[object] = set()
        put_back: list[_Waiting] = []
        while self._waiting and len(turn) < WRITES_AT_ONCE:
            each = self._waiting.popleft()
            if self._behind and each.write.key[0] in behind:
                self._behind._accept([each])
            elif not names.isdisjoint(each.write.names):
                put_back.append(each)
            elif each.answer.running() or each.answer.set_running_or_notify_cancel():
                turn.append(each)
            names.update(each.write.names)  # a later write to the same record must not overtake
        self._waiting.extendleft(reversed(put_back))
        return turn

    def _take(self, turn: list[_Waiting]) -> None:
        """Take the writes in together; where that fails, each alone, so that one cannot spoil the others'."""
        try:
            answers = self._try([each.write for each in turn])
        except SourcesLoading as loading:
            self._hand_on(turn, loading.sources)
            return
        except Exception as error:
            self._disconnect()
            if len(turn) > 1 and not isinstance(error, psycopg.errors.LockNotAvailable):
                for each in turn:
                    self._take([each])
                return
            _log.error(Event.WRITE_FAILED, error=type(error).__name__)
            for each in turn:
                each.answer.set_exception(error)
            return
        for each, answer in zip(turn, answers, strict=True):
            each.answer.set_result(answer)

    def _hand_on(self, turn: Sequence[_Waiting], sources: Collection[str]) -> None:
        """Writes to sources that are being loaded wait behind; the others are taken in."""
        assert self._behind is not None  # noqa: S101 - only with `after_load` does taking in not wait
        self._behind._accept([each for each in turn if each.write.key[0] in sources])
        if rest := [each for each in turn if each.write.key[0] not in sources]:
            self._take(rest)

    def _try(self, writes: list[Write]) -> list[Answered]:
        """Take in; again, where another writer was in the way or the database restarted."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if self._conn is None or self._conn.closed:
                    self._conn = self._connect()
                return self._take_in(self._conn, writes)
            except Exception as error:
                passes = isinstance(error, (*CONFLICTS, psycopg.errors.UniqueViolation)) or is_connection_lost(error)
                if attempt == ATTEMPTS or not passes:
                    raise
                wait_before(attempt)
        raise AssertionError("unreachable")

    def _disconnect(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def _connect(self) -> Connection:
        conn = connect(self._url)
        conn.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
        conn.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}")
        return conn
