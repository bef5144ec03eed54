"""What a comparison says adds up: nothing is left out, nothing counted twice."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policy import load_policy
from index_service.comparing import compare, outcome
from index_service.linking_context import LinkingContext, shipped
from linkage.record import NormalisedRecord
from tests.linkage.invented import invented_ssn, record
from tests.linkage.models import made_model

MARISOL = {"first_name": "Marisol", "last_name": "Testvogel", "birth_date": "2015-03-02", "ssn": invented_ssn(1)}
values = st.fixed_dictionaries(
    {},
    optional={
        "first_name": st.sampled_from(["Marisol", "Marysol", "Joaquin", "Unknown"]),
        "last_name": st.sampled_from(["Testvogel", "Probemann", "Testvogel Probemann"]),
        "birth_date": st.sampled_from(["2015-03-02", "2015-02-03", "2011", "1999-12-31"]),
        "ssn": st.sampled_from([invented_ssn(1), invented_ssn(2)]),
        "sex": st.sampled_from(["female", "male"]),
        "address_line": st.sampled_from(["12 Example St", "PO Box 7"]),
        "mother_first_name": st.sampled_from(["Ines", "Ida"]),
        "birth_order": st.sampled_from(["1", "2"]),
    },
)
records = st.builds(lambda source, said: record(source=source, **said), st.sampled_from(["cws_cms", "meds"]), values)


def log2_of_sum(*bits: float) -> float:
    top = max(bits)
    return top + math.log2(sum(2 ** (b - top) for b in bits))


@given(records, records)
def test_the_parts_add_up_to_every_weight(left: NormalisedRecord, right: NormalisedRecord) -> None:
    found = compare(left, right, shipped())
    stranger, household, twins = found.alternatives
    said = found.explanation
    assert stranger.prior_bits == pytest.approx(said.prior_bits)
    assert stranger.weight_bits == pytest.approx(said.weight_against_stranger)
    for alternative in found.alternatives:
        counted = [part.against_stranger_bits for part in found.parts if part.layer in alternative.layers]
        counted += [part.twins_bits for part in found.parts if alternative is twins]
        assert alternative.weight_bits == pytest.approx(alternative.prior_bits + sum(counted))
    assert said.weight_against_sibling == pytest.approx(-log2_of_sum(-household.weight_bits, -twins.weight_bits))
    added = found.against_sibling
    assert said.weight_against_sibling == pytest.approx(added.prior_bits + sum(added.added_bits))
    for part, bits in zip(found.parts, added.added_bits, strict=True):
        assert part.layer != "family" or part.twins_bits or bits == pytest.approx(0.0, abs=1e-9)
    assert said.weight == pytest.approx(-log2_of_sum(*(-a.weight_bits for a in found.alternatives)))


@given(records, records)
def test_left_and_right_do_not_matter(left: NormalisedRecord, right: NormalisedRecord) -> None:
    there, back = compare(left, right, shipped()), compare(right, left, shipped())
    assert there.outcome == back.outcome
    assert there.explanation.weight == pytest.approx(back.explanation.weight)


def test_a_sibling_shares_the_family_and_a_twin_the_birth_too() -> None:
    found = compare(record(1, **MARISOL), record(2, **MARISOL), shipped())
    assert {a.otherwise: a.layers for a in found.alternatives} == {
        "strangers": ("person", "birth", "family"),
        "household": ("person", "birth"),
        "twins": ("person",),
    }
    assert found.outcome == "link"


def test_a_rule_that_holds_a_pair_back_is_named() -> None:
    """A number that agrees, and nothing that says whose: at best a steward's question."""
    left, right = record(first_name="Ines", ssn=invented_ssn(1)), record(2, first_name="Bo", ssn=invented_ssn(1))
    found = compare(left, right, LinkingContext.of(made_model()))
    assert found.held_back_by == ("number_alone_never_links", "number_of_a_relative_needs_review")
    assert found.outcome != "link"


def test_the_thresholds_divide_the_outcomes_and_opposition_rules_out_a_link() -> None:
    policy = load_policy()
    assert outcome(policy.link_threshold_bits, policy) == "link"
    assert outcome(policy.link_threshold_bits, policy, opposed=True) == "review"
    assert outcome(policy.link_threshold_bits - 0.01, policy) == "review"
    assert outcome(policy.review_threshold_bits - 0.01, policy) == "no_link"
