"""Candidate pairs on Spark: records that share a blocking key, within the limits that the batch engine goes by."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pyarrow as pa

from linkage.blocking import BlockingRule, key_number, number_under, numbered_as
from linkage.blocks import LARGEST_SHOWN, BlockLimits, OversizedKey
from linkage.candidates import explosion
from linkage.errors import ExplodingRule
from linkage.record import COLUMNS, NormalisedRecord
from linkage.spark.workspace import Workspace

_BLOCKS = """
    select rule, number, sort_array(collect_list(record)) as bearers
    from (select record, key.rule, key.number from (select record, explode(keys) as key from records))
    group by rule, number having count(*) > 1
"""
_PAIRS = """
    select distinct low as join_key_l, high as join_key_r
    from (select bearers, posexplode(bearers) as (place, low) from blocks where size(bearers) <= {most})
    lateral view explode(slice(bearers, place + 2, {most})) as high
"""
_BEARERS = """
    select b.rule, b.number, size(b.bearers) as how_many, p.* from blocks b join records p on p.record = b.bearers[0]
    where {chosen}
"""


def find_candidates(
    workspace: Workspace, rules: Sequence[BlockingRule], size: int, limits: BlockLimits
) -> tuple[OversizedKey, ...]:
    """Keep the pairs of the view `records` that share a key of some rule as `candidates`; returns the keys left out.

    Args:
        rules: in the order in which the keys of the records number them.

    Raises:
        ExplodingRule: a rule makes too many pairs.
    """
    workspace.keep("blocks", workspace.spark.sql(_BLOCKS))
    if limits.pinned_keys:
        _leave_out(workspace, rules, limits.pinned_keys)
    _refuse_explosions(workspace.spark, rules, size, limits)
    oversized = _oversized(workspace.spark, rules, limits.max_block_records)
    workspace.keep("candidates", workspace.spark.sql(_PAIRS.format(most=limits.max_block_records)))
    return oversized


def _leave_out(workspace: Workspace, rules: Sequence[BlockingRule], pinned: Collection[int]) -> None:
    """Take pinned keys from the view `blocks`."""
    spark, names = workspace.spark, [rule.name for rule in rules]
    left_out = [(n, number) for n, name in enumerate(names) if numbered_as(name) == name for number in pinned]
    secret = [n for n, name in enumerate(names) if numbered_as(name) != name]
    if secret:  # a block of such a rule is known by a record that has its key
        found = spark.sql(_BEARERS.format(chosen=f"b.rule in ({', '.join(map(str, secret))})")).toLocalIterator()
        left_out += [
            (row.rule, row.number)
            for row in found
            if _stored_number(rules[row.rule], row.number, _record(row)) in pinned
        ]
    numbers = {
        "rule": pa.array([n for n, _ in left_out], pa.int32()),
        "number": pa.array([k for _, k in left_out], pa.int64()),
    }
    workspace.write("pinned", pa.table(numbers))
    spark.sql("select * from blocks left anti join pinned using (rule, number)").createOrReplaceTempView("blocks")


def _refuse_explosions(spark: Any, rules: Sequence[BlockingRule], size: int, limits: BlockLimits) -> None:
    kept = f"from blocks where size(bearers) <= {limits.max_block_records}"
    pairs = "sum(cast(size(bearers) as bigint) * (size(bearers) - 1) div 2)"
    for row in spark.sql(f"select rule, {pairs} as pairs {kept} group by rule order by rule").collect():
        if explosion("", row.pairs, (), size, limits):
            of_rule = f"{kept} and rule = {row.rule} order by 1 desc limit {LARGEST_SHOWN}"
            largest = [found.how_many for found in spark.sql(f"select size(bearers) as how_many {of_rule}").collect()]
            raise ExplodingRule(explosion(rules[row.rule].name, row.pairs, largest, size, limits))


def _oversized(spark: Any, rules: Sequence[BlockingRule], most: int) -> tuple[OversizedKey, ...]:
    """The keys that more records share than `most`, by the numbers under which they are stored.

    Workers number keys under the rules' own names: other names may be a secret of who stores them, and stay with him.
    """
    found = spark.sql(_BEARERS.format(chosen=f"size(b.bearers) > {most}") + " order by b.rule, b.number").collect()
    return tuple(
        OversizedKey(rules[row.rule].name, _stored_number(rules[row.rule], row.number, _record(row)), row.how_many)
        for row in found
    )


def _stored_number(rule: BlockingRule, number: int, bearer: NormalisedRecord) -> int:
    (key,) = (key for key in set(rule.keys(bearer)) if number_under(rule.name, key) == number)
    return key_number(rule.name, key)


def _record(row: Any) -> NormalisedRecord:
    values = {name: row[name] for name in COLUMNS}
    return NormalisedRecord(**values | {n: tuple(values[n] or ()) for n, kind in COLUMNS.items() if kind == "text[]"})
