"""Records that two persons claim: joined to one of them though another, who is somebody else, is nearly as close.

A link says that a record is this person's rather than a stranger's, a brother's or a twin's of whom nothing is known.
Where the brother is known he is asked too: once persons are formed, each record's weight with the rest of its own is
held against its weight with every other person of its component (docs/decisions/0032-contested-records.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from linkage.cluster import (
    BITS_TO_UNITS,
    CELLS_AT_ONCE,
    EvidenceSums,
    Indices,
    PairEvidence,
    Units,
    are_opposed,
    to_units,
    weigh_clusters,
)
from linkage.weights import CompiledModel

EvidenceOf = Callable[[Indices], PairEvidence]
Weights = TypeVar("Weights", int, Units)


def is_claimed(own: Weights, rival: Weights, margin: int) -> Any:
    """Whether a record is more likely than not another person's too, and its own is not ahead by so much; in units."""
    return (rival >= 0) & (own - rival < margin)


def are_two(between: Weights) -> Any:
    """Whether its person, without the record, and the other are more likely than not two; in units."""
    return between < 0


def contested_records(
    cluster: Indices,
    left: Indices,
    right: Indices,
    close: NDArray[np.bool_],
    settled: Indices,
    evidence_of: EvidenceOf,
    compiled: CompiledModel,
    margin_bits: float,
) -> Indices:
    """The records that another person claims as well.

    Args:
        cluster: shape (n_records,), the row of the first record of each record's cluster.
        left, right: all pairs within components.
        close: which of the pairs by themselves point to another person: worth a look, and not decided.
        settled: rows of which a steward has said whose they are.
        evidence_of: what some of the pairs, given by place, say.
        margin_bits: so much more than with another a record has to weigh with its own person.

    Returns:
        Rows, ascending.
    """
    size, sizes = len(cluster), np.bincount(cluster)
    apart = close & (cluster[left] != cluster[right])
    record = np.concatenate([left[apart], right[apart]])
    rival = cluster[np.concatenate([right[apart], left[apart]])]
    open_ = (sizes[cluster[record]] > 1) & ~np.isin(record, settled)
    if not open_.any():
        return np.zeros(0, np.int64)
    record, rival = np.divmod(np.unique(record[open_] * size + rival[open_]), size)
    own = cluster[record]

    records = ((left, cluster[right]), (right, cluster[left]))
    with_own = _Sums.between(record, own, records, size, evidence_of).weights(1, sizes[own] - 1, compiled)
    with_rival = _Sums.between(record, rival, records, size, evidence_of)
    margin = int(np.rint(margin_bits * BITS_TO_UNITS))
    claimed = is_claimed(with_own, with_rival.weights(1, sizes[rival], compiled), margin)
    claimed &= ~are_opposed(with_rival.opposed, sizes[rival])
    if not claimed.any():
        return np.zeros(0, np.int64)

    record, own, rival, of_record = record[claimed], own[claimed], rival[claimed], with_rival.columns[claimed]
    clusters = ((cluster[left], cluster[right]), (cluster[right], cluster[left]))
    without = _Sums(_Sums.between(own, rival, clusters, size, evidence_of).columns - of_record)
    found: Indices = np.unique(record[are_two(without.weights(sizes[own] - 1, sizes[rival], compiled))])
    return found


@dataclass(frozen=True, slots=True)
class _Sums:
    """The evidence of the pairs between two sides, added up: shape (n, n_columns), as `PairEvidence.side_by_side`."""

    columns: Units

    @classmethod
    def between(
        cls,
        one: Indices,
        other: Indices,
        ends: tuple[tuple[Indices, Indices], tuple[Indices, Indices]],
        size: int,
        evidence_of: EvidenceOf,
    ) -> _Sums:
        """Add up what lies between these.

        Args:
            one, other: shape (n,), numbers of the sides, below `size`; at least one pair lies between each two.
            ends: the numbers of both ends of every pair, seen from its left and from its right.
        """
        cells, where = np.unique(one * size + other, return_inverse=True)
        place, begins = _pairs_of(cells, ends, size)
        sums, first = [], 0
        while first < len(cells):
            last = max(first + 1, int(np.searchsorted(begins, begins[first] + CELLS_AT_ONCE, "right")) - 1)
            said = evidence_of(place[begins[first] : begins[last]]).side_by_side()
            sums.append(np.add.reduceat(said, begins[first:last] - begins[first]))
            first = last
        return cls(np.concatenate(sums)[where])

    @property
    def opposed(self) -> Indices:
        """How many of the pairs a rule of evidence opposes."""
        found: Indices = self.columns[:, -1]
        return found

    def weights(self, own: Indices | int, others: Indices, compiled: CompiledModel) -> Units:
        """The match weights, in units. Args: `own`, `others`: records on either side."""
        sums = EvidenceSums.of_columns(self.columns)
        return to_units(weigh_clusters(sums, np.broadcast_to(own, others.shape), others, compiled).weight)


def _pairs_of(
    cells: Indices, ends: tuple[tuple[Indices, Indices], tuple[Indices, Indices]], size: int
) -> tuple[Indices, Indices]:
    """The places of the pairs that make up each cell, and where in them each cell begins; the end last."""
    asked = np.zeros(size, dtype=bool)
    asked[cells // size] = True
    places, numbers = [], []
    for one, other in ends:
        (place,) = asked[one].nonzero()
        code = one[place] * size + other[place]
        number = np.minimum(np.searchsorted(cells, code), len(cells) - 1)
        of_cell = cells[number] == code
        places.append(place[of_cell])
        numbers.append(number[of_cell])
    number = np.concatenate(numbers)
    order = np.argsort(number, kind="stable")
    return np.concatenate(places)[order], np.searchsorted(number[order], np.arange(len(cells) + 1))
