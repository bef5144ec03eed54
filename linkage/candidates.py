"""Stage 3: candidate pairs of all records, from the keys that blocking rules derive.

DuckDB derives the keys. The records of each rule are sorted by key, which lays those that share one side by side; then
the pairs are written down for a range of records at a time, each with the rule that found it, and sorted, so that a
pair stands there once, under the first rule that has it (docs/decisions/0012-candidates-by-sorting.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from linkage.blocking import BLOCKING_RULES, BlockingRule
from linkage.blocks import BlockLimits, Blocks, OversizedKey, begins_of_values, blocks_of
from linkage.errors import ExplodingRule, ModelMismatch
from linkage.threads import in_threads

FEW_PAIRS = 1_000_000
"""So many pairs of one rule are never too many, however few the records."""

PAIRS_AT_ONCE = 2_000_000
"""Pairs found by all rules together that are sorted at once: some 50 MB."""


@dataclass(frozen=True, slots=True)
class BlockingRuleReport:
    """What one blocking rule brought.

    Attributes:
        records: records that have a key of this rule.
        keys: distinct keys that at least two records share, those left out not counted.
        pairs: pairs that share a key of this rule; a pair that shares two counts twice.
        new_pairs: pairs that no earlier rule had found.
        only_here: pairs that no other rule finds.
        oversized_keys: keys left out because more records share them than the cap, or because they are pinned.
        largest_blocks: records under the most frequent keys that were kept, the largest first.
    """

    rule: str
    records: int
    keys: int
    pairs: int
    new_pairs: int
    only_here: int
    oversized_keys: int
    largest_blocks: tuple[int, ...]

    @property
    def largest_block(self) -> int:
        return self.largest_blocks[0] if self.largest_blocks else 0


@dataclass(frozen=True, slots=True)
class Candidates:
    """The pairs that blocking brought together, in ascending order of their rows, and how.

    Attributes:
        left, right: shape (n_pairs,), left < right.
        rules: shape (n_pairs,), how many rules find the pair.
        first: shape (n_pairs,), the place among the reports of the first rule that does.
        oversized: keys left out because more records share them than the cap.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    rules: NDArray[np.int8]
    first: NDArray[np.int8]
    reports: tuple[BlockingRuleReport, ...] = ()
    oversized: tuple[OversizedKey, ...] = ()

    def __len__(self) -> int:
        return len(self.left)

    @classmethod
    def none(cls) -> Candidates:
        rows, rules = np.zeros(0, np.int32), np.zeros(0, np.int8)
        return cls(rows, rows, rules, rules)

    def ascending(self) -> Candidates:
        """The same with the lower row on the left, in order."""
        left, right = np.minimum(self.left, self.right), np.maximum(self.left, self.right)
        return replace(self, left=left, right=right).where(np.lexsort((right, left)))

    def where(self, chosen: NDArray[Any]) -> Candidates:
        """Some of the pairs: by mask or by place."""
        return replace(
            self,
            left=self.left[chosen],
            right=self.right[chosen],
            rules=self.rules[chosen],
            first=self.first[chosen],
        )


def find_candidates(
    con: duckdb.DuckDBPyConnection, size: int, rule_names: Iterable[str], limits: BlockLimits
) -> Candidates:
    """Pair the records of the table `records` that share a key of some rule.

    Args:
        size: how many records there are.
        rule_names: one whose columns are empty brings nothing.

    Raises:
        ModelMismatch: a rule is not one of this version's.
        ExplodingRule: a rule makes more pairs than the limits allow.
    """
    rules = rules_named(set(rule_names))
    blocks: list[Blocks] = []
    oversized: list[OversizedKey] = []
    found = in_threads(lambda rule: _blocks_apart(con, rule, limits), rules)
    for rule, (of_rule, left_out) in zip(rules, found, strict=True):
        if reason := explosion(rule.name, of_rule.pairs, of_rule.largest, size, limits):
            raise ExplodingRule(reason)
        blocks.append(of_rule)
        oversized.extend(left_out)
    parts = list(in_threads(lambda ends: _pairs_of_range(blocks, *ends), _ranges(blocks, size)))
    left, right, counted, first_rule = (
        np.concatenate([np.zeros(0, kind), *(part[i] for part in parts)]).astype(kind, copy=False)
        for i, kind in enumerate((np.int32, np.int32, np.int8, np.int8))
    )
    new = np.bincount(first_rule, minlength=len(rules))
    only = np.bincount(first_rule[counted == 1], minlength=len(rules))
    reports = tuple(
        BlockingRuleReport(rule.name, b.records, b.keys, b.pairs, int(new[i]), int(only[i]), b.left_out, b.largest)
        for i, (rule, b) in enumerate(zip(rules, blocks, strict=True))
    )
    pairs = Candidates(left, right, counted, first_rule, reports, tuple(oversized))
    return pairs if limits.touching is None else pairs.ascending()


