"""Form persons of a few records in plain Python: what `pipeline.partition` finds over arrays.

Components are connected, all their pairs weighed, and their clusters joined from the strongest link down, by the rules
of `cluster`: the same whole units are added and compared, the same ties go by record order.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from config.policy import LinkagePolicy
from linkage.cluster import BITS_TO_UNITS
from linkage.comparisons import MISSING
from linkage.contested import are_two, is_claimed
from linkage.evidence_rules import RULED, is_opposed
from linkage.kept_by_model import kept_by_model
from linkage.model import Model
from linkage.native import NativeEngine
from linkage.weights import CompiledModel
from linkage.weights_of_few import OPPOSED, Cell, WeighedPair, cell_of, in_units, together, weigh_cell, weigh_single

RowPair = tuple[int, int]

PATTERNS_KEPT = 50_000
"""Agreement patterns of which it is kept whether they are opposed."""

FEW_TOGETHER = 20
"""A component of more records is left to arrays, whose cost grows more slowly."""


@dataclass(frozen=True, slots=True)
class PersonsOfFew:
    """A partition of records by row number.

    Attributes:
        cluster, component: per record, the smallest row of its cluster and of its component.
        pairs: all pairs within components, left < right, in order, as weighed.
        reviews: clusters that stayed apart and are worth a look, with the weight in bits, in order.
    """

    cluster: list[int]
    component: list[int]
    pairs: dict[RowPair, WeighedPair]
    reviews: list[tuple[int, int, float]]


def form_persons(
    engine: NativeEngine,
    compiled: CompiledModel,
    policy: LinkagePolicy,
    must_link: Sequence[RowPair],
    cannot_link: Sequence[RowPair],
    clear_bits: float,
) -> PersonsOfFew | None:
    """Partition the records of an engine; None where a component has too many records, or has to be cut.

    Args:
        clear_bits: a component all of whose pairs weigh so much is one person, unless a pair is opposed or held apart.
    """
    candidates = engine.candidate_pairs()
    weighed = dict(zip(candidates, engine.weigh_few(candidates, compiled), strict=True))
    ties = [pair for pair, of in weighed.items() if of.weight >= policy.component_threshold_bits]
    component = _connected(engine.size, [*ties, *must_link])
    members = _members(component)
    if any(len(rows) > min(policy.max_component_records, FEW_TOGETHER) for rows in members.values()):
        return None
    inside = [(a, b) for rows in members.values() for n, a in enumerate(rows) for b in rows[n + 1 :]]
    missing = [pair for pair in inside if pair not in weighed]
    weighed.update(zip(missing, engine.weigh_few(missing, compiled), strict=True))
    pairs = {pair: weighed[pair] for pair in sorted(inside)}
    cluster, reviews = list(component), []
    rules = opposed_patterns(compiled, policy)
    opposed = {pair: rules[of.codes] for pair, of in pairs.items()}
    doubtful = {component[a] for (a, b), of in pairs.items() if of.weight < clear_bits or opposed[a, b]}
    doubtful |= {component[row] for pair in cannot_link for row in pair if len(members[component[row]]) > 1}
    for label in doubtful:
        rows = sorted(members[label], key=engine.key_of)
        state = _settled(rows, pairs, opposed, compiled, policy, (must_link, cannot_link))
        for row, smallest in state.labels().items():
            cluster[row] = smallest
        reviews += state.close(policy.review_threshold_bits)
    return PersonsOfFew(cluster, component, pairs, sorted(reviews))


def _settled(
    rows: Sequence[int],
    pairs: Mapping[RowPair, WeighedPair],
    opposed: Mapping[RowPair, bool],
    compiled: CompiledModel,
    policy: LinkagePolicy,
    decisions: tuple[Sequence[RowPair], Sequence[RowPair]],
) -> Clusters:
    """The persons of a component: formed again without the records that two of them claim, until there are none."""
    aside: set[int] = set()
    while True:
        state = Clusters(rows, pairs, opposed, compiled, aside)
        state.decide(*decisions)
        state.run(policy.link_threshold_bits)
        contested = state.contested(policy, *decisions) if policy.contested_needs_review else set()
        if not contested:
            return state
        aside |= contested


def _connected(size: int, ties: Sequence[RowPair]) -> list[int]:
    """The smallest row of each record's component."""
    parent = list(range(size))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = row = parent[parent[row]]
        return row

    for a, b in ties:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return [root(row) for row in range(size)]


