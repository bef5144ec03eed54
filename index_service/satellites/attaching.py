"""Decide which person a segregated record is of. Pure: the record and the persons near it in, a decision out.

It is weighed as a question is that somebody asks of the index, so it changes nothing of what it is compared with. What
becomes of it depends on itself, the persons, the model, the policy and what stewards said; not on when it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from index_service.linking_context import LinkingContext
from index_service.store.neighbourhood import Member
from index_service.store.satellites import Said
from linkage.columns import RecordColumns
from linkage.generic_values import columns_without_generic_values, without_generic_values
from linkage.question import PersonWeights, WeighedRecords, weigh_persons
from linkage.record import NormalisedRecord, PersonId, RecordKey


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where a segregated record belongs.

    Attributes:
        person_id: the one person that it is of; None: it stands alone.
        probability: that it is of this person, or of nobody.
        reason: kept with the membership: evidence, judgement or alone.
        doubts: persons that a steward with the right is asked about, with the weight in bits; the likeliest first.
    """

    person_id: PersonId | None
    probability: float
    reason: str
    doubts: tuple[tuple[PersonId, float], ...] = ()


ALONE = Attachment(None, 1.0, "alone")


def attach(
    record: NormalisedRecord,
    members: Sequence[Member],
    said: Sequence[Said],
    persons: Mapping[RecordKey, PersonId],
    context: LinkingContext,
) -> Attachment:
    """Attach a record to the one person that it is of.

    By itself only where the evidence would link it and nobody else is even likely: a wrong attachment tells of
    treatment where there was none.

    Args:
        members: all records of the persons that may be meant, person by person.
        said: what stewards said of the record, the latest first.
        persons: who holds, now, the records that are named in it.
    """
    same, different = _judged(said, persons)
    if same is not None:
        return Attachment(same, 1.0, "judgement")
    allowed = [member for member in members if member.person_id not in different]
    if not allowed:
        return ALONE
    names, weights = _weigh(record, allowed, context)
    order = sorted(range(len(names)), key=lambda n: (-float(weights.weight[n]), names[n]))
    likely = [n for n in order if weights.weight[n] >= context.policy.review_threshold_bits]
    if not likely:
        return ALONE
    best = likely[0]
    links = weights.weight[best] >= context.policy.link_threshold_bits and not weights.opposed[best]
    if links and len(likely) == 1:
        return Attachment(names[best], float(weights.probability[best]), "evidence")
    return Attachment(None, 1.0, "alone", tuple((names[n], float(weights.weight[n])) for n in likely))


def _judged(said: Sequence[Said], persons: Mapping[RecordKey, PersonId]) -> tuple[PersonId | None, frozenset[PersonId]]:
    """The person that the record was said to be of, and those that it was said not to be of, as they are now."""
    different: set[PersonId] = set()
    for each in said:
        holders = [persons[key] for key in each.records if key in persons]
        if each.kind == "same" and holders and holders[0] not in different:
            return holders[0], frozenset(different)
        if each.kind == "different":
            different.update(holders)
    return None, frozenset(different)


def _weigh(
    record: NormalisedRecord, members: Sequence[Member], context: LinkingContext
) -> tuple[list[PersonId], PersonWeights]:
    """The persons, and what the record weighs with each."""
    names = list(dict.fromkeys(member.person_id for member in members))
    number = {person: n for n, person in enumerate(names)}
    columns = columns_without_generic_values(RecordColumns.of([member.record for member in members]), context.model)
    weighed = WeighedRecords.of(without_generic_values(record, context.model), columns, context.compiled)
    numbers = [number[member.person_id] for member in members]
    return names, weigh_persons(weighed, numbers, context.compiled, context.policy)
