"""The pipeline: records and a model in, persons out. The only module that knows all stages."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from config.policy import LinkagePolicy
from linkage.batch import BatchEngine
from linkage.blocks import OversizedKey
from linkage.candidates import BlockingRuleReport
from linkage.cluster import Agglomeration, PairEvidence, connected_components, pair_evidence
from linkage.contested import contested_records
from linkage.errors import ContradictoryConstraints, NothingToLink
from linkage.evidence_rules import opposed_pairs
from linkage.model import Model
from linkage.native import NativeEngine
from linkage.pairs import CandidatePairs, WeighedPairs
from linkage.persons_of_few import PersonsOfFew, form_persons
from linkage.record import Constraints, NormalisedRecord, RecordKey
from linkage.threads import in_threads
from linkage.weights import CompiledModel, probability
from linkage.weights_of_few import level_array

FEW_RECORDS = 100
"""Up to so many records persons are formed in plain Python: arrays cost more to set up than to weigh few pairs."""

Rows = NDArray[np.int64]
Progress = Callable[[str], None]


def silent(_stage: str) -> None:
    """The progress of a job that nobody watches."""


@dataclass(frozen=True, slots=True)
class Reviews:
    """Pairs of clusters (by label) that stayed apart though their average weight is worth a steward's look."""

    left: Rows
    right: Rows
    weight_bits: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Partition:
    """Which records are one person.

    Attributes:
        cluster: shape (n_records,), the smallest row number of the record's cluster.
        component: the same of its component, before any cutting: what is not in one cannot influence the other.
        pairs: all pairs within components (after cutting), scored.
        reviews: clusters of one component that stayed apart and are worth a look.
        oversized_components: sizes of components above the policy's cap, which were cut by higher thresholds.
        probability: shape (n_records,), that the record belongs to its cluster; 1 for a record alone.
    """

    cluster: Rows
    component: Rows
    pairs: WeighedPairs
    reviews: Reviews
    oversized_components: tuple[int, ...]
    probability: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinkResult:
    """A partition of the records, and how it came about.

    Attributes:
        cluster: shape (n_records,), the smallest row number of the record's cluster.
        component: the same of its component, before any cutting.
        probability: shape (n_records,), that the record belongs to its cluster; 1 for a record alone.
        pairs: all pairs within components, scored.
        reviews: clusters of one component that stayed apart and are worth a look.
        oversized_keys: blocking keys that made no candidates because too many records share them.
        candidates: the pairs that blocking found, where they were asked for.
        oversized_components: sizes of components above the policy's cap, which were cut by higher thresholds.
        timings: seconds by stage.
    """

    cluster: Rows
    component: Rows
    probability: NDArray[np.float64]
    pairs: WeighedPairs
    reviews: Reviews
    blocking: tuple[BlockingRuleReport, ...]
    oversized_keys: tuple[OversizedKey, ...]
    candidate_pairs: int
    candidates: CandidatePairs | None
    oversized_components: tuple[int, ...]
    timings: dict[str, float]


def link(
    records: pa.Table,
    model: Model,
    policy: LinkagePolicy,
    constraints: Constraints | None = None,
    *,
    pinned_keys: Collection[int] | None = None,
    progress: Progress = silent,
    memory_limit_gb: float = 4.0,
    keep_candidates: bool = False,
) -> LinkResult:
    """Link records into persons.

    Args:
        records: one row per record, the columns of `linkage.record.COLUMNS`, whichever are there.
        model: as fitted; it decides which comparisons and blocking rules take part.
        policy: thresholds and rules of evidence.
        constraints: stewards' decisions; they outrank every weight.
        pinned_keys: numbers of the blocking keys that are oversized, found by an earlier linking: they make no
            candidates, and beside them only keys above the policy's hard bound. By default, keys above its first bound.
        progress: told the name of each stage as it begins.
        memory_limit_gb: what linking may take; the batch engine spills to disk beyond its share (`linkage.memory`).
        keep_candidates: give back the candidate pairs too, to judge blocking by.

    Raises:
        NothingToLink: the model compares nothing.
        ContradictoryConstraints: two records must and must not be one person.
        ExplodingRule: a blocking rule makes more pairs than the policy allows.
    """
    timings: dict[str, float] = {}
    stage = Stages(progress, timings)
    decisions = decisions_by_row(_keys(records), constraints or Constraints())
    with stage("read records"):
        engine = BatchEngine(records, memory_limit_gb=memory_limit_gb)
    with engine:
        with stage("prepare"):
            compiled = engine.use_model(model)
        with stage("find candidates"):
            engine.block(
                model.blocking_rules,
                policy.max_block_records if pinned_keys is None else policy.hard_block_records,
                pinned_keys or (),
                policy.max_pairs_per_record,
            )
        found = partition(engine, compiled, policy, decisions, stage)
        return LinkResult(
            cluster=found.cluster,
            component=found.component,
            probability=found.probability,
            pairs=found.pairs,
            reviews=found.reviews,
            blocking=engine.found.reports,
            oversized_keys=engine.found.oversized,
            candidate_pairs=engine.candidate_count(),
            candidates=engine.candidates() if keep_candidates else None,
            oversized_components=found.oversized_components,
            timings=timings,
        )


