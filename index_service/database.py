"""The database as a command uses it: running, brought up to date, one connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from index_service.settings import Settings
from index_service.store.connection import Connection, connect
from index_service.store.migrate import migrate
from index_service.store.numbers import master_keys_in
from index_service.store.server import running_database


@contextmanager
def open_database(settings: Settings | None = None) -> Iterator[Connection]:
    """Yield a connection to the database of this installation; the schema is made or brought up to date first.

    Raises:
        StoreError: it does not start or answer, or belongs to another version; says what to do.
    """
    settings = settings or Settings()
    with master_keys_in(settings.sealing_keys), running_database(settings) as url, connect(url) as conn:
        migrate(conn)
        yield conn
