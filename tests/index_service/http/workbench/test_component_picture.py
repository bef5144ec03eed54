"""The picture of a component: every group is in it, the cut stands between the sides, and what is left out is said."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from index_service.http.workbench.component_picture import Dot, Group, component_picture, fair_share, in_words


@given(st.lists(st.lists(st.integers(), max_size=60), min_size=1, max_size=4), st.integers(0, 80))
def test_each_group_gets_its_share(groups: list[list[int]], most: int) -> None:
    drawn = fair_share(groups, most)
    assert len(drawn) == min(most, sum(map(len, groups)))
    counts = [sum(group == number for group, _ in drawn) for number in range(len(groups))]
    for number, records in enumerate(groups):
        assert [record for group, record in drawn if group == number] == records[: counts[number]]
        others = [count for other, count in enumerate(counts) if other != number]
        assert counts[number] == len(records) or counts[number] >= max(others, default=0) - 1


def picture(sizes: list[int], drawn: int) -> tuple[str, str]:
    groups = [Group(name, size) for name, size in zip(("Stays", "May leave", "Others"), sizes, strict=False)]
    dots = [Dot("MEDS", group) for group, _ in fair_share([range(size) for size in sizes], drawn)]
    weights = np.zeros((len(dots), len(dots)))
    svg = component_picture(dots, weights, groups, cut="proposed cut")
    return svg, in_words(dots, weights, groups, cut="proposed cut")


def test_the_cut_stands_between_the_sides_also_where_others_are_close_by() -> None:
    for sizes in ([2, 1], [2, 1, 3]):
        svg, words = picture(sizes, 40)
        (cut,) = re.findall(r'<line x1="([\d.]+)"[^>]*stroke-dasharray', svg)
        at = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', svg)]
        left, right = at[: sizes[0]], at[sizes[0] : sizes[0] + sizes[1]]
        assert max(left) < float(cut) < min(right)
        assert "The dashed line between Stays and May leave: proposed cut." in words


def test_what_is_not_drawn_is_said() -> None:
    svg, words = picture([50, 3], 40)
    assert svg.count("<circle") == 40
    assert "Stays (and 13 more)" in svg and "37 of MEDS (and 13 more)" in words
    assert "May leave (" not in svg