def _members(component: Sequence[int]) -> dict[int, list[int]]:
    members: dict[int, list[int]] = {}
    for row, label in enumerate(component):
        members.setdefault(label, []).append(row)
    return members


class OpposedPatterns(dict[tuple[int, ...], bool]):
    """Whether the rules of evidence keep pairs of a pattern from linking by themselves, of those met lately.

    Patterns are codes: levels, counted from 0 for `MISSING`.
    """

    def __init__(self, names: Sequence[str], policy: LinkagePolicy) -> None:
        super().__init__()
        self._names, self._policy = names, policy
        self._ruled = tuple(name if name in RULED else None for name in names)
        self._judged: dict[tuple[int, ...], bool] = {}

    def __missing__(self, codes: tuple[int, ...]) -> bool:
        if len(self) >= PATTERNS_KEPT:
            self.clear()
            self._judged.clear()
        ruled = tuple([code for code, name in zip(codes, self._ruled, strict=True) if name is not None])
        found = self._judged.get(ruled)
        if found is None:
            levels = [code + MISSING for code in codes]
            found = self._judged[ruled] = is_opposed(levels, self._names, self._policy)
        self[codes] = found
        return found


def opposed_patterns(compiled: CompiledModel, policy: LinkagePolicy) -> OpposedPatterns:
    """What is known of patterns under a model's comparisons and a policy's rules."""
    rules = (
        policy.number_alone_never_links,
        policy.number_of_a_relative_needs_review,
        policy.family_alone_never_links,
        policy.contradiction_needs_review,
    )
    known = _patterns_by_model(compiled.model)
    if rules not in known:
        known[rules] = OpposedPatterns(compiled.names, policy)
    return known[rules]


@kept_by_model
def _patterns_by_model(_model: Model) -> dict[tuple[bool, ...], OpposedPatterns]:
    return {}