def link_few(
    records: Sequence[NormalisedRecord],
    compiled: CompiledModel,
    policy: LinkagePolicy,
    constraints: Constraints,
    ignored_keys: Container[int] = frozenset(),
) -> Partition:
    """Link a few records natively: the same persons as `link` finds, if no record outside shares a component with them.

    Args:
        ignored_keys: numbers of blocking keys that too many records share.

    Raises:
        NothingToLink, ContradictoryConstraints: as `link`.
    """
    decisions = decisions_by_row([record.key for record in records], constraints)
    engine = NativeEngine(records, compiled, ignored_keys)
    if 0 < len(records) <= FEW_RECORDS and compiled.comparisons:
        clear_bits = policy.link_threshold_bits + CLEAR_BITS
        few = form_persons(engine, compiled, policy, decisions.must_link, decisions.cannot_link, clear_bits)
        if few is not None:
            return _partition_of(few, compiled)
    return partition(engine, compiled, policy, decisions, Stages(silent, {}))


def _partition_of(few: PersonsOfFew, compiled: CompiledModel) -> Partition:
    """The partition as arrays."""
    pairs, of = list(few.pairs), list(few.pairs.values())
    left, right = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    bits = np.array([(p.weight, p.against_stranger, p.against_sibling) for p in of]).reshape(-1, 3).T
    weighed = WeighedPairs(left, right, level_array(of, len(compiled.comparisons)), *bits)
    a, b, weights = zip(*few.reviews, strict=True) if few.reviews else ((), (), ())
    reviews = Reviews(np.array(a, np.int64), np.array(b, np.int64), np.array(weights, np.float64))
    cluster = np.array(few.cluster, dtype=np.int64)
    sure = _membership_probability(cluster, weighed)
    return Partition(cluster, np.array(few.component, dtype=np.int64), weighed, reviews, (), sure)


class Stages:
    """Names and times the stages of a job."""

    def __init__(self, progress: Progress, timings: dict[str, float]) -> None:
        self._progress, self._timings = progress, timings

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self._progress(name)
        started = time.perf_counter()
        yield
        self._timings[name] = self._timings.get(name, 0.0) + time.perf_counter() - started


@dataclass(frozen=True, slots=True)
class Decisions:
    """Constraints by row number."""

    must_link: tuple[tuple[int, int], ...] = ()
    cannot_link: tuple[tuple[int, int], ...] = ()


def decisions_by_row(keys: Iterable[RecordKey], constraints: Constraints) -> Decisions:
    """Find the rows of the constraints' records; one whose record is not there has no effect."""
    if not (constraints.must_link or constraints.cannot_link):
        return Decisions()
    wanted = {key for pair in (*constraints.must_link, *constraints.cannot_link) for key in pair}
    row = {key: i for i, key in enumerate(keys) if key in wanted}

    def rows(pairs: frozenset[tuple[RecordKey, RecordKey]]) -> tuple[tuple[int, int], ...]:
        found = {tuple(sorted((row[a], row[b]))) for a, b in pairs if a in row and b in row}
        return tuple(sorted((a, b) for a, b in found))

    decisions = Decisions(rows(constraints.must_link), rows(constraints.cannot_link))
    _check_decisions(decisions)
    return decisions


