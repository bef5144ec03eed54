"""Blocking looked at before it runs: what each rule makes, which would explode, and how many pairs all may miss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from config.policy import LinkagePolicy
from linkage.batch import BatchEngine
from linkage.blocks import BlockLimits, OversizedKey
from linkage.candidates import BlockingRuleReport, exploding_rules
from linkage.model import Model


@dataclass(frozen=True, slots=True)
class BlockingSurvey:
    """What blocking would do.

    Attributes:
        records: how many were looked at.
        reports: by rule, in their order; those of rules that explode are left out.
        exploding: rule -> why it would be refused and what to do.
        oversized: keys left out because more records share them than the policy's cap.
        candidate_pairs: pairs that all rules find together.
        links: of these, pairs that weigh enough to link by themselves.
        completeness: estimated share of all such pairs that blocking finds, at most; None if there are none.
    """

    records: int
    reports: tuple[BlockingRuleReport, ...]
    exploding: dict[str, str]
    oversized: tuple[OversizedKey, ...]
    candidate_pairs: int
    links: int
    completeness: float | None


def survey_blocking(
    records: pa.Table,
    model: Model,
    policy: LinkagePolicy,
    *,
    progress: Callable[[str], None] = lambda _stage: None,
    memory_limit_gb: float = 4.0,
) -> BlockingSurvey:
    """Derive the keys of all records and count what they would make.

    Args:
        records: one row per record, the columns of `linkage.record.COLUMNS`, whichever are there.
        progress: told the name of each stage as it begins.
    """
    limits = BlockLimits(policy.max_block_records, max_pairs_per_record=policy.max_pairs_per_record)
    with BatchEngine(records, memory_limit_gb=memory_limit_gb) as engine:
        progress("count keys")
        compiled = engine.use_model(model)
        exploding = exploding_rules(engine.con, engine.size, model.blocking_rules, limits)
        progress("find candidates")
        engine.block([rule for rule in model.blocking_rules if rule not in exploding], policy.max_block_records)
        found = engine.found
        progress("weigh candidates")
        links = engine.weigh_candidates(compiled, policy.link_threshold_bits)
        places = np.searchsorted(
            found.left.astype(np.int64) * engine.size + found.right, links.left * engine.size + links.right
        )
        return BlockingSurvey(
            records=engine.size,
            reports=found.reports,
            exploding=exploding,
            oversized=found.oversized,
            candidate_pairs=len(found),
            links=len(links),
            completeness=estimated_completeness(np.bincount(found.rules[places], minlength=3)),
        )


def estimated_completeness(pairs_by_rules: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float | None:
    """The share of true pairs that blocking finds, estimated from how often it finds them.

    Pairs found by one rule only, beside those found by two, tell how many no rule finds. Rules that find the same
    pairs make it look better than it is, so that it is a bound from above.

    Args:
        pairs_by_rules: at place n, how many pairs exactly n rules find; at least three places.

    Returns:
        A share, or None if nothing was found.

    Source: Chao (1984), Nonparametric estimation of the number of classes in a population; bias-corrected form.
    """
    found = int(pairs_by_rules[1:].sum())
    if not found:
        return None
    once, twice = int(pairs_by_rules[1]), int(pairs_by_rules[2])
    missed = once * (once - 1) / (2 * (twice + 1))
    return found / (found + missed)
