"""The native engine: a few records in memory, and the questions that forming persons asks of them.

It answers as the batch engine does, from the same declarations: linking one record and relinking all are one
computation on two scopes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from linkage.batch import WeighedPairs
from linkage.blocking import key_maker, key_number
from linkage.columns import Pairs, RecordColumns, few_pairs_within, pairs_within
from linkage.compare import agreement_levels
from linkage.generic_values import without_generic_values
from linkage.record import NormalisedRecord, RecordKey
from linkage.weights import Bits, CompiledModel, class_priors, frequency_bits, layer_evidence, of_one_source, weigh
from linkage.weights_of_few import WeighedPair, weigh_few

Rows = NDArray[np.int64]


class NativeEngine:
    """Records numbered by their place in the sequence given; meant for a component or two, not for thousands."""

    def __init__(
        self, records: Sequence[NormalisedRecord], compiled: CompiledModel, ignored_keys: Container[int] = ()
    ) -> None:
        """Args: `ignored_keys`: numbers of blocking keys that too many records share."""
        self._records = [without_generic_values(record, compiled.model) for record in records]
        self._compiled = compiled
        self._columns = RecordColumns.of(self._records)
        self._keys = key_maker(tuple(compiled.model.blocking_rules))
        self._ignored_keys = ignored_keys

    @property
    def size(self) -> int:
        return len(self._records)

    def candidates(self) -> tuple[Rows, Rows]:
        """Pairs of rows that share a blocking key: left < right, in order."""
        pairs = np.array(self.candidate_pairs(), dtype=np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    def candidate_pairs(self) -> list[tuple[int, int]]:
        """The same as pairs."""
        bearers: dict[tuple[str, str], list[int]] = defaultdict(list)
        for row, record in enumerate(self._records):
            for of_rule in set(self._keys.keys(record)):
                bearers[of_rule].append(row)
        found: set[tuple[int, int]] = set()
        for (rule_name, key), rows in bearers.items():
            if len(rows) > 1:
                new = set(combinations(rows, 2)) - found
                if new and key_number(rule_name, key) not in self._ignored_keys:
                    found |= new
        return sorted(found)

    def weigh_candidates(self, compiled: CompiledModel, least_bits: float) -> WeighedPairs:
        """Weigh the pairs that share a blocking key; those under `least_bits` are left out."""
        weighed = self.weigh_pairs(*self.candidates(), compiled)
        kept = weighed.weight >= least_bits
        return WeighedPairs(*(getattr(weighed, name)[kept] for name in WeighedPairs.__slots__))

    def weigh_few(self, pairs: Sequence[tuple[int, int]], compiled: CompiledModel) -> list[WeighedPair]:
        """Weigh a few pairs of rows, in order."""
        if not pairs:
            return []
        left, right = zip(*pairs, strict=True)
        return weigh_few(few_pairs_within(self._columns, left, right), compiled)

    def key_of(self, row: int) -> RecordKey:
        return self._records[row].key

    def weigh_pairs(self, left: Rows, right: Rows, compiled: CompiledModel) -> WeighedPairs:
        pairs = pairs_within(self._columns, left, right)
        levels = agreement_levels(pairs, compiled.comparisons)
        shared, chance = layer_evidence(levels, frequency_bits(pairs, levels, compiled), compiled)
        weights = weigh(shared, chance, class_priors(pairs.sides("source"), compiled.model))
        return WeighedPairs(left, right, levels, weights.weight, weights.against_stranger, weights.against_sibling)

    def corrections(self, left: Rows, levels: NDArray[np.int8], compiled: CompiledModel) -> Bits:
        """What value frequencies correct u by: shape (n_pairs, n_comparisons), bits. Agreed values are the left's."""
        return frequency_bits(pairs_within(self._columns, left, left), levels, compiled)

    def priors(self, left: Rows, right: Rows) -> Bits:
        """log2 class frequencies of pairs: shape (4, n_pairs)."""
        return class_priors(Pairs(self._columns, self._columns, left, right).sides("source"), self._compiled.model)

    def of_one_source(self, left: Rows, right: Rows) -> NDArray[np.bool_]:
        """Whether both records of each pair are of one source: shape (n_pairs,)."""
        return of_one_source(Pairs(self._columns, self._columns, left, right).sides("source"))

    def key_order(self, rows: Rows) -> Rows:
        """Rank of the given rows by record key: shape (n_records,), 0 elsewhere. Ties in clustering go by it."""
        order = np.zeros(self.size, dtype=np.int64)
        ranked = sorted(rows.tolist(), key=lambda row: self._records[row].key)
        order[ranked] = np.arange(1, len(ranked) + 1)
        return order
