"""The service under another policy: bounds so small that a few records reach them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from config.policy import LinkagePolicy
from index_service import linking_context


@contextmanager
def policy_in_use(**bounds: int) -> Iterator[LinkagePolicy]:
    """Inside the block live linking follows the shipped policy with these values of it."""
    policy = linking_context.shipped().policy.model_copy(update=bounds)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(linking_context, "load_policy", lambda: policy)
        _forget_contexts()
        try:
            yield policy
        finally:
            _forget_contexts()


def _forget_contexts() -> None:
    linking_context.shipped.cache_clear()
    linking_context._known.clear()
