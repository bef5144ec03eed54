"""What judgements demand of records, and whether they can hold together: pure functions over what was said.

A judgement names records in parts. Records of different parts are different people; a part that is held is one person.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product

from linkage.record import Constraints, RecordKey

Pair = tuple[RecordKey, RecordKey]


@dataclass(frozen=True, slots=True)
class Part:
    """Records that stand on one side of a judgement; `held`: they are one person."""

    records: frozenset[RecordKey]
    held: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A judgement: its number (0 for one that is not made yet) and its parts."""

    judgement_id: int
    parts: tuple[Part, ...]

    @property
    def records(self) -> frozenset[RecordKey]:
        return frozenset().union(*(part.records for part in self.parts))

    def same(self) -> Iterator[Pair]:
        """Every two records that are said to be one person; the lesser key first."""
        for part in self.parts:
            if part.held:
                yield from combinations(sorted(part.records), 2)

    def different(self) -> Iterator[Pair]:
        """Every two records that are said to be different people; the lesser key first."""
        for one, other in combinations(self.parts, 2):
            for a, b in product(sorted(one.records), sorted(other.records)):
                yield (a, b) if a < b else (b, a)


def constraints_of(judgements: Iterable[Said], present: Collection[RecordKey] | None = None) -> Constraints:
    """What judgements demand; of the records that are present, if these are given.

    Every pair of a held part is named, so that the others stay together where one of them is withdrawn.
    """
    known = None if present is None else frozenset(present)
    must: set[Pair] = set()
    cannot: set[Pair] = set()
    for said in judgements:
        must.update(pair for pair in said.same() if known is None or known.issuperset(pair))
        cannot.update(pair for pair in said.different() if known is None or known.issuperset(pair))
    return Constraints(must_link=frozenset(must), cannot_link=frozenset(cannot))


@dataclass(frozen=True, slots=True)
class Sealed:
    """Records of the time before an adoption and of the time after it, and those that show both: never one person."""

    before: frozenset[RecordKey]
    after: frozenset[RecordKey]
    apart: frozenset[RecordKey] = frozenset()

    @property
    def sides(self) -> tuple[frozenset[RecordKey], ...]:
        """Records of different sides are different people; each that shows both times is a side by itself."""
        return (self.before, self.after, *(frozenset({key}) for key in sorted(self.apart)))


def with_seals(constraints: Constraints, seals: Iterable[Sealed]) -> Constraints:
    """What judgements and seals demand together. A seal outranks what was said: what ties its sides no longer holds.

    Where records are held together over others from one side to another, nothing of the chain holds but what lies
    within one side.
    """
    must, cannot = set(constraints.must_link), set(constraints.cannot_link)
    for sealed in seals:
        side_of = {key: number for number, side in enumerate(sealed.sides) for key in side}
        for one, other in combinations(sealed.sides, 2):
            cannot.update((a, b) if a < b else (b, a) for a, b in product(one, other))
        must = _within_sides(must, side_of)
    return Constraints(must_link=frozenset(must), cannot_link=frozenset(cannot))


def _within_sides(must: set[Pair], side_of: Mapping[RecordKey, int]) -> set[Pair]:
    """The pairs but for those of a chain that reaches two sides, of which only those within one side stay."""
    steps: dict[RecordKey, list[Fact]] = defaultdict(list)
    for a, b in must:
        steps[a].append(Fact(0, "same", a, b))
        steps[b].append(Fact(0, "same", b, a))
    person = _persons(steps)
    sides: dict[RecordKey, set[int]] = defaultdict(set)
    for key, first in person.items():
        if key in side_of:
            sides[first].add(side_of[key])
    return {
        (a, b)
        for a, b in must
        if len(sides[person[a]]) < 2 or (a in side_of and b in side_of and side_of[a] == side_of[b])
    }


@dataclass(frozen=True, slots=True)
class Fact:
    """One link of a chain: by this judgement two records are one person, or are not."""

    judgement_id: int
    kind: str
    left: RecordKey
    right: RecordKey


def contradiction(judgements: Collection[Said]) -> tuple[Fact, ...]:
    """A chain of facts that cannot all hold: records that are one person step by step, and are different people.

    Returns:
        The steps, then what they contradict; nothing where all can hold. Whether a record is there at present does
        not matter: what holds for all records ever named holds for any of them.
    """
    steps: dict[RecordKey, list[Fact]] = defaultdict(list)
    for said in judgements:
        for part in said.parts:
            first, *others = sorted(part.records) if part.held else (("", ""),)
            for other in others:
                steps[first].append(Fact(said.judgement_id, "same", first, other))
                steps[other].append(Fact(said.judgement_id, "same", other, first))
    person = _persons(steps)
    for said in judgements:
        for one, another in combinations(said.parts, 2):
            reached = {person.get(key, key): key for key in sorted(one.records)}
            for key in sorted(another.records):
                if (against := reached.get(person.get(key, key))) is not None:
                    return (*_chain(steps, against, key), Fact(said.judgement_id, "different", against, key))
    return ()


def _persons(steps: Mapping[RecordKey, Iterable[Fact]]) -> dict[RecordKey, RecordKey]:
    """Each record that judgements hold together with others, to the first of these."""
    person: dict[RecordKey, RecordKey] = {}
    for start in sorted(steps):
        waiting = [start] if start not in person else []
        while waiting:
            key = waiting.pop()
            if key not in person:
                person[key] = start
                waiting.extend(fact.right for fact in steps[key])
    return person


def _chain(steps: Mapping[RecordKey, Iterable[Fact]], start: RecordKey, end: RecordKey) -> tuple[Fact, ...]:
    """The shortest way from one record to another over facts that hold them together."""
    came: dict[RecordKey, Fact | None] = {start: None}
    waiting = deque([start])
    while waiting and end not in came:
        for fact in steps[waiting.popleft()]:
            if fact.right not in came:
                came[fact.right] = fact
                waiting.append(fact.right)
    chain: list[Fact] = []
    step = came[end]
    while step is not None:
        chain.append(step)
        step = came[step.left]
    return tuple(reversed(chain))
