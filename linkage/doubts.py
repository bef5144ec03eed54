"""What a steward is asked: where the partition of some records is least sure, one question for each two sides.

Pure functions over a partition: live linking and relinks ask the same. A question names two sides. Between two persons
they are the records of either; about one person, the part that stays and the part that may leave it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from config.policy import LinkagePolicy
from linkage.comparisons import BY_NAME
from linkage.evidence_rules import contradicts_itself, number_alone, number_of_a_relative
from linkage.pairs import WeighedPairs

DoubtKind = Literal[
    "possible_duplicate", "possible_overlay", "identifier_conflict", "possible_split", "twin_or_sibling_alert"
]
Rows = NDArray[np.int64]
RowPairs = Sequence[tuple[int, int]]

TRAITS = ("first_name", "birth_date", "sex")
"""What one person has one of: two of these at odds show two people."""

NUMBERS = ("ssn", "cin", "identifiers")
_UNITS = 1_000_000  # whole millionths of a bit: sums are the same in any order


@dataclass(frozen=True, slots=True)
class Doubt:
    """A question for a steward.

    Attributes:
        left, right: rows of the two sides, ascending. About one person: what stays, and what may leave.
        one_person: both sides are one person by the partition.
        weight_bits: that both sides are one person.
        pairs: of records that were weighed between the sides.
        fields: comparisons that raise the question: numbers that agree between two persons, what contradicts in one.
    """

    kind: DoubtKind
    left: tuple[int, ...]
    right: tuple[int, ...]
    one_person: bool
    weight_bits: float
    pairs: int
    fields: tuple[str, ...] = ()


class Close(Protocol):
    """Pairs of clusters that stayed apart though close, by label."""

    @property
    def left(self) -> Rows: ...
    @property
    def right(self) -> Rows: ...
    @property
    def weight_bits(self) -> NDArray[np.float64]: ...


class Found(Protocol):
    """What questions are asked of: a partition of a few records, or of all."""

    @property
    def cluster(self) -> Rows: ...
    @property
    def pairs(self) -> WeighedPairs: ...
    @property
    def reviews(self) -> Close: ...


def find_doubts(
    found: Found, names: Sequence[str], policy: LinkagePolicy, *, same: RowPairs = (), different: RowPairs = ()
) -> list[Doubt]:
    """Find what to ask stewards, the oldest persons first.

    Args:
        names: the comparisons, in the order of the pairs' levels.
        same, different: rows that judgements in force hold together and apart: what they settle is not asked.
    """
    members = _Members(found.cluster)
    doubts = [*_between_persons(found, members, names, different), *_within_persons(found, names, policy, same)]
    return sorted(doubts, key=lambda doubt: (doubt.left[0], doubt.right[0], doubt.kind))


class _Members:
    """The rows of each cluster, found by its label."""

    def __init__(self, cluster: Rows) -> None:
        self._order = np.argsort(cluster, kind="stable")
        self._labels = cluster[self._order]

    def __call__(self, label: int) -> tuple[int, ...]:
        first, last = np.searchsorted(self._labels, [label, label + 1])
        return tuple(self._order[first:last].tolist())


def _between_persons(found: Found, members: _Members, names: Sequence[str], different: RowPairs) -> Iterator[Doubt]:
    size, close = len(found.cluster), found.reviews
    asked = dict(zip((close.left * size + close.right).tolist(), close.weight_bits.tolist(), strict=True))
    across = _Across.of(found, names)
    decided = {_code(int(found.cluster[a]), int(found.cluster[b]), size) for a, b in different}
    for code, bits in asked.items():
        at = across.of_code(code)
        kind = across.kind(at)
        yield _between(members, size, code, kind, bits, len(at), across.agreeing(at))
    for code in across.sharing_a_number():
        if code not in asked and code not in decided:
            at = across.of_code(code)
            bits = _mean(across.pairs.weight[at])
            yield _between(members, size, code, "identifier_conflict", bits, len(at), across.agreeing(at))


def _between(
    members: _Members, size: int, code: int, kind: DoubtKind, bits: float, pairs: int, fields: tuple[str, ...]
) -> Doubt:
    return Doubt(kind, members(code // size), members(code % size), False, bits, pairs, fields)


def _code(a: int, b: int, size: int) -> int:
    return min(a, b) * size + max(a, b)


@dataclass(frozen=True, slots=True)
class _Across:
    """The pairs between different clusters, sorted by the code of the two clusters."""

    pairs: WeighedPairs
    codes: Rows
    names: Sequence[str]

    @classmethod
    def of(cls, found: Found, names: Sequence[str]) -> _Across:
        left, right = found.cluster[found.pairs.left], found.cluster[found.pairs.right]
        codes = np.minimum(left, right) * len(found.cluster) + np.maximum(left, right)
        order = np.argsort(codes, kind="stable")
        order = order[(left != right)[order]]
        return cls(found.pairs.where(order), codes[order], names)

    def of_code(self, code: int) -> Rows:
        first, last = np.searchsorted(self.codes, [code, code + 1])
        return np.arange(first, last)

    def kind(self, at: Rows) -> DoubtKind:
        """By the rule of evidence that half of the pairs or more break, if any."""
        levels = self.pairs.levels[at]
        if 2 * np.count_nonzero(contradicts_itself(levels, self.names)) >= len(at) > 0:
            return "twin_or_sibling_alert"
        number = number_alone(levels, self.names) | number_of_a_relative(levels, self.names)
        return "identifier_conflict" if 2 * np.count_nonzero(number) >= len(at) > 0 else "possible_duplicate"

    def agreeing(self, at: Rows) -> tuple[str, ...]:
        """The numbers that agree in any of the pairs."""
        levels = self.pairs.levels[at]
        return tuple(n for n in NUMBERS if n in self.names and (_column(levels, self.names, n) == BY_NAME[n].top).any())

    def sharing_a_number(self) -> list[int]:
        """Codes of the clusters between which an identifying number agrees."""
        shared = np.zeros(len(self.codes), dtype=bool)
        for name in NUMBERS:
            if name in self.names:
                shared |= _column(self.pairs.levels, self.names, name) == BY_NAME[name].top
        return [int(code) for code in np.unique(self.codes[shared])]


def _column(levels: NDArray[np.int8], names: Sequence[str], name: str) -> NDArray[np.int8]:
    return levels[:, list(names).index(name)]


def _mean(weight: NDArray[np.float64]) -> float:
    return float(np.rint(weight * _UNITS).astype(np.int64).sum()) / (_UNITS * max(1, len(weight)))


def _within_persons(found: Found, names: Sequence[str], policy: LinkagePolicy, same: RowPairs) -> Iterator[Doubt]:
    pairs, label = found.pairs, found.cluster[found.pairs.left]
    inside = label == found.cluster[pairs.right]
    suspect = pairs.weight < policy.split_review_bits
    for name in ("first_name", "birth_date", *NUMBERS):
        if name in names:
            suspect |= _column(pairs.levels, names, name) == 0
    labels = np.unique(label[inside & suspect])
    of_suspects = np.flatnonzero(inside & np.isin(label, labels))
    of_suspects = of_suspects[np.argsort(label[of_suspects], kind="stable")]
    ends = np.searchsorted(label[of_suspects], labels, side="right").tolist()
    for start, end in zip([0, *ends], ends, strict=False):
        doubt = _within(pairs.where(of_suspects[start:end]), names, policy, same)
        if doubt is not None:
            yield doubt


def _within(pairs: WeighedPairs, names: Sequence[str], policy: LinkagePolicy, same: RowPairs) -> Doubt | None:
    """What is doubtful of one person, given all pairs of its records."""
    rows = np.unique(np.r_[pairs.left, pairs.right])
    stays, leaves = weakest_cut(rows, pairs)
    if _held_together(stays, leaves, same):
        return None
    cut = pairs.where(np.isin(pairs.left, leaves) != np.isin(pairs.right, leaves))
    bits = _mean(cut.weight)
    traits, numbers = _opposed(cut, names, TRAITS), _opposed(cut, names, NUMBERS)
    repeated = min(len(stays), len(leaves)) > 1 and traits not in ((), ("sex",))
    if len(traits) > 1 or repeated:
        return Doubt("possible_overlay", stays, leaves, True, bits, len(cut), (*traits, *numbers))
    if numbers:
        return Doubt("identifier_conflict", stays, leaves, True, bits, len(cut), (*traits, *numbers))
    if bits < policy.split_review_bits:
        return Doubt("possible_split", stays, leaves, True, bits, len(cut), traits)
    return None


def _opposed(cut: WeighedPairs, names: Sequence[str], asked: Iterable[str]) -> tuple[str, ...]:
    """The comparisons that disagree in most of the pairs that can make them."""
    found = []
    for name in asked:
        level = _column(cut.levels, names, name) if name in names else np.zeros(0, np.int8)
        if 2 * np.count_nonzero(level == 0) > np.count_nonzero(level >= 0):
            found.append(name)
    return tuple(found)


def _held_together(left: Sequence[int], right: Sequence[int], same: RowPairs) -> bool:
    return any((a in left and b in right) or (a in right and b in left) for a, b in same)


def weakest_cut(rows: Rows, pairs: WeighedPairs, apart: RowPairs = ()) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The two parts of a person between which the average weight is lowest, of those that are looked at.

    These are the last two clusters of average linkage, which show two people tied by a bridge, and each record against
    all others. Returns what stays, the larger part (ties: with the oldest record), and what may leave.

    Args:
        apart: rows that are at odds; if given, only cuts that part as many of these pairs as any does are looked at.
    """
    place = {row: i for i, row in enumerate(rows.tolist())}
    left = np.array([place[row] for row in pairs.left.tolist()], dtype=np.int64)
    right = np.array([place[row] for row in pairs.right.tolist()], dtype=np.int64)
    size = len(rows)
    weights = np.zeros((size, size), dtype=np.int64)
    weights[left, right] = weights[right, left] = np.rint(pairs.weight * _UNITS).astype(np.int64)
    at_odds = [(place[a], place[b]) for a, b in apart]
    cuts = list(_cuts(weights))
    parted = [_parted(part, at_odds) for part in cuts]
    cuts = [part for part, pairs_parted in zip(cuts, parted, strict=True) if pairs_parted == max(parted)]
    best = min(cuts, key=lambda part: (_between_parts(weights, part), tuple(part.tolist())))
    inside = np.zeros(size, dtype=bool)
    inside[best] = True
    if 2 * inside.sum() > size or (2 * inside.sum() == size and inside[0]):
        inside = ~inside
    return tuple(rows[~inside].tolist()), tuple(rows[inside].tolist())


