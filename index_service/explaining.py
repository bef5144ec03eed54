"""Say why two records weigh what they weigh: comparison by comparison, in bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from linkage.comparisons import MISSING
from linkage.model import Model
from linkage.record import COLUMNS, NormalisedRecord
from linkage.weights import explain


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
    explanation = explain(record_at(records, left), record_at(records, right), model)
    reasons = [
        Reason(part.comparison, part.level_label, part.against_stranger_bits)
        for part in explanation.parts
        if part.level != MISSING
    ]
    reasons.sort(key=lambda reason: -abs(reason.bits))
    return PairReasons(
        weight=explanation.weight,
        probability=explanation.probability,
        against_stranger=explanation.weight_against_stranger,
        against_sibling=explanation.weight_against_sibling,
        reasons=tuple(reasons),
    )


def record_at(records: pa.Table, row: int) -> NormalisedRecord:
    """A row of a table with the columns of `linkage.record.COLUMNS`."""
    values: dict[str, Any] = records.select(list(COLUMNS)).slice(row, 1).to_pylist()[0]
    values |= {name: tuple(values[name] or ()) for name, kind in COLUMNS.items() if kind == "text[]"}
    return NormalisedRecord(**values)
