"""Compares the persons that were predicted with the persons that there are.

Nothing here enumerates pairs: every figure follows from the sizes of the overlaps between predicted and true clusters,
so a cluster of ten thousand records costs no more than one of two. Records whose truth is unknown (a negative code)
are left out before anything is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.estimates import Estimate, Ratio, bootstrap

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairCounts:
    """Pairs of records: rightly linked, wrongly linked, and wrongly kept apart."""

    tp: int
    fp: int
    fn: int


@dataclass(frozen=True, slots=True)
class PairScores:
    """How many of the linked pairs are right (precision), how many of the true pairs are linked (recall)."""

    counts: PairCounts
    precision: Estimate
    recall: Estimate
    f1: Estimate


@dataclass(frozen=True, slots=True)
class ClusterScores:
    """How whole the persons are.

    `exact_*`: a predicted person counts only if it holds all records of one true person and no other; persons of one
    record are counted too. `b_cubed_*`: averaged over records, the share of a record's predicted person that is truly
    it, and the share of its true person that was found. `persons_mixed` share a predicted person with somebody else;
    `persons_split` are spread over several.
    """

    predicted: int
    true: int
    exact: int
    persons_mixed: int
    persons_split: int
    exact_precision: Estimate
    exact_recall: Estimate
    exact_f1: Estimate
    b_cubed_precision: Estimate
    b_cubed_recall: Estimate
    b_cubed_f1: Estimate


@dataclass(frozen=True, slots=True)
class SubgroupScores:
    """Recall over the true pairs of the subgroup's persons; precision over the predicted pairs that touch one."""

    name: str
    persons: int
    records: int
    pairs: PairScores


@dataclass(frozen=True, slots=True)
class SourcePairScores:
    """Pairs of records with one side in each of two sources (or both in the one, where the names are equal)."""

    source: str
    other_source: str
    counts: PairCounts
    precision: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class Overlap:
    """The non-empty cells of the table predicted cluster x true person.

    Shapes: the first three (n_cells,), `cluster_size` (n_clusters,), `person_size` (n_persons,),
    `cell_of_record` (n_records with truth,), `known` (n_records,).
    """

    cluster: IntArray
    person: IntArray
    records: IntArray
    cluster_size: IntArray
    person_size: IntArray
    cell_of_record: IntArray
    known: BoolArray

    def per_person(self, of_cell: NDArray[np.number] | BoolArray) -> FloatArray:
        """Sum a figure of each cell by true person, shape (n_persons,)."""
        weights = of_cell.astype(np.float64)
        return np.bincount(self.person, weights=weights, minlength=len(self.person_size)).astype(np.float64)

    def persons_where(self, mask: BoolArray) -> BoolArray:
        """Which persons have a record in the mask (n_records,); shape (n_persons,)."""
        marked = np.zeros(len(self.person_size), dtype=bool)
        marked[self.person[self.cell_of_record[mask[self.known]]]] = True
        return marked


def overlap(predicted: NDArray[np.integer], truth: NDArray[np.integer]) -> Overlap:
    """Tabulate two partitions of the same records; labels are arbitrary integers, a negative truth is unknown.

    Raises:
        ValueError: the arrays differ in shape.
    """
    if predicted.shape != truth.shape or predicted.ndim != 1:
        raise ValueError("predicted and truth must be one label per record, in the same order")
    known = truth >= 0
    cluster, cluster_size = encode(predicted[known])
    person, person_size = encode(truth[known])
    cells, cell_of_record, records = np.unique(
        cluster * max(len(person_size), 1) + person, return_inverse=True, return_counts=True
    )
    return Overlap(
        cluster=cells // max(len(person_size), 1),
        person=cells % max(len(person_size), 1),
        records=records.astype(np.int64),
        cluster_size=cluster_size,
        person_size=person_size,
        cell_of_record=cell_of_record,
        known=known,
    )


def encode(labels: NDArray[np.integer]) -> tuple[IntArray, IntArray]:
    """Labels as codes 0..n-1, and the size of each."""
    _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return codes.astype(np.int64), sizes.astype(np.int64)


def pairs_of(size: IntArray) -> IntArray:
    """The number of pairs among so many records."""
    return size * (size - 1) // 2


def pair_counts(predicted: NDArray[np.integer], truth: NDArray[np.integer]) -> PairCounts:
    """Count the pairs of records rightly linked, wrongly linked and wrongly kept apart."""
    return _pair_counts(overlap(predicted, truth))


def _pair_counts(table: Overlap) -> PairCounts:
    tp = int(pairs_of(table.records).sum())
    return PairCounts(
        tp=tp,
        fp=int(pairs_of(table.cluster_size).sum()) - tp,
        fn=int(pairs_of(table.person_size).sum()) - tp,
    )


def pair_scores(predicted: NDArray[np.integer], truth: NDArray[np.integer], *, seed: int = 0) -> PairScores:
    """Precision, recall and F1 of pairs; intervals by resampling true persons.

    A false link joins two persons; half of it is counted to each, so that the persons' shares add up to the whole.
    """
    table = overlap(predicted, truth)
    right = table.per_person(pairs_of(table.records))
    wrong = table.per_person(table.records * (table.cluster_size[table.cluster] - table.records)) / 2
    return _scored(_pair_counts(table), right, wrong, pairs_of(table.person_size) - right, seed)


def _scored(counts: PairCounts, tp: FloatArray, fp: FloatArray, fn: FloatArray, seed: int) -> PairScores:
    """Scores from what each person contributes to the three counts, each of shape (n_persons,)."""
    precision, recall, f1 = bootstrap([tp, fp, fn], _PAIR_RATIOS, seed=seed)
    return PairScores(counts, precision, recall, f1)