class Clusters:
    """The records of one component, agglomerated: as `cluster.Agglomeration`, one component at a time.

    Places 0 … n−1 follow the order of the record keys; a cluster goes by the place of its first record.
    """

    def __init__(
        self,
        rows: Sequence[int],
        pairs: Mapping[RowPair, WeighedPair],
        opposed: Mapping[RowPair, bool],
        compiled: CompiledModel,
        aside: Collection[int] = (),
    ) -> None:
        """Args: `rows`: in the order of the record keys; `aside`: those that are joined only if that is decided."""
        self._compiled = compiled
        self._place = {row: place for place, row in enumerate(rows)}
        self._aside = {self._place[row] for row in aside}
        self._members = {place: [row] for place, row in enumerate(rows)}
        self._pairs: dict[RowPair, tuple[WeighedPair, bool]] = {}
        self._cells: dict[RowPair, Cell] = {}  # made for those that are joined
        self._weights: dict[RowPair, int] = {}
        self._forbidden: set[RowPair] = set()
        for a in range(len(rows)):
            for b in range(a + 1, len(rows)):
                of = (rows[a], rows[b]) if rows[a] < rows[b] else (rows[b], rows[a])
                self._pairs[a, b] = (pairs[of], opposed[of])
                self._weights[a, b] = in_units(weigh_single(pairs[of], compiled)[0])

    def decide(self, must_link: Sequence[RowPair], cannot_link: Sequence[RowPair]) -> None:
        """Hold apart, then join, what judgements say of these records."""
        if not (must_link or cannot_link):
            return
        place = {rows[0]: n for n, rows in self._members.items()}
        for a, b in cannot_link:
            if a in place and b in place:
                self._forbidden.add(_ascending(place[a], place[b]))
        for a, b in sorted((place[a], place[b]) for a, b in must_link if a in place):
            left, right = self._cluster_of(a, place), self._cluster_of(b, place)
            if left != right:
                self._join(*_ascending(left, right))

    def _cluster_of(self, record: int, place: Mapping[int, int]) -> int:
        return next(n for n, rows in self._members.items() if any(place[row] == record for row in rows))

    def run(self, threshold_bits: float) -> None:
        """Join the closest two clusters until none are close enough."""
        threshold = round(threshold_bits * BITS_TO_UNITS)
        while (best := self._closest(threshold)) is not None:
            self._join(*best)

    def _closest(self, threshold: int) -> RowPair | None:
        """The two that weigh most, of those that may be joined: the first of equals."""
        best, most = None, threshold - 1
        for pair in sorted(self._weights):
            if self._weights[pair] > most and self._may_join(pair):
                best, most = pair, self._weights[pair]
        return best

    def _may_join(self, pair: RowPair) -> bool:
        return pair not in self._forbidden and self._aside.isdisjoint(pair) and not self._is_opposed(pair)

    def _is_opposed(self, pair: RowPair) -> bool:
        if pair not in self._cells:
            return self._pairs[pair][1]
        a, b = pair
        return 3 * self._cells[pair][OPPOSED] >= 2 * len(self._members[a]) * len(self._members[b])

    def _take_cell(self, pair: RowPair) -> Cell:
        found = self._cells.pop(pair, None)
        return cell_of(*self._pairs[pair], self._compiled) if found is None else found

    def _join(self, keep: int, gone: int) -> None:
        self._members[keep] += self._members.pop(gone)
        del self._weights[keep, gone]
        self._cells.pop((keep, gone), None)
        self._forbidden.discard((keep, gone))
        for other in self._members:
            if other == keep:
                continue
            kept, lost = _ascending(keep, other), _ascending(gone, other)
            self._cells[kept] = cell = together(self._take_cell(kept), self._take_cell(lost))
            del self._weights[lost]
            if lost in self._forbidden:
                self._forbidden.discard(lost)
                self._forbidden.add(kept)
            weight = weigh_cell(cell, len(self._members[keep]), len(self._members[other]), self._compiled)[0]
            self._weights[kept] = in_units(weight)

    def contested(
        self, policy: LinkagePolicy, must_link: Sequence[RowPair], cannot_link: Sequence[RowPair]
    ) -> set[int]:
        """The rows that another person claims as well: as `contested.contested_records`."""
        settled = {row for pair in must_link for row in pair}
        apart = {_ascending(*pair) for pair in cannot_link}
        cluster = {row: place for place, rows in self._members.items() for row in rows}
        claims: set[RowPair] = set()
        for a, b in itertools.combinations(sorted(cluster), 2):
            pair = self._pairs[_ascending(self._place[a], self._place[b])][0]
            if cluster[a] != cluster[b] and pair.weight >= policy.review_threshold_bits and (a, b) not in apart:
                claims |= {(a, cluster[b]), (b, cluster[a])}
        claims = {(row, rival) for row, rival in claims if row not in settled and len(self._members[cluster[row]]) > 1}
        margin = round(policy.link_threshold_bits * BITS_TO_UNITS)
        return {row for row, rival in claims if self._is_contested(row, cluster[row], rival, margin)}

    def _is_contested(self, row: int, own: int, rival: int, margin: int) -> bool:
        mates, others = [mate for mate in self._members[own] if mate != row], self._members[rival]
        weight, opposed = self._weight_between([row], others)
        if opposed or not is_claimed(self._weight_between([row], mates)[0], weight, margin):
            return False
        return bool(are_two(self._weight_between(mates, others)[0]))

    def _weight_between(self, rows: Sequence[int], others: Sequence[int]) -> tuple[int, bool]:
        """What some records weigh with others, and whether the rules of evidence are against it."""
        between = [self._pairs[_ascending(self._place[a], self._place[b])] for a in rows for b in others]
        cell = reduce(together, (cell_of(*of_pair, self._compiled) for of_pair in between))
        weight = weigh_cell(cell, len(rows), len(others), self._compiled)[0]
        return in_units(weight), 3 * cell[OPPOSED] >= 2 * len(between)

    def labels(self) -> dict[int, int]:
        """Each row to the smallest row of its cluster."""
        return {row: min(rows) for rows in self._members.values() for row in rows}

    def close(self, review_bits: float) -> list[tuple[int, int, float]]:
        """Clusters (by smallest row) that stayed apart, that are worth a look and that nobody has decided."""
        threshold = round(review_bits * BITS_TO_UNITS)
        found = []
        for pair, weight in self._weights.items():
            if weight >= threshold and pair not in self._forbidden:
                a, b = sorted(min(self._members[place]) for place in pair)
                found.append((a, b, weight / BITS_TO_UNITS))
        return found


def _ascending(a: int, b: int) -> RowPair:
    return (a, b) if a < b else (b, a)
