"""What a relink may change by itself: a budget for every kind of change, of all persons and of each source."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policy import ChurnBudget, LinkagePolicy, SourceChurn
from index_service.churn import examples, over_budget
from index_service.linking_context import shipped
from linkage.change_set import ChangeSet, compute
from linkage.record import PersonId, RecordKey

POLICY = shipped().policy
ANY = SourceChurn(joined=1, split=1, retired=1)
OPEN = {"max_share_of_persons_changed": 1.0, "churn": ChurnBudget(joined=1, split=1, retired=1, of_a_source=ANY)}
Partition = dict[RecordKey, PersonId]


def persons(**members: str) -> Partition:
    """persons(a="m1 m2"): the person a holds two records; the letter is the source."""
    return {(word[0], word[1:]): PersonId(name) for name, words in members.items() for word in words.split()}


def held(records: Partition) -> Counter[str]:
    return Counter(source for source, _ in records)


def with_budget(kind: str, source: bool, share: float) -> LinkagePolicy:
    """Everything may change, but of this kind only a share."""
    churn = ChurnBudget.model_validate(
        {"joined": 1, "split": 1, "retired": 1, "of_a_source": ANY}
        | ({"sources": {"m": ANY.model_copy(update={kind: share})}} if source else {kind: share})
        if kind != "changed"
        else OPEN["churn"]
    )
    whole = share if kind == "changed" else 1.0
    return POLICY.model_copy(update={"max_share_of_persons_changed": whole, "churn": churn})


BEFORE = persons(a="m1 m2 c1", b="m3 c2", c="m4", d="c3")
CHANGES = {
    "joined": persons(a="m1 m2 c1 m3 c2", c="m4", d="c3"),
    "split": persons(a="m1 c1", n="m2", b="m3 c2", c="m4", d="c3"),
    "moved": persons(a="m1 c1", b="m2 m3 c2", c="m4", d="c3"),
    "retired": persons(a="m1 m2 c1", b="m3 c2", d="c3"),
}


@pytest.mark.parametrize(
    ("change", "kind", "source", "count", "of"),
    [
        ("joined", "joined", "", 1, 4),
        ("joined", "retired", "", 1, 4),
        ("joined", "changed", "", 2, 4),
        ("split", "split", "", 1, 4),
        ("moved", "changed", "", 2, 4),
        ("retired", "retired", "", 1, 4),
        ("joined", "joined", "m", 1, 4),
        ("joined", "retired", "m", 1, 4),
        ("split", "split", "m", 1, 4),
        ("moved", "split", "m", 1, 4),
        ("retired", "retired", "m", 1, 4),
    ],
)
def test_each_budget_holds_back_what_is_over_it_and_nothing_else(
    change: str, kind: str, source: str, count: int, of: int
) -> None:
    changes = compute(BEFORE, CHANGES[change])
    over = over_budget(changes, with_budget(kind, bool(source), count / of - 0.01), held(BEFORE))
    assert [(each.kind, each.source, each.count, each.of) for each in over] == [(kind, source, count, of)]
    assert f"{count} of the {of} " in over[0].sentence
    assert not over_budget(changes, with_budget(kind, bool(source), count / of), held(BEFORE))


partitions = st.dictionaries(
    st.tuples(st.sampled_from("mcs"), st.integers(0, 12).map(str)),
    st.sampled_from("abcdefg").map(PersonId),
    min_size=1,
)


@given(before=partitions, after=partitions)
def test_with_budgets_of_nothing_every_change_of_persons_is_told_and_with_open_ones_none(
    before: Partition, after: Partition
) -> None:
    changes = compute(before, after)
    nothing = SourceChurn(joined=0, split=0, retired=0)
    closed = {
        "max_share_of_persons_changed": 0.0,
        "churn": ChurnBudget(joined=0, split=0, retired=0, of_a_source=nothing),
    }
    told = over_budget(changes, POLICY.model_copy(update=closed), held(before))
    assert bool(told) == bool(changes.joined or changes.split or changes.moved or changes.retired)
    for each in told:
        if each.source:
            assert each.of == held(before)[each.source]
    assert not over_budget(changes, POLICY.model_copy(update=OPEN), held(before))
    lost = sum(each.count for each in told if each.source and each.kind in ("joined", "split"))
    assert lost == sum(1 for key, person in before.items() if key in after and after[key] != person)


def test_a_first_relink_changes_nobody() -> None:
    changes = compute({}, BEFORE)
    assert not over_budget(changes, with_budget("changed", False, 0.0), held(BEFORE))


def shown(changes: ChangeSet, sizes: dict[str, int]) -> list[tuple[str, str, int, int]]:
    found = examples(changes, {PersonId(person): size for person, size in sizes.items()})
    return [(each.kind, each.persons[0], each.records, each.component_records) for each in found]


def test_examples_are_of_every_kind_those_in_the_largest_components_first() -> None:
    before = persons(a="m1 m2", b="m3", c="m4", d="m5", e="m6 m7", f="m8 m9", g="c1", h="c2")
    after = persons(a="m1 m2 m3", c="m4 m5", e="m6", n="m7", f="m8", g="m9 c1")
    sizes = {"a": 3, "c": 9, "e": 2, "n": 2, "f": 5, "g": 7}
    assert shown(compute(before, after), sizes) == [
        ("joined", "c", 1, 9),
        ("joined", "a", 1, 3),
        ("split", "e", 1, 2),
        ("moved", "f", 1, 7),
        ("retired", "d", 1, 9),
        ("retired", "b", 1, 3),
        ("retired", "h", 1, 0),
    ]