def _check_decisions(decisions: Decisions) -> None:
    if not decisions.must_link:
        return
    left, right = np.array(decisions.must_link, dtype=np.int64).T
    size = 1 + max(row for pair in (*decisions.must_link, *decisions.cannot_link) for row in pair)
    group = connected_components(size, left, right)
    if any(group[a] == group[b] for a, b in decisions.cannot_link):
        raise ContradictoryConstraints(
            "Some records are decided to be one person and, over others, to be different people. "
            "Undo one of the judgements."
        )


def _keys(records: pa.Table) -> Iterator[RecordKey]:
    columns = (records.column(name).to_pylist() for name in ("source", "source_record_id"))
    return zip(*columns, strict=True)


class Engine(Protocol):
    """What forming persons asks of an engine: the batch engine over all records, the native one over a few."""

    @property
    def size(self) -> int: ...

    def weigh_candidates(self, compiled: CompiledModel, least_bits: float) -> WeighedPairs: ...

    def weigh_pairs(self, left: Rows, right: Rows, compiled: CompiledModel) -> WeighedPairs: ...

    def corrections(self, left: Rows, levels: NDArray[np.int8], compiled: CompiledModel) -> NDArray[np.float64]: ...

    def priors(self, left: Rows, right: Rows) -> NDArray[np.float64]: ...

    def of_one_source(self, left: Rows, right: Rows) -> NDArray[np.bool_]: ...

    def key_order(self, rows: Rows) -> Rows: ...


def partition(
    engine: Engine, compiled: CompiledModel, policy: LinkagePolicy, decisions: Decisions, stage: Stages
) -> Partition:
    """Partition the records whose candidates the engine has found."""
    if not compiled.comparisons:
        raise NothingToLink(
            "The records have no column that linking could compare. Give names, birth dates or identifiers."
        )
    with stage("weigh candidates"):
        candidates = engine.weigh_candidates(compiled, policy.component_threshold_bits)
    with stage("form components"):
        whole, components, oversized = _components(engine.size, candidates, decisions, policy)
        inside = candidates.where(components[candidates.left] == components[candidates.right])
        left, right = _not_among(inside, *pairs_within(components))
    with stage("weigh components"):
        pairs = WeighedPairs.together([inside, engine.weigh_pairs(left, right, compiled)])
    with stage("form persons"):
        cluster, reviews = _settle(engine, components, pairs, compiled, policy, decisions)
    sure = _membership_probability(cluster, pairs)
    return Partition(cluster, whole, pairs, reviews, tuple(oversized), sure)


def _components(
    size: int, candidates: WeighedPairs, decisions: Decisions, policy: LinkagePolicy
) -> tuple[Rows, Rows, list[int]]:
    """Connected components at the component threshold; one above the size cap is cut at higher ones until it fits.

    Returns:
        The components whole, the same after cutting, and the sizes of those that were cut.
    """
    must = np.array(decisions.must_link, dtype=np.int64).reshape(-1, 2)
    left, right = np.concatenate([candidates.left, must[:, 0]]), np.concatenate([candidates.right, must[:, 1]])
    weight = np.concatenate([candidates.weight, np.full(len(must), np.inf)])
    whole = components = connected_components(size, left, right)
    sizes = np.bincount(components, minlength=size)
    oversized = sorted((int(s) for s in sizes[sizes > policy.max_component_records]), reverse=True)
    threshold = policy.component_threshold_bits
    while (sizes > policy.max_component_records).any() and threshold < policy.link_threshold_bits + 100.0:
        threshold += 2.0
        inside = sizes[components[left]] > policy.max_component_records
        keep = ~inside | (weight >= threshold)
        left, right, weight = left[keep], right[keep], weight[keep]
        components = connected_components(size, left, right)
        sizes = np.bincount(components, minlength=size)
    return whole, components, oversized


def _not_among(weighed: WeighedPairs, left: Rows, right: Rows) -> tuple[Rows, Rows]:
    """Pairs of rows (left < right) less those weighed already."""
    size = int(right.max(initial=0)) + 1
    done = np.minimum(weighed.left, weighed.right) * size + np.maximum(weighed.left, weighed.right)
    missing = ~np.isin(left * size + right, done, assume_unique=True)
    return left[missing], right[missing]


