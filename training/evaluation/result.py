"""The outcome of an evaluation: plain figures, ready for JSON, a terminal or a report. Holds no name and no date."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from linkage.record import RecordKey
from training.evaluation.calibration import Calibration
from training.evaluation.errors import KeptApart, MissCount, RelationCount
from training.evaluation.pair_completeness import PairCompleteness
from training.evaluation.partitions import ClusterScores, PairScores, SourcePairScores, SubgroupScores
from training.evaluation.thresholds import ThresholdPoint, WeightBin
from training.evaluation.truth import Relation


class LevelLike(Protocol):
    """An agreement level of a fitted model."""

    @property
    def label(self) -> str: ...
    @property
    def m(self) -> float | None: ...
    @property
    def u(self) -> float | None: ...


class ComparisonLike(Protocol):
    """A comparison of a fitted model."""

    @property
    def name(self) -> str: ...
    @property
    def layer(self) -> str: ...
    @property
    def levels(self) -> Sequence[LevelLike]: ...


class ModelLike(Protocol):
    """As much of a model as a report shows."""

    @property
    def comparisons(self) -> Sequence[ComparisonLike]: ...


class PartLike(Protocol):
    """What one comparison adds to a match weight."""

    @property
    def comparison(self) -> str: ...
    @property
    def level_label(self) -> str: ...
    @property
    def against_stranger_bits(self) -> float: ...
    @property
    def against_sibling_bits(self) -> float: ...


class ExplanationLike(Protocol):
    """Why a pair has its weight."""

    @property
    def weight(self) -> float: ...
    @property
    def weight_against_stranger(self) -> float: ...
    @property
    def weight_against_sibling(self) -> float: ...
    @property
    def parts(self) -> Sequence[PartLike]: ...


class BlockingRuleLike(Protocol):
    """What one blocking rule proposed."""

    @property
    def rule(self) -> str: ...
    @property
    def keys(self) -> int: ...
    @property
    def pairs(self) -> int: ...
    @property
    def oversized_keys(self) -> int: ...
    @property
    def new_pairs(self) -> int: ...


@dataclass(frozen=True, slots=True)
class LevelShares:
    """How often one level is seen among pairs of one person (m) and among pairs of strangers (u)."""

    comparison: str
    layer: str
    level: str
    m: float
    u: float


@dataclass(frozen=True, slots=True)
class BlockingRow:
    """What one blocking rule proposed; `new_pairs` are those that no rule before it had."""

    rule: str
    keys: int
    pairs: int
    oversized_keys: int
    new_pairs: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a waterfall: a comparison, the level the pair is at, and the bits it adds."""

    comparison: str
    level: str
    bits: float


@dataclass(frozen=True, slots=True)
class WorstError:
    """A pair about which the model was badly wrong. Names the two records by their keys alone.

    `steps` add up to the weight against `rival`, the reading under which the pair looks least like one person;
    they are empty where nobody could explain the weight.
    """

    kind: Literal["false link", "missed link"]
    left: RecordKey
    right: RecordKey
    weight_bits: float
    relation: Relation | None
    rival: Literal["a stranger", "a sibling or twin"] | None = None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """How many records were judged. Records known to one table only are counted, so that none vanishes unseen.

    `only_in_truth` are judged as standing alone; `without_truth` are left out.
    """

    judged: int
    only_in_truth: int
    without_truth: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that was found out about a linkage whose truth is known; None or empty where nothing was given."""

    records: RecordCounts
    pairs: PairScores
    clusters: ClusterScores
    subgroups: tuple[SubgroupScores, ...]
    source_pairs: tuple[SourcePairScores, ...]
    false_links: tuple[RelationCount, ...]
    twins: KeptApart | None
    siblings: KeptApart | None
    membership: Calibration | None
    calibration: Calibration | None
    missed_links: tuple[MissCount, ...]
    completeness: PairCompleteness | None
    weights: tuple[WeightBin, ...]
    thresholds: tuple[ThresholdPoint, ...]
    worst: tuple[WorstError, ...]
    link_bits: float | None
    review_bits: float | None
    levels: tuple[LevelShares, ...]
    blocking: tuple[BlockingRow, ...]
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain JSON values."""
        return dataclasses.asdict(self)


def level_shares(model: ModelLike | None) -> tuple[LevelShares, ...]:
    """The m and u of every fitted level of a model, in the model's order."""
    if model is None:
        return ()
    return tuple(
        LevelShares(comparison.name, str(comparison.layer), level.label, float(level.m), float(level.u))
        for comparison in model.comparisons
        for level in comparison.levels
        if level.m is not None and level.u is not None
    )


def blocking_rows(rules: Iterable[BlockingRuleLike]) -> tuple[BlockingRow, ...]:
    """Copy the engine's report of its blocking rules."""
    return tuple(BlockingRow(rule.rule, rule.keys, rule.pairs, rule.oversized_keys, rule.new_pairs) for rule in rules)
