"""No request takes more than its share: of bytes, of seconds, of connections; what is given up frees the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request

from index_service.http import bounds
from index_service.http.app import create_app
from index_service.http.problems import RequestProblem
from index_service.http.requests import ConnectionDep
from index_service.settings import Settings
from index_service.store.connection import Connection, connect
from index_service.store.publish import lock_publication
from tests.index_service.access.minting import hub_headers

Sleeps = Callable[[], int]


@pytest.fixture
def sleeping(database_url: str) -> Sleeps:
    """Counts the statements that sleep in the database."""

    def count() -> int:
        with connect(database_url) as conn:
            row = conn.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query LIKE '%pg_sleep%' AND state = 'active' "
                "AND pid <> pg_backend_pid()"
            ).fetchone()
        assert row is not None
        return int(row[0])

    return count


def app_that_sleeps(url: str, **settings: float) -> FastAPI:
    """The service, with one more route, whose answer takes a minute."""
    app = create_app(
        url, Settings.model_validate({"pool_size": 1, "pool_wait_s": 0.1, "open_metrics": True} | settings)
    )

    @app.get("/sleep")
    async def sleep(conn: ConnectionDep) -> None:
        await conn.execute("SET statement_timeout = 0")
        await conn.execute("SELECT pg_sleep(60)")

    @app.put("/echo")
    async def echo(request: Request) -> int:
        return len(await request.body())

    return app


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client over a real connection, which can be hung up."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        server.should_exit = True
        await serving


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds that soon should."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def test_a_caller_who_hangs_up_frees_the_database(database_url: str, sleeping: Sleeps) -> None:
    async def run() -> None:
        async with client_of(app_that_sleeps(database_url)) as client:
            asking = asyncio.create_task(client.get("/sleep"))
            await until(lambda: sleeping() == 1)
            asking.cancel()
            await until(lambda: sleeping() == 0)
            assert (await client.get("/readyz")).status_code == 200  # on the only connection

    asyncio.run(run())


def test_a_write_goes_on_when_its_caller_has_gone_and_a_question_does_not(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_that_sleeps(database_url)
    monkeypatch.setattr(bounds, "QUESTIONS_BY_POST", frozenset({"/ask"}))
    began: list[str] = []
    ended: list[str] = []

    @app.put("/write")
    @app.post("/write")
    @app.post("/ask")
    async def work(request: Request) -> None:
        name = f"{request.method} {request.url.path}"
        began.append(name)
        try:
            await asyncio.sleep(0.5)
            ended.append(name)
        except asyncio.CancelledError:
            ended.append(f"{name} given up")
            raise

    async def run() -> None:
        async with client_of(app) as client:
            for method, path in (("PUT", "/write"), ("POST", "/write"), ("POST", "/ask")):
                sending = asyncio.create_task(client.request(method, path))
                await until(lambda: began[-1:] == [f"{method} {path}"])  # noqa: B023 - waited for at once
                sending.cancel()
            await until(lambda: len(ended) == 3)

    asyncio.run(run())
    assert sorted(ended) == ["POST /ask given up", "POST /write", "PUT /write"]


def test_questions_by_post_are_operations_of_the_service() -> None:
    paths = create_app("postgresql://", Settings()).openapi()["paths"]
    assert all("post" in paths[path] for path in bounds.QUESTIONS_BY_POST)


def test_past_the_deadline_the_caller_is_told_and_the_database_is_free(database_url: str, sleeping: Sleeps) -> None:
    async def run() -> None:
        async with client_of(app_that_sleeps(database_url, request_s=0.3)) as client:
            answer = await client.get("/sleep")
            assert answer.status_code == 503
            assert answer.json()["type"] == "urn:person-index:took-too-long"
            assert answer.headers["retry-after"] == "2"
            assert sleeping() == 0
            assert (await client.get("/readyz")).status_code == 200

    asyncio.run(run())


def test_a_write_past_the_deadline_is_said_to_be_done_perhaps_and_is(conn: Connection, database_url: str) -> None:
    """It had begun, and waited for a publication: what was accepted goes on."""

    async def ask() -> None:
        app = create_app(database_url, Settings(pool_size=1, request_s=1.5, pool_wait_s=1))
        headers = hub_headers(database_url, app)
        async with client_of(app) as client:
            with conn.transaction():
                lock_publication(conn)
                path = "/v1/sources/meds/records/a"
                late = await client.put(path, json={"first_name": "Ada", "last_name": "Testvogel"}, headers=headers)
                assert (late.status_code, late.json()["type"]) == (503, "urn:person-index:took-too-long")
                assert "may be done" in late.json()["detail"]
        taken_in = conn.execute("SELECT count(*) FROM membership WHERE to_at IS NULL").fetchone()
        assert taken_in == (1,), "a service that stops finishes what it accepted"

    asyncio.run(ask())


def test_a_statement_that_the_database_gives_up_is_told_alike(conn: Connection, database_url: str) -> None:
    app = app_that_sleeps(database_url)

    @app.get("/slow-statement")
    async def slow_statement(conn: ConnectionDep) -> None:
        await conn.execute("SET statement_timeout = 50")
        await conn.execute("SELECT pg_sleep(60)")

    async def run() -> None:
        async with client_of(app) as client:
            assert (await client.get("/slow-statement")).json()["type"] == "urn:person-index:took-too-long"

    asyncio.run(run())


def test_when_all_connections_are_in_use_the_answer_is_soon_to_come_again(database_url: str, sleeping: Sleeps) -> None:
    async def run() -> None:
        async with client_of(app_that_sleeps(database_url)) as client:
            asking = asyncio.create_task(client.get("/sleep"))
            await until(lambda: sleeping() == 1)
            began = time.monotonic()
            answer = await client.get("/readyz")
            assert time.monotonic() - began < 3
            assert answer.status_code == 503
            assert answer.json()["type"] == "urn:person-index:too-busy"
            assert answer.headers["retry-after"] == "1"
            asking.cancel()
            await until(lambda: sleeping() == 0)
            assert "person_index_pool_exhausted_total" in (await client.get("/metrics")).text

    asyncio.run(run())


def test_a_body_is_read_up_to_the_limit_and_not_beyond(database_url: str) -> None:
    async def in_pieces(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 1000):
            yield b"x" * 1000

    async def run() -> None:
        async with client_of(app_that_sleeps(database_url, body_limit_bytes=100_000)) as client:
            assert (await client.put("/echo", content=b"x" * 100_000)).json() == 100_000
            assert (await client.put("/echo", content=in_pieces(100_000))).json() == 100_000
            for body in (b"x" * 100_001, in_pieces(101_000)):
                answer = await client.put("/echo", content=body)
                assert answer.status_code == 413
                assert answer.json()["type"] == "urn:person-index:too-large"
                assert "100,000 bytes" in answer.json()["detail"]

    asyncio.run(run())


def test_only_what_holds_many_is_read_up_to_the_whole_limit(database_url: str) -> None:
    app = app_that_sleeps(database_url)

    @app.post("/things:batch")
    async def many(request: Request) -> int:
        return len(await request.body())

    async def run() -> None:
        async with client_of(app) as client:
            for size, status in ((bounds.ONE_THING_BYTES, 200), (bounds.ONE_THING_BYTES + 1, 413)):
                assert (await client.put("/echo", content=b"x" * size)).status_code == status
                assert (await client.post("/things:batch", content=b"x" * size)).json() == size

    asyncio.run(run())


def test_at_the_end_a_request_that_cannot_finish_is_told_so(
    database_url: str, sleeping: Sleeps, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        app = app_that_sleeps(database_url)
        answers: list[httpx.Response] = []
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server._serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]

        async def ask() -> None:
            async with httpx.AsyncClient() as client:
                answers.append(await client.get(f"http://127.0.0.1:{port}/sleep", timeout=10))

        asking = asyncio.create_task(ask())
        await until(lambda: sleeping() == 1)
        server.should_exit = True
        await serving
        await asking
        assert answers[0].status_code == 503
        assert answers[0].json()["type"] == "urn:person-index:stopping"
        assert sleeping() == 0

    asyncio.run(run())
    assert not [record for record in caplog.records if record.exc_info]


def test_a_problem_can_be_told_from_anywhere(database_url: str) -> None:
    app = app_that_sleeps(database_url)

    @app.get("/conflict")
    async def conflict() -> None:
        raise RequestProblem(409, "already-there", "It is there already.", retry_after_s=3)

    async def run() -> None:
        async with client_of(app) as client:
            answer = await client.get("/conflict")
            assert (answer.status_code, answer.headers["retry-after"]) == (409, "3")
            assert answer.json()["title"] == "Already there"

    asyncio.run(run())
