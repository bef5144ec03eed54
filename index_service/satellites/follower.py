"""Follows the index in the background of the service: after what live linking changes, records are weighed again.

In a thread and on a connection of its own, after the writes are answered: whoever writes to the index waits for none of
it, whether there are segregated records or not.
"""

from __future__ import annotations

import threading

import structlog

from index_service.logs import Event
from index_service.satellites.following import follow_index
from index_service.satellites.ingesting import forget_satellite_answers, ingest_satellites
from index_service.store.connection import Connection, connect
from index_service.turns import LOCK_TIMEOUT_MS, Turns

PAUSE_S = 0.05
"""Between two looks: many writes at once are followed in one go."""

LOOK_AGAIN_S = 5.0
"""Even if nobody says that the index has changed: a steward decided, another process wrote or relinked."""

_log = structlog.get_logger()


class Satellites:
    """What the service does for segregated records: takes them in, and lets them follow the index."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.turns = Turns(url, ingest_satellites, after_load=None, forget=forget_satellite_answers, is_counted=False)
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._conn: Connection | None = None  # of the thread alone
        self._thread = threading.Thread(target=self._work, name="satellites", daemon=True)

    def start(self) -> None:
        """Begin; what was left undone when the service stopped last is caught up with."""
        self._changed.set()
        self._thread.start()
        self.turns.start()

    def stop(self) -> None:
        """Take in what was accepted, then end; what is left to follow waits in the database."""
        self.turns.stop()
        self._stopping.set()
        self._changed.set()
        self._thread.join()

    def index_changed(self) -> None:
        """There is something to follow."""
        self._changed.set()

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._changed.wait(LOOK_AGAIN_S)
            self._changed.clear()
            if not self._stopping.is_set():
                self._follow()
                self._stopping.wait(PAUSE_S)
        if self._conn is not None:
            self._conn.close()

    def _follow(self) -> None:
        """Follow the index; what fails now is done with the next change."""
        try:
            if self._conn is None or self._conn.closed:
                self._conn = connect(self._url)
                self._conn.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
            follow_index(self._conn)
        except Exception as error:
            _log.error(Event.FOLLOWING_FAILED, error=type(error).__name__)
            if self._conn is not None:
                self._conn.close()
