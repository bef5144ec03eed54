"""Say why two records weigh what they weigh: comparison by comparison, in bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from linkage.batch import BatchEngine
from linkage.columns import Pairs, RecordColumns
from linkage.comparisons import MISSING
from linkage.model import Model
from linkage.weights import frequency_bits, probability


@dataclass(frozen=True, slots=True)
class Reason:
    """What one comparison says: the level of agreement, and the bits it adds against chance agreement."""

    comparison: str
    level: str
    bits: float


@dataclass(frozen=True, slots=True)
class PairReasons:
    """A pair's weights in bits, and what they are made of, the weightiest first; what is missing says nothing."""

    weight: float
    probability: float
    against_stranger: float
    against_sibling: float
    reasons: tuple[Reason, ...]


def pair_reasons(records: pa.Table, left: int, right: int, model: Model) -> PairReasons:
    """Explain the weight of two records, given as rows of a table with the columns of `linkage.record.COLUMNS`."""
    two = pa.concat_tables([records.slice(left, 1), records.slice(right, 1)])
    with BatchEngine(two) as engine:
        compiled = engine.use_model(model)
        engine.set_pairs("given", np.array([0]), np.array([1]))
        weighed = engine.weigh("given", compiled)
    columns = RecordColumns.of_table(two)
    pairs = Pairs(columns, columns, np.array([0]), np.array([1]))
    rarity = frequency_bits(pairs, weighed.levels, compiled)[0]
    reasons = [
        Reason(
            comparison.name,
            comparison.labels[level],
            float(compiled.m_bits[k][level + 1] - compiled.u_bits[k][level + 1] - rarity[k]),
        )
        for k, (comparison, level) in enumerate(zip(compiled.comparisons, weighed.levels[0].tolist(), strict=True))
        if level != MISSING
    ]
    reasons.sort(key=lambda reason: -abs(reason.bits))
    return PairReasons(
        weight=float(weighed.weight[0]),
        probability=float(probability(weighed.weight)[0]),
        against_stranger=float(weighed.against_stranger[0]),
        against_sibling=float(weighed.against_sibling[0]),
        reasons=tuple(reasons),
    )
