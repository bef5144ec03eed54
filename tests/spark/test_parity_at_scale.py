"""Linking many records on Spark and in this process: every record is the same person, every pair weighs the same.

A hundred thousand records of the synthetic population unless PERSON_INDEX_SPARK_RECORDS says how many.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from config.policy import load_policy
from index_service.models import read_model
from linkage.normalise import normalise
from linkage.pipeline import LinkResult, link
from linkage.record import SourceRecord
from linkage.record_table import table_of
from linkage.spark.pipeline import link_on_spark
from linkage.spark.workspace import Workspace
from tests.spark.test_linking import TOLERANCE_BITS, in_order
from training.population.generate import records_for

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # pyspark leaves sockets to be collected
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

RECORDS = int(os.environ.get("PERSON_INDEX_SPARK_RECORDS", "100000"))


def normalised(records: int) -> pa.Table:
    """About so many records of the synthetic population."""
    made = records_for(records, seed=2).records
    return table_of(
        normalise(
            SourceRecord(row.pop("source"), row.pop("source_record_id"), {name: v for name, v in row.items() if v})
        )[0]
        for batch in made.to_batches(max_chunksize=10_000)
        for row in batch.to_pylist()
    )


@pytest.fixture(scope="module")
def both(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[LinkResult, LinkResult]:
    """What linking finds on Spark, and here."""
    records, model, policy = normalised(RECORDS), read_model(), load_policy()
    folder: Path = tmp_path_factory.mktemp("at-scale")
    there = link_on_spark(records, model, policy, workspace=Workspace(spark, folder))
    return there, link(records, model, policy)


def test_every_record_is_the_same_person(both: tuple[LinkResult, LinkResult]) -> None:
    there, here = both
    assert len(here.cluster) > 0.9 * RECORDS
    assert 1 < len(np.unique(here.cluster)) < len(here.cluster)
    assert np.array_equal(there.cluster, here.cluster)
    assert np.array_equal(there.component, here.component)
    assert np.abs(there.probability - here.probability).max() <= 1e-12


def test_every_pair_has_the_same_pattern_and_weight(both: tuple[LinkResult, LinkResult]) -> None:
    there, here = (in_order(result.pairs) for result in both)
    assert len(there) == len(here) > RECORDS
    for side in (np.minimum, np.maximum):
        assert np.array_equal(side(there.left, there.right), side(here.left, here.right))
    assert np.array_equal(there.levels, here.levels)
    for name in ("weight", "against_stranger", "against_sibling"):
        assert np.abs(getattr(there, name) - getattr(here, name)).max() <= TOLERANCE_BITS


def test_the_same_is_asked_and_left_out(both: tuple[LinkResult, LinkResult]) -> None:
    there, here = both
    assert there.candidate_pairs == here.candidate_pairs
    assert np.array_equal(there.reviews.left, here.reviews.left)
    assert np.array_equal(there.reviews.right, here.reviews.right)
    assert there.oversized_components == here.oversized_components
    assert set(there.oversized_keys) == set(here.oversized_keys)
