"""The batch engine: candidates, agreement patterns and weights of all pairs, set-wise, with Splink on DuckDB.

It computes what `compare` and `weights` compute natively, from the same declarations; the parity test holds the
two together. DuckDB derives the keys of candidates, Splink finds the agreement patterns of pairs in DuckDB, and
patterns are weighed by the very functions that weigh one pair.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from splink.backends.duckdb import DuckDBAPI

from linkage.agreement_patterns import PatternQuery, Patterns, levels_of, levels_sql
from linkage.batch_records import DIGEST_SQL, RecordsInDuckDB, correction_column
from linkage.blocks import BlockLimits, OversizedKey
from linkage.bounds import PairCodes, most_bits
from linkage.candidates import BlockingRuleReport, Candidates, find_candidates
from linkage.comparisons import LAYERS, Comparison
from linkage.pairs import CandidatePairs, WeighedPairs
from linkage.threads import in_threads
from linkage.weights import CompiledModel, layer_evidence, weigh
from linkage.whole_tables import whole_table

__all__ = [
    "DIGEST_SQL",
    "BatchEngine",
    "BlockingRuleReport",
    "CandidatePairs",
    "OversizedKey",
    "Patterns",
    "WeighedPairs",
]

Rows = NDArray[np.int64]

PAIRS_AT_ONCE = 100_000
"""Pairs whose weights, or bounds of weights, are held as arrays of bits at once: some 50 MB."""

COMPARED_AT_ONCE = 1_000_000
"""Pairs whose agreement levels DuckDB finds in one statement: some 40 MB."""

ROUNDING_BITS = 1e-6
"""Bounds are sums in another order than weights; what is so near under a threshold is weighed."""


class BatchEngine(RecordsInDuckDB):
    """One set of records in DuckDB, and the questions a relink or a fit asks of them.

    Use as a context manager. Records are numbered by their row in the table given.
    """

    def __init__(self, records: pa.Table, *, memory_limit_gb: float = 4.0, threads: int | None = None) -> None:
        super().__init__(records, memory_limit_gb=memory_limit_gb, threads=threads)
        self._patterns = PatternQuery(DuckDBAPI(self.con))
        self.found = Candidates.none()
        self._pairs: dict[str, pa.Table] = {}

    # --- candidates ----------------------------------------------------------------------------------------------

    def block(
        self,
        rules: Iterable[str],
        max_block_records: int,
        pinned_keys: Collection[int] = frozenset(),
        max_pairs_per_record: float = float("inf"),
        touching: NDArray[np.bool_] | None = None,
    ) -> list[BlockingRuleReport]:
        """Find all pairs that share a key of some rule; they stand in the table `candidates` too.

        Args:
            rules: names of blocking rules; one whose columns are empty brings nothing.
            max_block_records: a key that more records share is left out and reported.
            pinned_keys: numbers of keys that are left out in any case.
            max_pairs_per_record: a rule that makes more pairs for each record than this, on average, is refused.
            touching: shape (n_records,): only pairs with one of these records, where it is given.

        Raises:
            ModelMismatch: a rule is not one of this version's.
            ExplodingRule: a rule makes too many pairs.
        """
        limits = BlockLimits(max_block_records, pinned_keys, max_pairs_per_record, touching)
        self.found = find_candidates(self.con, self.size, rules, limits)
        self._show_pairs("candidates", self.found.left, self.found.right)
        return list(self.found.reports)

    def candidates(self) -> CandidatePairs:
        return CandidatePairs(self.found.left.astype(np.int64), self.found.right.astype(np.int64))

    def candidate_count(self) -> int:
        return len(self.found)

    def set_pairs(self, table: str, left: Rows, right: Rows) -> None:
        """Name pairs of rows, for `patterns` and `weigh`."""
        self._show_pairs(table, left.astype(np.int32), right.astype(np.int32))

    def _show_pairs(self, table: str, left: NDArray[np.int32], right: NDArray[np.int32]) -> None:
        self._pairs[table] = pa.table({"join_key_l": left, "join_key_r": right})
        self.con.register(table, self._pairs[table])

    # --- agreement patterns --------------------------------------------------------------------------------------

    def patterns(
        self, pairs: str, comparisons: Sequence[Comparison], sample: int | None = None, seed: int = 0
    ) -> Patterns:
        """Count the agreement patterns of named pairs.

        Args:
            pairs: `candidates`, or a name given by `set_pairs`.
            sample: count about so many pairs only, scaled up to all.
        """
        corrected = self.write_corrections()
        total = self.con.execute(f"select count(*) from {pairs}").fetchone()
        count = int(total[0]) if total else 0
        scale, given = 1.0, f"(select '0' as match_key, * from {pairs})"
        if sample and count > sample:
            scale = count / sample
            given = (
                f"(select '0' as match_key, * from {pairs} "
                f"where hash(join_key_l, join_key_r, {int(seed)}) % 1000000 < {round(1e6 / scale)})"
            )
        layers = ", ".join(
            f"cast(round(2 * ({_correction_sql(layer, comparisons, corrected)})) as integer) as f{i}"
            for i, layer in enumerate(LAYERS)
        )
        inner = (
            f"select {levels_sql(comparisons)}, {layers}, source_low, source_high from __splink__df_comparison_vectors"
        )
        extra = [(f'l."{correction_column(c)}"', correction_column(c)) for c in corrected]
        extra += [
            ("least(l.source_number, r.source_number)", "source_low"),
            ("greatest(l.source_number, r.source_number)", "source_high"),
        ]
        select = f"select *, count(*) as pairs from ({inner}) group by all order by all"
        table = whole_table(self.con, self._patterns.sql(given, comparisons, select, extra))
        low, high = (table.column(f"source_{end}").to_numpy().astype(np.int64) for end in ("low", "high"))
        codes, sources = np.unique(low * len(self.sources) + high, return_inverse=True)
        return Patterns(
            levels=levels_of(table, comparisons),
            sources=sources.reshape(-1),
            corrections=np.stack([table.column(f"f{i}").to_numpy() / 2.0 for i in range(len(LAYERS))]),
            counts=table.column("pairs").to_numpy() * scale,
            source_pairs=tuple(
                (self.sources[c // len(self.sources)], self.sources[c % len(self.sources)]) for c in codes
            ),
        )

    # --- weights -------------------------------------------------------------------------------------------------

    def weigh(self, pairs: str, compiled: CompiledModel, least_bits: float | None = None) -> WeighedPairs:
        """Weigh named pairs; those under `least_bits` are left out. They come back in an order of their own."""
        self.set_class_frequencies(compiled.model)
        comparisons = compiled.comparisons
        select = f"select record_l, record_r, {levels_sql(comparisons)} from __splink__df_comparison_vectors"
        sql = self._patterns.sql("(select '0' as match_key, * from pairs_at_once)", comparisons, select)

        def compared() -> Iterator[pa.RecordBatch]:
            for first in range(0, self._pairs[pairs].num_rows, COMPARED_AT_ONCE):
                self.con.register("pairs_at_once", self._pairs[pairs].slice(first, COMPARED_AT_ONCE))
                yield from whole_table(self.con, sql).to_batches(PAIRS_AT_ONCE)

        weighed = in_threads(lambda batch: self._weighed(batch, compiled, least_bits), compared())
        return WeighedPairs.together([WeighedPairs.none(len(comparisons)), *weighed])

    def _weighed(self, batch: pa.RecordBatch, compiled: CompiledModel, least_bits: float | None) -> WeighedPairs:
        levels = levels_of(batch, compiled.comparisons)
        left, right = (batch.column(side).to_numpy().astype(np.int64) for side in ("record_l", "record_r"))
        shared, chance = layer_evidence(levels, self.corrections(left, levels, compiled), compiled)
        weights = weigh(shared, chance, self.priors(left, right))
        weighed = WeighedPairs(left, right, levels, weights.weight, weights.against_stranger, weights.against_sibling)
        return weighed if least_bits is None else weighed.where(weighed.weight >= least_bits)

    def weigh_candidates(self, compiled: CompiledModel, least_bits: float) -> WeighedPairs:
        """Weigh the pairs that blocking found; those under `least_bits` are left out.

        Pairs that cannot reach it whatever their strings are like are not compared.
        """
        worth = self._within_reach(compiled, least_bits)
        self._show_pairs("promising", self.found.left[worth], self.found.right[worth])
        return self.weigh("promising", compiled, least_bits)

    def _within_reach(self, compiled: CompiledModel, least_bits: float) -> NDArray[np.bool_]:
        """Which candidates could weigh `least_bits` or more: shape (n_candidates,)."""
        self.set_class_frequencies(compiled.model)
        codes = self.codes(compiled.comparisons)

        def judged(first: int) -> NDArray[np.bool_]:
            left, right = (side[first : first + PAIRS_AT_ONCE] for side in (self.found.left, self.found.right))
            corrections = {
                k: self._corrections[c.frequency_column][left]
                for k, c in enumerate(compiled.comparisons)
                if c.frequency_column in self._corrections
            }
            most = most_bits(PairCodes(codes, left, right), corrections, self.priors(left, right), compiled)
            return most >= least_bits - ROUNDING_BITS

        judgements = in_threads(judged, range(0, len(self.found), PAIRS_AT_ONCE))
        return np.concatenate([np.zeros(0, dtype=bool), *judgements])

    def weigh_pairs(self, left: Rows, right: Rows, compiled: CompiledModel) -> WeighedPairs:
        """Weigh given pairs of rows; they come back in an order of their own."""
        self.set_pairs("given_component_pairs", left, right)
        return self.weigh("given_component_pairs", compiled)


def _correction_sql(layer: str, comparisons: Sequence[Comparison], corrected: Collection[str]) -> str:
    terms = [
        f'case when gamma_{c.name} = {c.top} then "{correction_column(c.frequency_column)}" else 0e0 end'
        for c in comparisons
        if c.layer == layer and c.frequency_column and c.frequency_column in corrected
    ]
    return " + ".join(terms) or "0e0"
