"""What a steward is asked: where the partition of some records is least sure, one question for each two sides.

Pure functions over a partition: live linking and relinks ask the same. A question names two sides. Between two persons
they are the records of either; about one person, the part that stays and the part that may leave it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        yield _doubt_between(members, size, code, kind, bits, len(at), across.agreeing(at))
    for code in across.sharing_a_number():
        if code not in asked and code not in decided:
            at = across.of_code(code)
            bits = _mean(across.pairs.weight[at])
            yield _doubt_between(members, size, code, "identifier_conflict", bits, len(at), across.agreeing(at))


def _doubt_between(
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
    suspects, size = _of_suspects(found, names, policy), len(found.cluster)
    inside = _Inside.cut_weakest(suspects, found.cluster)
    traits, numbers = inside.opposed(names, TRAITS), inside.opposed(names, NUMBERS)
    smaller = inside.smaller()
    repeated = (smaller > 1) & traits[:, : TRAITS.index("sex")].any(axis=1)  # sexes are mistaken more often than most
    overlay = (traits.sum(axis=1) > 1) | repeated
    split = inside.bits < policy.split_review_bits
    asked = overlay | numbers.any(axis=1) | split
    for person in np.flatnonzero(asked).tolist():
        fields = (*_named(TRAITS, traits[person]), *_named(NUMBERS, numbers[person]))
        conflict: DoubtKind = "identifier_conflict" if numbers[person].any() else "possible_split"
        yield from inside.doubt(person, "possible_overlay" if overlay[person] else conflict, fields, same)
    settled = np.isin(np.arange(size), inside.labels[asked])
    yield from _two_numbers(suspects.where(~settled[found.cluster[suspects.left]]), found.cluster, names, same)


def _two_numbers(pairs: WeighedPairs, cluster: Rows, names: Sequence[str], same: RowPairs) -> Iterator[Doubt]:
    """Persons with two numbers of a kind that names one person, wherever they stand: cut so that these are parted."""
    at_odds = np.zeros((len(pairs), len(NUMBERS)), dtype=bool)
    for k, name in enumerate(NUMBERS):
        if name in names:
            at_odds[:, k] = _column(pairs.levels, names, name) == 0
    has_two = np.zeros(len(cluster), dtype=bool)
    has_two[cluster[pairs.left[at_odds.any(axis=1)]]] = True
    chosen = has_two[cluster[pairs.left]]
    inside = _Inside.cut_weakest(pairs.where(chosen), cluster, at_odds[chosen].sum(axis=1) > 0)
    shown = np.zeros((len(inside.labels), len(NUMBERS)), dtype=bool)
    np.logical_or.at(shown, np.searchsorted(inside.labels, cluster[pairs.left[chosen]]), at_odds[chosen])
    for person in range(len(inside.labels)):
        yield from inside.doubt(person, "identifier_conflict", _named(NUMBERS, shown[person]), same)


def _named(names: Sequence[str], chosen: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(name for name, is_chosen in zip(names, chosen.tolist(), strict=True) if is_chosen)


@dataclass(frozen=True, slots=True)
class _Inside:
    """The persons that something speaks against, each cut where it holds together least.

    Attributes:
        labels: shape (n_persons,), ascending.
        rows: the records of one person after those of another, each person's ascending.
        starts: where in `rows` each person begins, and where the last ends: shape (n_persons + 1,).
        leaves: shape of `rows`, which of them may leave.
        cut: the pairs between what stays and what may leave.
        person: shape (n_cut,), the number of each such pair's person.
        bits: shape (n_persons,), their average weight.
        crossing: shape (n_persons,), how many they are.
    """

    labels: Rows
    rows: Rows
    starts: Rows
    leaves: NDArray[np.bool_]
    cut: WeighedPairs
    person: Rows
    bits: NDArray[np.float64]
    crossing: Rows

    @classmethod
    def cut_weakest(cls, pairs: WeighedPairs, cluster: Rows, at_odds: NDArray[np.bool_] | None = None) -> _Inside:
        """Cut the persons of these pairs, all pairs of each.

        Args:
            at_odds: pairs that are at odds; if given, only cuts that part as many of them as any does are looked at.
        """
        label, size = cluster[pairs.left], len(cluster)
        codes = np.unique(np.concatenate([label * size + pairs.left, label * size + pairs.right]))
        labels, firsts = np.unique(codes // max(size, 1), return_index=True)
        rows, starts = codes % max(size, 1), np.r_[firsts, len(codes)]
        person = np.searchsorted(labels, label)
        at = (np.searchsorted(codes, label * size + pairs.left), np.searchsorted(codes, label * size + pairs.right))
        weight = np.rint(pairs.weight * _UNITS).astype(np.int64)
        leaves = _leaving(starts, person, at, weight, at_odds)
        across = leaves[at[0]] != leaves[at[1]]
        crossing = np.bincount(person[across], minlength=len(labels))
        # whole numbers far under 2^53, so that these sums are exact as well
        total = np.bincount(person[across], weight[across], minlength=len(labels))
        bits = total / (_UNITS * np.maximum(crossing, 1))
        return cls(labels, rows, starts, leaves, pairs.where(across), person[across], bits, crossing)

    def doubt(self, person: int, kind: DoubtKind, fields: tuple[str, ...], same: RowPairs) -> Iterator[Doubt]:
        """The question about a person, unless judgements hold its sides together."""
        stays, leaves = self.sides(person)
        if not _held_together(stays, leaves, same):
            yield Doubt(kind, stays, leaves, True, float(self.bits[person]), int(self.crossing[person]), fields)

    def opposed(self, names: Sequence[str], asked: Sequence[str]) -> NDArray[np.bool_]:
        """Which comparisons disagree in most of the pairs that can make them: shape (n_persons, n_asked)."""
        found = np.zeros((len(self.crossing), len(asked)), dtype=bool)
        for k, name in enumerate(asked):
            if name in names:
                level = _column(self.cut.levels, names, name)
                disagree, said = (np.bincount(self.person[of], minlength=len(found)) for of in (level == 0, level >= 0))
                found[:, k] = 2 * disagree > said
        return found

    def smaller(self) -> Rows:
        """How many records the smaller side of each person has: shape (n_persons,)."""
        if not len(self.crossing):
            return np.zeros(0, np.int64)
        leaving = np.add.reduceat(self.leaves.astype(np.int64), self.starts[:-1])
        smaller: Rows = np.minimum(leaving, np.diff(self.starts) - leaving)
        return smaller

    def sides(self, person: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What stays, and what may leave."""
        of_person = slice(self.starts[person], self.starts[person + 1])
        rows, leaves = self.rows[of_person], self.leaves[of_person]
        return tuple(rows[~leaves].tolist()), tuple(rows[leaves].tolist())


