"""Questions that arrive together share a statement and nothing else: each has its own answer, failure and patience."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import psycopg
import pytest

from index_service.http.connections import Connections
from index_service.http.problems import RequestProblem
from index_service.http.together import STATEMENTS_AT_ONCE, Together
from index_service.store.connection import AsyncConnection, Connection, lookup_pool

TOO_LARGE = 2**31


@dataclass
class Doubling:
    """Doubles numbers in the database, each statement so many seconds long, and keeps what each was asked."""

    sleeps_s: float = 0.0
    statements: list[list[int]] = field(default_factory=list)

    async def __call__(self, conn: AsyncConnection, numbers: Sequence[int]) -> list[int]:
        self.statements.append(list(numbers))
        text = "SELECT (2 * n)::bigint FROM unnest(%s::text[]::integer[]) AS n, pg_sleep(%s)"
        rows = await (await conn.execute(text, [list(map(str, numbers)), self.sleeps_s])).fetchall()
        return [doubled for (doubled,) in rows]


def use(
    url: str, doubling: Doubling, what: Callable[[Together[int, int], Connections], Awaitable[None]], size: int = 2
) -> None:
    async def run() -> None:
        async with lookup_pool(url, size) as pool:
            connections = Connections(pool, wait_s=0.2)
            await what(Together(connections, doubling), connections)

    asyncio.run(run())


def asleep(conn: Connection) -> int:
    row = conn.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' "
        "AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
    ).fetchone()
    assert row is not None
    return int(row[0])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def test_each_gets_its_own_answer_by_few_statements(database_url: str) -> None:
    doubling = Doubling()

    async def ask(together: Together[int, int], _: Connections) -> None:
        assert await asyncio.gather(*map(together.ask, range(100))) == [2 * n for n in range(100)]

    use(database_url, doubling, ask)
    assert sorted(n for numbers in doubling.statements for n in numbers) == list(range(100))
    assert len(doubling.statements) < 10


def test_one_that_cannot_be_put_fails_alone(database_url: str) -> None:
    async def ask(together: Together[int, int], _: Connections) -> None:
        asked = [together.ask(n) for n in (1, TOO_LARGE, 3)]
        first, second, third = await asyncio.gather(*asked, return_exceptions=True)
        assert (first, third) == (2, 6)
        assert isinstance(second, psycopg.DataError)

    use(database_url, Doubling(), ask)


def test_a_statement_goes_on_until_nobody_waits_for_it(conn: Connection, database_url: str) -> None:
    doubling = Doubling(sleeps_s=0.3)

    async def ask(together: Together[int, int], connections: Connections) -> None:
        patient, gone = (asyncio.create_task(together.ask(n)) for n in (1, 2))
        await until(lambda: asleep(conn) == 1)
        gone.cancel()
        assert await patient == 2
        doubling.sleeps_s = 60
        asked = [asyncio.create_task(together.ask(n)) for n in (1, 2)]
        await until(lambda: asleep(conn) == 1)
        for each in asked:
            each.cancel()
        await until(lambda: asleep(conn) == 0 and connections.lent == 0)
        doubling.sleeps_s = 0
        assert await together.ask(4) == 8

    use(database_url, doubling, ask)


def test_who_was_given_up_while_it_waited_is_not_asked(database_url: str) -> None:
    doubling = Doubling()

    async def ask(together: Together[int, int], _: Connections) -> None:
        asked = [asyncio.create_task(together.ask(n)) for n in range(3)]
        await asyncio.sleep(0)
        asked[1].cancel()
        assert await asked[0] == 0 and await asked[2] == 4

    use(database_url, doubling, ask)
    assert 1 not in [n for numbers in doubling.statements for n in numbers]


def test_where_no_connection_comes_back_all_are_told_to_come_again(database_url: str) -> None:
    async def ask(together: Together[int, int], connections: Connections) -> None:
        async with connections.lend():
            answers = await asyncio.gather(*map(together.ask, range(5)), return_exceptions=True)
        assert all(isinstance(answer, RequestProblem) and answer.status == 503 for answer in answers)
        assert await together.ask(1) == 2

    use(database_url, Doubling(), ask, size=1)


def test_the_database_is_asked_by_a_few_statements_at_once(conn: Connection, database_url: str) -> None:
    async def ask(together: Together[int, int], connections: Connections) -> None:
        asked = []
        for n in range(STATEMENTS_AT_ONCE + 2):
            asked.append(asyncio.create_task(together.ask(n)))
            await asyncio.sleep(0.05)
        assert connections.lent == STATEMENTS_AT_ONCE
        assert await asyncio.gather(*asked) == [0, 2, 4, 6]

    use(database_url, Doubling(sleeps_s=0.5), ask, size=4)


@pytest.mark.parametrize("error", [psycopg.OperationalError, ValueError])
def test_what_fails_fails_for_all_of_the_statement(database_url: str, error: type[Exception]) -> None:
    async def fail(_conn: AsyncConnection, _asked: Sequence[int]) -> list[int]:
        raise error

    async def run() -> None:
        async with lookup_pool(database_url, 1) as pool:
            together = Together(Connections(pool, wait_s=0.2), fail)
            answers = await asyncio.gather(together.ask(1), together.ask(2), return_exceptions=True)
            assert [type(answer) for answer in answers] == [error, error]

    asyncio.run(run())
