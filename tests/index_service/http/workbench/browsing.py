"""A browser without a screen: follows links and forms of the workbench as a person would, cookies and all."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping
from html import unescape
from typing import Any

import httpx
from fastapi import FastAPI

from index_service.http.app import create_app
from index_service.http.workbench.forms import FIELD
from index_service.settings import Settings
from tests.index_service.accounts.invented import PASSWORD

SIGN_IN = "/workbench/sign-in"
_TOKEN = re.compile(rf'name="{FIELD}" value="([^"]*)"')
Use = Callable[["Visitor"], Coroutine[Any, Any, None]]


class Visitor:
    """One browser. `get` and `send` do not follow redirects; `page` holds what was shown last."""

    def __init__(self, app: FastAPI, base_url: str = "http://localhost") -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url=base_url)
        self.page = ""

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return self._seen(await self.client.get(path, headers=headers))

    async def send(
        self, path: str, fields: Mapping[str, str] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send a form with the token of the page shown last, unless another is given."""
        form = {FIELD: self.form_token(), **(fields or {})}
        return self._seen(await self.client.post(path, data=form, headers=headers))

    async def sign_in(self, name: str = "ana.lopez", password: str = PASSWORD, *, wanted: str = "") -> httpx.Response:
        await self.get(SIGN_IN)
        answer = await self.send(SIGN_IN, {"name": name, "password": password, "next": wanted})
        if answer.status_code == 303:
            await self.get(answer.headers["location"])
        return answer

    def form_token(self) -> str:
        found = _TOKEN.search(self.page)
        return unescape(found[1]) if found else ""

    def cookie(self, name: str) -> str | None:
        return next((cookie.value for cookie in self.client.cookies.jar if name in cookie.name), None)

    def _seen(self, answer: httpx.Response) -> httpx.Response:
        if answer.headers.get("content-type", "").startswith("text/html"):
            self.page = answer.text
        return answer


async def with_visitor(url: str, use: Use, *, base_url: str = "http://localhost", **settings: Any) -> None:
    """Run `use` with a browser at the service on the database at `url`."""
    app = create_app(url, Settings(pool_size=2, **settings))
    async with app.router.lifespan_context(app):
        visitor = Visitor(app, base_url)
        async with visitor.client:
            await use(visitor)
