"""Accounts in tests: what a password costs is measured in one place only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.index_service.accounts.hashing import cheap_hashing


@pytest.fixture(autouse=True)
def _cheap_hashing(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.path.name == "test_passwords.py":
        yield
        return
    with cheap_hashing():
        yield
