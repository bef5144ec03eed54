"""Linking on Spark finds what linking in this process finds: candidates, patterns, weights, persons, questions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from config.policy import LinkagePolicy, load_policy
from linkage.blocking import key_number, number_rules_as
from linkage.columns import RecordColumns, pairs_within
from linkage.compare import agreement_levels
from linkage.comparisons import COMPARISONS
from linkage.errors import ExplodingRule, SparkFailed
from linkage.model import Model, value_digest
from linkage.native import NativeEngine
from linkage.pairs import WeighedPairs
from linkage.pipeline import LinkResult, link
from linkage.record import Constraints, NormalisedRecord
from linkage.spark.pipeline import link_on_spark
from linkage.spark.weighing import levels_query
from linkage.spark.workspace import Workspace
from linkage.weights import compile_model
from tests.linkage.edge_cases import edge_cases
from tests.linkage.invented import table_of
from tests.linkage.models import frequencies_of, made_model

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # pyspark leaves sockets to be collected
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

RECORDS = 480
TOLERANCE_BITS = 1e-9
POLICY: LinkagePolicy = load_policy().model_copy(update={"max_block_records": 16, "max_component_records": 25})
"""With so few records, some blocks and components are too large under it."""

SECRET = "the first rule's other name"


@pytest.fixture(scope="module")
def records() -> list[NormalisedRecord]:
    return edge_cases(RECORDS, seed=5)


@pytest.fixture(scope="module")
def model(records: list[NormalisedRecord]) -> Model:
    phone = next(record.phone for record in records if record.phone)
    return made_model(frequencies=frequencies_of(records), generic_values={"phone": (value_digest(phone),)})


@pytest.fixture(scope="module")
def constraints(records: list[NormalisedRecord], model: Model) -> Constraints:
    """Two records of one person are kept apart, and two of different persons are made one."""
    cluster = link(table_of(records), model, POLICY).cluster
    a = next(row for row in range(RECORDS) if np.count_nonzero(cluster == cluster[row]) > 1)
    b = next(row for row in range(a + 1, RECORDS) if cluster[row] == cluster[a])
    c = next(row for row in range(RECORDS) if cluster[row] != cluster[a])
    return Constraints(
        must_link=frozenset({(records[b].key, records[c].key)}),
        cannot_link=frozenset({(records[a].key, records[b].key)}),
    )


@pytest.fixture(scope="module")
def workspace(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(spark, tmp_path_factory.mktemp("stages"))


@pytest.fixture(scope="module")
def on_spark(
    workspace: Workspace, records: list[NormalisedRecord], model: Model, constraints: Constraints
) -> LinkResult:
    return link_on_spark(table_of(records), model, POLICY, constraints, workspace=workspace)


@pytest.fixture(scope="module")
def here(records: list[NormalisedRecord], model: Model, constraints: Constraints) -> LinkResult:
    return link(table_of(records), model, POLICY, constraints)


def in_order(pairs: WeighedPairs) -> WeighedPairs:
    low, high = np.minimum(pairs.left, pairs.right), np.maximum(pairs.left, pairs.right)
    return pairs.where(np.lexsort((high, low)))


def test_every_record_is_the_person_that_it_is_here(on_spark: LinkResult, here: LinkResult) -> None:
    assert 1 < len(np.unique(here.cluster)) < RECORDS
    assert np.array_equal(on_spark.cluster, here.cluster)
    assert np.array_equal(on_spark.component, here.component)
    assert on_spark.probability == pytest.approx(here.probability, abs=1e-12)


def test_all_pairs_of_components_have_the_same_patterns_and_weights(on_spark: LinkResult, here: LinkResult) -> None:
    there, beside = in_order(on_spark.pairs), in_order(here.pairs)
    assert len(there) == len(beside) > 1_000
    assert np.array_equal(there.left + there.right, beside.left + beside.right)
    assert np.array_equal(there.levels, beside.levels)
    for name in ("weight", "against_stranger", "against_sibling"):
        assert getattr(there, name) == pytest.approx(getattr(beside, name), abs=TOLERANCE_BITS)


def test_the_same_is_asked_and_reported(on_spark: LinkResult, here: LinkResult) -> None:
    assert np.array_equal(on_spark.reviews.left, here.reviews.left)
    assert np.array_equal(on_spark.reviews.right, here.reviews.right)
    assert on_spark.reviews.weight_bits == pytest.approx(here.reviews.weight_bits, abs=1e-6)
    assert on_spark.oversized_components == here.oversized_components != ()
    assert set(on_spark.oversized_keys) == set(here.oversized_keys) != set()


def test_candidates_are_the_pairs_that_share_a_key(
    workspace: Workspace, on_spark: LinkResult, records: list[NormalisedRecord], model: Model
) -> None:
    table = workspace.read("candidates")
    found = set(zip(table["join_key_l"].to_pylist(), table["join_key_r"].to_pylist(), strict=True))
    too_many = {key.key for key in on_spark.oversized_keys}
    left, right = NativeEngine(records, compile_model(model), too_many).candidates()
    assert found == set(zip(left.tolist(), right.tolist(), strict=True))
    assert on_spark.candidate_pairs == table.num_rows == len(found)


def test_all_pairs_have_the_pattern_that_the_native_scorer_gives_them(
    workspace: Workspace, on_spark: LinkResult, records: list[NormalisedRecord], model: Model
) -> None:
    low, high = np.triu_indices(RECORDS, 1)
    turned = np.arange(len(low)) % 2 == 1  # half of the pairs the other way round
    left, right = np.where(turned, high, low).astype(np.int32), np.where(turned, low, high).astype(np.int32)
    workspace.write("all_pairs", pa.table({"join_key_l": left, "join_key_r": right}))
    native = NativeEngine(records, compile_model(model))  # without generic values
    found = levels_query(workspace, "all_pairs", COMPARISONS, []).toArrow()
    rows = [found.column(side).to_numpy().astype(np.int64) for side in ("record_l", "record_r")]
    seen = pairs_within(RecordColumns.of(native._records), *rows)
    levels = agreement_levels(seen, COMPARISONS)
    assert found.num_rows == len(low) > 100_000
    differing = {
        c.name: int((found.column(f"g{k}").to_numpy() != levels[:, k]).sum()) for k, c in enumerate(COMPARISONS)
    }
    assert differing == {c.name: 0 for c in COMPARISONS}


def test_keys_that_are_left_out_have_the_numbers_that_the_store_knows_them_by(
    spark: Any, tmp_path: Path, records: list[NormalisedRecord]
) -> None:
    """Under names that only this process knows: the workers are not told."""
    rule = "case, first initial"
    model = made_model().model_copy(update={"blocking_rules": (rule,)})
    policy = POLICY.model_copy(update={"max_block_records": 2})
    number_rules_as({rule: SECRET})
    try:
        found = link_on_spark(table_of(records), model, policy, workspace=Workspace(spark, tmp_path))
        keys = {
            f"{record.case_id}|{record.first_name[0]}" for record in records if record.case_id and record.first_name
        }
        numbers = {key_number(rule, key) for key in keys}
    finally:
        number_rules_as({})
    assert found.oversized_keys
    assert {key.key for key in found.oversized_keys} <= numbers


@pytest.mark.parametrize("secret", [False, True])
def test_pinned_keys_make_no_candidates_and_others_have_the_hard_bound(
    spark: Any, tmp_path: Path, records: list[NormalisedRecord], model: Model, secret: bool
) -> None:
    number_rules_as({rule: f"{SECRET} {rule}" for rule in model.blocking_rules[:2]} if secret else {})
    try:
        table = table_of(records)
        found = {key.key for key in link(table, model, POLICY).oversized_keys}
        pinned = set(sorted(found)[::2])
        assert pinned
        here = link(table, model, POLICY, pinned_keys=pinned)
        natively = NativeEngine(records, compile_model(model), pinned).candidate_pairs()
        there = link_on_spark(table, model, POLICY, pinned_keys=pinned, workspace=Workspace(spark, tmp_path))
    finally:
        number_rules_as({})
    assert there.candidate_pairs == len(natively)
    assert there.cluster.tolist() == here.cluster.tolist()


def test_a_rule_that_would_explode_is_refused(
    spark: Any, tmp_path: Path, records: list[NormalisedRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linkage.candidates.FEW_PAIRS", 10)
    policy = POLICY.model_copy(update={"max_pairs_per_record": 0.001})
    with pytest.raises(ExplodingRule, match=r"would make .* pairs of 480 records.*largest blocks hold \d"):
        link_on_spark(table_of(records), made_model(), policy, workspace=Workspace(spark, tmp_path))


def test_what_spark_cannot_do_is_said_without_values(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()  # where the prepared records are to stand
    with pytest.raises(SparkFailed, match='could not finish the stage "prepare"'):
        link_on_spark(table_of(edge_cases(5, seed=1)), made_model(), POLICY, workspace=Workspace(spark, tmp_path))
