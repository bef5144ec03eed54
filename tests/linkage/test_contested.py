"""A record that two persons claim stays apart until somebody says whose it is, in arrays and one by one alike."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.policy import load_policy
from linkage import pipeline
from linkage.model import load_model
from linkage.pipeline import Partition, link_few
from linkage.record import Constraints, NormalisedRecord
from linkage.weights import compile_model
from tests.linkage.invented import record

SHIPPED = Path(__file__).parents[2] / "config" / "models" / "default.json"
POLICY = load_policy()
UNASKED = POLICY.model_copy(update={"contested_needs_review": False})
MODEL = compile_model(load_model(SHIPPED))

BORN = {"birth_date": "2015-03-09", "sex": "female"}
HOME = {"mother_first_name": "Rosa", "mother_last_name": "Alvarado", "address_line": "14 Quince Rd", "zip": "93701"}


def child(first: str, *numbers: int) -> list[NormalisedRecord]:
    """A twin, as three departments know her."""
    sources = ("cws_cms", "juvenile_court", "calpads")
    known = {"first_name": first, "last_name": "Alvarado", **BORN, **HOME}
    return [record(number, source, **known) for number, source in zip(numbers, sources, strict=True)]


ELIZA, ESTHER = child("Eliza", 1, 2, 3), child("Esther", 11, 12, 13)
NAMELESS = record(21, "cair2", last_name="Alvarado", **BORN, **HOME)
"""A newborn's record: it could be either's."""


def persons(records: list[NormalisedRecord], found: Partition) -> set[frozenset[str]]:
    of: dict[int, set[str]] = {}
    for one, label in zip(records, found.cluster.tolist(), strict=True):
        of.setdefault(label, set()).add(one.source_record_id)
    return {frozenset(members) for members in of.values()}


def linked(records: list[NormalisedRecord], constraints: Constraints | None = None) -> Partition:
    return link_few(records, MODEL, POLICY, constraints or Constraints())


def test_a_record_that_could_be_either_twin_s_is_neither_s_and_asks_of_both() -> None:
    records = [*ELIZA, *ESTHER, NAMELESS]
    found = linked(records)
    assert persons(records, found) == {frozenset("123"), frozenset({"11", "12", "13"}), frozenset({"21"})}
    asked = {tuple(pair) for pair in zip(found.reviews.left.tolist(), found.reviews.right.tolist(), strict=True)}
    assert {(0, 6), (3, 6)} <= asked


def test_where_no_twin_is_known_it_is_the_child_s() -> None:
    records = [*ELIZA, NAMELESS]
    assert persons(records, linked(records)) == {frozenset({"1", "2", "3", "21"})}


def test_the_policy_may_let_the_stronger_claim_have_it() -> None:
    records = [*ELIZA, *ESTHER, NAMELESS]
    assert any(len(person) == 4 for person in persons(records, link_few(records, MODEL, UNASKED, Constraints())))


def test_a_steward_s_word_for_either_settles_it() -> None:
    records = [*ELIZA, *ESTHER, NAMELESS]
    said = Constraints(must_link=frozenset({(ESTHER[0].key, NAMELESS.key)}))
    assert frozenset({"11", "12", "13", "21"}) in persons(records, linked(records, said))
    denied = Constraints(cannot_link=frozenset((one.key, NAMELESS.key) for one in ELIZA))
    assert frozenset({"11", "12", "13", "21"}) in persons(records, linked(records, denied))


@settings(max_examples=25, deadline=None)
@given(st.permutations([*ELIZA, *ESTHER, NAMELESS]))
def test_who_came_first_does_not_matter(records: list[NormalisedRecord]) -> None:
    assert persons(records, linked(records)) == persons(
        [*ELIZA, *ESTHER, NAMELESS], linked([*ELIZA, *ESTHER, NAMELESS])
    )


names = st.sampled_from(["Eliza", "Esther", "E", "Elise", "", "Ester"])
fields = st.fixed_dictionaries(
    {
        "first_name": names,
        "birth_date": st.sampled_from(["2015-03-09", "2015-03-10", "2016-03-09", ""]),
        "zip": st.sampled_from(["93701", "93702", ""]),
        "ssn": st.sampled_from(["", "", "734110001", "734110002"]),
    }
)


@settings(max_examples=60, deadline=None)
@given(st.lists(fields, min_size=3, max_size=9), st.integers(0, 8), st.sampled_from([0.0, 5.0, 12.0]))
def test_arrays_and_plain_python_leave_the_same_records_apart(
    known: list[dict[str, str]], decided: int, link_bits: float
) -> None:
    policy = POLICY.model_copy(update={"link_threshold_bits": link_bits})
    sources = itertools.cycle(("cws_cms", "meds", "cair2", "calpads"))
    records = [
        record(n, next(sources), **{**HOME, "last_name": "Alvarado", "sex": "female", **values})
        for n, values in enumerate(known)
    ]
    pair = (records[0].key, records[decided % len(records)].key)
    said = Constraints(cannot_link=frozenset({pair}) if pair[0] != pair[1] else frozenset())
    found = link_few(records, MODEL, policy, said)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "FEW_RECORDS", 0)
        expected = link_few(records, MODEL, policy, said)
    assert found.cluster.tolist() == expected.cluster.tolist()
    assert found.reviews.left.tolist() == expected.reviews.left.tolist()
    np.testing.assert_allclose(found.reviews.weight_bits, expected.reviews.weight_bits, rtol=0, atol=1e-6)


def test_one_record_of_a_twin_is_enough_to_claim_it() -> None:
    records = [ELIZA[0], NAMELESS, *ESTHER]
    assert frozenset({"21"}) in persons(records, linked(records))
