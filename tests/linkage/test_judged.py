"""What judgements demand, and which cannot hold together: checked against trying all ways of grouping the records."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.judged import Fact, Part, Said, constraints_of, contradiction
from linkage.record import RecordKey


def key(name: str) -> RecordKey:
    return ("meds", name)


def part(names: str, *, held: bool = False) -> Part:
    return Part(frozenset(map(key, names)), held)


def same(number: int, names: str) -> Said:
    return Said(number, (part(names, held=True),))


def different(number: int, left: str, right: str) -> Said:
    return Said(number, (part(left), part(right)))


def test_the_chain_names_each_step_and_what_it_contradicts() -> None:
    chain = contradiction([same(1, "ab"), same(2, "bc"), different(3, "a", "c")])
    assert chain == (
        Fact(1, "same", key("a"), key("b")),
        Fact(2, "same", key("b"), key("c")),
        Fact(3, "different", key("a"), key("c")),
    )


def test_the_shortest_chain_is_named() -> None:
    said = [same(1, "ab"), same(2, "bc"), same(3, "cd"), same(4, "ad"), different(5, "a", "d")]
    assert [fact.judgement_id for fact in contradiction(said)] == [4, 5]


@pytest.mark.parametrize(
    "said",
    [
        [],
        [same(1, "abc"), different(2, "abc", "d")],
        [different(1, "a", "b"), different(2, "b", "c"), same(3, "ac")],
        [Said(1, (part("ab", held=True), part("cd")))],
    ],
)
def test_what_can_hold_together(said: list[Said]) -> None:
    assert contradiction(said) == ()


def test_a_held_part_stays_together_when_one_of_it_is_withdrawn() -> None:
    demands = constraints_of([same(1, "abc")], [key("a"), key("c")])
    assert demands.must_link == {(key("a"), key("c"))}


def test_every_record_of_one_part_differs_from_every_one_of_another() -> None:
    demands = constraints_of([Said(1, (part("cd", held=True), part("ab")))])
    assert demands.must_link == {(key("c"), key("d"))}
    assert demands.cannot_link == {(key(a), key(b)) for a in "ab" for b in "cd"}


NAMES = "abcd"


@st.composite
def judgements(draw: st.DrawFn) -> Said:
    side = draw(st.lists(st.sampled_from("012"), min_size=len(NAMES), max_size=len(NAMES)))
    parts = ["".join(n for n, s in zip(NAMES, side, strict=True) if s == which) for which in "12"]
    return Said(draw(st.integers(1, 99)), tuple(part(names, held=draw(st.booleans())) for names in parts if names))


def groupings(names: str) -> Iterator[dict[str, int]]:
    """Every way of putting the names into groups."""
    if not names:
        yield {}
        return
    for rest in groupings(names[1:]):
        for group in range(max(rest.values(), default=-1) + 2):
            yield {**rest, names[0]: group}


@given(st.lists(judgements(), max_size=4))
def test_a_contradiction_is_found_exactly_where_no_grouping_of_the_records_would_do(said: list[Said]) -> None:
    demands = constraints_of(said)

    def fits(group: dict[str, int]) -> bool:
        return all(group[a[1]] == group[b[1]] for a, b in demands.must_link) and all(
            group[a[1]] != group[b[1]] for a, b in demands.cannot_link
        )

    assert bool(contradiction(said)) != any(fits(group) for group in groupings(NAMES))
