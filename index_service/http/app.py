"""The HTTP application, as a bill of materials."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from fastapi import FastAPI

from index_service.http import (
    accounting,
    break_glass,
    comparing,
    counts,
    documentation,
    events,
    health,
    judgements,
    oauth,
    persons,
    pmap,
    record_batches,
    records,
    resolve,
    reviews,
    satellites,
    seals,
)
from index_service.http.access import Access, AccessRequired
from index_service.http.access_described import describe_access
from index_service.http.answering import Answering, answering_open
from index_service.http.bounds import Bounded
from index_service.http.connections import Connections
from index_service.http.middleware import OnlyOurs, RequestLog
from index_service.http.problems import add_problem_handlers, describe_problems
from index_service.http.together import Together
from index_service.http.workbench import add_workbench
from index_service.satellites.follower import Satellites
from index_service.settings import Settings
from index_service.store.agreements import last_applications
from index_service.store.connection import Pool, connect, lookup_pool
from index_service.store.errors import DatabaseUnreachable
from index_service.store.numbers import master_keys_in
from index_service.turns import Turns
from index_service.webhooks.sending import Sender, keep_sending

DESCRIPTION = """
Who is this child, how sure are we, and in which systems under which local id is the child known.

Every call under `/v1` carries an access token (`POST /oauth/token`, SMART Backend Services) and a purpose of use
(`X-Purpose-Of-Use`). What it is told is for the data-sharing agreements to say: what a caller may not know is not
there, in whichever way it asks. Every answer is entered into a ledger.
"""


def create_app(url: str, settings: Settings | None = None) -> FastAPI:
    """The service on the database at `url`, whose schema is up to date."""
    settings = settings or Settings()
    pool = lookup_pool(url, settings.pool_size)
    app = FastAPI(
        title="Foster person index",
        version=version("foster-person-index"),
        description=DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,  # FastAPI's own page takes its script from another host: see documentation.py
        redoc_url=None,
        redirect_slashes=False,  # an id may end in a slash
    )
    app.state.url = url
    app.state.settings = settings
    app.state.sealing_keys = settings.sealing_keys
    app.state.pool = pool
    app.state.connections = Connections(pool, settings.pool_wait_s)
    app.state.applications = Together(app.state.connections, last_applications)
    app.state.satellites = Satellites(url)
    app.state.turns = Turns(url, afterwards=app.state.satellites.index_changed)
    app.state.access = Access(url, settings)
    app.state.answering = Answering(url, settings)
    add_problem_handlers(app)
    app.add_middleware(Bounded, max_body_bytes=settings.body_limit_bytes, seconds=settings.request_s)
    app.add_middleware(AccessRequired)
    app.add_middleware(OnlyOurs, public_url=settings.public_url)
    app.add_middleware(RequestLog)  # added last: the outermost
    app.include_router(persons.router)
    app.include_router(records.router)
    app.include_router(record_batches.router)
    app.include_router(resolve.router)
    app.include_router(events.router)
    app.include_router(comparing.router)
    app.include_router(counts.router)
    app.include_router(accounting.router)
    app.include_router(pmap.router)
    app.include_router(reviews.router)
    app.include_router(judgements.router)
    app.include_router(seals.router)
    app.include_router(break_glass.router)
    app.include_router(satellites.router)
    app.include_router(oauth.router)
    app.include_router(health.router)
    app.include_router(documentation.router)
    add_workbench(app, url, settings)
    describe_access(app)
    describe_problems(app)
    return app


def _learn_numbers(url: str) -> None:
    """Hold the keys of the database's numbers before anything of it is read; without a database, when it is there."""
    with suppress(DatabaseUnreachable):
        connect(url).close()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    with master_keys_in(app.state.sealing_keys):
        await asyncio.to_thread(_learn_numbers, app.state.url)
        async with _working(app):
            yield


@asynccontextmanager
async def webhooks_sent(app: FastAPI) -> AsyncIterator[None]:
    """Inside, events are posted to the receivers of clients, by one process of those that serve."""
    sender = Sender(app.state.url, app.state.answering.connections, app.state.sealing_keys)
    sending = asyncio.create_task(keep_sending(sender))
    try:
        yield
    finally:
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending


@asynccontextmanager
async def _working(app: FastAPI) -> AsyncIterator[None]:
    pool: Pool = app.state.pool
    await pool.open()
    turns: Turns = app.state.turns
    satellites: Satellites = app.state.satellites
    turns.start()
    satellites.start()
    try:
        async with answering_open(app), webhooks_sent(app):
            yield
    finally:
        await asyncio.to_thread(turns.stop)
        await asyncio.to_thread(satellites.stop)
        await pool.close()
