"""Whether what a relink would change is more than the policy lets pass, and examples of it for who decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from config.policy import LinkagePolicy
from linkage.change_set import ChangeSet
from linkage.record import PersonId

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Example:
    """One change: the persons it is about, and how many records it moves."""

    kind: str
    persons: tuple[PersonId, ...]
    records: int


def over_budget(change: ChangeSet, policy: LinkagePolicy, records_by_source: Mapping[str, int]) -> list[str]:
    """Say what is over its budget: a clause each, with both shares; empty where everything may pass."""
    if not change.persons_before:
        return []
    return list(_over(change, policy, records_by_source))


def _over(change: ChangeSet, policy: LinkagePolicy, records_by_source: Mapping[str, int]) -> Iterator[str]:
    persons, budget = change.persons_before, policy.churn
    share = change.share_of_persons_changed
    if share > policy.max_share_of_persons_changed:
        yield f"{share:.1%} of the {persons:,} persons would change; {policy.max_share_of_persons_changed:.1%} may"
    for kind, count, most in (
        ("joined into others", sum(len(each.retired) for each in change.joined), budget.joined),
        ("split", len({each.person for each in change.split}), budget.split),
        ("retired", len(change.retired), budget.retired),
    ):
        if count > most * persons:
            yield f"{count:,} of {persons:,} persons ({count / persons:.1%}) would be {kind}; {most:.1%} may"
    leaving = Counter(source for each in change.split for source, _ in each.records)
    leaving.update(each.record[0] for each in change.moved)
    for source, count in sorted(leaving.items()):
        held = records_by_source.get(source, 0)
        if count > budget.of_a_source * held:
            may_pass = f"{budget.of_a_source:.1%}"
            yield f"{count:,} of the {held:,} records of {source} would leave their person; {may_pass} may"


def examples(change: ChangeSet) -> list[Example]:
    """Of each kind of change the largest."""
    removed = Counter(change.removed.values())
    found = [
        *(Example("joined", (each.person, *each.retired), len(each.retired) + 1) for each in change.joined),
        *(Example("split", (each.person, each.new_person), len(each.records)) for each in change.split),
        *(Example("moved", (each.from_person, each.to_person), 1) for each in change.moved),
        *(
            Example("retired", (each.person, *([each.forwards_to] if each.forwards_to else [])), removed[each.person])
            for each in change.retired
        ),
    ]
    found.sort(key=lambda example: (-example.records, example.persons))
    return [
        example
        for kind in ("joined", "split", "moved", "retired")
        for example in [each for each in found if each.kind == kind][:EXAMPLES]
    ]
