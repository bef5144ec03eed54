"""Several populations as one: what is pooled is what one population of them all would give."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.pooled import intervals, pooled


@st.composite
def figures(draw: st.DrawFn) -> dict[str, float]:
    true_pairs, linked = draw(st.integers(1, 500)), draw(st.integers(1, 500))
    right = draw(st.integers(0, min(true_pairs, linked)))
    found, twins = draw(st.integers(right, true_pairs)), draw(st.integers(1, 40))
    return {
        "true_pairs": true_pairs,
        "linked_pairs": linked,
        "false_links": linked - right,
        "precision": right / linked,
        "recall": right / true_pairs,
        "twin_pairs": twins,
        "twins_kept_apart": draw(st.integers(0, twins)) / twins,
        "pair_completeness": found / true_pairs,
        "seconds": 1.0,
    }


@given(st.lists(figures(), min_size=1, max_size=4))
def test_shares_of_several_are_those_of_all_their_pairs(runs: list[dict[str, float]]) -> None:
    together = pooled(runs)
    right = sum(run["linked_pairs"] - run["false_links"] for run in runs)
    assert together["recall"] == right / sum(run["true_pairs"] for run in runs)
    assert together["precision"] == right / sum(run["linked_pairs"] for run in runs)
    shares = [run["pair_completeness"] for run in runs]
    assert min(shares) - 1e-9 <= together["pair_completeness"] <= max(shares) + 1e-9
    assert together["seconds"] == len(runs)
    for name, (low, high) in intervals(together).items():
        assert low - 1e-9 <= together[name] <= high + 1e-9


def test_a_figure_that_one_population_lacks_is_not_pooled() -> None:
    assert "twins_kept_apart" not in pooled([{"twin_pairs": 3, "twins_kept_apart": 1.0}, {"twin_pairs": None}])
