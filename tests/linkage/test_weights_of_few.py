"""A few pairs weighed in plain Python weigh to the last bit what they weigh in arrays, and become the same persons."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.policy import LinkagePolicy, load_policy
from linkage import pipeline
from linkage.cluster import EvidenceSums, are_opposed, pair_evidence, weigh_clusters
from linkage.columns import RecordColumns, one_against_many, pairs_within
from linkage.compare import agreement_levels
from linkage.comparisons import BY_NAME, MISSING
from linkage.evidence_rules import is_opposed, opposed_pairs
from linkage.persons_of_few import opposed_patterns
from linkage.pipeline import Partition, link_few
from linkage.question import WeighedRecords, person_weights, weigh_few_persons
from linkage.record import Constraints, NormalisedRecord
from linkage.weights import class_priors, compile_model, explain_pairs, frequency_bits, match_weights, of_one_source
from linkage.weights_of_few import (
    OPPOSED,
    cell_of,
    explain_few_pairs,
    level_array,
    together,
    weigh_cell,
    weigh_few,
    weigh_single,
)
from tests.linkage.edge_cases import edge_cases
from tests.linkage.models import made_model

POLICY = load_policy()
COMPILED = compile_model(made_model())
RECORDS = edge_cases(60, seed=31, people=9)
NAMES = tuple(BY_NAME)

records_of = st.lists(st.sampled_from(RECORDS), min_size=2, max_size=14, unique_by=lambda record: record.key)


@settings(max_examples=15, deadline=None)
@given(records_of)
def test_pairs_weigh_what_they_weigh_in_arrays(records: list[NormalisedRecord]) -> None:
    left, right = np.array(list(itertools.combinations(range(len(records)), 2)), dtype=np.intp).T
    pairs = pairs_within(RecordColumns.of(records), left, right)
    levels = agreement_levels(pairs, COMPILED.comparisons)
    expected = match_weights(pairs, levels, COMPILED)
    correction = frequency_bits(pairs, levels, COMPILED)
    few = weigh_few(pairs, COMPILED)
    assert [pair.weight for pair in few] == expected.weight.tolist()
    assert [pair.against_stranger for pair in few] == expected.against_stranger.tolist()
    assert [pair.against_sibling for pair in few] == expected.against_sibling.tolist()
    assert [pair.levels for pair in few] == [tuple(row) for row in levels.tolist()]
    assert level_array(few, len(COMPILED.comparisons)).tolist() == levels.tolist()
    assert [[pair.corrections.get(k, 0.0) for k in range(levels.shape[1])] for pair in few] == correction.tolist()
    assert [list(pair.priors) for pair in few] == class_priors(pairs.sides("source"), COMPILED.model).T.tolist()
    for pair, is_against in zip(few, opposed_pairs(levels, COMPILED.names, POLICY).tolist(), strict=True):
        assert opposed_patterns(COMPILED, POLICY)[pair.codes] == is_against
        assert weigh_single(pair, COMPILED) == weigh_cell(cell_of(pair, is_against, COMPILED), 1, 1, COMPILED)
    assert [pair.one_source for pair in few] == of_one_source(pairs.sides("source")).tolist()


@settings(max_examples=8, deadline=None)
@given(records_of)
def test_one_beside_many_weighs_what_it_weighs_in_arrays(records: list[NormalisedRecord]) -> None:
    others = RecordColumns.of(records[1:])
    few = weigh_few(one_against_many(records[0], others), COMPILED)
    assert [pair.weight for pair in few] == WeighedRecords.of(records[0], others, COMPILED).weights.weight.tolist()


@settings(max_examples=15, deadline=None)
@given(records_of, st.integers(1, 5))
def test_clusters_weigh_what_they_weigh_in_arrays(records: list[NormalisedRecord], size: int) -> None:
    own, others = min(size, len(records) - 1), len(records) - min(size, len(records) - 1)
    left, right = np.array(list(itertools.product(range(own), range(own, len(records)))), dtype=np.intp).T
    pairs = pairs_within(RecordColumns.of(records), left, right)
    levels = agreement_levels(pairs, COMPILED.comparisons)
    correction = frequency_bits(pairs, levels, COMPILED)
    opposed = opposed_pairs(levels, COMPILED.names, POLICY)
    sources = pairs.sides("source")
    evidence = pair_evidence(
        levels, correction, class_priors(sources, COMPILED.model), opposed, COMPILED, of_one_source(sources)
    )
    sums = EvidenceSums.of_runs(evidence, np.array([0]))
    expected = weigh_clusters(sums, np.array([own]), np.array([others]), COMPILED)
    few = weigh_few(pairs, COMPILED)
    cell = [0] * len(cell_of(few[0], False, COMPILED))
    for pair, is_against in zip(few, opposed.tolist(), strict=True):
        cell = together(cell, cell_of(pair, is_against, COMPILED))
    found = weigh_cell(cell, own, others, COMPILED)
    wanted = (expected.weight[0], expected.against_stranger[0], expected.against_sibling[0])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)
    assert cell[OPPOSED] == opposed.sum()
    assert (3 * cell[OPPOSED] >= 2 * own * others) == bool(
        are_opposed(np.array([opposed.sum()]), np.array([own * others]))[0]
    )


@settings(max_examples=15, deadline=None)
@given(records_of, st.integers(1, 4))
def test_persons_weigh_what_they_weigh_in_arrays(records: list[NormalisedRecord], every: int) -> None:
    question, *others = records
    numbers = [n // every for n in range(len(others))]
    columns = RecordColumns.of(others)
    expected = person_weights(question, columns, numbers, COMPILED, POLICY)
    pairs = weigh_few(one_against_many(question, columns), COMPILED)
    persons = [[p for p, of in zip(pairs, numbers, strict=True) if of == n] for n in range(numbers[-1] + 1)]
    found = weigh_few_persons(persons, COMPILED, POLICY)
    for name in ("weight", "against_stranger", "against_sibling", "probability"):
        np.testing.assert_allclose([getattr(f, name) for f in found], getattr(expected, name), rtol=0, atol=1e-9)
    assert [person.opposed for person in found] == expected.opposed.tolist()
    assert [person.strongest for person in found] == [pairs[row] for row in expected.strongest.tolist()]


@settings(max_examples=8, deadline=None)
@given(records_of)
def test_a_few_pairs_are_explained_as_in_arrays(records: list[NormalisedRecord]) -> None:
    lefts, rights = records[:-1], records[1:]
    found = explain_few_pairs(lefts, rights, COMPILED)
    for one, other in zip(found, explain_pairs(lefts, rights, COMPILED.model), strict=True):
        assert one == replace(other, probability=one.probability)
        assert abs(one.probability - other.probability) < 1e-15


@settings(max_examples=120, deadline=None)
@given(st.tuples(*(st.integers(MISSING, BY_NAME[name].top) for name in NAMES)), st.tuples(*[st.booleans()] * 4))
def test_one_pattern_is_opposed_where_it_is_among_many(levels: tuple[int, ...], rules: tuple[bool, ...]) -> None:
    policy = POLICY.model_copy(
        update={
            "number_alone_never_links": rules[0],
            "number_of_a_relative_needs_review": rules[1],
            "contradiction_needs_review": rules[2],
            "family_alone_never_links": rules[3],
        }
    )
    (expected,) = opposed_pairs(np.array([levels], dtype=np.int8), NAMES, policy)
    assert is_opposed(levels, NAMES, policy) is bool(expected)


def _in_arrays(
    records: list[NormalisedRecord], policy: LinkagePolicy, decided: Constraints, patch: pytest.MonkeyPatch
) -> Partition:
    with patch.context() as arrays:
        arrays.setattr(pipeline, "FEW_RECORDS", 0)
        return link_few(records, COMPILED, policy, decided)


@settings(max_examples=15, deadline=None)
@given(records_of, st.sampled_from([-30.0, 0.0, 5.0, 12.0]), st.data())
def test_persons_are_those_that_arrays_form(
    records: list[NormalisedRecord], link_bits: float, data: st.DataObject
) -> None:
    policy = POLICY.model_copy(update={"link_threshold_bits": link_bits, "component_threshold_bits": -40.0})
    pairs = st.tuples(*[st.integers(0, len(records) - 1)] * 2).filter(lambda pair: pair[0] < pair[1])
    same = data.draw(st.sets(pairs, max_size=2))
    apart = data.draw(st.sets(pairs, max_size=3)) - same
    touched = {row for pair in same for row in pair}
    apart = {pair for pair in apart if not touched.issuperset(pair)}
    keyed = [frozenset((records[a].key, records[b].key) for a, b in found) for found in (same, apart)]
    decided = Constraints(*keyed)
    patch = pytest.MonkeyPatch()
    expected = _in_arrays(records, policy, decided, patch)
    found = link_few(records, COMPILED, policy, decided)
    assert found.cluster.tolist() == expected.cluster.tolist()
    assert found.component.tolist() == expected.component.tolist()
    np.testing.assert_allclose(found.probability, expected.probability, rtol=0, atol=1e-12)
    for side in ("left", "right", "weight_bits"):
        assert getattr(found.reviews, side).tolist() == getattr(expected.reviews, side).tolist()
    order = np.lexsort((expected.pairs.right, expected.pairs.left))
    for name in ("left", "right", "weight", "levels", "against_stranger", "against_sibling"):
        assert getattr(found.pairs, name).tolist() == getattr(expected.pairs, name)[order].tolist(), name
