"""A loose blocking rule goes where there are many records, and stays where there are few."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from config.policy import load_policy
from linkage.batch import BatchEngine
from linkage.blocking import BLOCKING_RULES
from linkage.candidates import Candidates
from linkage.normalise import normalise
from linkage.pipeline import link
from linkage.record import SourceRecord
from tests.linkage.invented import TODAY, table_of
from tests.linkage.models import made_model
from training import blocking_choice
from training.blocking_choice import leave_out_rules, pairs_missed
from training.fit import fit
from training.population import generate

RULES = [rule.name for rule in BLOCKING_RULES]
BLOCK = load_policy().max_block_records


@pytest.fixture(scope="module")
def population() -> pa.Table:
    rows = generate(40, seed=23).records.to_pylist()
    named = [(row.pop("source"), row.pop("source_record_id"), row) for row in rows]
    return table_of([normalise(SourceRecord(s, i, {k: v for k, v in r.items() if v}), TODAY)[0] for s, i, r in named])


@pytest.fixture(scope="module")
def cluster(population: pa.Table) -> NDArray[np.int64]:
    return link(population, made_model(), load_policy()).cluster


@pytest.fixture
def engine(population: pa.Table) -> Iterator[BatchEngine]:
    with BatchEngine(population) as made:
        made.block(RULES, BLOCK)
        yield made


def hanging_together(size: int, pairs: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """All pairs of records between which some pairs lead, the plainest way."""
    group = list(range(size))
    for _ in range(size):
        before = list(group)
        for a, b in pairs:
            group[a] = group[b] = min(group[a], group[b])
        if before == group:
            break
    return {(a, b) for a, b in itertools.combinations(range(size), 2) if group[a] == group[b]}


def pairs_of(found: Candidates) -> set[tuple[int, int]]:
    return set(zip(found.left.tolist(), found.right.tolist(), strict=True))


def test_what_a_rule_alone_brings_together_is_what_falls_apart_without_it(
    engine: BatchEngine,
    cluster: NDArray[np.int64],
) -> None:
    found, size = engine.found, engine.size
    told = [pairs_missed(found, cluster, number) for number in range(len(found.reports))]
    assert any(told), "some rule is needed"

    def of_one_person(pairs: set[tuple[int, int]]) -> set[tuple[int, int]]:
        return {(a, b) for a, b in pairs if cluster[a] == cluster[b]}

    whole = hanging_together(size, of_one_person(pairs_of(found)))
    for number in np.argsort(told)[-3:].tolist():
        engine.block([report.rule for report in found.reports if report.rule != found.reports[number].rule], BLOCK)
        without = hanging_together(size, of_one_person(pairs_of(engine.found)))
        assert told[number] == len(whole - without)


def test_rules_that_bring_nobody_for_many_pairs_go_and_the_rest_stays(
    engine: BatchEngine,
    cluster: NDArray[np.int64],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = engine.found
    monkeypatch.setattr(blocking_choice, "FEW_PAIRS", 20)
    monkeypatch.setattr(blocking_choice, "WORTH_PAIRS", 15)
    left_out = leave_out_rules(engine, BLOCK, cluster)
    assert left_out
    assert all(rule.pairs > 15 * rule.missed and rule.pairs >= 20 for rule in left_out)
    gone = {rule.rule for rule in left_out}
    assert {report.rule for report in engine.found.reports} == {r.rule for r in before.reports if r.pairs} - gone
    assert pairs_of(engine.found) < pairs_of(before)
    for number, report in enumerate(engine.found.reports):
        assert report.only_here < 20 or report.only_here <= 15 * pairs_missed(engine.found, cluster, number)


def test_a_small_population_takes_every_rule_and_a_model_says_which_it_takes(
    population: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = fit(population, seed=1)
    assert small.report.rules_left_out == ()
    monkeypatch.setattr(blocking_choice, "FEW_PAIRS", 20)
    monkeypatch.setattr(blocking_choice, "WORTH_PAIRS", 15)
    large = fit(population, seed=1)
    gone = {rule.rule for rule in large.report.rules_left_out}
    assert gone
    assert set(large.model.blocking_rules) == set(small.model.blocking_rules) - gone
    assert large.report.candidate_pairs < small.report.candidate_pairs
