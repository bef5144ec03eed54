"""The workbench in tests: a browser without a screen at a service with one steward, Ana Lopez."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from index_service.store.connection import Connection
from tests.index_service.accounts.hashing import cheap_hashing
from tests.index_service.accounts.invented import add_steward
from tests.index_service.http.workbench.browsing import Use, with_visitor

Visit = Callable[..., None]


@pytest.fixture(autouse=True)
def _cheap_hashing() -> Iterator[None]:
    with cheap_hashing():
        yield


@pytest.fixture
def visit(conn: Connection, database_url: str) -> Visit:
    """Runs a story with a browser at the service; settings may be given."""
    add_steward(conn)

    def run(use: Use, **settings: Any) -> None:
        asyncio.run(with_visitor(database_url, use, **settings))

    return run
