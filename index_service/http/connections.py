"""Lends the service's database connections, and tells a pool that is empty from a database that is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter

from psycopg_pool import PoolTimeout, TooManyRequests

from index_service.http import metrics
from index_service.http.problems import too_busy
from index_service.store.connection import AsyncConnection, Pool


class Connections:
    """The connections of one pool.

    Attributes:
        wait_s: how long a request waits for one to come back. Where some are neither lent nor at hand the database
            is being reconnected to, which the pool itself gives more time.
        lent: how many are lent out now.
    """

    def __init__(self, pool: Pool, wait_s: float) -> None:
        self.pool = pool
        self.wait_s = wait_s
        self.lent = 0

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[AsyncConnection]:
        """A connection for the block.

        Raises:
            RequestProblem: all are in use, and none came back within the pool's wait.
            PoolTimeout: the database does not answer.
        """
        began = perf_counter()
        timeout_s = self.wait_s if self._all_lent() else self.pool.timeout
        async with AsyncExitStack() as stack:
            try:
                conn = await stack.enter_async_context(self.pool.connection(timeout_s))
            except (PoolTimeout, TooManyRequests):
                if not self._all_lent():
                    raise
                metrics.count_pool_exhausted()
                raise too_busy() from None
            self.lent += 1
            with metrics.connection_lent(perf_counter() - began):
                try:
                    yield conn
                finally:
                    self.lent -= 1

    def _all_lent(self) -> bool:
        return self.lent >= self.pool.max_size
