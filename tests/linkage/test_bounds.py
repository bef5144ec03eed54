"""Bounds of weights: never under the weight, and low enough to spare work."""

from __future__ import annotations

import string
from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.batch import BatchEngine
from linkage.bounds import PairCodes, Truths, most_bits, verdict
from linkage.comparisons import COMPARISONS
from linkage.conditions import AllOf, AnyOf, Condition, Contained, DigitsDiffer, Initial, OneEdit, Similar
from linkage.text_shapes import ShapePairs, TextShapes
from linkage.weights import CompiledModel
from tests.linkage.edge_cases import edge_cases
from tests.linkage.invented import record, table_of
from tests.linkage.models import frequencies_of, made_model

RECORDS = edge_cases(260, seed=11)
LEFT, RIGHT = np.triu_indices(len(RECORDS), 1)


@pytest.fixture(scope="module")
def engine() -> Iterator[BatchEngine]:
    with BatchEngine(table_of(RECORDS)) as made:
        yield made


@pytest.fixture(scope="module")
def compiled(engine: BatchEngine) -> CompiledModel:
    return engine.use_model(made_model(frequencies=frequencies_of(RECORDS)))


def _conditions(condition: Condition) -> Iterator[Condition]:
    yield condition
    if isinstance(condition, AllOf | AnyOf):
        for part in condition.conditions:
            yield from _conditions(part)


CONDITIONS = {
    f"{comparison.name}: {part}": part
    for comparison in COMPARISONS
    for condition in (comparison.missing, *(level.condition for level in comparison.levels))
    for part in _conditions(condition)
}


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS.keys())
def test_what_holds_is_possible_and_what_is_certain_holds(engine: BatchEngine, condition: Condition) -> None:
    pairs = PairCodes(engine.codes(COMPARISONS), LEFT, RIGHT)
    possibly, certainly = (np.broadcast_to(truths, LEFT.shape) for truths in verdict(condition, pairs))
    holds = _holds(engine, condition)
    assert not (holds & ~possibly).any()
    assert not (certainly & ~holds).any()


def _holds(engine: BatchEngine, condition: Condition) -> Truths:
    """As DuckDB says."""
    engine.con.register("these_pairs", pa.table({"a": LEFT, "b": RIGHT, "place": np.arange(len(LEFT))}))
    sides = ", ".join(f'{side}."{name}" as "{name}_{side}"' for side in "lr" for name in table_of(RECORDS).column_names)
    found = engine.con.execute(
        f"select coalesce({condition.sql()}, false) as holds from (select place, {sides} from these_pairs "
        "join records l on l.record = a join records r on r.record = b) order by place"
    ).to_arrow_table()
    holds: Truths = found["holds"].to_numpy()
    return holds


def test_no_pair_weighs_more_than_its_bound_and_most_bounds_are_near(
    engine: BatchEngine, compiled: CompiledModel
) -> None:
    weighed = engine.weigh_pairs(LEFT, RIGHT, compiled)
    corrections = {
        k: engine._corrections[c.frequency_column][weighed.left]
        for k, c in enumerate(compiled.comparisons)
        if c.frequency_column
    }
    pairs = PairCodes(engine.codes(COMPARISONS), weighed.left, weighed.right)
    bounds = most_bits(pairs, corrections, engine.priors(weighed.left, weighed.right), compiled)
    assert (bounds >= weighed.weight - 1e-9).all()
    unlikely = weighed.weight < 0.0
    assert (bounds[unlikely] < 0.0).mean() > 0.9, "the bound should spare most comparisons"


def test_only_pairs_under_the_least_weight_are_left_out(engine: BatchEngine, compiled: CompiledModel) -> None:
    engine.block(made_model().blocking_rules, 10_000)
    every = engine.candidates()
    all_weighed = engine.weigh_pairs(every.left, every.right, compiled)
    kept = engine.weigh_candidates(compiled, 2.0)
    wanted = all_weighed.where(all_weighed.weight >= 2.0)
    assert sorted(zip(kept.left, kept.right, kept.weight, strict=True)) == sorted(
        zip(wanted.left, wanted.right, wanted.weight, strict=True)
    )
    assert 0 < len(kept) < len(every.left)


def test_records_without_any_value_weigh_what_nothing_says(compiled: CompiledModel) -> None:
    with BatchEngine(table_of([record(1), record(2)])) as engine:
        engine.set_class_frequencies(compiled.model)
        rows = np.array([0]), np.array([1])
        bounds = most_bits(PairCodes(engine.codes(COMPARISONS), *rows), {}, engine.priors(*rows), compiled)
        assert bounds == pytest.approx(engine.weigh_pairs(*rows, compiled).weight)


WORDS = st.text(alphabet=string.ascii_lowercase[:6] + "09- ", min_size=1, max_size=18)


@given(WORDS, WORDS)
def test_shapes_never_rule_out_what_holds(left: str, right: str) -> None:
    shapes = TextShapes.of(pa.array([left, right]))
    pair = ShapePairs.of(shapes.take(np.array([0])), shapes.take(np.array([1])))
    possible: dict[Condition, Truths] = {
        Similar("email", 0.78): pair.most_jaro_winkler() >= 0.78,
        Similar("email", 0.9): pair.most_jaro_winkler() >= 0.9,
        OneEdit("email"): pair.may_be_one_edit(4),
        Contained("email"): pair.may_contain(3),
        Initial("email"): pair.is_initial(),
        DigitsDiffer("email", 1): pair.may_differ_in(1),
        DigitsDiffer("email", 2): pair.may_differ_in(2),
    }
    asked = ", ".join(condition.sql() for condition in possible)
    holds = duckdb.execute(
        f"select {asked} from (select $l as email_l, $r as email_r)", {"l": left, "r": right}
    ).fetchone()
    for condition, held in zip(possible, holds or (), strict=True):
        assert possible[condition][0] or not held, condition