def _of_suspects(found: Found, names: Sequence[str], policy: LinkagePolicy) -> WeighedPairs:
    """The pairs of records of persons in whom a pair is weak, or a name, a birth date or a number differs."""
    pairs, label = found.pairs, found.cluster[found.pairs.left]
    inside = label == found.cluster[pairs.right]
    suspect = pairs.weight < policy.split_review_bits
    for name in ("first_name", "birth_date", *NUMBERS):
        if name in names:
            suspect |= _column(pairs.levels, names, name) == 0
    has_one = np.zeros(len(found.cluster), dtype=bool)
    has_one[label[inside & suspect]] = True
    return pairs.where(inside & has_one[label])


def _leaving(
    starts: Rows, person: Rows, at: tuple[Rows, Rows], weight: Rows, at_odds: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Which records may leave their person; persons with as many records are cut together.

    Args:
        starts: where each person's records begin.
        person, at, weight: of each pair its person, the places of its records, and its weight in units.
        at_odds: as `_Inside.cut_weakest`.
    """
    leaves = np.zeros(int(starts[-1]), dtype=bool)
    sizes = np.diff(starts)
    order = np.argsort(sizes[person], kind="stable")
    for size in np.unique(sizes).tolist():
        first, last = np.searchsorted(sizes[person], [size, size + 1], sorter=order)
        pairs, of_size = order[first:last], np.flatnonzero(sizes == size)
        number = np.searchsorted(of_size, person[pairs])
        at_once = max(1, CELLS_AT_ONCE // (size * size))
        for begin in range(0, len(of_size), at_once):
            some = (number >= begin) & (number < begin + at_once)
            these, chosen = of_size[begin : begin + at_once], pairs[some]
            left, right = (side[chosen] - starts[person[chosen]] for side in at)
            weights = np.zeros((len(these), size, size), dtype=np.int64)
            which = number[some] - begin
            weights[which, left, right] = weights[which, right, left] = weight[chosen]
            odds = None
            if at_odds is not None:
                odds = np.zeros_like(weights)
                odds[which, left, right] = odds[which, right, left] = at_odds[chosen]
            leaves[starts[these][:, None] + np.arange(size)] = weakest_parts(weights, odds)
    return leaves


CELLS_AT_ONCE = 1_000_000
"""Cells of the matrices of persons that are cut together: some 50 MB."""


def _held_together(left: Sequence[int], right: Sequence[int], same: RowPairs) -> bool:
    return any((a in left and b in right) or (a in right and b in left) for a, b in same)


def weakest_cut(rows: Rows, pairs: WeighedPairs, apart: RowPairs = ()) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The two parts of one person between which the average weight is lowest; see `weakest_parts`.

    Args:
        rows: the person's records, ascending.
        apart: rows that are at odds; if given, only cuts that part as many of these pairs as any does are looked at.

    Returns:
        What stays, and what may leave.
    """
    left, right = np.searchsorted(rows, pairs.left), np.searchsorted(rows, pairs.right)
    weights, at_odds = np.zeros((2, 1, len(rows), len(rows)), dtype=np.int64)
    weights[0, left, right] = weights[0, right, left] = np.rint(pairs.weight * _UNITS).astype(np.int64)
    for a, b in np.searchsorted(rows, np.array(apart, dtype=np.int64).reshape(-1, 2)).tolist():
        at_odds[0, a, b] += 1
        at_odds[0, b, a] += 1
    (leaves,) = weakest_parts(weights, at_odds)
    return tuple(rows[~leaves].tolist()), tuple(rows[leaves].tolist())


def weakest_parts(weights: Rows, at_odds: Rows | None = None) -> NDArray[np.bool_]:
    """Which records of each person may leave it: between them and the rest the average weight is lowest.

    The cuts that are looked at are that between the last two clusters of average linkage, which shows two people tied
    by a bridge, and each record against all others. What stays is the larger part (ties: with the oldest record).

    Args:
        weights: shape (n_persons, size, size), symmetric, in units; of persons with as many records.
        at_odds: the same shape, how often two records are at odds; if given, only cuts that part as many of them as
            any does are looked at.

    Returns:
        Shape (n_persons, size).
    """
    persons, size, _ = weights.shape
    alone = weights.sum(axis=2) / (size - 1)
    part = _last_two(weights) if size > 3 else np.arange(size) == np.zeros((persons, 1))
    together = _between(weights, part) / (part.sum(axis=1) * (~part).sum(axis=1))
    if at_odds is not None:
        parted_alone, parted = at_odds.sum(axis=2), _between(at_odds, part)
        most = np.maximum(parted_alone.max(axis=1), parted)
        alone = np.where(parted_alone == most[:, None], alone, np.inf)
        together = np.where(parted == most, together, np.inf)
    lowest = alone.argmin(axis=1)
    single = np.take_along_axis(alone, lowest[:, None], axis=1)[:, 0]
    leaves: NDArray[np.bool_] = np.arange(size) == lowest[:, None]
    by_parts = (together < single) | ((together == single) & (lowest > 0))
    leaves[by_parts] = part[by_parts]
    larger = 2 * leaves.sum(axis=1)
    exchanged = (larger > size) | ((larger == size) & leaves[:, 0])
    leaves[exchanged] = ~leaves[exchanged]
    return leaves


def _between(values: Rows, part: NDArray[np.bool_]) -> Rows:
    """Sums over the pairs between a part and the rest: shape (n_persons,)."""
    crossing = part[:, :, None] & ~part[:, None, :]
    sums: Rows = np.where(crossing, values, 0).sum(axis=(1, 2))
    return sums


def _last_two(weights: Rows) -> NDArray[np.bool_]:
    """One of the two clusters that average linkage comes down to, that with the first record."""
    persons, size, _ = weights.shape
    each = np.arange(persons)
    sums, sizes = weights.copy(), np.ones((persons, size), dtype=np.int64)
    label = np.broadcast_to(np.arange(size), (persons, size)).copy()
    alive = np.broadcast_to(~np.eye(size, dtype=bool), weights.shape).copy()
    for _ in range(size - 2):
        mean = np.where(alive, sums / (sizes[:, :, None] * sizes[:, None, :]), -np.inf)
        a, b = np.divmod(mean.reshape(persons, -1).argmax(axis=1), size)
        keep, gone = np.minimum(a, b), np.maximum(a, b)
        row = sums[each, keep] + sums[each, gone]
        sums[each, keep] = row
        sums[each, :, keep] = row
        sizes[each, keep] += sizes[each, gone]
        alive[each, gone] = alive[each, :, gone] = False
        label = np.where(label == gone[:, None], keep[:, None], label)
    first: NDArray[np.bool_] = label == label[:, :1]
    return first
