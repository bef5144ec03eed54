"""Which engine links all records: the batch engine in this process, or Spark. Both find the same persons."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from config.policy import LinkagePolicy
from index_service.spark_session import SparkOptions, spark_workspace
from linkage.model import Model
from linkage.pipeline import LinkResult, Progress, link
from linkage.record import Constraints


def link_all(
    records: pa.Table,
    model: Model,
    policy: LinkagePolicy,
    constraints: Constraints | None = None,
    *,
    pinned_keys: Collection[int] | None = None,
    progress: Progress,
    memory_limit_gb: float = 4.0,
    spark: SparkOptions | None = None,
) -> LinkResult:
    """Link records into persons, as `linkage.pipeline.link` does.

    Args:
        pinned_keys: as `link`.
        memory_limit_gb: what linking may take before the batch engine spills to disk, or Spark's Java process here.
        spark: where Spark runs; None for the batch engine.

    Raises:
        LinkageError: as `link`; SparkFailed.
        EngineMissing, UsageError: Spark cannot be had like this.
    """
    if spark is None:
        return link(
            records,
            model,
            policy,
            constraints,
            pinned_keys=pinned_keys,
            progress=progress,
            memory_limit_gb=memory_limit_gb,
        )
    from linkage.spark.pipeline import link_on_spark

    progress("start Spark")
    with spark_workspace(spark, memory_limit_gb) as workspace:
        return link_on_spark(
            records, model, policy, constraints, pinned_keys=pinned_keys, workspace=workspace, progress=progress
        )
