"""Components and their partition, against the plainest way to compute them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from linkage.cluster import BITS_TO_UNITS, Agglomeration, connected_components, pair_evidence, to_units
from linkage.columns import Pairs, RecordColumns, pairs_within
from linkage.compare import agreement_levels
from linkage.model import ClassFrequencies
from linkage.record import NormalisedRecord
from linkage.weights import (
    Bits,
    CompiledModel,
    class_priors,
    compile_model,
    frequency_bits,
    match_weights,
    of_one_source,
)
from tests.linkage.edge_cases import edge_cases
from tests.linkage.invented import record
from tests.linkage.models import made_model

MODEL = compile_model(made_model())
PEOPLE = edge_cases(60, seed=12, people=6)

edges = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20)


@settings(max_examples=150, deadline=None)
@given(edges)
def test_components_are_those_of_plain_flooding(pairs: list[tuple[int, int]]) -> None:
    left, right = np.array([p[0] for p in pairs], np.int64), np.array([p[1] for p in pairs], np.int64)
    assert connected_components(12, left, right).tolist() == flooded(12, pairs)


def flooded(size: int, pairs: list[tuple[int, int]]) -> list[int]:
    labels = list(range(size))
    for _ in range(size):
        for a, b in pairs:
            labels[a] = labels[b] = min(labels[a], labels[b])
    return labels


def test_a_long_chain_is_one_component_whatever_the_order_of_its_links() -> None:
    order = np.random.default_rng(1).permutation(4999)
    assert (connected_components(5000, order, order + 1) == 0).all()


def test_units_are_whole_millionths_and_bounded() -> None:
    assert to_units(np.array([1.5, -0.0000004, np.inf])).tolist() == [1_500_000, 0, 1000 * BITS_TO_UNITS]


def _priors(pairs: Pairs, count: int) -> Bits:
    return class_priors(pairs.sides("source", np.arange(count)), MODEL.model)


def _one_source(pairs: Pairs, count: int) -> NDArray[np.bool_]:
    return of_one_source(pairs.sides("source", np.arange(count)))


def agglomeration(
    records: list[NormalisedRecord], opposed: NDArray[np.bool_] | None = None, compiled: CompiledModel = MODEL
) -> Agglomeration:
    left, right = np.triu_indices(len(records), 1)
    pairs = pairs_within(RecordColumns.of(records), left, right)
    levels = agreement_levels(pairs, compiled.comparisons)
    priors = class_priors(pairs.sides("source", np.arange(len(left))), compiled.model)
    against = np.zeros(len(left), bool) if opposed is None else opposed
    correction, one_source = frequency_bits(pairs, levels, compiled), _one_source(pairs, len(left))
    evidence = pair_evidence(levels, correction, priors, against, compiled, one_source)
    return Agglomeration(1, len(records), evidence, compiled, (np.zeros(len(left), np.int64), left, right))


def pair_weights(records: list[NormalisedRecord], compiled: CompiledModel = MODEL) -> dict[tuple[int, int], float]:
    left, right = np.triu_indices(len(records), 1)
    pairs = pairs_within(RecordColumns.of(records), left, right)
    weight = match_weights(pairs, agreement_levels(pairs, compiled.comparisons), compiled).weight
    return dict(zip(zip(left.tolist(), right.tolist(), strict=True), weight.tolist(), strict=True))


def test_between_single_records_the_weight_is_the_pair_s() -> None:
    records = PEOPLE[:12]
    state = agglomeration(records)
    for (a, b), weight in pair_weights(records).items():
        assert state.weights[0, a, b] / BITS_TO_UNITS == pytest.approx(weight, abs=1e-4)
        assert state.weights[0, a, b] == state.weights[0, b, a]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 57), st.sampled_from([-20.0, 0.0, 13.3]))
def test_three_records_fall_apart_as_by_hand(start: int, threshold: float) -> None:
    records = PEOPLE[start : start + 3]
    state = agglomeration(records)
    pairs = [(0, 1), (0, 2), (1, 2)]
    a, b = max(pairs, key=lambda p: (state.weights[0, p[0], p[1]], -p[0], -p[1]))
    expected = [0, 1, 2]
    if state.weights[0, a, b] >= threshold * BITS_TO_UNITS:
        expected[b] = a
        third = ({0, 1, 2} - {a, b}).pop()
        joined = agglomeration(records)
        joined.join(np.array([0]), np.array([a]), np.array([b]))
        if joined.weights[0, a, third] >= threshold * BITS_TO_UNITS:
            expected = [0, 0, 0]
    state.run(threshold)
    assert state.labels[0].tolist() == expected


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 50), st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=4), st.integers(0, 44))
def test_cannot_link_holds_at_any_threshold_and_must_link_outranks_it(
    start: int, forbidden: set[tuple[int, int]], chosen: int
) -> None:
    records = PEOPLE[start : start + 10]
    decided = list(itertools.combinations(range(10), 2))[chosen]
    apart = {pair for pair in forbidden if pair[0] != pair[1] and set(pair) != set(decided)}
    state = agglomeration(records)
    for a, b in apart:
        state.forbid(0, a, b)
    state.join_decided(0, [decided])
    state.run(-900.0)  # whatever may be joined is
    labels = state.labels[0]
    assert labels[decided[0]] == labels[decided[1]]
    assert all(labels[a] != labels[b] for a, b in apart)
    assert all(labels[i] == np.flatnonzero(labels == labels[i]).min() for i in range(10)), "labels are first positions"


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(10)), st.integers(0, 50), st.sampled_from([0.0, 5.0, 13.3]))
def test_the_partition_does_not_depend_on_positions_unless_weights_tie(
    order: list[int], start: int, threshold: float
) -> None:
    records = PEOPLE[start : start + 10]
    weights = list(pair_weights(records).values())
    if len({round(w, 5) for w in weights}) < len(weights):
        return  # ties go by record key, which the pipeline keeps in order
    straight, turned = agglomeration(records), agglomeration([records[i] for i in order])
    straight.run(threshold)
    turned.run(threshold)
    groups = {frozenset(np.flatnonzero(straight.labels[0] == label).tolist()) for label in set(straight.labels[0])}
    back = {frozenset(order[i] for i in np.flatnonzero(turned.labels[0] == label)) for label in set(turned.labels[0])}
    assert groups == back


def test_clusters_whose_pairs_are_mostly_opposed_are_not_joined_whatever_they_weigh() -> None:
    same = [PEOPLE[0]] * 3
    opposed = np.array([False, True, True])  # the pairs 0-1, 0-2, 1-2
    state = agglomeration(same, opposed)
    state.run(0.0)
    assert state.labels[0].tolist() == [0, 0, 2]
    (close,) = state.close(0.0)
    assert (close.left, close.right) == (0, 2)


def test_half_of_the_pairs_opposed_do_not_keep_clusters_apart() -> None:
    state = agglomeration([PEOPLE[0]] * 3, np.array([False, False, True]))
    state.run(-900.0)
    assert state.labels[0].tolist() == [0, 0, 0]


MARTHA = {"first_name": "Martha", "birth_date": "2015-03-09", "sex": "f"}


def weight_beside(question: NormalisedRecord, joined: list[NormalisedRecord], compiled: CompiledModel = MODEL) -> float:
    """What the first weighs against the others once they are joined, in bits."""
    state = agglomeration([question, *joined], compiled=compiled)
    state.join_decided(0, [(1, i) for i in range(2, len(joined) + 1)])
    return float(state.weights[0, 0, 1]) / BITS_TO_UNITS


def test_who_lived_in_two_places_agrees_with_either_nearly_as_well_as_who_lived_in_one() -> None:
    here, there = {**MARTHA, "address_line": "12 Oak Ave"}, {**MARTHA, "address_line": "977 Palm Dr"}
    question = record(0, "meds", **here)
    moved = weight_beside(question, [record(1, "a", **here), record(2, "b", **there)])
    stayed = weight_beside(question, [record(1, "a", **here), record(2, "b", **here)])
    elsewhere = weight_beside(question, [record(1, "a", **there), record(2, "b", **there)])
    assert elsewhere < moved < stayed
    assert stayed - moved < 1.01, "half of the history agrees: one bit"


def test_two_records_of_a_source_that_has_one_a_person_count_in_full_however_many_others_there_are() -> None:
    once = ClassFrequencies(same_person=1e-9, twins=1e-5, household=5e-5)
    compiled = compile_model(made_model(by_sources={"cws_cms|cws_cms": once}))
    others = [record(i, f"source_{i}", **MARTHA) for i in range(1, 6)]
    same, other = (
        weight_beside(record(0, source, **MARTHA), [record(9, "cws_cms", **MARTHA), *others], compiled)
        for source in ("cws_cms", "meds")
    )
    assert other - same > 16.0  # log2(1e-4 / 1e-9) is 16.6


def test_components_agglomerated_together_fall_apart_as_each_alone() -> None:
    groups = [PEOPLE[i : i + 6] for i in (0, 6, 12, 18)]
    alone = []
    for group in groups:
        state = agglomeration(group)
        state.run(0.0)
        alone.append(state.labels[0].tolist())
    together = _together(groups)
    together.run(0.0)
    assert together.labels.tolist() == alone


def _together(groups: list[list[NormalisedRecord]]) -> Agglomeration:
    records = [r for group in groups for r in group]
    size = len(groups[0])
    a, b = np.triu_indices(size, 1)
    component = np.repeat(np.arange(len(groups)), len(a))
    left, right = np.tile(a, len(groups)), np.tile(b, len(groups))
    pairs = pairs_within(RecordColumns.of(records), component * size + left, component * size + right)
    levels = agreement_levels(pairs, MODEL.comparisons)
    priors = _priors(pairs, len(left))
    correction, one_source = frequency_bits(pairs, levels, MODEL), _one_source(pairs, len(left))
    evidence = pair_evidence(levels, correction, priors, np.zeros(len(left), bool), MODEL, one_source)
    return Agglomeration(len(groups), size, evidence, MODEL, (component, left, right))
