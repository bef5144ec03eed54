"""Hashing passwords cheaply, for tests that are about something else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from argon2 import PasswordHasher

from index_service.accounts import passwords


@contextmanager
def cheap_hashing() -> Iterator[None]:
    """Inside, a password costs a millisecond."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=2, memory_cost=64, parallelism=1))
        passwords._hash_of_nothing.cache_clear()
        yield
    passwords._hash_of_nothing.cache_clear()
