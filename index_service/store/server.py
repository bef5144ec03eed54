"""Which database is used: the one that PERSON_INDEX_DATABASE_URL names, else the embedded server."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from index_service.settings import Settings
from index_service.store.embedded import EmbeddedServer

STOPPING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def database_url(settings: Settings) -> str:
    """The URL of the database in use. May hold a password: never log it. Does not start the embedded server."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return EmbeddedServer(settings.data).url()


@contextmanager
def running_database(settings: Settings) -> Iterator[str]:
    """The database runs inside this block; yields its URL.

    The embedded server is started when it does not run yet and is stopped at the end of the block, also on SIGTERM,
    SIGHUP and Ctrl-C, unless another process still uses it. A server named by PERSON_INDEX_DATABASE_URL is left alone.
    """
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    with _leaving_on_signals(), EmbeddedServer(settings.data).running() as url:
        yield url


@contextmanager
def _leaving_on_signals() -> Iterator[None]:
    """Turn the stopping signals into SystemExit, so that `finally` blocks run; where nobody else handles them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _frame: FrameType | None) -> None:
        for signal_number in replaced:  # a second signal must not interrupt the stopping
            signal.signal(signal_number, signal.SIG_IGN)
        raise SystemExit(128 + number)

    replaced = [number for number in STOPPING_SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in replaced:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in replaced:
            signal.signal(number, signal.SIG_DFL)
