"""Work on arrays in several threads: numpy and DuckDB let others run while they count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import cpu_count
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS = min(4, cpu_count())


def in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """As `map(work, items)`, with `THREADS` items in work at a time and no more results waiting than that.

    An error of one item is raised in its place; those after it are not begun.
    """
    with ThreadPoolExecutor(THREADS) as threads:
        under_way = []
        try:
            for item in items:
                under_way.append(threads.submit(work, item))
                if len(under_way) > THREADS:
                    yield under_way.pop(0).result()
            while under_way:
                yield under_way.pop(0).result()
        finally:
            for waiting in under_way:
                waiting.cancel()
