"""Person ids: misread ones are noticed, and the right cluster keeps the right id."""

from __future__ import annotations

from collections import Counter
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.person_ids import assign_person_ids, is_valid, new_person_id, new_person_ids
from linkage.record import PersonId, RecordKey

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

ids = st.builds(lambda _: new_person_id(), st.integers())


@settings(max_examples=60, deadline=None)
@given(ids)
def test_a_new_id_is_valid_however_it_is_written_down(person: PersonId) -> None:
    assert is_valid(person)
    assert is_valid(person.lower())
    assert is_valid(person.replace("-", ""))
    assert [len(group) for group in person.split("-")] == [4, 4, 4]


@settings(max_examples=60, deadline=None)
@given(ids, st.integers(0, 11), st.sampled_from(ALPHABET))
def test_any_one_wrong_character_is_noticed(person: PersonId, place: int, wrong: str) -> None:
    compact = person.replace("-", "")
    changed = f"{compact[:place]}{wrong}{compact[place + 1 :]}"
    assert is_valid(changed) == (changed == compact)


@settings(max_examples=200, deadline=None)
@given(ids)
def test_any_two_neighbours_changed_over_are_noticed(person: PersonId) -> None:
    compact = person.replace("-", "")
    for place, (a, b) in enumerate(pairwise(compact)):
        if a != b:
            assert not is_valid(f"{compact[:place]}{b}{a}{compact[place + 2 :]}")


@pytest.mark.parametrize("text", ["", "K7Q2", "K7Q2-MX9T-4RW", "O0I1-LUO0-I1LU", "é" * 12, "K7Q2-MX9T-4RWAA"])
def test_what_can_be_no_id(text: str) -> None:
    assert not is_valid(text)


def test_ids_are_not_drawn_twice() -> None:
    assert len({new_person_id() for _ in range(2000)}) == 2000


def key(number: int) -> RecordKey:
    return ("cws_cms", str(number))


def keys(*numbers: int) -> list[RecordKey]:
    return [key(n) for n in numbers]


OLD, YOUNG = PersonId("old"), PersonId("young")
AGE = {OLD: 0, YOUNG: 1}


def assigned(clusters: dict[str, list[RecordKey]], previous: dict[RecordKey, PersonId]) -> dict[str, str]:
    numbers = count(1)
    return dict(assign_person_ids(clusters, previous, AGE, lambda: PersonId(f"new {next(numbers)}")))


def test_a_cluster_of_new_records_gets_a_new_id() -> None:
    assert assigned({"a": keys(1, 2)}, {}) == {"a": "new 1"}


def test_a_cluster_keeps_the_id_of_the_person_that_gave_it_most_records() -> None:
    previous = {key(1): OLD, key(2): YOUNG, key(3): YOUNG}
    assert assigned({"a": keys(1, 2, 3)}, previous) == {"a": YOUNG}


def test_between_equals_the_older_id_stays() -> None:
    assert assigned({"a": keys(1, 2)}, {key(1): YOUNG, key(2): OLD}) == {"a": OLD}


def test_when_a_person_splits_the_larger_part_keeps_the_id_and_the_smaller_gets_a_new_one() -> None:
    previous = {key(n): OLD for n in (1, 2, 3)}
    assert assigned({"a": keys(1), "b": keys(2, 3)}, previous) == {"a": "new 1", "b": OLD}


def test_when_a_person_splits_in_halves_the_part_with_the_first_record_key_keeps_the_id() -> None:
    previous = {key(n): OLD for n in (1, 2)}
    assert assigned({"b": keys(2), "a": keys(1)}, previous) == {"a": OLD, "b": "new 1"}


def test_a_cluster_whose_best_claim_is_taken_falls_back_on_its_next() -> None:
    previous = {key(1): OLD, key(2): OLD, key(3): OLD, key(4): OLD, key(5): OLD, key(6): YOUNG}
    assert assigned({"a": keys(1, 2, 3), "b": keys(4, 5, 6)}, previous) == {"a": OLD, "b": YOUNG}


partitions = st.lists(st.integers(0, 5), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(partitions, st.data())
def test_no_two_clusters_share_an_id_and_an_unchanged_person_keeps_its_own(now: list[int], data: st.DataObject) -> None:
    before = data.draw(st.lists(st.one_of(st.none(), st.integers(0, 5)), min_size=len(now), max_size=len(now)))
    previous = {key(i): PersonId(f"person {p}") for i, p in enumerate(before) if p is not None}
    clusters: dict[int, list[RecordKey]] = {}
    for i, label in enumerate(now):
        clusters.setdefault(label, []).append(key(i))
    age = {person: rank for rank, person in enumerate(sorted(set(previous.values())))}
    given_ids = assign_person_ids(clusters, previous, age)
    assert set(given_ids) == set(clusters)
    assert len(set(given_ids.values())) == len(given_ids)
    for cluster, members in clusters.items():
        former = {previous.get(k) for k in members}
        person = next(iter(former))
        if len(former) == 1 and person and [k for k, p in previous.items() if p == person] == members:
            assert given_ids[cluster] == person
        assert given_ids[cluster] in former or given_ids[cluster] not in age, "no id of people it has no record of"


@settings(max_examples=60, deadline=None)
@given(partitions)
def test_the_order_of_records_and_clusters_does_not_matter(now: list[int]) -> None:
    previous = {key(i): PersonId(f"person {i % 3}") for i in range(0, len(now), 2)}
    age = {PersonId(f"person {i}"): i for i in range(3)}
    clusters: dict[int, list[RecordKey]] = {}
    for i, label in enumerate(now):
        clusters.setdefault(label, []).append(key(i))
    numbers, again = count(), count()
    forth = assign_person_ids(clusters, previous, age, lambda: PersonId(f"new {next(numbers)}"))
    turned = {label: clusters[label][::-1] for label in list(clusters)[::-1]}
    back = assign_person_ids(turned, dict(reversed(previous.items())), age, lambda: PersonId(f"new {next(again)}"))
    assert forth == back


def test_ids_drawn_at_once_are_such_as_are_drawn_one_by_one() -> None:
    ids = new_person_ids(3000)
    assert len(set(ids)) == 3000
    for person in ids:
        compact = person.replace("-", "")
        assert is_valid(person)
        swapped = (compact[:i] + b + a + compact[i + 2 :] for i, (a, b) in enumerate(pairwise(compact)) if a != b)
        assert not any(is_valid(text) for text in swapped)
    letters = Counter("".join(ids).replace("-", ""))
    assert set(letters) == set(ALPHABET)
    assert max(letters.values()) < 1.3 * min(letters.values()), "each letter is as likely"
    assert new_person_ids(0) == []
