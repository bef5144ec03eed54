"""Says what kind of mistakes were made: who was taken for whom, and why a link was missed.

A false link between twins and one between strangers are different failures with different cures; so are a true pair
that blocking never proposed and one that was compared and found wanting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.evaluation.estimates import Estimate, share, wilson
from training.evaluation.partitions import encode, overlap, pairs_of
from training.evaluation.truth import RELATIONS, Relation, Relations

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

MissReason = Literal[
    "not proposed by blocking",
    "too weak to be looked at",
    "under the review threshold",
    "in the review band",
    "kept apart by clustering",
]


@dataclass(frozen=True, slots=True)
class RelationCount:
    """How many false links join persons so related, and their share of all false links."""

    relation: Relation
    pairs: int
    share: float | None


@dataclass(frozen=True, slots=True)
class MissCount:
    """How many true pairs were missed for this reason, and their share of all missed pairs."""

    reason: MissReason
    pairs: int
    share: float | None


@dataclass(frozen=True, slots=True)
class KeptApart:
    """Pairs of different persons of one group (twins, siblings), and how many never share a predicted person."""

    pairs: int
    apart: int
    share: Estimate


@dataclass(frozen=True, slots=True)
class WorstPairs:
    """Rows (into the pairs given) of the most mistaken weights, the worst first."""

    false_links: IntArray
    missed_links: IntArray


def false_links_by_relation(
    predicted: NDArray[np.integer], truth: NDArray[np.integer], relations: Relations
) -> list[RelationCount]:
    """Count the wrongly linked pairs by how the two persons are related, without enumerating them.

    A pair counts once, under the closest relation: pairs that share group A but no closer B are the pairs sharing A
    minus those sharing A and B.
    """
    mixed = _in_mixed_clusters(predicted, truth)
    cluster, person = predicted[mixed], truth[mixed]
    twin, sibling, household = relations.twin[mixed], relations.sibling[mixed], relations.household[mixed]

    def sharing(*groups: IntArray) -> int:
        return _pairs_sharing(cluster, *groups) - _pairs_sharing(cluster, *groups, person)

    twins = sharing(twin)
    siblings = sharing(sibling) - sharing(sibling, twin)
    household_pairs = (
        sharing(household) - sharing(household, sibling) - sharing(household, twin) + sharing(household, sibling, twin)
    )
    everyone = sharing()
    counts = (twins, siblings, household_pairs, everyone - twins - siblings - household_pairs)
    return [
        RelationCount(relation, count, share(count, everyone))
        for relation, count in zip(RELATIONS, counts, strict=True)
    ]


def _in_mixed_clusters(predicted: NDArray[np.integer], truth: NDArray[np.integer]) -> BoolArray:
    """The records with known truth in predicted clusters of more than one person; all false links are among them."""
    table = overlap(predicted, truth)
    mixed = np.zeros(len(truth), dtype=bool)
    mixed[table.known] = (table.records < table.cluster_size[table.cluster])[table.cell_of_record]
    return mixed


def _pairs_sharing(*groups: NDArray[np.integer]) -> int:
    """The number of pairs of records that agree on every grouping; a negative code agrees with nothing."""
    grouped = np.logical_and.reduce([codes >= 0 for codes in groups])
    combined = np.zeros(int(grouped.sum()), dtype=np.int64)
    sizes = np.array([len(combined)])
    for codes in groups:
        value, value_sizes = encode(codes[grouped])
        combined, sizes = encode(combined * max(len(value_sizes), 1) + value)
    return int(pairs_of(sizes).sum())


def relation_of_pairs(left: IntArray, right: IntArray, relations: Relations) -> NDArray[np.int8]:
    """How the two sides of each pair are related, as an index into RELATIONS, shape (n_pairs,).

    Says nothing of whether the two are one person; ask the truth first.
    """
    relation = np.full(len(left), RELATIONS.index("stranger"), dtype=np.int8)
    farthest_first = ((2, relations.household), (1, relations.sibling), (0, relations.twin))
    for place, group in farthest_first:
        of_left = group[left]
        relation[(of_left >= 0) & (of_left == group[right])] = place
    return relation


def kept_apart(predicted: NDArray[np.integer], truth: NDArray[np.integer], group: IntArray) -> KeptApart:
    """The share of pairs of different persons of one group (a pair of twins) that never share a predicted person."""
    related = (group >= 0) & (truth >= 0)
    person, persons = encode(truth[related])
    family, _ = encode(group[related])
    cluster, clusters = encode(predicted[related])
    members = np.unique(family * max(len(persons), 1) + person)
    _, family_sizes = encode(members // max(len(persons), 1))
    pairs = int(pairs_of(family_sizes).sum())
    meeting = np.unique((family * max(len(clusters), 1) + cluster) * max(len(persons), 1) + person)
    one, other = pairs_within(meeting // max(len(persons), 1))
    family_of = meeting // max(len(persons), 1) // max(len(clusters), 1)
    person_of = meeting % max(len(persons), 1)
    together = len(np.unique(np.stack([family_of[one], person_of[one], person_of[other]]), axis=1).T)
    return KeptApart(pairs, pairs - together, wilson(pairs - together, pairs))


def pairs_within(groups: NDArray[np.integer]) -> tuple[IntArray, IntArray]:
    """Enumerate the pairs of positions that share a group: two arrays of shape (n_pairs,), the first the smaller.

    Meant for small groups (families): the pairs grow with the square of a group.
    """
    order = np.argsort(groups, kind="stable")
    _, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    end = np.repeat(starts + sizes, sizes)
    followers = end - np.arange(len(groups)) - 1  # how many of the group stand after each position
    first = np.repeat(np.arange(len(groups)), followers)
    step = np.arange(len(first)) - np.repeat(np.cumsum(followers) - followers, followers)
    return order[first], order[first + 1 + step]


def missed_links_by_reason(
    missed: int,
    proposed: int,
    weight_bits: FloatArray,
    *,
    link_bits: float,
    review_bits: float,
) -> list[MissCount]:
    """Say at which step each missed true pair was lost.

    Args:
        missed: how many true pairs are missed in all.
        proposed: how many of them blocking proposed, those scored among them.
        weight_bits: the weights of those that were scored, shape (n_scored,).
        link_bits, review_bits: the two thresholds.
    """
    under, over = int((weight_bits < review_bits).sum()), int((weight_bits >= link_bits).sum())
    counts: dict[MissReason, int] = {
        "not proposed by blocking": missed - proposed,
        "too weak to be looked at": proposed - len(weight_bits),
        "under the review threshold": under,
        "in the review band": len(weight_bits) - under - over,
        "kept apart by clustering": over,
    }
    return [MissCount(reason, pairs, share(pairs, missed)) for reason, pairs in counts.items()]


def worst_pairs(
    truth: NDArray[np.integer],
    left: IntArray,
    right: IntArray,
    weight_bits: FloatArray,
    *,
    linked: BoolArray,
    how_many: int,
) -> WorstPairs:
    """The linked pairs of different persons with the highest weights, and the unlinked true pairs with the lowest."""
    known = (truth[left] >= 0) & (truth[right] >= 0)
    same = truth[left] == truth[right]
    return WorstPairs(
        false_links=_first(known & ~same & linked, -weight_bits, how_many),
        missed_links=_first(known & same & ~linked, weight_bits, how_many),
    )


def _first(candidates: BoolArray, key: FloatArray, how_many: int) -> IntArray:
    rows = np.flatnonzero(candidates)
    if len(rows) > how_many:
        rows = rows[np.argpartition(key[rows], how_many)[:how_many]]
    return rows[np.lexsort((rows, key[rows]))]
