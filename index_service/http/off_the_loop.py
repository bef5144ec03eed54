"""To clean what is said of a person takes the longer the more is said: much is cleaned in a thread, others do not wait.

What is usual, a few hundred characters, takes a tenth of a millisecond: less than handing it to a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from linkage.record import CanonicalValue

MUCH_TEXT = 2_000
"""Characters of all fields together; as much takes about a millisecond."""

_Cleaned = TypeVar("_Cleaned")


async def off_the_loop_if_much(
    values: Mapping[str, CanonicalValue], clean: Callable[[Mapping[str, CanonicalValue]], _Cleaned]
) -> _Cleaned:
    """Clean values of a record: here, or in a thread where there is much of them."""
    if sum(map(_size, values.values())) <= MUCH_TEXT:
        return clean(values)
    return await asyncio.to_thread(clean, values)


def _size(value: CanonicalValue) -> int:
    return len(value) if isinstance(value, str) else sum(map(len, value))
