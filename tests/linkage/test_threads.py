"""Work in threads gives what a loop gives, in order, and stops at the first error."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.threads import THREADS, in_threads


@given(st.lists(st.integers(), max_size=50))
def test_results_come_in_the_order_of_the_items(items: list[int]) -> None:
    assert list(in_threads(lambda item: item * 2, items)) == [item * 2 for item in items]


def test_no_more_is_begun_than_is_taken() -> None:
    begun = []

    def items() -> Iterator[int]:
        for item in range(100):
            begun.append(item)
            yield item

    results = in_threads(lambda item: item, items())
    assert next(results) == 0
    assert len(begun) <= THREADS + 1


def test_an_error_is_raised_in_its_place() -> None:
    def work(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    results = in_threads(work, range(100))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
