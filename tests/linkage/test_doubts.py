"""What stewards are asked about a partition: kinds of doubt, their sides, and what is not asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policy import load_policy
from index_service.models import read_model
from linkage.doubts import Doubt, find_doubts, weakest_cut
from linkage.normalise import normalise
from linkage.pairs import WeighedPairs
from linkage.pipeline import decisions_by_row, link_few
from linkage.record import Constraints, SourceRecord
from linkage.weights import compile_model

COMPILED, POLICY = compile_model(read_model()), load_policy()
MARISOL = {
    "first_name": "Marisol",
    "last_name": "Quintanilla",
    "birth_date": "2014-03-09",
    "sex": "female",
    "mother_first_name": "Rosaura",
    "address_line": "814 Alder Way",
    "zip": "93701",
    "cin": "91234567A",
}
THADDEUS = {
    "first_name": "Thaddeus",
    "last_name": "Okonkwo",
    "birth_date": "2009-11-30",
    "sex": "male",
    "address_line": "5 Cedar Ln",
    "zip": "95501",
}
SOURCES = ("ccsas", "meds", "csi", "calpads", "dds", "cair2", "calsaws", "probation")


def doubts(people: Sequence[Mapping[str, str]], *, same: Sequence[tuple[int, int]] = ()) -> list[Doubt]:
    """What is doubtful of records, one of each source; `same` are judged to be one person."""
    pairs = zip(SOURCES, people, strict=False)
    records = [normalise(SourceRecord(source, "1", dict(values)))[0] for source, values in pairs]
    keys = [record.key for record in records]
    constraints = Constraints(must_link=frozenset((keys[a], keys[b]) for a, b in same))
    found = link_few(records, COMPILED, POLICY, constraints)
    decided = decisions_by_row(keys, Constraints())  # the judgement is not told: what it makes is doubted
    return find_doubts(found, COMPILED.names, POLICY, same=decided.must_link)


def told(found: Sequence[Doubt]) -> list[tuple[str, tuple[int, ...], tuple[int, ...], bool]]:
    return [(doubt.kind, doubt.left, doubt.right, doubt.one_person) for doubt in found]


def without(values: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in names}


def test_a_person_whose_records_agree_raises_no_question() -> None:
    assert doubts([MARISOL, MARISOL, MARISOL, THADDEUS]) == []


def test_two_persons_that_may_be_one() -> None:
    known = without(MARISOL, "cin")
    other = {**without(known, "sex"), "last_name": "Quintana", "birth_date": "2014-03-19", "mother_first_name": "Lynn"}
    other |= {"address_line": "77 Birch Ct", "zip": "93612"}
    assert told(doubts([known, known, other])) == [("possible_duplicate", (0, 1), (2,), False)]


def test_twins() -> None:
    known = without(MARISOL, "cin")
    twin = {**known, "first_name": "Marisa"}
    found = doubts([{**known, "birth_order": "1"}, known, {**twin, "birth_order": "2"}])
    assert told(found) == [("twin_or_sibling_alert", (0, 1), (2,), False)]


def test_one_person_who_shows_two_people_and_the_part_that_may_leave() -> None:
    people = [MARISOL, MARISOL, THADDEUS, THADDEUS, MARISOL]
    (found,) = doubts(people, same=[(0, 1), (0, 2), (0, 3), (0, 4)])
    assert (found.kind, found.left, found.right, found.one_person) == ("possible_overlay", (0, 1, 4), (2, 3), True)
    assert found.fields == ("first_name", "birth_date", "sex")


def test_two_numbers_of_one_kind_on_one_person() -> None:
    (found,) = doubts([MARISOL, MARISOL, {**MARISOL, "cin": "98765432B"}], same=[(0, 1), (0, 2)])
    assert (found.kind, found.right, found.fields) == ("identifier_conflict", (2,), ("cin",))


def test_two_numbers_on_one_person_that_stand_not_at_its_weakest_place() -> None:
    """The weakest record says nothing of the number: the cut parts the two that do."""
    weak = without(MARISOL, "cin", "address_line", "zip", "mother_first_name", "sex")
    people = [MARISOL, MARISOL, {**MARISOL, "cin": "98765432B"}, weak]
    (found,) = doubts(people, same=[(0, 1), (0, 2), (0, 3)])
    assert (found.kind, found.right, found.fields) == ("identifier_conflict", (2,), ("cin",))
    assert found.weight_bits >= POLICY.split_review_bits


@pytest.mark.parametrize("size", range(2, 7))
@given(data=st.data())
def test_any_two_numbers_of_one_person_raise_a_question(size: int, data: st.DataObject) -> None:
    said = data.draw(st.lists(st.sampled_from(["91234567A", "98765432B", None]), min_size=size, max_size=size))
    people = [{**without(MARISOL, "cin"), **({"cin": cin} if cin else {})} for cin in said]
    found = doubts(people, same=[(0, row) for row in range(1, size)])
    assert [doubt.kind for doubt in found] == ["identifier_conflict"] * (len({cin for cin in said if cin}) > 1)
    for doubt in found:
        sides = [{said[row] for row in side if said[row]} for side in (doubt.left, doubt.right)]
        assert any(a != b for a in sides[0] for b in sides[1])


def test_a_weakly_held_record_may_leave() -> None:
    weak = {"first_name": "Marisol", "last_name": "Quintana", "birth_date": "2014-05-19"}
    (found,) = doubts([MARISOL, MARISOL, weak], same=[(0, 1), (0, 2)])
    assert told([found]) == [("possible_split", (0, 1), (2,), True)]
    assert found.weight_bits < POLICY.split_review_bits


def weighed(size: int, weights: Mapping[tuple[int, int], float], otherwise: float) -> WeighedPairs:
    left, right = np.triu_indices(size, 1)
    bits = np.array([weights.get((int(a), int(b)), otherwise) for a, b in zip(left, right, strict=True)])
    return WeighedPairs(left, right, np.zeros((len(left), 0), np.int8), bits, bits, bits)


def test_the_weakest_cut_of_two_people_tied_by_a_bridge_leaves_them_whole() -> None:
    """0, 1, 2 are one, 4, 5 another; 3 is like both, and more like the first."""
    people = {(0, 1): 20.0, (0, 2): 20.0, (1, 2): 20.0, (4, 5): 20.0}
    bridge = {(0, 3): 15.0, (1, 3): 15.0, (2, 3): 15.0, (3, 4): 8.0, (3, 5): 8.0}
    assert weakest_cut(np.arange(6), weighed(6, people | bridge, -10.0)) == ((0, 1, 2, 3), (4, 5))


@pytest.mark.parametrize("weak", range(4))
def test_the_weakest_cut_finds_the_weakly_held_record(weak: int) -> None:
    weights = {pair: 2.0 for pair in [(a, b) for a in range(4) for b in range(a + 1, 4)] if weak in pair}
    stays, leaves = weakest_cut(np.arange(4), weighed(4, weights, 20.0))
    assert leaves == (weak,) and sorted((*stays, *leaves)) == [0, 1, 2, 3]


@given(st.integers(2, 6), st.data())
def test_a_cut_has_two_parts_and_no_single_record_is_held_more_weakly(size: int, data: st.DataObject) -> None:
    count = size * (size - 1) // 2
    bits = data.draw(st.lists(st.integers(-20, 40), min_size=count, max_size=count))
    left, right = np.triu_indices(size, 1)
    weights = {(int(a), int(b)): float(w) for a, b, w in zip(left, right, bits, strict=True)}
    stays, leaves = weakest_cut(np.arange(size), weighed(size, weights, 0.0))
    assert sorted((*stays, *leaves)) == list(range(size)) and len(stays) >= len(leaves) > 0

    def across(part: set[int]) -> float:
        cut = [w for (a, b), w in weights.items() if (a in part) != (b in part)]
        return sum(cut) / len(cut)

    assert across(set(leaves)) <= min(across({row}) for row in range(size)) + 1e-9
