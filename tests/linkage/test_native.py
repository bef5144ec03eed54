"""One computation, two speeds: a few records linked natively become the persons that relinking makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.policy import LinkagePolicy, load_policy
from linkage.blocking import key_number
from linkage.model import Model
from linkage.native import NativeEngine
from linkage.normalise import normalise
from linkage.pipeline import link, link_few
from linkage.record import Constraints, NormalisedRecord, SourceRecord
from linkage.weights import compile_model
from tests.linkage.edge_cases import edge_cases
from tests.linkage.invented import TODAY, record, table_of
from tests.linkage.models import made_model
from training.fit import fit
from training.population import generate

POLICY = load_policy()


def _normalised(row: dict[str, Any]) -> NormalisedRecord:
    source, record_id = row.pop("source"), row.pop("source_record_id")
    values = {name: value for name, value in row.items() if value}
    return normalise(SourceRecord(source, record_id, values), TODAY)[0]


@pytest.fixture(scope="module")
def population() -> list[NormalisedRecord]:
    return [_normalised(row) for row in generate(60, seed=23).records.to_pylist()]


@pytest.fixture(scope="module")
def model(population: list[NormalisedRecord]) -> Model:
    return fit(table_of(population), seed=1).model


def assert_same(records: Sequence[NormalisedRecord], model: Model, policy: LinkagePolicy, decided: Constraints) -> None:
    batch = link(table_of(records), model, policy, decided)
    native = link_few(records, compile_model(model), policy, decided)
    assert native.cluster.tolist() == batch.cluster.tolist()
    assert native.component.tolist() == batch.component.tolist()
    np.testing.assert_allclose(native.probability, batch.probability, atol=1e-9)
    assert native.reviews.left.tolist() == batch.reviews.left.tolist()
    assert native.reviews.right.tolist() == batch.reviews.right.tolist()
    np.testing.assert_allclose(native.reviews.weight_bits, batch.reviews.weight_bits, atol=2e-6)
    assert native.oversized_components == batch.oversized_components


@pytest.mark.parametrize("link_bits", [0.0, 12.0])
def test_a_population(population: list[NormalisedRecord], model: Model, link_bits: float) -> None:
    assert_same(population, model, POLICY.model_copy(update={"link_threshold_bits": link_bits}), Constraints())


def test_components_above_the_cap(population: list[NormalisedRecord], model: Model) -> None:
    policy = POLICY.model_copy(update={"max_component_records": 6, "link_threshold_bits": 0.0})
    native = link_few(population, compile_model(model), policy, Constraints())
    assert native.oversized_components, "the cap is low enough to be met"
    assert_same(population, model, policy, Constraints())


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_with_judgements(population: list[NormalisedRecord], model: Model, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(population) - 40))
    records = population[start : start + 40]
    pairs = st.tuples(st.integers(0, 39), st.integers(0, 39)).filter(lambda pair: pair[0] < pair[1])
    same = data.draw(st.sets(pairs, max_size=3))
    touched = {row for pair in same for row in pair}
    apart = {pair for pair in data.draw(st.sets(pairs, max_size=3)) if not touched & set(pair)}
    keyed = [{(records[a].key, records[b].key) for a, b in found} for found in (same, apart)]
    assert_same(records, model, POLICY, Constraints(frozenset(keyed[0]), frozenset(keyed[1])))


def test_records_at_the_edge_of_what_normalising_gives() -> None:
    assert_same(edge_cases(30, seed=5), made_model(), POLICY, Constraints())


def test_a_key_that_is_ignored_makes_no_candidates() -> None:
    twice = [record(n, phone="2135550100", first_name="Ana") for n in (1, 2)]
    compiled = compile_model(made_model())
    assert [side.tolist() for side in NativeEngine(twice, compiled).candidates()] == [[0], [1]]
    ignored = {key_number("telephone, first initial", "2135550100|a")}
    assert not len(NativeEngine(twice, compiled, ignored).candidates()[0])