_PAIR_RATIOS = (
    Ratio(part=lambda sums: sums[..., 0], whole=lambda sums: sums[..., 0] + sums[..., 1]),
    Ratio(part=lambda sums: sums[..., 0], whole=lambda sums: sums[..., 0] + sums[..., 2]),
    Ratio(part=lambda sums: 2 * sums[..., 0], whole=lambda sums: 2 * sums[..., 0] + sums[..., 1] + sums[..., 2]),
)


def cluster_scores(predicted: NDArray[np.integer], truth: NDArray[np.integer], *, seed: int = 0) -> ClusterScores:
    """Judge whole persons: exact clusters and B-cubed (Bagga & Baldwin 1998); intervals by resampling true persons.

    A predicted cluster that holds records of several persons is shared out among them by records, so that the
    persons' shares add up to the number of predicted clusters.
    """
    table = overlap(predicted, truth)
    cluster_size, person_size = table.cluster_size[table.cluster], table.person_size[table.person]
    exact = (table.records == cluster_size) & (table.records == person_size)
    columns = [
        table.per_person(exact),
        table.per_person(table.records / cluster_size),
        np.ones(len(table.person_size)),
        table.per_person(table.records**2 / cluster_size),
        table.per_person(table.records**2 / person_size),
        table.person_size.astype(np.float64),
    ]
    # Sums of thirds and sevenths differ in the last bit by order; equal persons must be equal rows.
    estimates = bootstrap([np.round(column, 9) for column in columns], _CLUSTER_RATIOS, seed=seed)
    return ClusterScores(
        len(table.cluster_size),
        len(table.person_size),
        int(exact.sum()),
        int((table.per_person(table.records < cluster_size) > 0).sum()),
        int((table.per_person(table.records < person_size) > 0).sum()),
        *estimates,
    )


def _b_cubed_f1_part(sums: FloatArray) -> FloatArray:
    return 2 * sums[..., 3] * sums[..., 4]


def _b_cubed_f1_whole(sums: FloatArray) -> FloatArray:
    return (sums[..., 3] + sums[..., 4]) * sums[..., 5]


_CLUSTER_RATIOS = (
    Ratio(part=lambda sums: sums[..., 0], whole=lambda sums: sums[..., 1]),
    Ratio(part=lambda sums: sums[..., 0], whole=lambda sums: sums[..., 2]),
    Ratio(part=lambda sums: 2 * sums[..., 0], whole=lambda sums: sums[..., 1] + sums[..., 2]),
    Ratio(part=lambda sums: sums[..., 3], whole=lambda sums: sums[..., 5]),
    Ratio(part=lambda sums: sums[..., 4], whole=lambda sums: sums[..., 5]),
    Ratio(part=_b_cubed_f1_part, whole=_b_cubed_f1_whole),
)


def by_subgroup(
    predicted: NDArray[np.integer],
    truth: NDArray[np.integer],
    masks: Mapping[str, BoolArray],
    *,
    seed: int = 0,
) -> list[SubgroupScores]:
    """Score each subgroup of persons; a person belongs to it if any of their records is in its mask (n_records,).

    A mistake that only one subgroup suffers hides in the overall figure; here it stands alone. A false link between
    a member and somebody else counts fully against the subgroup.
    """
    table = overlap(predicted, truth)
    return [_subgroup(name, table, table.persons_where(mask), seed) for name, mask in masks.items()]


def _subgroup(name: str, table: Overlap, member: BoolArray, seed: int) -> SubgroupScores:
    inside = member[table.person]
    records = np.where(inside, table.records, 0)
    members_in_cluster = np.bincount(table.cluster, weights=records, minlength=len(table.cluster_size))[table.cluster]
    strangers_in_cluster = table.cluster_size[table.cluster] - members_in_cluster
    tp = table.per_person(pairs_of(records))[member]
    fp = table.per_person(records * ((members_in_cluster - records) / 2 + strangers_in_cluster))[member]
    fn = pairs_of(table.person_size[member]) - tp
    counts = PairCounts(round(tp.sum()), round(fp.sum()), round(fn.sum()))
    return SubgroupScores(name, int(member.sum()), int(records.sum()), _scored(counts, tp, fp, fn, seed))


def by_source_pair(
    predicted: NDArray[np.integer], truth: NDArray[np.integer], source: NDArray[np.integer], names: tuple[str, ...]
) -> list[SourcePairScores]:
    """Score the links between every two sources; `source` (n_records,) indexes `names`."""
    known = truth >= 0
    table = overlap(predicted, truth)
    cells = table.cell_of_record
    sources = source[known]
    right, linked, true = (
        _pairs_between_sources(groups, sources, len(names))
        for groups in (cells, table.cluster[cells], table.person[cells])
    )
    return [
        _source_pair(names[a], names[b], int(right[a, b]), int(linked[a, b]), int(true[a, b]))
        for a in range(len(names))
        for b in range(a, len(names))
        if linked[a, b] or true[a, b]
    ]


def _pairs_between_sources(groups: IntArray, source: NDArray[np.integer], n_sources: int) -> IntArray:
    """Pairs within a group by the sources of the two sides, shape (n_sources, n_sources)."""
    _, sizes = np.unique(groups, return_counts=True)
    codes, _ = encode(groups)
    counts = np.bincount(codes * n_sources + source, minlength=len(sizes) * n_sources).reshape(-1, n_sources)
    between = (counts.T.astype(np.float64) @ counts).astype(np.int64)
    within = (np.diag(between) - counts.sum(axis=0)) // 2
    np.fill_diagonal(between, within)
    return between


def _source_pair(source: str, other: str, right: int, linked: int, true: int) -> SourcePairScores:
    counts = PairCounts(right, linked - right, true - right)
    return SourcePairScores(source, other, counts, right / linked if linked else None, right / true if true else None)
