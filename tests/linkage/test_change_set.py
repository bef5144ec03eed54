"""The change set: what a relink would publish, and that nothing is left out of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.change_set import ChangeSet, Created, Joined, Moved, Retired, Split, compute
from linkage.record import PersonId, RecordKey

Partition = dict[RecordKey, PersonId]


def key(number: int) -> RecordKey:
    return ("cws_cms", str(number))


def partition(**persons: list[int]) -> Partition:
    return {key(n): PersonId(person) for person, numbers in persons.items() for n in numbers}


def test_nothing_changed() -> None:
    changes = compute(partition(a=[1, 2], b=[3]), partition(a=[1, 2], b=[3]))
    assert changes.is_empty
    assert changes.share_of_persons_changed == 0.0
    assert set(changes.counts().values()) == {0}


def test_a_new_record_makes_a_new_person() -> None:
    changes = compute(partition(a=[1]), partition(a=[1], b=[2]))
    assert changes.created == (Created(PersonId("b"), (key(2),)),)
    assert changes.added == partition(b=[2])
    assert changes.share_of_persons_changed == 0.0


def test_a_new_record_of_a_known_person_is_added_and_changes_no_one() -> None:
    changes = compute(partition(a=[1]), partition(a=[1, 2]))
    assert (changes.created, changes.added) == ((), partition(a=[2]))
    assert not changes.is_empty
    assert changes.share_of_persons_changed == 0.0


def test_two_persons_turn_out_to_be_one() -> None:
    changes = compute(partition(a=[1, 2], b=[3], c=[4]), partition(a=[1, 2, 3], c=[4]))
    assert changes.joined == (Joined(PersonId("a"), (PersonId("b"),), (key(3),)),)
    assert changes.retired == (Retired(PersonId("b"), PersonId("a"), (key(3),)),)
    assert (changes.moved, changes.split, changes.created) == ((), (), ())
    assert changes.share_of_persons_changed == pytest.approx(2 / 3)


def test_a_person_turns_out_to_be_two() -> None:
    changes = compute(partition(a=[1, 2, 3]), partition(a=[1, 2], b=[3]))
    assert changes.split == (Split(PersonId("a"), PersonId("b"), (key(3),)),)
    assert (changes.created, changes.joined, changes.retired) == ((), (), ())
    assert changes.share_of_persons_changed == 1.0


def test_a_record_moves_between_persons_that_both_remain() -> None:
    changes = compute(partition(a=[1, 2], b=[3]), partition(a=[1], b=[2, 3]))
    assert changes.moved == (Moved(key(2), PersonId("a"), PersonId("b")),)
    assert (changes.joined, changes.split, changes.retired) == ((), (), ())


def test_an_id_retires_to_the_person_that_got_most_of_its_records() -> None:
    changes = compute(partition(a=[1, 2, 3], b=[4], c=[5]), partition(b=[1, 4], c=[2, 3, 5]))
    assert changes.retired == (Retired(PersonId("a"), PersonId("c"), (key(1), key(2), key(3))),)


def test_an_id_whose_records_were_all_withdrawn_forwards_to_no_one() -> None:
    changes = compute(partition(a=[1], b=[2]), partition(b=[2]))
    assert changes.retired == (Retired(PersonId("a"), None, (key(1),)),)
    assert changes.removed == partition(a=[1])


partitions = st.dictionaries(st.integers(0, 9).map(key), st.sampled_from("abcdef").map(PersonId), max_size=10)


def applied(changes: ChangeSet, previous: Mapping[RecordKey, PersonId]) -> Partition:
    """What becomes of the previous partition when every entry is carried out."""
    current = {k: p for k, p in previous.items() if k not in changes.removed}
    moved = {m.record: m.to_person for m in changes.moved}
    parts = {k: s.new_person for s in changes.split for k in s.records}
    heir = {old: j.person for j in changes.joined for old in j.retired}
    current = {k: moved.get(k) or parts.get(k) or heir.get(p, p) for k, p in current.items()}
    return {**current, **changes.added}


@settings(max_examples=150, deadline=None)
@given(partitions, partitions)
def test_applying_the_changes_to_what_was_gives_what_is(previous: Partition, current: Partition) -> None:
    assert applied(compute(previous, current), previous) == current


@settings(max_examples=100, deadline=None)
@given(partitions, partitions)
def test_every_id_that_is_gone_retires_and_forwards_to_a_person_that_is_there(
    previous: Partition, current: Partition
) -> None:
    changes = compute(previous, current)
    assert {r.person for r in changes.retired} == set(previous.values()) - set(current.values())
    assert {r.forwards_to for r in changes.retired} <= set(current.values()) | {None}
    for retired in changes.retired:
        left = [k for k, p in previous.items() if p == retired.person and k in current]
        assert (retired.forwards_to is None) == (not left)


@settings(max_examples=100, deadline=None)
@given(partitions, partitions)
def test_counts_and_shares_fit_what_happened(previous: Partition, current: Partition) -> None:
    changes = compute(previous, current)
    assert changes.is_empty == (previous == current)
    assert changes.counts()["added"] == len(current.keys() - previous.keys())
    assert changes.counts()["removed"] == len(previous.keys() - current.keys())
    assert 0.0 <= changes.share_of_persons_changed <= 1.0
