"""The service over real connections, in a thread of this process, and a client that may learn and do everything."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from index_service.http.app import create_app
from index_service.settings import Settings
from tests.index_service.access.minting import hub_headers, supervisor_headers


@contextmanager
def running_service(url: str, app: FastAPI | None = None) -> Iterator[str]:
    """Serve the database at `url` inside the block; yields the base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        served = app or create_app(url, Settings(pool_size=4, open_metrics=True))
        server = uvicorn.Server(uvicorn.Config(served, log_config=None, timeout_graceful_shutdown=2))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def running_for_hub(url: str) -> Iterator[tuple[str, dict[str, str]]]:
    """As `running_service`; yields the base URL and the headers of a client that may learn and do everything."""
    app = create_app(url, Settings(pool_size=4, open_metrics=True))
    headers = hub_headers(url, app)
    with running_service(url, app) as base:
        yield base, headers


@contextmanager
def running_for_supervisor(url: str) -> Iterator[tuple[str, dict[str, dict[str, str]]]]:
    """As `running_for_hub`, but a supervisor's at a client that may count and break the glass too; by purpose."""
    app = create_app(url, Settings(pool_size=4, open_metrics=True))
    headers = supervisor_headers(url, app)
    with running_service(url, app) as base:
        yield base, headers