def _blocks_apart(
    con: duckdb.DuckDBPyConnection, rule: BlockingRule, limits: BlockLimits
) -> tuple[Blocks, list[OversizedKey]]:
    """As `blocks_of`, on a connection of its own to the same records: one serves one thread."""
    with con.cursor() as own:
        return blocks_of(own, rule, limits)


def rules_named(names: set[str]) -> list[BlockingRule]:
    """The rules of these names, in their order.

    Raises:
        ModelMismatch: a rule is not one of this version's.
    """
    unknown = sorted(names - {rule.name for rule in BLOCKING_RULES})
    if unknown:
        raise ModelMismatch(
            f"The model names blocking rules that this version does not have: {', '.join(unknown)}. "
            "Fit it again: person-index train."
        )
    return [rule for rule in BLOCKING_RULES if rule.name in names]


def exploding_rules(
    con: duckdb.DuckDBPyConnection, size: int, rule_names: Iterable[str], limits: BlockLimits
) -> dict[str, str]:
    """The rules that `find_candidates` would refuse, each with the reason and what to do; makes no pairs."""
    found = {}
    for rule in rules_named(set(rule_names)):
        blocks, _ = blocks_of(con, rule, limits)
        found[rule.name] = explosion(rule.name, blocks.pairs, blocks.largest, size, limits)
    return {rule: reason for rule, reason in found.items() if reason}


def explosion(rule: str, pairs: int, largest: Sequence[int], size: int, limits: BlockLimits) -> str | None:
    """Why a rule is refused that makes so many pairs of so many records, and what to do; None if it is not.

    Args:
        largest: records in its largest blocks.
    """
    if pairs <= max(FEW_PAIRS, limits.max_pairs_per_record * size):
        return None
    return (
        f'The blocking rule "{rule}" would make {pairs:,} pairs of {size:,} records, '
        f"{pairs / size:,.0f} for each; the policy allows {limits.max_pairs_per_record:g} "
        f"(max_pairs_per_record). Its largest blocks hold {', '.join(f'{n:,}' for n in largest)} records. "
        "See person-index blocking; then lower max_block_records, so that its frequent keys are left out, "
        "or leave the rule out of the model."
    )


def _ranges(blocks: Sequence[Blocks], size: int) -> Iterator[tuple[int, int]]:
    """Ranges of records that have about `PAIRS_AT_ONCE` others after them, by all rules together."""
    others = np.zeros(size, dtype=np.int64)
    for of_rule in blocks:
        others += np.bincount(of_rule.left, of_rule.others, size).astype(np.int64)
    before = np.cumsum(others)
    total = int(before[-1]) if size else 0
    first = 0
    for done in range(PAIRS_AT_ONCE, total + PAIRS_AT_ONCE, PAIRS_AT_ONCE):
        last = min(int(np.searchsorted(before, done)) + 1, size)
        if last > first:
            yield first, last
        first = max(first, last)


_Part = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int8], NDArray[np.int8]]


def _pairs_of_range(blocks: Sequence[Blocks], first: int, last: int) -> _Part:
    """All pairs whose left record is in the range, once each: left, right, how many rules, the first of them."""
    shift = max(1, len(blocks)).bit_length()
    codes = np.concatenate([_codes(of_rule, first, last, i, shift) for i, of_rule in enumerate(blocks)])
    codes.sort()
    codes = codes[begins_of_values(codes)]  # by a rule with several keys per record, a pair twice
    pairs = codes >> shift
    starts = np.flatnonzero(begins_of_values(pairs))
    found, counted = pairs[starts], np.diff(np.r_[starts, len(pairs)])
    return (
        ((found >> 32) + first).astype(np.int32),
        (found & 0xFFFFFFFF).astype(np.int32),
        counted.astype(np.int8),
        (codes[starts] & ((1 << shift) - 1)).astype(np.int8),
    )


def _codes(blocks: Blocks, first: int, last: int, rule: int, shift: int) -> NDArray[np.int64]:
    """Left, right and rule of each pair in one number, in the order in which pairs are to stand."""
    begin, end = np.searchsorted(blocks.left, [first, last])
    others, after = blocks.others[begin:end], blocks.after[begin:end].astype(np.int64)
    total = int(others.sum(dtype=np.int64))
    left = np.repeat(blocks.left[begin:end].astype(np.int64) - first, others)
    place = np.repeat(after - np.r_[0, np.cumsum(others, dtype=np.int64)[:-1]], others) + np.arange(total)
    return ((left << 32 | blocks.rows[place]) << shift) | rule
