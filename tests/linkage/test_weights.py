"""Match weights: one case summed by hand, what is symmetric, and which of two pairs weighs more."""

from __future__ import annotations

from math import log2
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.columns import RecordColumns, one_against_many, pairs_within
from linkage.compare import agreement_levels
from linkage.comparisons import BIRTH_DATE, COMPARISONS, FIRST_NAME, LAST_NAME, MULTIPLE_BIRTH, SEX, SSN
from linkage.model import ClassFrequencies, Frequencies, Model
from linkage.record import NormalisedRecord
from linkage.weights import PairWeights, compile_model, explain, frequency_bits, match_weights, probability, weigh
from tests.linkage.edge_cases import edge_cases
from tests.linkage.invented import invented_ssn, record
from tests.linkage.models import POOLED, frequencies_of, made_model

Values = dict[str, Any]


def weights(model: Model, left: NormalisedRecord, right: NormalisedRecord) -> PairWeights:
    compiled = compile_model(model)
    pair = one_against_many(left, RecordColumns.of([right]))
    return match_weights(pair, agreement_levels(pair, compiled.comparisons), compiled)


def bits(model: Model, left: Values, right: Values) -> float:
    return float(weights(model, record(1, **left), record(2, **right)).weight[0])


def test_a_weight_summed_by_hand() -> None:
    classes = ClassFrequencies(same_person=0.001, twins=0.0001, household=0.0005)
    frequencies = {"first_name": Frequencies(values={"ana": 0.02}, other=0.001)}
    model = made_model((FIRST_NAME, SEX, BIRTH_DATE, LAST_NAME), frequencies=frequencies, classes=classes)
    first, sex, birth, last = ({level.label: level for level in c.levels} for c in model.comparisons)
    left = {"first_name": "Ana", "sex": "f", "birth_date": "2015-03-09", "last_name": "Garcia López"}
    right = {"first_name": "ANA", "sex": "m", "birth_date": "2015-09-03", "last_name": "Lopez"}

    swapped, common = birth["one digit off, or day and month swapped"], last["a surname in common"]
    person = log2(first["same"].m) + log2(sex["disagrees"].m)
    person_by_chance = log2(0.02) + log2(sex["disagrees"].u)  # how many are called Ana, in place of u
    same = log2(0.001) + person + log2(swapped.m) + log2(common.m)
    named_alike = log2(FIRST_NAME.twins_times[FIRST_NAME.top])  # parents do not name twins the same
    twins = log2(0.0001) + person_by_chance + named_alike + log2(swapped.m) + log2(common.m)
    household = log2(0.0005) + person_by_chance + log2(swapped.u) + log2(common.m)
    strangers = log2(1 - 0.0016) + person_by_chance + log2(swapped.u) + log2(common.u)

    found = weights(model, record(1, **left), record(2, **right))
    assert found.weight[0] == pytest.approx(same - log2(2**twins + 2**household + 2**strangers), abs=1e-12)
    assert found.against_stranger[0] == pytest.approx(same - strangers, abs=1e-12)
    assert found.against_sibling[0] == pytest.approx(same - log2(2**twins + 2**household), abs=1e-12)
    assert found.probability[0] == pytest.approx(2 ** found.weight[0] / (1 + 2 ** found.weight[0]), abs=1e-12)


def test_records_that_say_nothing_weigh_what_the_class_frequencies_say() -> None:
    others = POOLED.twins + POOLED.household + POOLED.strangers
    assert bits(made_model(), {}, {}) == pytest.approx(log2(POOLED.same_person / others), abs=1e-9)


def test_a_pair_of_sources_has_its_own_class_frequencies_in_either_order() -> None:
    between = ClassFrequencies(same_person=0.01, twins=1e-6, household=5e-5)
    model = made_model(by_sources={"cws_cms|meds": between})
    cws, meds = record(1, "cws_cms", first_name="Ana"), record(2, "meds", first_name="Ana")
    raised = float(weights(model, cws, meds).weight[0])
    assert raised == float(weights(model, meds, cws).weight[0])
    assert raised > float(weights(model, cws, record(2, "cws_cms", first_name="Ana")).weight[0]) + 6


