"""The service with access control switched on, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.middleware import Middleware

from index_service.http.access import AccessRequired
from index_service.http.app import create_app
from index_service.settings import Settings
from tests.index_service.access.minting import BASE

Use = Callable[[httpx.AsyncClient, FastAPI], Coroutine[Any, Any, None]]
Serve = Callable[..., None]


@pytest.fixture
def signing_keys(tmp_path: Path) -> Path:
    return tmp_path / "signing-keys.json"


@pytest.fixture
def serve(database_url: str, signing_keys: Path) -> Serve:
    """Run `use` with a client of the service, which lets nobody in without a token."""

    def run(use: Use, **settings: Any) -> None:
        async def running() -> None:
            app = protected_app(database_url, signing_keys, **settings)
            async with app.router.lifespan_context(app):
                transport = httpx.ASGITransport(app, raise_app_exceptions=False)
                async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                    await use(client, app)

        asyncio.run(running())

    return run


def protected_app(url: str, signing_keys: Path, **settings: Any) -> FastAPI:
    given = {"pool_size": 2, "public_url": BASE, "signing_keys": signing_keys, **settings}
    app = create_app(url, Settings(**given))
    installed: list[object] = [middleware.cls for middleware in app.user_middleware]
    if AccessRequired not in installed:
        app.user_middleware.append(Middleware(AccessRequired))
    return app
