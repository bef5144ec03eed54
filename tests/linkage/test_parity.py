"""The batch engine and the native scorer agree on every pair: the same pattern, the same weights to 1e-9."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from linkage.batch import BatchEngine, WeighedPairs
from linkage.columns import RecordColumns, one_against_many, pairs_within
from linkage.compare import agreement_levels
from linkage.comparisons import COMPARISONS
from linkage.model import ClassFrequencies, Model, value_digest
from linkage.record import COLUMNS, NormalisedRecord
from linkage.weights import PairWeights, compile_model, match_weights
from tests.linkage.edge_cases import edge_cases
from tests.linkage.invented import table_of
from tests.linkage.models import frequencies_of, made_model

RECORDS = 480
LEAST_PAIRS = 100_000
TOLERANCE_BITS = 1e-9


@dataclass(frozen=True, slots=True)
class BothEngines:
    """The same pairs, weighed twice, in the same order."""

    records: list[NormalisedRecord]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    batch: WeighedPairs
    native_levels: NDArray[np.int8]
    native: PairWeights


@pytest.fixture(scope="module")
def both() -> BothEngines:
    records = edge_cases(RECORDS, seed=5)
    model = _model(records)
    low, high = np.triu_indices(RECORDS, 1)
    turned = np.arange(len(low)) % 2 == 1  # half of the pairs the other way round
    left, right = np.where(turned, high, low), np.where(turned, low, high)
    with BatchEngine(table_of(records)) as engine:
        compiled = engine.use_model(model)
        engine.set_pairs("parity", left, right)
        batch = engine.weigh("parity", compiled)
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    columns = RecordColumns.of([without_generic(r, model) for r in records])
    pairs = pairs_within(columns, left, right)
    levels = agreement_levels(pairs, compiled.comparisons)
    return BothEngines(records, left, right, _in_order(batch), levels, match_weights(pairs, levels, compiled))


def _model(records: list[NormalisedRecord]) -> Model:
    generic = {
        "phone": (value_digest(next(r.phone for r in records if r.phone)),),
        "identifiers": (value_digest(next(r.identifiers[0] for r in records if r.identifiers)),),
    }
    between = {"cws_cms|meds": ClassFrequencies(same_person=0.02, twins=1e-4, household=0.001)}
    return made_model(frequencies=frequencies_of(records), by_sources=between, generic_values=generic)


def without_generic(record: NormalisedRecord, model: Model) -> NormalisedRecord:
    """What the batch engine does to its table, for one record."""
    kept: dict[str, object] = {}
    for column, digests in model.generic_values.items():
        value = getattr(record, column)
        if isinstance(value, tuple):
            kept[column] = tuple(v for v in value if value_digest(v) not in digests)
        elif value is not None and value_digest(value) in digests:
            kept[column] = None
    return replace(record, **kept)  # type: ignore[arg-type]


def _in_order(pairs: WeighedPairs) -> WeighedPairs:
    order = np.lexsort((pairs.right, pairs.left))
    return WeighedPairs(*(getattr(pairs, name)[order] for name in WeighedPairs.__slots__))


def test_the_pairs_are_many_and_every_level_of_every_comparison_occurs(both: BothEngines) -> None:
    assert len(both.left) >= LEAST_PAIRS
    unseen = {
        f"{comparison.name}: {label}"
        for k, comparison in enumerate(COMPARISONS)
        for level, label in enumerate(("missing", *comparison.labels), start=-1)
        if not (both.native_levels[:, k] == level).any()
    }
    assert unseen == set()


def test_the_records_hold_the_edge_cases(both: BothEngines) -> None:
    records = both.records
    assert any(r.first_name is None for r in records)
    assert any(r.first_name and len(r.first_name) == 1 for r in records)
    assert any(r.last_name and len(r.last_name) == 1 for r in records)
    assert any(r.birth_year and not r.birth_month for r in records)
    assert any(r.birth_month and not r.birth_day for r in records)
    assert any(len(r.last_tokens) > 2 for r in records), "aliases"
    assert any(len(r.identifiers) > 1 for r in records)
    assert all(
        any(getattr(r, name) in (None, ()) for r in records)
        for name in COLUMNS
        if name not in ("source", "source_record_id")
    )


def test_patterns_are_equal(both: BothEngines) -> None:
    assert np.array_equal(both.batch.left, both.left)
    assert np.array_equal(both.batch.right, both.right)
    differing = {
        comparison.name: int((both.batch.levels[:, k] != both.native_levels[:, k]).sum())
        for k, comparison in enumerate(COMPARISONS)
        if (both.batch.levels[:, k] != both.native_levels[:, k]).any()
    }
    assert differing == {}


@pytest.mark.parametrize("weight", ["weight", "against_stranger", "against_sibling"])
def test_weights_are_equal_to_a_billionth_of_a_bit(both: BothEngines, weight: str) -> None:
    difference = np.abs(getattr(both.batch, weight) - getattr(both.native, weight))
    assert np.isfinite(difference).all()
    assert difference.max() <= TOLERANCE_BITS


def test_pairs_under_a_least_weight_are_left_out_and_no_others(both: BothEngines) -> None:
    records = both.records[:120]
    compiled = compile_model(_model(both.records))
    left, right = np.triu_indices(len(records), 1)
    with BatchEngine(table_of(records)) as engine:
        engine.use_model(compiled.model)
        engine.set_pairs("all_pairs", left, right)
        kept = engine.weigh("all_pairs", compiled, 0.0)
    inside = (both.left < 120) & (both.right < 120) & (both.native.weight >= 0.0)
    native = {frozenset(pair) for pair in zip(both.left[inside], both.right[inside], strict=True)}
    assert {frozenset(pair) for pair in zip(kept.left, kept.right, strict=True)} == native
    assert 0 < len(kept) < len(left)


def test_one_record_against_many_weighs_what_the_pairs_weigh(both: BothEngines) -> None:
    model = _model(both.records)
    compiled = compile_model(model)
    columns = RecordColumns.of([without_generic(r, model) for r in both.records[1:]])
    pairs = one_against_many(without_generic(both.records[0], model), columns)
    weights = match_weights(pairs, agreement_levels(pairs, compiled.comparisons), compiled).weight
    expected: dict[int, float] = dict(_partners_of_first(both))
    assert weights == pytest.approx([expected[i] for i in range(1, RECORDS)], abs=TOLERANCE_BITS)


def _partners_of_first(both: BothEngines) -> Iterator[tuple[int, float]]:
    for left, right, weight in zip(both.left, both.right, both.batch.weight, strict=True):
        if 0 in (left, right):
            yield int(max(left, right)), float(weight)