def _cuts(weights: Rows) -> Iterator[Rows]:
    """One part of each cut: shape (size of the part,)."""
    size = len(weights)
    for row in range(size):
        yield np.array([row])
    if size > 3:
        yield _last_two(weights)


def _parted(part: Rows, at_odds: RowPairs) -> int:
    inside = frozenset(part.tolist())
    return sum((a in inside) != (b in inside) for a, b in at_odds)


def _between_parts(weights: Rows, part: Rows) -> float:
    rest = np.setdiff1d(np.arange(len(weights)), part, assume_unique=True)
    return float(weights[np.ix_(part, rest)].sum()) / (len(part) * len(rest))


def _last_two(weights: Rows) -> Rows:
    """One of the two clusters that average linkage comes down to."""
    size = len(weights)
    sums, sizes, label = weights.copy(), np.ones(size, dtype=np.int64), np.arange(size)
    alive = ~np.eye(size, dtype=bool)
    for _ in range(size - 2):
        mean = np.where(alive, sums / (sizes[:, None] * sizes), -np.inf)
        keep, gone = sorted(divmod(int(mean.argmax()), size))
        sums[keep] += sums[gone]
        sums[:, keep] = sums[keep]
        sizes[keep] += sizes[gone]
        alive[gone] = alive[:, gone] = False
        label[label == gone] = keep
    return np.flatnonzero(label == label[0])