def pairs_within(components: Rows) -> tuple[Rows, Rows]:
    """All pairs of rows within each component: two arrays, left < right."""
    order = np.argsort(components, kind="stable")
    starts = (
        np.flatnonzero(np.r_[True, components[order][1:] != components[order][:-1]])
        if len(order)
        else np.zeros(0, np.int64)
    )
    sizes = np.diff(np.r_[starts, len(order)])
    lefts, rights = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for size in np.unique(sizes[sizes > 1]):
        members = order[starts[sizes == size][:, None] + np.arange(size)]
        a, b = np.triu_indices(size, 1)
        lefts.append(members[:, a].ravel())
        rights.append(members[:, b].ravel())
    return np.concatenate(lefts), np.concatenate(rights)


CLEAR_BITS = 20.0
"""So far above the link threshold all pairs of a component settle it at once; clusters can weigh less than pairs."""


def _settle(
    engine: Engine,
    components: Rows,
    pairs: WeighedPairs,
    compiled: CompiledModel,
    policy: LinkagePolicy,
    decisions: Decisions,
) -> tuple[Rows, Reviews]:
    """Settle each component: at once where all its pairs link by themselves, else by agglomeration.

    Components with records that two persons claim are settled again without these, until there are none.
    """
    opposed = opposed_pairs(pairs.levels, compiled.names, policy)
    component = components[pairs.left]
    doubtful = np.zeros(engine.size, dtype=bool)
    doubtful[component[(pairs.weight < policy.link_threshold_bits + CLEAR_BITS) | opposed]] = True
    doubtful[components[[row for pair in decisions.cannot_link for row in pair]]] = True
    settling = _Settling(engine, components, pairs, opposed, compiled, policy, decisions)
    cluster, aside = components.copy(), np.zeros(engine.size, dtype=bool)
    reviews: list[tuple[int, int, float]] = []
    while doubtful.any():
        reviews = [review for review in reviews if not doubtful[components[review[0]]]]
        for rows, labels, close in in_threads(
            lambda batch: settling.settled(batch, aside), _batches(engine, components, pairs, doubtful)
        ):
            cluster[rows] = labels
            reviews.extend(close)
        contested = settling.contested(cluster, doubtful[component])
        aside[contested] = True
        doubtful[:] = False
        doubtful[components[contested]] = True
    reviews.sort()
    left, right, weight = zip(*reviews, strict=True) if reviews else ((), (), ())
    return cluster, Reviews(np.array(left, np.int64), np.array(right, np.int64), np.array(weight, np.float64))


