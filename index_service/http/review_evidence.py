"""The evidence of a task as numbers, for stewards who work over the API: what the task's page shows, as far as granted.

Records are weighed by the attributes that the caller's agreement grants, as when a caller compares records: to be told
that a value agrees is to be told the value. Rivals are found by records that the caller may review alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pydantic import Field

from index_service.http.answers import Answer, PersonIdText
from index_service.http.reviewing import Reviewing
from index_service.linking_context import LinkingContext, current
from index_service.side_by_side import SidePart, SidesWeighed, weigh_sides, weights_among
from index_service.store import workbench as store
from index_service.store.connection import Connection
from index_service.store.stewardship import Task
from index_service.store.workbench import PersonRecord
from index_service.visible_evidence import as_granted
from linkage.comparisons import Layer
from linkage.normalise import normalise
from linkage.record import NormalisedRecord, SourceRecord

MOST_RIVALS = 6
"""So many other persons of the component are told, the heaviest first."""


class SideComparisonAnswer(Answer):
    """What one comparison says of both sides, over all pairs of their records. Values are not repeated."""

    comparison: str = Field(description="What is compared.", examples=["first_name"])
    layer: Layer = Field(description="Whose evidence it is: the person's, the birth's or the family's.")
    level: int = Field(description="Strongest agreement of any pair; 0 is disagreement.", examples=[6])
    agreement: str = Field(description="The level in words.", examples=["same"])
    pairs: int = Field(description="Pairs of records in which both say something.", examples=[4])
    at_level: int = Field(description="How many of them agree so.", examples=[3])
    differing: int = Field(description="How many of them differ.", examples=[1])
    bits: float = Field(description="What it adds to the weight against a stranger.", examples=[12.64])
    sibling_bits: float = Field(
        description="What it adds to the weight against a sibling or twin, after the comparisons before it.",
        examples=[11.9],
    )

    @classmethod
    def of(cls, part: SidePart) -> SideComparisonAnswer:
        return cls(
            comparison=part.comparison,
            layer=part.layer,
            level=part.level,
            agreement=part.level_label,
            pairs=part.pairs,
            at_level=part.at_level,
            differing=part.differing,
            bits=part.against_stranger_bits,
            sibling_bits=part.against_sibling_bits,
        )


class RivalAnswer(Answer):
    """Another person of the component who may be a side's person as well."""

    person_id: PersonIdText
    records: int = Field(description="Records of the person that you may review.", examples=[2])
    left_weight: float = Field(description="That these and the left side are one person, in bits.", examples=[1.4])
    right_weight: float = Field(description="That these and the right side are, in bits.", examples=[-9.3])


class EvidenceAnswer(Answer):
    """Two sides weighed by what you may learn of them.

    `weight_against_stranger` is `prior_against_stranger` plus the `bits` of all comparisons, `weight_against_sibling`
    is `prior_against_sibling` plus their `sibling_bits`. A review's own `weight` is that of all evidence.
    """

    weight: float = Field(description="That both sides are one person, in bits.", examples=[6.3])
    weight_against_stranger: float = Field(description="Bits.", examples=[14.1])
    weight_against_sibling: float = Field(description="Bits; against a sibling or twin.", examples=[6.3])
    prior_against_stranger: float = Field(description="Where its sum begins, in bits.", examples=[-14.75])
    prior_against_sibling: float = Field(description="Where its sum begins, in bits.", examples=[-3.2])
    opposed: bool = Field(description="A rule of evidence keeps the sides from linking by themselves.")
    comparisons: list[SideComparisonAnswer] = Field(description="In the order of the model; without those that miss.")
    rivals: list[RivalAnswer] = Field(description="Who else may be either side's person, the heaviest first.")

    @classmethod
    def of(cls, weighed: SidesWeighed, rivals: Sequence[RivalAnswer]) -> EvidenceAnswer:
        return cls(
            weight=weighed.weight,
            weight_against_stranger=weighed.against_stranger,
            weight_against_sibling=weighed.against_sibling,
            prior_against_stranger=weighed.prior_bits,
            prior_against_sibling=weighed.sibling_prior_bits,
            opposed=weighed.opposed,
            comparisons=[SideComparisonAnswer.of(part) for part in weighed.parts if part.level >= 0],
            rivals=list(rivals),
        )


def evidence_of(conn: Connection, task: Task, reviewing: Reviewing) -> EvidenceAnswer | None:
    """The evidence of a task that may be seen; None where a side has no record left."""
    context = current(conn)
    sides = _sides(conn, task, reviewing)
    if not all(sides):
        return None
    rivals = [] if task.one_record else _rivals(conn, task, sides, context, reviewing)
    return EvidenceAnswer.of(weigh_sides(*sides, context), rivals)


def _sides(conn: Connection, task: Task, reviewing: Reviewing) -> tuple[list[NormalisedRecord], list[NormalisedRecord]]:
    numbers = (task.left_records, task.right_records)
    known = store.records_by_number(conn, [number for side in numbers for number in side])
    left, right = ([known[i] for i in side if i in known and not known[i].withdrawn] for side in numbers)
    if task.before_version is not None:
        left = [store.as_it_was(conn, record, task.before_version) for record in left]
    return _granted(left, reviewing), _granted(right, reviewing)


def _rivals(
    conn: Connection,
    task: Task,
    sides: Sequence[Sequence[NormalisedRecord]],
    context: LinkingContext,
    reviewing: Reviewing,
) -> list[RivalAnswer]:
    """Other persons of the component that what may be seen ties to a side at even odds, as a component is tied.

    What of them may not be seen neither counts nor makes them rivals; whoever is tied by that alone is not there.
    """
    persons = store.persons_beside(conn, {task.left_person_id, task.right_person_id})
    members = [each for each in store.records_of_persons(conn, persons) if not each.withdrawn] if persons else []
    told = reviewing.told([each.key for each in members], {"review": task.task_id, "rivals": True}) if members else {}
    by_person: dict[str, list[PersonRecord]] = defaultdict(list)
    for each in members:
        if each.key in told:
            by_person[each.person_id].append(each)
    found = []
    for person_id, records in by_person.items():
        theirs = _granted(records, reviewing)
        left, right = (weigh_sides(side, theirs, context) for side in sides)
        if max(_heaviest(side, theirs, context) for side in sides) >= 0:
            found.append(
                RivalAnswer(
                    person_id=person_id, records=len(theirs), left_weight=left.weight, right_weight=right.weight
                )
            )
    return sorted(found, key=lambda each: (-max(each.left_weight, each.right_weight), each.person_id))[:MOST_RIVALS]


def _heaviest(ours: Sequence[NormalisedRecord], theirs: Sequence[NormalisedRecord], context: LinkingContext) -> float:
    among = weights_among([*ours, *theirs], context)
    return float(among[: len(ours), len(ours) :].max())


def _granted(records: Iterable[PersonRecord], reviewing: Reviewing) -> list[NormalisedRecord]:
    """The records with what the caller may learn of them, and without protected whereabouts, as pages show them."""
    said = [normalise(SourceRecord(*each.key, each.source_values))[0] for each in records]
    return [as_granted(record, reviewing.permission.attributes_of(record.source)) for record in said]
