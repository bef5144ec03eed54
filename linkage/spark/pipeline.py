"""The pipeline on Spark: an extract of records and a model in, persons out, by the stages of `linkage.pipeline`.

What depends on one record, on one pair or on one component is computed by the functions that compute it elsewhere, on
Spark's workers; what brings records together - keys, pairs, components - is Spark's and Splink's
(docs/decisions/0029-spark.md). The stages hand each other Parquet files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any

import numpy as np
import pyarrow as pa

from config.policy import LinkagePolicy
from linkage.blocks import BlockLimits
from linkage.candidates import rules_named
from linkage.errors import NothingToLink, SparkFailed
from linkage.model import Model
from linkage.pipeline import LinkResult, Progress, Stages, decisions_by_row, silent
from linkage.record import Constraints, RecordKey
from linkage.record_table import SCHEMA
from linkage.spark.blocking import find_candidates
from linkage.spark.persons import Given, form_components, read_found, settle_components
from linkage.spark.preparing import prepared_schema, preparing
from linkage.spark.weighing import corrected_columns, weigh_candidates
from linkage.spark.workspace import Workspace
from linkage.weights import compile_model

RECORDS_OF_A_FILE = 50_000

RECORDS_OF_A_PARTITION = 20_000
"""Shuffles are divided so finely; with fifteen pairs for each record a part is some 200 MB."""


def link_on_spark(
    records: pa.Table,
    model: Model,
    policy: LinkagePolicy,
    constraints: Constraints | None = None,
    *,
    pinned_keys: Collection[int] | None = None,
    workspace: Workspace,
    progress: Progress = silent,
) -> LinkResult:
    """Link records into persons, as `linkage.pipeline.link` does.

    Args:
        records: one row per record, the columns of `linkage.record.COLUMNS`, whichever are there.
        pinned_keys: as `link`.
        workspace: empty; what the stages leave there is the caller's to remove.

    Raises:
        NothingToLink, ContradictoryConstraints, ExplodingRule: as `link`.
        SparkFailed: Spark could not finish a stage.
    """
    timings: dict[str, float] = {}
    stage = Stages(progress, timings)
    decisions = decisions_by_row(_keys(records), constraints or Constraints())
    compiled, size = compile_model(model), records.num_rows
    if not compiled.comparisons:
        raise NothingToLink("The model compares nothing. Fit it again: person-index train.")
    rules = rules_named(set(model.blocking_rules))
    shared = workspace.spark.sparkContext.broadcast(Given(model, policy, decisions))
    _divide(workspace.spark, size)
    with stage("write extract"):
        write_extract(workspace, records)
    with _named("prepare"), stage("prepare"):
        corrected = corrected_columns(compiled)
        prepare = preparing(lambda: shared.value.model, corrected)
        workspace.keep("records", workspace.spark.table("extract").mapInArrow(prepare, prepared_schema(corrected)))
    with _named("find candidates"), stage("find candidates"):
        bound = policy.max_block_records if pinned_keys is None else policy.hard_block_records
        limits = BlockLimits(bound, frozenset(pinned_keys or ()), policy.max_pairs_per_record)
        oversized = find_candidates(workspace, rules, size, limits)
        candidates = int(workspace.spark.table("candidates").count())
    with _named("weigh candidates"), stage("weigh candidates"):
        weigh_candidates(workspace, lambda: shared.value.model, compiled, policy.component_threshold_bits)
    with _named("form components"), stage("form components"):
        form_components(workspace, decisions.must_link)
    with _named("form persons"), stage("form persons"):
        settle_components(workspace, lambda: shared.value)
    with stage("read persons"):
        found = read_found(workspace, size, len(compiled.comparisons))
    return LinkResult(
        cluster=found.cluster,
        component=found.component,
        probability=found.probability,
        pairs=found.pairs,
        reviews=found.reviews,
        blocking=(),
        oversized_keys=oversized,
        candidate_pairs=candidates,
        candidates=None,
        oversized_components=found.oversized_components,
        timings=timings,
    )


def _keys(records: pa.Table) -> Iterator[RecordKey]:
    """The records' keys; not one is made before one is asked for."""
    yield from zip(records["source"].to_pylist(), records["source_record_id"].to_pylist(), strict=True)


def _divide(spark: Any, size: int) -> None:
    parts = max(2 * spark.sparkContext.defaultParallelism, ceil(size / RECORDS_OF_A_PARTITION))
    spark.conf.set("spark.sql.shuffle.partitions", str(parts))


def write_extract(workspace: Workspace, records: pa.Table) -> None:
    """Write the records with their row numbers to Parquet files, and show them as the view `extract`."""
    columns = {field.name: _column(records, field) for field in SCHEMA}
    numbered = pa.table({**columns, "record": pa.array(np.arange(records.num_rows, dtype=np.int32))})
    workspace.write("extract", numbered, RECORDS_OF_A_FILE)


def _column(records: pa.Table, field: Any) -> Any:
    if field.name in records.column_names:
        return records[field.name].cast(field.type)
    return pa.nulls(records.num_rows, field.type)


@contextmanager
def _named(stage: str) -> Iterator[None]:
    """What goes wrong on Spark in a stage, without what Spark says of it, which may hold values of records."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise SparkFailed(
            f'Spark could not finish the stage "{stage}" ({type(error).__name__}). Nothing was published. '
            "Why is in Spark's own logs; a worker that ran out of memory takes more memory or smaller partitions."
        ) from error
