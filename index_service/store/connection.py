"""Connections to the database: one for a command, a pool for the service."""

from __future__ import annotations

import select

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from index_service.store.errors import DatabaseUnreachable
from index_service.store.numbers import learn_numbers

Connection = psycopg.Connection[TupleRow]
AsyncConnection = psycopg.AsyncConnection[TupleRow]
Pool = AsyncConnectionPool[AsyncConnection]

CONNECT_TIMEOUT_S = 10
LOOKUP_TIMEOUT_MS = 5000
WAITING_PER_CONNECTION = 100
LOOKUP_OPTIONS = (
    "default_transaction_read_only=on",
    r"default_transaction_isolation=repeatable\ read",  # an answer of several statements is of one moment
    f"statement_timeout={LOOKUP_TIMEOUT_MS}",
    # How many records share one of some keys is guessed a hundred times too high: whole tables would be read.
    "enable_seqscan=off",
    "enable_hashjoin=off",
    "enable_mergejoin=off",
    "plan_cache_mode=force_generic_plan",  # plan once: planning costs several times what a look-up does
)


def connect(url: str, *, autocommit: bool = True) -> Connection:
    """A connection for a command. Autocommit: a transaction is a visible `with conn.transaction()` block.

    Raises:
        DatabaseUnreachable: nobody answers at the URL, or it lets us not in.
        NumberKeyUnknown: its social security numbers cannot be read here.
    """
    try:
        conn = psycopg.connect(
            url, autocommit=autocommit, connect_timeout=CONNECT_TIMEOUT_S, application_name="person-index"
        )
    except psycopg.OperationalError as error:
        reason = str(error).partition("\n")[0]
        raise DatabaseUnreachable(
            f"The database does not answer ({reason}). Check PERSON_INDEX_DATABASE_URL and that the server runs."
        ) from None
    try:
        learn_numbers(conn)
    except BaseException:
        conn.close()
        raise
    return conn


async def check_connection(conn: AsyncConnection) -> None:
    """Find out whether a connection of a pool still works; asks the server only where it has said something unasked.

    An idle connection is silent until the server ends it. To ask each time would double the round trips of a look-up.

    Raises:
        psycopg.OperationalError: it does not.
    """
    waiting = select.poll()
    waiting.register(conn.fileno(), select.POLLIN)
    if waiting.poll(0):
        await AsyncConnectionPool.check_connection(conn)


def lookup_pool(url: str, size: int) -> Pool:
    """A pool for look-ups, not yet open: every connection reads only and gives up after five seconds.

    Where so many wait for a connection that waiting would be in vain, TooManyRequests is raised at once.
    """
    return AsyncConnectionPool(
        url,
        min_size=size,
        max_size=size,
        open=False,
        check=check_connection,  # so that a restart of the database costs no request
        timeout=LOOKUP_TIMEOUT_MS / 1000,
        max_waiting=size * WAITING_PER_CONNECTION,
        name="lookups",
        kwargs={
            "autocommit": True,
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "person-index lookups",
            "options": " ".join(f"-c {option}" for option in LOOKUP_OPTIONS),
        },
    )


def access_pool(url: str) -> Pool:
    """A pool for access control, not yet open: who a client is, and whether its assertion was used before."""
    return AsyncConnectionPool(
        url,
        min_size=1,
        max_size=4,
        open=False,
        check=check_connection,
        timeout=LOOKUP_TIMEOUT_MS / 1000,
        name="access",
        kwargs={
            "autocommit": True,
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "person-index access",
            "options": f"-c statement_timeout={LOOKUP_TIMEOUT_MS}",
        },
    )


def workbench_pool(url: str, size: int) -> ConnectionPool[Connection]:
    """A pool for the pages, not yet open: they are written in threads, read and write. It connects when first used."""
    return ConnectionPool(
        url,
        min_size=0,
        max_size=size,
        open=False,
        check=ConnectionPool.check_connection,
        timeout=LOOKUP_TIMEOUT_MS / 1000,
        name="workbench",
        kwargs={
            "autocommit": True,
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "person-index workbench",
            "options": f"-c statement_timeout={LOOKUP_TIMEOUT_MS}",
        },
    )
