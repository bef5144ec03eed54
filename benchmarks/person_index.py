"""The person index itself as the accuracy benchmark runs it: normalise, fit without labels, link under two policies."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from benchmarks.datasets import BenchmarkData
from benchmarks.scoring import CandidatePairs, Rows
from config.policy import LinkagePolicy, load_policy
from index_service.linking_files import policy_at
from linkage.batch import BatchEngine
from linkage.model import Model
from linkage.normalise import normalise
from linkage.pipeline import LinkResult, link
from linkage.record import Constraints, NormalisedRecord, SourceRecord
from linkage.record_table import table_of
from linkage.weights import probability
from training.fit import fit

LINK_THRESHOLD = 0.5
NEARLY_CERTAIN = 0.99


@dataclass(frozen=True, slots=True)
class PolicyRun:
    """The partition under one policy and how far its stated probabilities can be believed.

    `nearly_certain_pairs` counts the scored pairs stated at `NEARLY_CERTAIN` or more, `nearly_certain_right` those of
    them that are one person; `reviews` the cluster pairs left to a steward.
    """

    cluster: Rows
    seconds: float
    reviews: int
    nearly_certain_pairs: int
    nearly_certain_right: int
    timings: dict[str, float]


@dataclass(frozen=True, slots=True)
class IndexRun:
    """One fitted model and the partitions under each policy, by the policy's name."""

    runs: Mapping[str, PolicyRun]
    candidates: CandidatePairs
    settings: dict[str, Any]
    timings: dict[str, float]


def fit_and_link(data: BenchmarkData, seed: int) -> IndexRun:
    """Fit a model on the records alone and link them as `person-index link` does and as the service does."""
    started = time.perf_counter()
    records = normalised(data)
    normalised_at = time.perf_counter()
    model = fit(records, seed=seed).model
    fitted_at = time.perf_counter()
    policies = (policy_at(LINK_THRESHOLD), load_policy())
    return IndexRun(
        runs={policy.name: _linked(data, records, model, policy) for policy in policies},
        candidates=candidates_of(records, model, policies[0]),
        settings={"model": model.fingerprint, "policies": {p.name: p.link_threshold_bits for p in policies}},
        timings={"normalise": normalised_at - started, "train": fitted_at - normalised_at},
    )


def normalised(data: BenchmarkData) -> pa.Table:
    """Normalise every record; one row per record, in order."""
    return table_of(_normalised(data))


def _normalised(data: BenchmarkData) -> Iterator[NormalisedRecord]:
    for batch in data.records.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            source, record_id = row.pop("source"), row.pop("source_record_id")
            record, _ = normalise(SourceRecord(source, record_id, {k: v for k, v in row.items() if v is not None}))
            yield record


def candidates_of(records: pa.Table, model: Model, policy: LinkagePolicy) -> CandidatePairs:
    """List the pairs that the model's blocking rules bring together."""
    with BatchEngine(records) as engine:
        engine.use_model(model)
        engine.block(model.blocking_rules, policy.max_block_records)
        found = engine.candidates()
    return CandidatePairs(found.left, found.right)


def _linked(data: BenchmarkData, records: pa.Table, model: Model, policy: LinkagePolicy) -> PolicyRun:
    started = time.perf_counter()
    result = link(records, model, policy, Constraints())
    seconds = time.perf_counter() - started
    sure, right = _nearly_certain(data, result)
    return PolicyRun(
        cluster=result.cluster,
        seconds=seconds,
        reviews=len(result.reviews.left),
        nearly_certain_pairs=sure,
        nearly_certain_right=right,
        timings=dict(result.timings),
    )


def _nearly_certain(data: BenchmarkData, result: LinkResult) -> tuple[int, int]:
    sure = probability(result.pairs.weight) >= NEARLY_CERTAIN
    right = data.truth[result.pairs.left[sure]] == data.truth[result.pairs.right[sure]]
    return int(sure.sum()), int(right.sum())
