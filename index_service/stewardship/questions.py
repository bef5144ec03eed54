"""Turns what a linking doubts into questions about persons and records, as they are kept for stewards."""

from __future__ import annotations

from collections.abc import Sequence

from config.policy import LinkagePolicy
from index_service.store.publish import Question
from linkage.doubts import Doubt, Found, find_doubts
from linkage.pipeline import decisions_by_row
from linkage.record import Constraints, PersonId, RecordKey


def doubts_of(
    found: Found, keys: Sequence[RecordKey], constraints: Constraints, names: Sequence[str], policy: LinkagePolicy
) -> list[Doubt]:
    """What is doubtful of a partition; what judgements in force settle is not.

    Args:
        keys: of the partition's rows, in order.
        names: the comparisons of the model, in its order.
    """
    decided = decisions_by_row(keys, constraints)
    return find_doubts(found, names, policy, same=decided.must_link, different=decided.cannot_link)


def questions_of(
    doubts: Sequence[Doubt],
    record_ids: Sequence[int],
    persons: Sequence[PersonId],
    sources: Sequence[str],
    policy: LinkagePolicy,
) -> list[Question]:
    """The doubts as questions; record ids, persons and sources by row."""
    in_care = frozenset(policy.stewardship.in_care_sources)
    return [_question(doubt, record_ids, persons, sources, in_care) for doubt in doubts]


def _question(
    doubt: Doubt,
    record_ids: Sequence[int],
    persons: Sequence[PersonId],
    sources: Sequence[str],
    in_care: frozenset[str],
) -> Question:
    named = {sources[row] for row in (*doubt.left, *doubt.right)}
    return Question(
        kind=doubt.kind,
        left_person_id=persons[doubt.left[0]],
        right_person_id=persons[doubt.right[0]],
        left_records=tuple(record_ids[row] for row in doubt.left),
        right_records=tuple(record_ids[row] for row in doubt.right),
        weight_bits=round(doubt.weight_bits, 6),
        pairs=doubt.pairs,
        fields=doubt.fields,
        sources=tuple(sorted(named)),
        in_care=not named.isdisjoint(in_care),
    )
