"""Weights of pairs on Spark: agreement levels by Splink's comparison vectors, weighed by the functions of one pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from linkage.agreement_patterns import PatternQuery, levels_of, levels_sql
from linkage.batch_records import correction_column
from linkage.comparisons import Comparison
from linkage.model import Model
from linkage.pairs import WeighedPairs
from linkage.spark.dialect import register_measures, spark_sql
from linkage.spark.workspace import Workspace
from linkage.weights import CompiledModel, class_priors, compile_model, layer_evidence, weigh

Batches = Iterator[pa.RecordBatch]

WEIGHED = "record_l int, record_r int, levels binary, weight double, against_stranger double, against_sibling double"
"""Weighed pairs as Spark sees them; the levels of a pair are a byte for each comparison, in the model's order."""


def levels_query(workspace: Workspace, pairs: str, comparisons: Sequence[Comparison], corrected: Sequence[str]) -> Any:
    """The agreement levels of pairs of the view `records`, with what weighing asks of the two records.

    Args:
        pairs: a view with the columns join_key_l and join_key_r.
        corrected: columns whose values' frequencies correct u.
    """
    register_measures(workspace.spark)
    query = PatternQuery(workspace.splink(), spark_sql)
    extra = [(f"l.{correction_column(name)}", correction_column(name)) for name in corrected]
    extra += [("l.source", "source_of_left"), ("r.source", "source_of_right")]
    select = (
        f"select record_l, record_r, {levels_sql(comparisons)}, {', '.join(name for _, name in extra)} "
        "from __splink__df_comparison_vectors"
    )
    return workspace.spark.sql(query.sql(f"(select '0' as match_key, * from {pairs})", comparisons, select, extra))


def weighing(model: Callable[[], Model], least_bits: float) -> Callable[[Batches], Batches]:
    """What weighs the rows of `levels_query` on a worker; pairs under `least_bits` are left out."""

    def weighed(batches: Batches) -> Batches:
        compiled = compile_model(model())
        for batch in batches:
            pairs = _weighed(batch, compiled)
            yield from table_of_pairs(pairs.where(pairs.weight >= least_bits)).to_batches()

    return weighed


def _weighed(batch: pa.RecordBatch, compiled: CompiledModel) -> WeighedPairs:
    levels = levels_of(batch, compiled.comparisons)
    left, right = (batch.column(side).to_numpy().astype(np.int64) for side in ("record_l", "record_r"))
    shared, chance = layer_evidence(levels, _corrections(batch, levels, compiled), compiled)
    sources = (batch.column("source_of_left").to_pylist(), batch.column("source_of_right").to_pylist())
    weights = weigh(shared, chance, class_priors(sources, compiled.model))
    return WeighedPairs(left, right, levels, weights.weight, weights.against_stranger, weights.against_sibling)


def _corrections(batch: pa.RecordBatch, levels: NDArray[np.int8], compiled: CompiledModel) -> NDArray[np.float64]:
    """What `weights.frequency_bits` gives: shape (n_pairs, n_comparisons), bits."""
    found = np.zeros(levels.shape)
    for k, (comparison, logs) in enumerate(zip(compiled.comparisons, compiled.frequency_logs, strict=True)):
        if logs is not None and comparison.frequency_column is not None:
            bits = batch.column(correction_column(comparison.frequency_column)).to_numpy()
            found[:, k] = np.where(levels[:, k] == comparison.top, bits, 0.0)
    return found


def corrected_columns(compiled: CompiledModel) -> list[str]:
    """The columns whose values' frequencies correct u, ascending."""
    pairs = zip(compiled.comparisons, compiled.frequency_logs, strict=True)
    return sorted({c.frequency_column for c, logs in pairs if logs is not None and c.frequency_column})


def table_of_pairs(pairs: WeighedPairs) -> pa.Table:
    """Weighed pairs in the columns of `WEIGHED`."""
    levels = np.ascontiguousarray(pairs.levels)
    width = levels.shape[1]
    offsets = pa.py_buffer(np.arange(len(pairs) + 1, dtype=np.int32) * width)
    return pa.table(
        {
            "record_l": pairs.left.astype(np.int32),
            "record_r": pairs.right.astype(np.int32),
            "levels": pa.Array.from_buffers(pa.binary(), len(pairs), [None, offsets, pa.py_buffer(levels.tobytes())]),
            "weight": pairs.weight,
            "against_stranger": pairs.against_stranger,
            "against_sibling": pairs.against_sibling,
        }
    )


def pairs_of_table(table: pa.Table, comparisons: int) -> WeighedPairs:
    """The counterpart of `table_of_pairs`."""
    levels = np.frombuffer(b"".join(table["levels"].to_pylist()), np.int8).reshape(-1, comparisons)
    left, right = (table[side].to_numpy().astype(np.int64) for side in ("record_l", "record_r"))
    bits = (table[name].to_numpy() for name in ("weight", "against_stranger", "against_sibling"))
    return WeighedPairs(left, right, levels, *bits)


def weigh_candidates(workspace: Workspace, model: Callable[[], Model], compiled: CompiledModel, least: float) -> None:
    """Weigh the view `candidates` and keep the pairs of `least` bits or more as `weighed`."""
    levels = levels_query(workspace, "candidates", compiled.comparisons, corrected_columns(compiled))
    workspace.keep("weighed", levels.mapInArrow(weighing(model, least), WEIGHED))
