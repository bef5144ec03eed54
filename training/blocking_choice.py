"""Which blocking rules a population takes: one that makes many pairs and brings next to nobody is left out.

Pairs of strangers grow with the square of the records, pairs of one person with the records. A loose rule that costs
nothing in a county is half of a state's night (docs/decisions/0033-rules-worth-their-pairs.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.batch import BatchEngine
from linkage.candidates import FEW_PAIRS, Candidates
from linkage.cluster import connected_components

WORTH_PAIRS = 10_000
"""So many pairs that no other rule finds may a rule make for each pair of one person that is missed without it."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RuleLeftOut:
    """A blocking rule that is not worth its pairs.

    Attributes:
        pairs: pairs that no other rule finds.
        missed: pairs of one person, as a first fit knows them, that are not brought together without it.
    """

    rule: str
    pairs: int
    missed: int


def leave_out_rules(engine: BatchEngine, max_block_records: int, cluster: Rows) -> tuple[RuleLeftOut, ...]:
    """Block again without the rules that are not worth their pairs, the most costly first.

    Args:
        engine: has blocked with all rules.
        cluster: shape (n_records,), the persons that the pairs found so far make.
    """
    left_out: list[RuleLeftOut] = []
    while (found := _least_worth(engine.found, cluster)) is not None:
        left_out.append(found)
        kept = [report.rule for report in engine.found.reports if report.pairs and report.rule != found.rule]
        engine.block(kept, max_block_records)
    return tuple(left_out)


def _least_worth(found: Candidates, cluster: Rows) -> RuleLeftOut | None:
    """The rule that makes most pairs of those that are not worth them."""
    by_cost = sorted(range(len(found.reports)), key=lambda rule: -found.reports[rule].only_here)
    for rule in by_cost:
        pairs = found.reports[rule].only_here
        if pairs < FEW_PAIRS:
            return None
        missed = pairs_missed(found, cluster, rule)
        if pairs > WORTH_PAIRS * missed:
            return RuleLeftOut(found.reports[rule].rule, pairs, missed)
    return None


def pairs_missed(found: Candidates, cluster: Rows, rule: int) -> int:
    """Pairs of one person that would not hang together by the pairs that other rules find.

    Args:
        rule: its place among the reports.
    """
    inside = cluster[found.left] == cluster[found.right]
    left, right = found.left[inside].astype(np.int64), found.right[inside].astype(np.int64)
    others = (found.rules[inside] > 1) | (found.first[inside] != rule)
    return _pairs_joined(len(cluster), left, right) - _pairs_joined(len(cluster), left[others], right[others])


def _pairs_joined(size: int, left: Rows, right: Rows) -> int:
    """How many pairs of records hang together."""
    sizes = np.bincount(connected_components(size, left, right))
    return int((sizes * (sizes - 1) // 2).sum())
