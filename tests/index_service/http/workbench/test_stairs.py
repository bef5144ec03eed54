"""Stairs: each bar begins where the one before ended, and all stay in the picture."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_service.http.workbench.stairs import WIDE, stairs

bits = st.lists(st.floats(-60, 60), min_size=1, max_size=20)


@given(one=bits, other=bits)
def test_no_bar_leaves_the_picture_and_the_last_is_the_sum(one: Sequence[float], other: Sequence[float]) -> None:
    for steps, drawn in zip((one, other), stairs(one, other), strict=True):
        assert [bar.bits for bar in drawn[:-1]] == pytest.approx(steps, abs=1e-9)
        assert drawn[-1].bits == pytest.approx(sum(steps), abs=1e-9)
        assert all(bar.left >= -0.1 and bar.left + bar.wide <= WIDE + 0.1 for bar in drawn)


def test_a_bar_begins_where_the_one_before_ended() -> None:
    (drawn,) = stairs([-10, 20, -5])
    assert [(bar.left, bar.wide) for bar in drawn] == [(0, 50), (0, 100), (75, 25), (50, 25)]
    assert {bar.axis for bar in drawn} == {50}
