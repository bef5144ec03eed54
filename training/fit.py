"""Fit a model to records without labels.

u comes from pairs drawn at random, m and the class frequencies from EM over all candidate pairs, value
frequencies from the records. A first pass takes every record for a person of its own; a second knows the first
pass's persons, so that a child with ten records no longer makes its own rare name look common, nor its own
pairs look like strangers agreeing by chance.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from config.policy import LINK_FILES_POLICY_FILE, LinkagePolicy, load_policy
from linkage.batch import BatchEngine, BlockingRuleReport, Patterns
from linkage.blocking import BLOCKING_RULES
from linkage.comparisons import COMPARISONS, Comparison, declaration_digest
from linkage.errors import NothingToLink
from linkage.model import ClassFrequencies, ComparisonParameters, Frequencies, LevelParameters, Model
from linkage.pipeline import Decisions, Progress, Stages, partition, silent
from linkage.weights import compile_model
from training.blocking_choice import RuleLeftOut, leave_out_rules
from training.em import EMResult, fit_em
from training.frequencies import generic_values, together, value_frequencies

Floats = NDArray[np.float64]

RANDOM_PAIRS = 1_000_000
PATTERN_PAIRS = 4_000_000
LEAST_PAIRS_SEEN = 30
"""A comparison that fewer candidate pairs could make takes no part: the column is missing or hardly filled."""

PASSES = 2


@dataclass(frozen=True, slots=True)
class FitReport:
    """What a fit saw, for people."""

    records: int
    sources: dict[str, int]
    candidate_pairs: int
    estimated_matches: float
    blocking: tuple[BlockingRuleReport, ...]
    rules_left_out: tuple[RuleLeftOut, ...]
    left_out: tuple[str, ...]
    generic_values: dict[str, int]
    trace: tuple[float, ...]
    converged: bool
    timings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FitResult:
    model: Model
    report: FitReport


def fit(
    records: pa.Table,
    *,
    seed: int = 0,
    progress: Progress = silent,
    memory_limit_gb: float = 4.0,
    policy: LinkagePolicy | None = None,
    also_generic: Mapping[str, Sequence[str]] | None = None,
) -> FitResult:
    """Fit a model to normalised records.

    Args:
        records: one row per record, the columns of `linkage.record.COLUMNS`, whichever are there.
        seed: of the random pairs; the same records and seed give the same model.
        progress: told the name of each stage as it begins.
        also_generic: column to digests of values that stewards know to be shared by many people.

    Raises:
        NothingToLink: fewer than two records, or no column that two of them fill.
    """
    if records.num_rows < 2:
        raise NothingToLink("Fitting needs at least two records. Give more, or use a model that was fitted before.")
    policy = policy or load_policy(LINK_FILES_POLICY_FILE)
    timings: dict[str, float] = {}
    stage = Stages(progress, timings)
    with BatchEngine(records, memory_limit_gb=memory_limit_gb) as engine:
        with stage("find generic values"):
            generic = together(generic_values(engine), also_generic or {})
            engine.remove_generic(generic)
        with stage("find candidates"):
            engine.block([rule.name for rule in BLOCKING_RULES], policy.max_block_records)
        rules_left_out: tuple[RuleLeftOut, ...] = ()
        fitting = _Fitting(engine, seed)
        cluster: NDArray[np.int64] | None = None
        for number in range(1, PASSES + 1):
            with stage(f"fit, pass {number} of {PASSES}"):
                parameters = fitting.run(cluster)
                model = fitting.model(parameters, generic)
            if number < PASSES:
                cluster = partition(engine, compile_model(model), policy, Decisions(), stage).cluster
                with stage("leave out rules"):
                    rules_left_out = leave_out_rules(engine, policy.max_block_records, cluster)
        report = fitting.report(parameters, rules_left_out, generic, timings)
    return FitResult(model, report)


@dataclass(frozen=True, slots=True)
class _Parameters:
    u: tuple[Floats, ...]
    frequencies: tuple[Frequencies | None, ...]
    em: EMResult


class _Fitting:
    """The data of a fit and what was decided about it once."""

    def __init__(self, engine: BatchEngine, seed: int) -> None:
        self.engine, self.seed = engine, seed
        self.counts = engine.source_counts()
        self.random = random_pairs(engine.size, seed)
        self.drawn: tuple[Floats, ...] | None = None
        engine.set_pairs("random_pairs", *(side[:50_000] for side in self.random))
        self.comparisons = self._taking_part()

    def _taking_part(self) -> tuple[Comparison, ...]:
        """Comparisons that enough candidate pairs, and enough random ones, could make."""
        seen = _seen(self.engine.patterns("candidates", COMPARISONS, PATTERN_PAIRS, self.seed), len(COMPARISONS))
        chance = _seen(self.engine.patterns("random_pairs", COMPARISONS), len(COMPARISONS))
        chosen = tuple(c for c, n, r in zip(COMPARISONS, seen, chance, strict=True) if n >= LEAST_PAIRS_SEEN and r >= 1)
        if not chosen:
            chosen = tuple(c for c, n in zip(COMPARISONS, seen, strict=True) if n >= 1)
        if not chosen:
            raise NothingToLink("No two records fill the same column. Give columns that the records have in common.")
        return chosen

    def run(self, cluster: NDArray[np.int64] | None) -> _Parameters:
        u = self._chance_agreement(cluster)
        frequencies = self._frequencies(cluster)
        for k, comparison in enumerate(self.comparisons):
            if comparison.frequency_column and (found := frequencies[k]):
                self.engine.set_frequencies(comparison.frequency_column, found, float(np.log2(u[k][comparison.top])))
        patterns = self.engine.patterns("candidates", self.comparisons, PATTERN_PAIRS, self.seed)
        em = fit_em(patterns, self.comparisons, u, self._total_pairs(), self.engine.size)
        return _Parameters(u, frequencies, em)

    def _chance_agreement(self, cluster: NDArray[np.int64] | None) -> tuple[Floats, ...]:
        """u by level number: from random pairs of (as far as known) different persons, each level lightly smoothed."""
        if self.drawn is None:
            self.engine.set_pairs("random_pairs", *self.random)
            self.drawn = self._level_counts("random_pairs")
        counts = self.drawn
        if cluster is not None:
            left, right = self.random
            within = cluster[left] == cluster[right]
            self.engine.set_pairs("random_pairs", left[within], right[within])
            counts = tuple(all_ - same for all_, same in zip(counts, self._level_counts("random_pairs"), strict=True))
        return tuple(_smoothed(seen, c) for seen, c in zip(counts, self.comparisons, strict=True))

    def _level_counts(self, pairs: str) -> tuple[Floats, ...]:
        patterns = self.engine.patterns(pairs, self.comparisons)
        return tuple(
            np.bincount(patterns.levels[:, k].astype(np.intp) + 1, weights=patterns.counts, minlength=c.top + 2)[
                1:
            ].astype(np.float64)
            for k, c in enumerate(self.comparisons)
        )

    def _frequencies(self, cluster: NDArray[np.int64] | None) -> tuple[Frequencies | None, ...]:
        return tuple(
            value_frequencies(self.engine, c.frequency_column, cluster) if c.frequency_column else None
            for c in self.comparisons
        )

    def _total_pairs(self) -> dict[tuple[str, str], float]:
        sources = self.engine.sources
        return {
            (a, b): self.counts[a] * (self.counts[a] - 1) / 2 if a == b else float(self.counts[a] * self.counts[b])
            for i, a in enumerate(sources)
            for b in sources[i:]
        }

    def model(self, parameters: _Parameters, generic: dict[str, tuple[str, ...]]) -> Model:
        em = parameters.em
        pairs = self._total_pairs()
        by_sources = {"|".join(pair): _class_frequencies(em.classes[i]) for i, pair in enumerate(em.source_pairs)}
        return Model(
            name=f"{dt.date.today().isoformat()}",  # noqa: DTZ011 - a calendar day for people
            fitted_on=", ".join(f"{source}: {count}" for source, count in sorted(self.counts.items())),
            created=dt.date.today(),  # noqa: DTZ011
            declaration=declaration_digest(),
            comparisons=tuple(self._comparison(k, c, parameters) for k, c in enumerate(self.comparisons)),
            class_frequencies=_class_frequencies(em.pooled),
            class_frequencies_by_sources=by_sources,
            blocking_rules=tuple(report.rule for report in self.engine.found.reports if report.pairs),
            generic_values=generic,
            statistics={
                "records": float(self.engine.size),
                "candidate_pairs": float(self.engine.candidate_count()),
                "estimated_matches": round(float(em.pooled[0] * sum(pairs.values())), 1),
                "iterations": float(len(em.trace)),
            },
        )

    def _comparison(self, k: int, comparison: Comparison, parameters: _Parameters) -> ComparisonParameters:
        levels = tuple(
            LevelParameters(label=label, m=float(m), u=float(u))
            for label, m, u in zip(
                comparison.labels,
                parameters.em.m[k],
                _disagreement_never_for(parameters.em.m[k], parameters.u[k]),
                strict=True,
            )
        )
        return ComparisonParameters(
            name=comparison.name, layer=comparison.layer, levels=levels, frequencies=parameters.frequencies[k]
        )

    def report(
        self,
        parameters: _Parameters,
        rules_left_out: tuple[RuleLeftOut, ...],
        generic: dict[str, tuple[str, ...]],
        timings: dict[str, float],
    ) -> FitReport:
        taking_part = {c.name for c in self.comparisons}
        return FitReport(
            records=self.engine.size,
            sources=self.counts,
            candidate_pairs=self.engine.candidate_count(),
            estimated_matches=float(parameters.em.pooled[0] * sum(self._total_pairs().values())),
            blocking=self.engine.found.reports,
            rules_left_out=rules_left_out,
            left_out=tuple(c.name for c in COMPARISONS if c.name not in taking_part),
            generic_values={column: len(digests) for column, digests in generic.items()},
            trace=parameters.em.trace,
            converged=parameters.em.converged,
            timings=timings,
        )


def _smoothed(seen: Floats, comparison: Comparison) -> Floats:
    """Shares of the levels seen by chance; a level never seen keeps a small share."""
    smoothed = np.maximum(seen, 0.0) + 0.5 * np.maximum(np.array(comparison.typical_m) * 0.1, 0.02)
    shares: Floats = smoothed / smoothed.sum()
    return shares


def random_pairs(size: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers of pairs of different records drawn at random: two arrays, left < right."""
    draw = np.random.default_rng(seed)
    left, right = draw.integers(0, size, (2, min(RANDOM_PAIRS, size * (size - 1) // 2)))
    differ = left != right
    return np.minimum(left, right)[differ], np.maximum(left, right)[differ]


def _seen(patterns: Patterns, comparisons: int) -> list[float]:
    return [float(patterns.counts[patterns.levels[:, k] >= 0].sum()) for k in range(comparisons)]


def _disagreement_never_for(m: Floats, u: Floats) -> Floats:
    """u with disagreement at least as likely by chance as in one person.

    Where hardly any pair could disagree, both are smoothing alone, and smoothing must not speak.
    """
    corrected: Floats = np.r_[max(u[0], m[0]), u[1:]]
    return corrected


def _class_frequencies(shares: Floats) -> ClassFrequencies:
    return ClassFrequencies(same_person=float(shares[0]), twins=float(shares[1]), household=float(shares[2]))
