"""Several populations of one kind as one: their counts added up, shares taken anew, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.evaluation.estimates import wilson_bounds

Figures = Mapping[str, Any]

ADDED = (
    "true_pairs",
    "linked_pairs",
    "false_links",
    "false_links_in_household",
    "twin_pairs",
    "candidate_pairs",
    "nearly_certain_pairs",
    "reviews",
    "seconds",
)
SHARES = {
    "twins_kept_apart": "twin_pairs",
    "pair_completeness": "true_pairs",
    "nearly_certain_right": "nearly_certain_pairs",
}
"""Shares that are kept as such, and of what each is a share."""


def pooled(runs: Sequence[Figures]) -> dict[str, Any]:
    """One method's figures over several populations; what one of them lacks is left out."""
    added = {name: sum(run[name] for run in runs) for name in ADDED if all(run.get(name) is not None for run in runs)}
    found: dict[str, Any] = dict(added)
    if "linked_pairs" in added:
        right = added["linked_pairs"] - added["false_links"]
        found["precision"] = _share(right, added["linked_pairs"])
        found["recall"] = _share(right, added["true_pairs"])
        found["f1"] = _share(2 * right, added["true_pairs"] + added["linked_pairs"])
    for name, whole in SHARES.items():
        if whole in added and all(run.get(name) is not None for run in runs):
            found[name] = _share(sum(run[name] * run[whole] for run in runs), added[whole])
    return found


def intervals(figures: Figures) -> dict[str, tuple[float, float]]:
    """95 % intervals (Wilson) of the shares in a method's figures.

    Pairs count as independent: errors come in clusters, so that the truth is somewhat wider.
    """
    wholes = {"precision": "linked_pairs", "recall": "true_pairs", **SHARES}
    return {
        name: wilson_bounds(figures[name] * figures[whole], figures[whole])
        for name, whole in wholes.items()
        if figures.get(name) is not None and figures.get(whole)
    }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