@pytest.fixture(scope="module")
def hard() -> tuple[RecordColumns, Model]:
    records = edge_cases(150, seed=31)
    return RecordColumns.of(records), made_model(frequencies=frequencies_of(records))


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), frequencies_known=st.booleans())
def test_weights_are_symmetric(seed: int, frequencies_known: bool) -> None:
    records = edge_cases(12, seed=seed, people=4)
    columns = RecordColumns.of(records)
    compiled = compile_model(made_model(frequencies=frequencies_of(records) if frequencies_known else None, seed=seed))
    left, right = np.triu_indices(len(records), 1)
    forth, back = (
        match_weights(pairs, agreement_levels(pairs, COMPARISONS), compiled)
        for pairs in (pairs_within(columns, left, right), pairs_within(columns, right, left))
    )
    assert np.array_equal(forth.weight, back.weight)
    assert np.array_equal(forth.against_stranger, back.against_stranger)
    assert np.array_equal(forth.against_sibling, back.against_sibling)


def test_the_weight_is_never_above_the_weight_against_a_part_of_the_alternatives(
    hard: tuple[RecordColumns, Model],
) -> None:
    columns, model = hard
    left, right = np.triu_indices(150, 1)
    pairs = pairs_within(columns, left, right)
    found = match_weights(pairs, agreement_levels(pairs, COMPARISONS), compile_model(model))
    assert (found.weight <= found.against_stranger + 1e-9).all()
    assert (found.weight <= found.against_sibling + 1e-9).all()


def test_value_frequencies_count_only_at_the_strongest_level() -> None:
    model = made_model((FIRST_NAME,), frequencies={"first_name": Frequencies(values={}, other=1e-5)})
    compiled = compile_model(model)
    columns = RecordColumns.of([record(i, first_name=n) for i, n in enumerate(("Martha", "Martha", "Marhta", "Zoe"))])
    pairs = pairs_within(columns, np.array([0, 0, 0]), np.array([1, 2, 3]))
    correction = frequency_bits(pairs, agreement_levels(pairs, compiled.comparisons), compiled)
    u_same = model.comparisons[0].levels[FIRST_NAME.top].u
    assert correction[:, 0] == pytest.approx([log2(1e-5) - log2(u_same), 0, 0])


SAME_CHILD = {
    "first_name": "Ana", "last_name": "Lopez", "sex": "f", "birth_date": "2015-03-09", "ssn": invented_ssn(1111),
    "mother_first_name": "Rosa", "address_line": "12 Oak Ave", "zip": "93701", "phone": "555-010-0199",
}  # fmt: skip
TWIN = {**SAME_CHILD, "first_name": "Eva", "ssn": invented_ssn(2233)}
SIBLING = {**TWIN, "birth_date": "2012-11-21", "sex": "m", "first_name": "Luis"}
STRANGER = {
    "first_name": "Zed", "last_name": "Ray", "sex": "m", "birth_date": "2007-06-30", "ssn": invented_ssn(3344),
    "mother_first_name": "Lynn", "address_line": "977 Palm Dr", "zip": "95814", "phone": "555-010-0277",
}  # fmt: skip
NAMESAKE = {**STRANGER, "first_name": "Ana", "last_name": "Lopez", "sex": "f"}


@pytest.mark.parametrize(
    ("why", "better", "worse"),
    [
        ("the same child, not its twin", SAME_CHILD, TWIN),
        ("the same child, not its sibling", SAME_CHILD, SIBLING),
        ("the same child, not a namesake", SAME_CHILD, NAMESAKE),
        (
            "a misspelt name, not another",
            {**SAME_CHILD, "first_name": "Anna"},
            {**SAME_CHILD, "first_name": "Christopher"},
        ),
        ("no SSN, not another SSN", {**SAME_CHILD, "ssn": ""}, {**SAME_CHILD, "ssn": invented_ssn(2233)}),
        (
            "a mistyped SSN, not another",
            {**SAME_CHILD, "ssn": invented_ssn(1112)},
            {**SAME_CHILD, "ssn": invented_ssn(2233)},
        ),
        (
            "a moved child, not a sibling at home",
            {**SAME_CHILD, "address_line": "977 Palm Dr", "zip": "95814", "phone": ""},
            SIBLING,
        ),
        (
            "day and month swapped, not another birth date",
            {**SAME_CHILD, "birth_date": "2015-09-03"},
            {**SAME_CHILD, "birth_date": "2007-11-21"},
        ),
        ("a known mother, not an unknown one", SAME_CHILD, {**SAME_CHILD, "mother_first_name": ""}),
    ],
)
def test_better_pairs_weigh_more(why: str, better: Values, worse: Values) -> None:
    model = made_model()
    assert bits(model, SAME_CHILD, better) > bits(model, SAME_CHILD, worse), why


