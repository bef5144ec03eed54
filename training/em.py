"""Expectation-maximisation over agreement patterns: m and the class frequencies, with u held fixed.

The whole space of pairs is fitted, not only the candidates: pairs that blocking did not bring count as
strangers, so the class frequencies are shares of all pairs and their product with the number of pairs is the
estimated number of true matches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.batch import Patterns
from linkage.comparisons import LAYERS, Comparison
from linkage.weights import SHARED_LAYERS, twin_bits

Floats = NDArray[np.float64]

TWINS = list(SHARED_LAYERS).index("twins")
MAX_ITERATIONS = 200
TOLERANCE = 1e-5
PRIOR_PAIRS = 4.0
"""Weight of the typical m probabilities, in pairs: decides only where hardly any pair was seen."""

PRIOR_SHARES = {"same person": 0.5, "twins": 0.01, "household": 0.25}
"""Where fitting starts: matches per record in each class."""

SEEN_NOWHERE = np.array([0.5, 0.05, 0.25])
"""Pairs of each class that are taken to exist even where none was seen."""

SOURCE_PRIOR_PAIRS = 20.0
"""Weight of the pooled class frequencies in those of one pair of sources: as if so many matches had been seen there,
or as many pairs as the two sources have."""


@dataclass(frozen=True, slots=True)
class EMResult:
    """What EM settled on.

    Attributes:
        m: per comparison, P(level | layer shared), by level number.
        classes: shape (n_source_pairs, 4), class frequencies over all pairs, classes as in SHARED_LAYERS.
        pooled: shape (4,), the same over all sources.
        responsibility: shape (4, n_patterns), probability of each class.
        trace: log-likelihood per iteration.
    """

    source_pairs: tuple[tuple[str, str], ...]
    m: tuple[Floats, ...]
    classes: Floats
    pooled: Floats
    responsibility: Floats
    trace: tuple[float, ...]
    converged: bool


def fit_em(
    patterns: Patterns,
    comparisons: Sequence[Comparison],
    u: Sequence[Floats],
    total_pairs: Mapping[tuple[str, str], float],
    records: int,
) -> EMResult:
    """Fit m and class frequencies.

    Args:
        patterns: of all candidate pairs.
        comparisons: in the order of the patterns' columns.
        u: per comparison, P(level | layer not shared), by level number.
        total_pairs: pairs of sources -> how many pairs of records there are, candidates or not.
        records: number of records.
    """
    totals = np.array([total_pairs[pair] for pair in patterns.source_pairs])
    state = _State(patterns, comparisons, u, totals, sum(total_pairs.values()), records)
    trace: list[float] = []
    converged = False
    for _ in range(MAX_ITERATIONS):
        trace.append(state.expect())
        change = state.maximise()
        if change < TOLERANCE:
            converged = True
            break
    state.expect()
    return EMResult(
        patterns.source_pairs,
        tuple(state.m),
        state.classes,
        state.pooled(),
        state.responsibility,
        tuple(trace),
        converged,
    )


class _State:
    def __init__(
        self,
        patterns: Patterns,
        comparisons: Sequence[Comparison],
        u: Sequence[Floats],
        totals: Floats,
        all_pairs: float,
        records: int,
    ) -> None:
        self.u_bits = [np.concatenate([[0.0], np.log2(of_comparison)]) for of_comparison in u]
        self.patterns, self.comparisons, self.totals, self.all_pairs = patterns, comparisons, totals, all_pairs
        self.layers = [LAYERS.index(c.layer) for c in comparisons]
        self.m: list[Floats] = [np.array(c.typical_m) for c in comparisons]
        self.index = [patterns.levels[:, k].astype(np.intp) + 1 for k in range(len(comparisons))]
        self.chance = np.zeros((len(LAYERS), len(patterns.counts)))
        for k, layer in enumerate(self.layers):
            self.chance[layer] += self.u_bits[k][self.index[k]]
        self.chance += patterns.corrections
        start = np.array([PRIOR_SHARES[c] for c in ("same person", "twins", "household")]) * records / all_pairs
        start = np.minimum(start, 0.2)
        self.classes = np.tile(np.r_[start, 1.0 - start.sum()], (len(totals), 1))
        self.responsibility = np.zeros((4, len(patterns.counts)))

    def expect(self) -> float:
        """Probability of each class for each pattern; returns the log-likelihood of the candidates, in bits a pair."""
        shared = np.zeros_like(self.chance)
        deviation = np.zeros(len(self.patterns.counts))
        for k, layer in enumerate(self.layers):
            m_bits = np.concatenate([[0.0], np.log2(self.m[k])])
            shared[layer] += m_bits[self.index[k]]
            deviation += twin_bits(self.comparisons[k], m_bits, self.u_bits[k])[self.index[k]]
        logs = np.log2(self.classes).T[:, self.patterns.sources]
        for c, shares in enumerate(SHARED_LAYERS.values()):
            for layer, does in enumerate(shares):
                logs[c] += shared[layer] if does else self.chance[layer]
        logs[TWINS] += deviation
        likelihood = np.logaddexp2.reduce(logs, axis=0)
        self.responsibility = np.exp2(logs - likelihood)
        return float(np.average(likelihood, weights=self.patterns.counts))

    def maximise(self) -> float:
        """New m and class frequencies; returns the largest change of an m."""
        expected = self.responsibility * self.patterns.counts
        change = 0.0
        for k, comparison in enumerate(self.comparisons):
            sharing = sum(expected[c] for c in self._showing_m(k))
            seen = np.bincount(self.index[k], weights=sharing, minlength=comparison.top + 2)[1:]
            new = seen + PRIOR_PAIRS * np.array(comparison.typical_m)
            new /= new.sum()
            change = max(change, float(np.abs(new - self.m[k]).max()))
            self.m[k] = new
        self._class_frequencies(expected)
        return change

    def _showing_m(self, k: int) -> list[int]:
        """The classes whose pairs show a comparison's m: those that share its layer, twins not where they deviate."""
        classes = [c for c, shares in enumerate(SHARED_LAYERS.values()) if shares[self.layers[k]]]
        return [c for c in classes if not (self.comparisons[k].twins_deviate and c == TWINS)]

    def _class_frequencies(self, expected: Floats) -> None:
        by_sources = np.stack(
            [np.bincount(self.patterns.sources, weights=e, minlength=len(self.totals)) for e in expected[:3]], axis=1
        )
        pooled = (by_sources.sum(axis=0) + SEEN_NOWHERE) / self.all_pairs
        lent = np.minimum(SOURCE_PRIOR_PAIRS / pooled.sum(), self.totals)[:, None]
        shares = (by_sources + pooled * lent) / (self.totals[:, None] + lent)
        shares = np.clip(shares, 1e-15, 0.3)
        self.classes = np.column_stack([shares, 1.0 - shares.sum(axis=1)])

    def pooled(self) -> Floats:
        shares = (self.classes[:, :3] * self.totals[:, None]).sum(axis=0) / self.all_pairs
        shares = np.clip(shares, 1e-15, 0.3)
        pooled: Floats = np.r_[shares, 1.0 - shares.sum()]
        return pooled
