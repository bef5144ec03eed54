"""The workbench as an application of its own, mounted under /workbench: its errors are pages, its headers stricter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from index_service.http.workbench import (
    account,
    appearance,
    broken_glass,
    guide,
    history,
    home,
    ledger,
    model_page,
    person,
    provider,
    queue,
    record,
    runs,
    seals,
    search,
    session,
    sign_in,
    static_files,
    task,
    unmerge,
)
from index_service.http.workbench.desk import Desk, desk_for
from index_service.http.workbench.error_pages import add_error_pages
from index_service.http.workbench.forms import require_form_token
from index_service.http.workbench.headers import SecurityHeaders
from index_service.http.workbench.local_paths import HOME, MOUNTED_AT
from index_service.settings import Settings


def add_workbench(app: FastAPI, url: str, settings: Settings) -> None:
    """Mount the workbench on the service; its database connections live as long as the service."""
    desk = desk_for(url, settings)
    app.state.desk = desk  # the API's routes for stewards work at it too
    app.add_api_route(MOUNTED_AT, lambda: RedirectResponse(HOME, 303), include_in_schema=False)
    pages = workbench(desk)
    pages.state.service = app  # searching resolves over the same connections as the API
    app.mount(MOUNTED_AT, pages)
    _live_with(app, desk)


def workbench(desk: Desk) -> FastAPI:
    """All pages. Every form that is sent, whichever page takes it, must carry its token."""
    pages = FastAPI(openapi_url=None, redirect_slashes=False, dependencies=[Depends(require_form_token)])
    pages.state.desk = desk
    add_error_pages(pages)
    pages.add_middleware(SecurityHeaders)
    parts = (
        home,
        sign_in,
        provider,
        session,
        account,
        appearance,
        queue,
        task,
        search,
        history,
        person,
        unmerge,
        seals,
        broken_glass,
        ledger,
        record,
        runs,
        model_page,
        guide,
        static_files,
    )
    for part in parts:
        pages.include_router(part.router)
    return pages


def _live_with(app: FastAPI, desk: Desk) -> None:
    """Open what the desk needs when the service starts, close it when the service ends."""
    outer = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(service: FastAPI) -> AsyncIterator[None]:
        async with outer(service):
            desk.open()
            try:
                yield
            finally:
                await run_in_threadpool(desk.close)

    app.router.lifespan_context = lifespan
