"""The records of each blocking rule by key: what is left out, how large blocks are, in what order their rows stand."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from linkage.blocking import BlockingRule
from linkage.key_numbers import hash_sql, numbers_of_keys
from linkage.whole_tables import whole_table

LARGEST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class BlockLimits:
    """Which keys make no candidates, and when blocking is refused.

    Attributes:
        max_block_records: a key that more records share is left out and reported.
        pinned_keys: numbers of keys that are left out, however few share them.
        max_pairs_per_record: a rule that makes more pairs for each record than this, on average, is refused.
        touching: shape (n_records,), of whom pairs are wanted: a pair without one of them is left out; None: all are.
    """

    max_block_records: int
    pinned_keys: Collection[int] = frozenset()
    max_pairs_per_record: float = float("inf")
    touching: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class OversizedKey:
    """A key that too many records share, by its number (`blocking.key_number`)."""

    rule: str
    key: int
    records: int


@dataclass(frozen=True, slots=True)
class Blocks:
    """The records of one rule by key, and figures.

    Attributes:
        rows: the records that share a key, those of one key side by side and ascending.
        left: ascending, each record as often as it has others after it under a key; of those wanted alone, which stand
            before the others.
        after: the place in `rows` of the first of these others.
        others: how many they are.
    """

    rows: NDArray[np.int32]
    left: NDArray[np.int32]
    after: NDArray[np.int32]
    others: NDArray[np.int32]
    records: int
    keys: int
    left_out: int
    largest: tuple[int, ...]

    @property
    def pairs(self) -> int:
        return int(self.others.sum(dtype=np.int64))


def blocks_of(
    con: duckdb.DuckDBPyConnection, rule: BlockingRule, limits: BlockLimits
) -> tuple[Blocks, list[OversizedKey]]:
    """The blocks of one rule, and the keys that more records share than the cap."""
    keys, rows = _derived(con, rule)
    records = len(np.unique(rows)) if rule.listed else len(rows)
    order = np.argsort(keys)
    keys, rows = keys[order], rows[order]
    starts = np.flatnonzero(begins_of_values(keys))
    sizes = np.diff(np.r_[starts, len(keys)])
    shared = sizes > 1
    too_many = sizes > limits.max_block_records
    pinned = _pinned(con, rule, keys[starts], rows[starts], shared, limits.pinned_keys)
    kept = shared & ~too_many & ~pinned
    numbers = numbers_of_keys(con, rule, keys[starts][too_many], rows[starts][too_many])
    oversized = [
        OversizedKey(rule.name, int(number), int(records))
        for number, records in zip(numbers, sizes[too_many], strict=True)
    ]
    return _laid_out(rows, sizes, kept, records, int((too_many | pinned).sum()), limits.touching), oversized


def _derived(con: duckdb.DuckDBPyConnection, rule: BlockingRule) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Hash and record of every key: once each."""
    rows = f"(select *, unnest({rule.listed}) as item from records)" if rule.listed else "records"
    once = "distinct" if rule.listed else ""
    table = whole_table(
        con,
        f"select {once} {hash_sql('k')} as key, record from (select record, {rule.sql()} as k from {rows}) "
        "where k is not null",
    )
    return table.column("key").to_numpy(), table.column("record").to_numpy()


def _pinned(
    con: duckdb.DuckDBPyConnection,
    rule: BlockingRule,
    keys: NDArray[np.uint64],
    rows: NDArray[np.int32],
    shared: NDArray[np.bool_],
    pinned_keys: Collection[int],
) -> NDArray[np.bool_]:
    """Which of the keys are pinned; each is given with one record that has it."""
    pinned = np.zeros(len(keys), dtype=bool)
    if len(pinned_keys) and shared.any():
        pinned[shared] = np.isin(numbers_of_keys(con, rule, keys[shared], rows[shared]), list(pinned_keys))
    return pinned


def _laid_out(
    rows: NDArray[np.int32],
    sizes: NDArray[np.int64],
    kept: NDArray[np.bool_],
    records: int,
    left_out: int,
    touching: NDArray[np.bool_] | None,
) -> Blocks:
    """Bring the records of the kept keys into the order that pairs are read from."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    if touching is not None:
        kept = kept & (np.bincount(group, touching[rows], len(sizes)) > 0)
    chosen = kept[group]
    codes = (np.cumsum(kept)[group[chosen]] - 1) << 33 | rows[chosen]
    if touching is not None:
        codes |= (~touching[rows[chosen]]).astype(np.int64) << 32
    codes.sort()
    of_key = sizes[kept]
    ordered = (codes & 0xFFFFFFFF).astype(np.int32)
    ends = np.repeat(np.cumsum(of_key), of_key)
    after = np.arange(1, len(ordered) + 1)
    others = ends - after
    if touching is not None:
        others[~touching[ordered]] = 0
    having = np.flatnonzero(others)
    having = having[np.argsort(ordered[having], kind="stable")]
    largest = np.sort(of_key)[: -LARGEST_SHOWN - 1 : -1]
    return Blocks(
        rows=ordered,
        left=ordered[having],
        after=after[having].astype(np.int32),
        others=others[having].astype(np.int32),
        records=records,
        keys=len(of_key),
        left_out=left_out,
        largest=tuple(int(n) for n in largest),
    )


def begins_of_values(ordered: NDArray[Any]) -> NDArray[np.bool_]:
    """Where in an ordered array a new value begins."""
    begins = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    return begins
