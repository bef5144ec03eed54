"""A client of the service in this process, on a database, which may learn and do everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
from fastapi import FastAPI

from index_service.http.app import create_app
from index_service.settings import Settings
from index_service.store.errors import DatabaseUnreachable
from tests.index_service.access.minting import hub_headers

Use = Callable[[httpx.AsyncClient], Coroutine[Any, Any, None]]


def with_client(url: str, use: Use, *, prepare: Callable[[FastAPI], None] | None = None, **settings: float) -> None:
    """Run `use` with a client of the service on the database at `url`; without a token, if nobody answers there."""

    async def run() -> None:
        app = create_app(url, Settings.model_validate({"pool_size": 2} | settings))
        if prepare:
            prepare(app)
        try:
            headers = hub_headers(url, app)
        except DatabaseUnreachable:
            headers = {}
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
                await use(client)

    asyncio.run(run())


def get(url: str, path: str, **headers: str) -> httpx.Response:
    """One GET."""
    answers: list[httpx.Response] = []

    async def use(client: httpx.AsyncClient) -> None:
        answers.append(await client.get(path, headers=headers))

    with_client(url, use)
    return answers[0]
