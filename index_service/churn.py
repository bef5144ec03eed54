"""Whether what a relink would change is more than the policy lets pass, and examples of it for who decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from config.policy import LinkagePolicy
from linkage.change_set import ChangeSet
from linkage.record import PersonId

EXAMPLES = 5
_OF_PERSONS = {"changed": "change", "joined": "be joined into others", "split": "be split", "retired": "be retired"}
_OF_A_SOURCE = {
    "joined": "be of a person that is joined into another",
    "split": "leave their person",
    "retired": "be of a person whose id retires",
}


@dataclass(frozen=True, slots=True)
class Over:
    """What is over its budget.

    Attributes:
        kind: changed (in any way), joined, split, retired.
        source: of the records of this one; "" of all persons.
        count: how many would change, `of` so many persons or records.
        may: the share that may.
    """

    kind: str
    source: str
    count: int
    of: int
    may: float

    @property
    def sentence(self) -> str:
        """A clause with both figures."""
        share = f" ({self.count / self.of:.1%})" if self.of else ""
        if self.source:
            whom, verb = f"{self.of:,} records of {self.source}", _OF_A_SOURCE[self.kind]
        else:
            whom, verb = f"{self.of:,} persons", _OF_PERSONS[self.kind]
        return f"{self.count:,} of the {whom}{share} would {verb}; {self.may:.1%} may"


@dataclass(frozen=True, slots=True)
class Example:
    """One change: the persons it is about, how many records it moves, and how many their component has."""

    kind: str
    persons: tuple[PersonId, ...]
    records: int
    component_records: int


def over_budget(change: ChangeSet, policy: LinkagePolicy, records_by_source: Mapping[str, int]) -> list[Over]:
    """What is over its budget, of all persons and of each source; empty where everything may pass."""
    if not change.persons_before:
        return []
    return [each for each in _measured(change, policy, records_by_source) if each.count > each.may * each.of]


def _measured(change: ChangeSet, policy: LinkagePolicy, records_by_source: Mapping[str, int]) -> Iterator[Over]:
    persons, churn = change.persons_before, policy.churn
    yield Over("changed", "", change.persons_changed, persons, policy.max_share_of_persons_changed)
    yield Over("joined", "", sum(len(each.retired) for each in change.joined), persons, churn.joined)
    yield Over("split", "", len({each.person for each in change.split}), persons, churn.split)
    yield Over("retired", "", len(change.retired), persons, churn.retired)
    joined = Counter(source for each in change.joined for source, _ in each.records)
    left = Counter(source for each in change.split for source, _ in each.records)
    left.update(each.record[0] for each in change.moved)
    retired = Counter(source for each in change.retired for source, _ in each.records)
    for source in sorted({*joined, *left, *retired}):
        held, may = records_by_source.get(source, 0), churn.sources.get(source, churn.of_a_source)
        yield Over("joined", source, joined[source], held, may.joined)
        yield Over("split", source, left[source], held, may.split)
        yield Over("retired", source, retired[source], held, may.retired)


def examples(change: ChangeSet, component_records: Mapping[PersonId, int]) -> list[Example]:
    """Of each kind of change those in the largest components.

    Args:
        component_records: person to how many records its component would have; those that retire are in none.
    """
    found = [
        *(("joined", (each.person, *each.retired), len(each.records)) for each in change.joined),
        *(("split", (each.person, each.new_person), len(each.records)) for each in change.split),
        *(("moved", persons, records) for persons, records in _moves(change).items()),
        *(
            ("retired", (each.person, *([each.forwards_to] if each.forwards_to else [])), len(each.records))
            for each in change.retired
        ),
    ]
    told = [
        Example(kind, persons, records, max(component_records.get(person, 0) for person in persons))
        for kind, persons, records in found
    ]
    told.sort(key=lambda example: (-example.component_records, -example.records, example.persons))
    return [
        example
        for kind in ("joined", "split", "moved", "retired")
        for example in [each for each in told if each.kind == kind][:EXAMPLES]
    ]


def _moves(change: ChangeSet) -> Counter[tuple[PersonId, ...]]:
    """From which person to which, to how many records go that way."""
    return Counter((each.from_person, each.to_person) for each in change.moved)
