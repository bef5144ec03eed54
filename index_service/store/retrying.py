"""Do again what another transaction was in the way of: nobody outside sees a deadlock."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import wraps
from time import sleep
from typing import Concatenate, ParamSpec, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from index_service.store.connection import Connection
from index_service.store.errors import DatabaseUnreachable

ATTEMPTS = 5
_SHORTEST_S, _LONGEST_S = 0.02, 0.5

CONFLICTS = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
"""Another transaction was in the way; this one was undone whole, and the connection goes on."""

_RESTARTS = (
    psycopg.errors.AdminShutdown,
    psycopg.errors.CrashShutdown,
    psycopg.errors.CannotConnectNow,
)

P = ParamSpec("P")
T = TypeVar("T")


def is_connection_lost(error: Exception) -> bool:
    """Whether the server ended the connection, or cannot be reached just now; not that a statement took too long."""
    if isinstance(error, (DatabaseUnreachable, *_RESTARTS)):
        return True
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None


def wait_before(attempt: int) -> None:
    """Wait before trying again: longer each time, and never as long as others who met the same conflict.

    Args:
        attempt: how many have failed.
    """
    longest_s = min(_SHORTEST_S * 4 ** (attempt - 1), _LONGEST_S)
    sleep(random.uniform(longest_s / 2, longest_s))  # noqa: S311 - keeps two apart, no secret


def retried(work: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[Connection, P], T]:
    """Let a function that is one transaction begin again after a conflict, a few times.

    Within a transaction of the caller's it does not: that is undone with it.
    """

    @wraps(work)
    def until_done(conn: Connection, /, *args: P.args, **kwargs: P.kwargs) -> T:
        is_outermost = conn.info.transaction_status == TransactionStatus.IDLE
        for attempt in range(1, ATTEMPTS):
            try:
                return work(conn, *args, **kwargs)
            except CONFLICTS:
                if not is_outermost:
                    raise
                wait_before(attempt)
        return work(conn, *args, **kwargs)

    return until_done