def test_the_same_child_links_and_twin_sibling_namesake_and_stranger_do_not() -> None:
    model = made_model()
    assert bits(model, SAME_CHILD, SAME_CHILD) > 13.3
    for other in (TWIN, SIBLING, NAMESAKE, STRANGER):
        assert bits(model, SAME_CHILD, other) < 0


@pytest.mark.parametrize(
    ("why", "better", "worse"),
    [
        ("born alone, by one side's word", {"multiple_birth": "false"}, {}),
        ("nothing is said of a twin, not one of several", {}, {"multiple_birth": "true"}),
        ("one of several, not its birth order alone", {}, {"birth_order": "2"}),
        ("no SSN, not one that runs on as twins' do", {"ssn": ""}, {"ssn": invented_ssn(1112)}),
    ],
)
def test_what_is_known_of_twins_weighs_against_them(why: str, better: Values, worse: Values) -> None:
    left, right = record(1, **{**SAME_CHILD, **better}), record(1, **{**SAME_CHILD, **worse})
    other = record(2, **{**SAME_CHILD, "first_name": "Anna"})
    more, less = (weights(made_model((FIRST_NAME, SSN, MULTIPLE_BIRTH)), one, other) for one in (left, right))
    assert more.against_sibling[0] > less.against_sibling[0] + 1, why


def test_a_twin_is_far_from_a_stranger_but_weighs_nothing_against_a_sibling() -> None:
    found = weights(made_model(), record(1, **SAME_CHILD), record(2, **TWIN))
    assert found.against_stranger[0] > 10
    assert found.against_sibling[0] < 0


def test_a_rare_name_weighs_more_than_a_common_one() -> None:
    frequencies = {"first_name": Frequencies(values={"maria": 0.02}, other=1e-5)}
    model = made_model((FIRST_NAME,), frequencies=frequencies)
    common = bits(model, {"first_name": "Maria"}, {"first_name": "Maria"})
    rare = bits(model, {"first_name": "Xochitl"}, {"first_name": "Xochitl"})
    assert rare - common == pytest.approx(log2(0.02 / 1e-5), abs=0.1)


finite = st.floats(-3000, 3000)


@settings(max_examples=200, deadline=None)
@given(st.lists(finite, min_size=11, max_size=11))
def test_weighing_never_overflows_and_more_evidence_never_weighs_less(numbers: list[float]) -> None:
    shared, chance, priors = np.array(numbers[:3]), np.array(numbers[3:7]), np.array(numbers[7:])
    found = weigh(shared[:, None], chance[:, None], priors[:, None])
    more = weigh((shared + np.eye(3)[0])[:, None], chance[:, None], priors[:, None])
    assert np.isfinite(found.weight).all()
    assert 0.0 <= found.probability[0] <= 1.0
    assert more.weight[0] >= found.weight[0]


def test_probability_of_a_weight() -> None:
    assert probability(np.array([0.0, 1.0, -1.0])) == pytest.approx([1 / 2, 2 / 3, 1 / 3])
    assert probability(np.array([1e9, -1e9])) == pytest.approx([1.0, 0.0])


def test_an_explanation_adds_up_to_what_the_pair_weighs(hard: tuple[RecordColumns, Model]) -> None:
    _, model = hard
    left, right = edge_cases(2, seed=40, people=1)
    explained, weighed = explain(left, right, model), weights(model, left, right)
    assert explained.weight == pytest.approx(weighed.weight[0], abs=1e-12)
    assert explained.weight_against_stranger == pytest.approx(weighed.against_stranger[0], abs=1e-12)
    assert explained.weight_against_sibling == pytest.approx(weighed.against_sibling[0], abs=1e-12)
    parts = sum(part.against_stranger_bits for part in explained.parts)
    assert explained.prior_bits + parts == pytest.approx(explained.weight_against_stranger, abs=1e-9)
    assert [part.comparison for part in explained.parts] == [c.name for c in COMPARISONS]
    assert all(part.against_stranger_bits == 0 for part in explained.parts if part.level_label == "missing")
    assert all(part.against_sibling_bits == 0 for part in explained.parts if part.layer == "family")
