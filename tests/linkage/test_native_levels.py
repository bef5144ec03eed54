"""The native levels are those of the SQL on any texts, and do not depend on how many pairs are judged together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from linkage.columns import Pairs, RecordColumns, one_against_many, pairs_within
from linkage.compare import agreement_levels
from linkage.comparisons import COMPARISONS, Comparison, Level, level_sql
from linkage.conditions import (
    MEASURED_AT_ONCE_FROM,
    Across,
    AllOf,
    AnyOf,
    Condition,
    Contained,
    Crossed,
    CrossedSimilar,
    DigitsDiffer,
    Disjoint,
    Initial,
    Missing,
    OneEdit,
    Overlap,
    Said,
    Same,
    Silent,
    Similar,
    Similarities,
    Told,
    Within,
)
from linkage.record import COLUMNS, NormalisedRecord
from linkage.weights import compile_model, match_weights
from tests.linkage.edge_cases import edge_cases
from tests.linkage.invented import table_of
from tests.linkage.models import frequencies_of, made_model

_texts = st.none() | st.text(alphabet="ab", min_size=1, max_size=6) | st.text("abcdr'@. 1", min_size=1, max_size=12)
_lists = st.lists(st.sampled_from(("a", "b", "ab", "ba")), max_size=3, unique=True).map(sorted).map(tuple)
_values: dict[str, st.SearchStrategy[object]] = {
    "text": _texts,
    "integer": st.none() | st.integers(1, 4),
    "boolean": st.none() | st.booleans(),
    "text[]": _lists,
}
_records = st.builds(
    NormalisedRecord,
    **{**{name: _values[kind] for name, kind in COLUMNS.items()}, "source": st.just("meds")},
)

_CONDITIONS: tuple[Condition, ...] = (
    Same("street"),
    Missing("street"),
    Similar("street", 0.78),
    Similar("street", 0.9),
    OneEdit("street"),
    OneEdit("street", 2),
    DigitsDiffer("street", 1),
    DigitsDiffer("street", 2),
    Overlap("identifiers"),
    Disjoint("identifiers"),
    Contained("street"),
    Contained("street", 1),
    Initial("street"),
    Crossed("street", "city"),
    Across("street", "city"),
    Silent("street"),
    Silent("birth_day"),
    Told("street"),
    CrossedSimilar("street", "city", 0.8),
    Within("birth_day", 1),
    Said("birth_estimated"),
    AllOf((Same("street"), Same("city"))),
    AnyOf((Same("street"), Within("birth_day", 1), AllOf((Said("birth_estimated"), Similar("city", 0.8))))),
)
_NEVER_MISSING = AllOf((Same("sex"), Missing("sex")))
_EACH_CONDITION = tuple(
    Comparison(f"{how}_{i}", "person", missing, (Level("holds", condition, 0.5),))
    for i, condition in enumerate(_CONDITIONS)
    for how, missing in (("never_missing", _NEVER_MISSING), ("missing", Missing("street")))
)


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("set threads = 1")
        yield con


def _levels_in_sql(
    con: duckdb.DuckDBPyConnection, records: list[NormalisedRecord], declared: tuple[Comparison, ...]
) -> NDArray[np.int8]:
    """Of all pairs, row by row."""
    con.register("given", table_of(records))
    sides = [", ".join(f'"{name}" as {name}_{side}' for name in COLUMNS) for side in "lr"]
    numbered = "(select *, row_number() over () as row from given)"
    levels = ", ".join(f"{level_sql(comparison)} as level_{k}" for k, comparison in enumerate(declared))
    con.execute(
        f"select {levels} from (select row as row_l, {sides[0]} from {numbered}), "
        f"(select row as row_r, {sides[1]} from {numbered}) order by row_l, row_r"
    )
    found = con.fetchnumpy()
    return np.column_stack([found[f"level_{k}"] for k in range(len(declared))])


def _all_pairs(records: list[NormalisedRecord]) -> Pairs:
    left, right = np.divmod(np.arange(len(records) ** 2), len(records))
    return pairs_within(RecordColumns.of(records), left, right)


@settings(max_examples=25, deadline=None)
@given(records=st.lists(_records, min_size=2, max_size=MEASURED_AT_ONCE_FROM + 6))
@pytest.mark.parametrize("declared", [COMPARISONS, _EACH_CONDITION], ids=["comparisons", "conditions"])
def test_levels_are_those_of_the_sql(
    duck: duckdb.DuckDBPyConnection, declared: tuple[Comparison, ...], records: list[NormalisedRecord]
) -> None:
    expected = _levels_in_sql(duck, records, declared)
    assert np.array_equal(agreement_levels(_all_pairs(records), declared), expected)
    columns = RecordColumns.of(records)
    beside = [agreement_levels(one_against_many(record, columns), declared) for record in records]
    assert np.array_equal(np.concatenate(beside), expected)


@settings(max_examples=200, deadline=None)
@given(text=st.text("abcdr", min_size=1, max_size=20), others=st.lists(st.text("abcdr", min_size=1, max_size=20)))
def test_texts_measured_at_once_are_as_similar_to_the_last_bit_as_one_by_one(text: str, others: list[str]) -> None:
    at_once = Similarities(text, [*others, None, *"abcdefghijklmnopqrst"])
    one_by_one = Similarities(text)
    assert [at_once[other] for other in others] == [one_by_one[other] for other in others]


@settings(max_examples=15, deadline=None)
@given(rows=st.lists(st.integers(0, 119), min_size=1, max_size=60), one=st.integers(0, 119))
def test_a_pair_weighs_the_same_to_the_last_bit_in_whatever_company(rows: list[int], one: int) -> None:
    chosen = [_RECORDS[row] for row in rows]
    together = one_against_many(_RECORDS[one], RecordColumns.of(chosen))
    levels = agreement_levels(together, _COMPILED.comparisons)
    weights = match_weights(together, levels, _COMPILED).weight
    within = pairs_within(RecordColumns.of(_RECORDS), np.full(len(rows), one), np.array(rows))
    assert np.array_equal(agreement_levels(within, _COMPILED.comparisons), levels)
    assert np.array_equal(match_weights(within, levels, _COMPILED).weight, weights)
    alone = one_against_many(_RECORDS[one], RecordColumns.of(chosen[:1]))
    assert np.array_equal(agreement_levels(alone, _COMPILED.comparisons), levels[:1])
    assert match_weights(alone, levels[:1], _COMPILED).weight[0] == weights[0]


_RECORDS = edge_cases(120, seed=51)
_COMPILED = compile_model(made_model(frequencies=frequencies_of(_RECORDS)))


def test_many_pairs_are_judged_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = agreement_levels(_all_pairs(_RECORDS[:30]), COMPARISONS)
    monkeypatch.setattr("linkage.compare.PAIRS_AT_ONCE", 7)
    assert np.array_equal(agreement_levels(_all_pairs(_RECORDS[:30]), COMPARISONS), whole)


def test_a_comparison_declared_anew_under_its_name_is_compiled_anew() -> None:
    pair = one_against_many(
        replace(_RECORDS[0], sex="f", suffix="jr"), RecordColumns.of([replace(_RECORDS[1], sex="f", suffix="ii")])
    )
    by_sex, by_suffix = (
        Comparison("made_up", "person", Missing(column), (Level("same", Same(column), 0.9),))
        for column in ("sex", "suffix")
    )
    assert agreement_levels(pair, [by_sex]).tolist() == [[1]]
    assert agreement_levels(pair, [by_suffix]).tolist() == [[0]]


def test_rows_of_the_store_make_the_same_columns_as_records() -> None:
    rows = [
        [list(value) if isinstance(value, tuple) else value for value in (getattr(record, name) for name in COLUMNS)]
        for record in _RECORDS
    ]
    of_rows, of_records = RecordColumns.of_rows(rows), RecordColumns.of(_RECORDS)
    assert of_rows.size == of_records.size
    for name in COLUMNS:
        assert list(of_rows.column(name)) == list(of_records.column(name))
        assert list(RecordColumns.of_rows([]).column(name)) == []


def test_a_model_is_compiled_once() -> None:
    model = made_model()
    assert compile_model(model) is compile_model(model)
    others = [made_model(seed=seed) for seed in range(20)]
    for other in others:
        assert compile_model(other).model is other
    assert compile_model(model).model is model
