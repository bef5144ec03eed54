"""Fitting a model to records without labels."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from linkage.blocking import BLOCKING_RULES
from linkage.comparisons import BY_NAME, declaration_digest
from linkage.errors import NothingToLink
from linkage.model import check_model
from linkage.normalise import normalise
from linkage.record import NormalisedRecord, SourceRecord
from tests.linkage.invented import TODAY, record, table_of
from training.fit import FitResult, fit, random_pairs
from training.population import Population, generate


@pytest.fixture(scope="module")
def population() -> Population:
    return generate(40, seed=23)


@pytest.fixture(scope="module")
def records(population: Population) -> pa.Table:
    return table_of([_normalised(row) for row in population.records.to_pylist()])


def _normalised(row: dict[str, Any]) -> NormalisedRecord:
    source, record_id = row.pop("source"), row.pop("source_record_id")
    return normalise(SourceRecord(source, record_id, {name: value for name, value in row.items() if value}), TODAY)[0]


@pytest.fixture(scope="module")
def fitted(records: pa.Table) -> FitResult:
    return fit(records, seed=4)


def test_the_model_may_be_used_at_once(fitted: FitResult) -> None:
    check_model(fitted.model)
    assert fitted.model.declaration == declaration_digest()
    assert set(fitted.model.blocking_rules) <= {rule.name for rule in BLOCKING_RULES}
    names = [c.name for c in fitted.model.comparisons]
    assert {"first_name", "last_name", "birth_date", "sex", "ssn"} <= set(names)
    assert set(names) & set(fitted.report.left_out) == set()
    assert set(names) | set(fitted.report.left_out) == set(BY_NAME)


def test_levels_are_shares_of_a_whole_but_for_disagreement_which_never_speaks_for_a_link(fitted: FitResult) -> None:
    for comparison in fitted.model.comparisons:
        disagrees, *agreements = comparison.levels
        assert sum(level.m for level in comparison.levels) == pytest.approx(1.0)
        assert sum(level.u for level in agreements) < 1.0
        assert disagrees.u >= 1.0 - sum(level.u for level in agreements) - 1e-9
        assert disagrees.m <= disagrees.u, comparison.name


def test_the_strongest_agreement_speaks_for_one_person(fitted: FitResult) -> None:
    for comparison in fitted.model.comparisons:
        assert comparison.levels[-1].m > comparison.levels[-1].u, comparison.name


def test_the_estimated_number_of_matches_is_near_the_truth(fitted: FitResult, population: Population) -> None:
    sizes = population.truth.group_by("person").aggregate([("person", "count")]).column("person_count").to_numpy()
    true_pairs = (sizes * (sizes - 1) / 2).sum()
    assert fitted.report.estimated_matches == pytest.approx(true_pairs, rel=0.15)


def test_the_same_records_and_seed_give_the_same_model(records: pa.Table, fitted: FitResult) -> None:
    assert fit(records, seed=4).model.fingerprint == fitted.model.fingerprint


def test_the_report_says_what_was_seen(fitted: FitResult, records: pa.Table) -> None:
    assert fitted.report.records == records.num_rows == sum(fitted.report.sources.values())
    assert fitted.report.candidate_pairs == sum(rule.new_pairs for rule in fitted.report.blocking)
    assert fitted.report.trace


def test_a_column_that_is_not_there_takes_no_part(fitted: FitResult) -> None:
    assert "email" in fitted.report.left_out or "email" in {c.name for c in fitted.model.comparisons}
    few = [record(i, first_name=f"{'abcdefghij'[i % 10]}na", birth_date=f"20{i % 10:02d}-03-09") for i in range(40)]
    assert {c.name for c in fit(table_of(few)).model.comparisons} == {"first_name", "birth_date"}


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_records_cannot_be_fitted(count: int) -> None:
    with pytest.raises(NothingToLink, match="at least two records"):
        fit(table_of([record(i, first_name="Ana") for i in range(count)]))


def test_records_with_nothing_in_common_cannot_be_fitted() -> None:
    with pytest.raises(NothingToLink):
        fit(table_of([record(1, first_name="Ana"), record(2, last_name="Lopez")]))


def test_random_pairs_are_of_different_records_and_repeat_with_their_seed() -> None:
    left, right = random_pairs(50, seed=1)
    assert (left < right).all()
    assert left.min() >= 0
    assert right.max() < 50
    again, _ = random_pairs(50, seed=1)
    other, _ = random_pairs(50, seed=2)
    assert (left == again).all()
    assert len(left) != len(other) or (left != other).any()