@dataclass(frozen=True, slots=True)
class _Settling:
    """What settling a component takes."""

    engine: Engine
    components: Rows
    pairs: WeighedPairs
    opposed: NDArray[np.bool_]
    compiled: CompiledModel
    policy: LinkagePolicy
    decisions: Decisions

    def settled(self, batch: _Batch, aside: NDArray[np.bool_]) -> tuple[Rows, Rows, list[tuple[int, int, float]]]:
        """Rows, the row of each one's cluster, and what is worth a look. Args: `aside`: rows that are not joined."""
        at = batch.places(self.pairs.left[batch.pairs], self.pairs.right[batch.pairs])
        state = Agglomeration(len(batch.rows), batch.rows.shape[1], self.evidence(batch.pairs), self.compiled, at)
        batch.decide(state, self.decisions, self.components)
        state.aside = aside[batch.rows]
        state.run(self.policy.link_threshold_bits)
        return batch.rows, batch.row_labels(state), batch.reviews(state, self.policy.review_threshold_bits)

    def contested(self, cluster: Rows, among: NDArray[np.bool_]) -> Rows:
        """Rows that two persons claim. Args: `among`: of which pairs."""
        if not self.policy.contested_needs_review:
            return np.zeros(0, np.int64)
        apart = np.array(self.decisions.cannot_link, np.int64).reshape(-1, 2)
        decided = np.isin(self._code(self.pairs.left, self.pairs.right), self._code(apart[:, 0], apart[:, 1]))
        return contested_records(
            cluster,
            self.pairs.left,
            self.pairs.right,
            among & (self.pairs.weight >= self.policy.review_threshold_bits) & ~decided,
            np.array(self.decisions.must_link, np.int64).ravel(),
            self.evidence,
            self.compiled,
            self.policy.link_threshold_bits,
        )

    def _code(self, left: Rows, right: Rows) -> Rows:
        return np.minimum(left, right) * self.engine.size + np.maximum(left, right)

    def evidence(self, chosen: Rows) -> PairEvidence:
        """What some of the pairs say."""
        left, right, levels = self.pairs.left[chosen], self.pairs.right[chosen], self.pairs.levels[chosen]
        return pair_evidence(
            levels,
            self.engine.corrections(left, levels, self.compiled),
            self.engine.priors(left, right),
            self.opposed[chosen],
            self.compiled,
            self.engine.of_one_source(left, right),
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    """Components of equal size to agglomerate together.

    Attributes:
        rows: shape (n_components, size), row numbers in the order of the record keys.
        pairs: which of the scored pairs lie in these components.
    """

    rows: Rows
    pairs: Rows

    def places(self, left: Rows, right: Rows) -> tuple[Rows, Rows, Rows]:
        """Component, left and right position of pairs given by row number."""
        rows, size = self.rows.ravel(), self.rows.shape[1]
        order = np.argsort(rows)
        left_place, right_place = (order[np.searchsorted(rows, side, sorter=order)] for side in (left, right))
        return left_place // size, left_place % size, right_place % size

    def decide(self, state: Agglomeration, decisions: Decisions, components: Rows) -> None:
        if not (decisions.must_link or decisions.cannot_link):
            return
        place = {int(row): (c, p) for c, members in enumerate(self.rows) for p, row in enumerate(members)}
        for a, b in decisions.cannot_link:
            if a in place and b in place and components[a] == components[b]:
                state.forbid(place[a][0], place[a][1], place[b][1])
        for a, b in decisions.must_link:
            if a in place:
                state.join_decided(place[a][0], [(place[a][1], place[b][1])])

    def row_labels(self, state: Agglomeration) -> Rows:
        """The smallest row number of each row's cluster: shape as `rows`."""
        count, size = self.rows.shape
        group = (np.arange(count)[:, None] * size + state.labels).ravel()
        smallest = np.full(count * size, np.iinfo(np.int64).max)
        np.minimum.at(smallest, group, self.rows.ravel())
        labels: Rows = smallest[group].reshape(count, size)
        return labels

    def reviews(self, state: Agglomeration, review_bits: float) -> list[tuple[int, int, float]]:
        labels = self.row_labels(state)
        found = []
        for close in state.close(review_bits):
            a, b = int(labels[close.component, close.left]), int(labels[close.component, close.right])
            found.append((min(a, b), max(a, b), close.weight_bits))
        return found


BATCH_CELLS = 100_000
"""Components are agglomerated together as long as their matrices have no more cells than this: some 100 MB."""


def _batches(engine: Engine, components: Rows, pairs: WeighedPairs, doubtful: NDArray[np.bool_]) -> Iterator[_Batch]:
    """The doubtful components, by size and in batches."""
    chosen = np.flatnonzero(doubtful[components[pairs.left]])
    if not len(chosen):
        return
    rows = np.unique(np.concatenate([pairs.left[chosen], pairs.right[chosen]]))
    rows = rows[np.argsort(engine.key_order(rows)[rows], kind="stable")]
    rows = rows[np.argsort(components[rows], kind="stable")]
    starts = np.flatnonzero(np.r_[True, components[rows][1:] != components[rows][:-1]])
    sizes = np.diff(np.r_[starts, len(rows)])
    chosen = chosen[np.argsort(components[pairs.left[chosen]], kind="stable")]
    of_pair = components[pairs.left[chosen]]
    for size in np.unique(sizes):
        at_once = max(1, BATCH_CELLS // int(size * size))
        these = starts[sizes == size]
        for first in range(0, len(these), at_once):
            members = rows[these[first : first + at_once][:, None] + np.arange(size)]
            yield _Batch(members, chosen[_places_of(of_pair, components[members[:, 0]])])


def _places_of(ordered: Rows, values: Rows) -> Rows:
    """Where some values, ascending, stand in an ordered array that may have each several times."""
    first, last = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    counts = last - first
    return np.repeat(first - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())


def _membership_probability(cluster: Rows, pairs: WeighedPairs) -> NDArray[np.float64]:
    """Per record: the probability that belongs to its average weight with the other members; 1 for a record alone."""
    inside = cluster[pairs.left] == cluster[pairs.right]
    left, right, weight = pairs.left[inside], pairs.right[inside], pairs.weight[inside]
    size = len(cluster)
    total = np.bincount(left, weight, size) + np.bincount(right, weight, size)
    others = np.bincount(left, minlength=size) + np.bincount(right, minlength=size)
    return np.where(others > 0, probability(total / np.maximum(others, 1)), 1.0)
