"""What a decision of a steward says of records: from the sides of a question to the parts of a judgement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import combinations

from config.policy import StewardshipPolicy
from index_service.stewardship.errors import ImpossibleChoice
from index_service.store.judgements import JudgementKind
from linkage.judged import Part
from linkage.record import RecordKey

DEMANDS: frozenset[JudgementKind] = frozenset({"same", "different", "split", "move", "detach"})
"""Decisions that linking obeys."""

DECIDES: frozenset[JudgementKind] = DEMANDS | {"cannot_tell"}
"""Decisions after which the question is no longer open."""

Keys = frozenset[RecordKey]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a steward decides.

    Attributes:
        chosen: records that leave their person (split, move, detach), or whose value is generic.
        field: the column of the normalised record whose value is generic.
        missing: what would be needed to tell.
    """

    kind: JudgementKind
    reason: str
    chosen: Keys = frozenset()
    field: str | None = None
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Sides:
    """The records before the steward.

    Attributes:
        one_person: a part of one person may leave, by default the right side.
        one_record: the question is about one record: whether another person was written over it.
    """

    left: Keys
    right: Keys = frozenset()
    one_person: bool = False
    one_record: bool = False

    @property
    def all(self) -> Keys:
        return self.left | self.right


def parts_of(decision: Decision, sides: Sides) -> tuple[Part, ...]:
    """What the decision demands of the records.

    same: all records of both sides are one person, as they were seen; so none falls off, whichever pair weighs least.
    different: no record of one side is the person of any of the other. split: those chosen are one other person.
    move: those chosen are the person of the other side. detach: those chosen are not this person; whose they are is
    left open. Of one record, same says that it was rightly changed, different that another person was written over it:
    either is for its source to know, and whose record it is follows from what it says.

    Raises:
        ImpossibleChoice: the records chosen do not make this decision.
    """
    match decision.kind:
        case kind if sides.one_record:
            _require(kind not in ("split", "move", "detach"), "One record is asked about: say same or different.")
            return ()
        case "same":
            _require(len(sides.all) > 1, "Two records at least are needed.")
            return (Part(sides.all, held=True),)
        case "different":
            _require(bool(sides.left and sides.right), "Both sides need a record.")
            _require(sides.left.isdisjoint(sides.right), "A record cannot be on both sides.")
            return (Part(sides.left), Part(sides.right))
        case "split" | "detach":
            leaves = decision.chosen or (sides.right if sides.one_person else frozenset())
            return _leaving(leaves, sides, held=decision.kind == "split")
        case "move":
            return _moving(decision.chosen, sides)
        case _:
            return ()


def _leaving(leaves: Keys, sides: Sides, *, held: bool) -> tuple[Part, ...]:
    person = sides.all if sides.one_person else _side_of(leaves, sides)
    _require(bool(leaves) and leaves < person, "Choose some records of one person, not all.")
    return (Part(leaves, held=held and len(leaves) > 1), Part(person - leaves))


def _moving(leaves: Keys, sides: Sides) -> tuple[Part, ...]:
    _require(not sides.one_person, "There is no other person to move a record to.")
    person = _side_of(leaves, sides)
    _require(bool(leaves) and leaves < person, "Choose some records of one side, not all: all of them is `same`.")
    return (Part(leaves | (sides.all - person), held=True), Part(person - leaves))


def _side_of(chosen: Keys, sides: Sides) -> Keys:
    return sides.left if chosen <= sides.left else sides.right if chosen <= sides.right else frozenset()


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ImpossibleChoice(otherwise)


def needs_second_person(decision: Decision, sides: Sides, policy: StewardshipPolicy) -> bool:
    """Whether the policy wants another person to agree before it takes effect."""
    if decision.kind in ("same", "move"):
        if sides.one_person:
            return False
        in_care = [_in_care(side, policy.in_care_sources) for side in (sides.left, sides.right)]
        rule = policy.second_person_for_joins_in_care
        return (rule == "both" and all(in_care)) or (rule == "either" and any(in_care))
    if decision.kind in ("split", "detach"):
        leaves = decision.chosen or sides.right
        return len(leaves) >= policy.second_person_from_split_records
    return False


def change_needs_second_person(
    before: Mapping[RecordKey, str], after: Mapping[RecordKey, str], policy: StewardshipPolicy
) -> bool:
    """Whether the policy wants another person to agree, if a decision were to change persons so.

    Args:
        before, after: whom each record belongs to; a record that is missing belongs to nobody.
    """
    person, parts = defaultdict[str, set[RecordKey]](set), defaultdict[tuple[str, str], set[RecordKey]](set)
    for key in before.keys() & after.keys():
        person[before[key]].add(key)
        parts[before[key], after[key]].add(key)
    came, left = defaultdict[str, list[str]](list), defaultdict[str, list[Keys]](list)
    for (old, new), part in parts.items():
        came[new].append(old)
        left[old].append(frozenset(part))
    return any(
        needs_second_person(Decision("same", ""), Sides(frozenset(person[one]), frozenset(person[other])), policy)
        for met in came.values()
        for one, other in combinations(met, 2)
    ) or any(
        needs_second_person(Decision("split", "", part), Sides(frozenset(), one_person=True), policy)
        for those in left.values()
        for part in sorted(those, key=len)[:-1]
    )


def _in_care(side: Collection[RecordKey], sources: Collection[str]) -> bool:
    return any(source in sources for source, _ in side)
