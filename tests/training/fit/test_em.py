"""EM finds the numbers that the patterns were simulated with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from linkage.batch import Patterns
from linkage.comparisons import (
    BIRTH_DATE,
    COMPARISONS,
    FIRST_NAME,
    LAST_NAME,
    LAYERS,
    MISSING,
    MOTHER,
    PHONE,
    SEX,
    SSN,
    Comparison,
)
from linkage.weights import SHARED_LAYERS
from training.em import EMResult, fit_em

CHOSEN: tuple[Comparison, ...] = (FIRST_NAME, SEX, SSN, BIRTH_DATE, LAST_NAME, MOTHER, PHONE)
RECORDS = 4000
WITHIN, BETWEEN = ("cws_cms", "cws_cms"), ("cws_cms", "meds")
TOTALS = {WITHIN: 150_000.0, BETWEEN: 300_000.0}
PAIRS = {
    WITHIN: {"same person": 300, "twins": 60, "household": 1500},
    BETWEEN: {"same person": 3000, "twins": 90, "household": 2500},
}
MISSING_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Simulated:
    m: tuple[NDArray[np.float64], ...]
    u: tuple[NDArray[np.float64], ...]
    patterns: Patterns


def simulate(seed: int) -> Simulated:
    """All pairs, of the four classes, drawn level by level, some comparisons missing."""
    rng = np.random.default_rng(seed)
    m = tuple(_level_shares(rng, agrees=0.85, top=c.top) for c in CHOSEN)
    u = tuple(_level_shares(rng, agrees=0.01, top=c.top) for c in CHOSEN)
    levels, sources = [], []
    for number, pair in enumerate(TOTALS):
        for name, shares in SHARED_LAYERS.items():
            count = PAIRS[pair].get(name) or int(TOTALS[pair]) - sum(PAIRS[pair].values())
            drawn = [
                rng.choice(c.top + 1, count, p=m[k] if shares[LAYERS.index(c.layer)] else u[k])
                for k, c in enumerate(CHOSEN)
            ]
            levels.append(np.column_stack(drawn))
            sources.append(np.full(count, number))
    pattern = np.concatenate(levels).astype(np.int8)
    pattern[rng.random(pattern.shape) < MISSING_SHARE] = MISSING
    return Simulated(m, u, counted(pattern, np.concatenate(sources)))


def counted(levels: NDArray[np.int8], sources: NDArray[np.int64]) -> Patterns:
    """Each pattern once, with the number of its pairs."""
    joint, counts = np.unique(np.column_stack([levels, sources]), axis=0, return_counts=True)
    corrections = np.zeros((len(LAYERS), len(joint)))
    return Patterns(joint[:, :-1].astype(np.int8), joint[:, -1], corrections, counts.astype(np.float64), tuple(TOTALS))


def _level_shares(rng: np.random.Generator, agrees: float, top: int) -> NDArray[np.float64]:
    """Disagreement, then the levels: the strongest has most of `agrees`."""
    between = rng.dirichlet(np.ones(top)) if top > 1 else np.ones(1)
    levels: NDArray[np.float64] = agrees * (0.3 * between + 0.7 * np.eye(top)[-1])
    return np.concatenate([[1.0 - agrees], levels])


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    return simulate(seed=3)


@pytest.fixture(scope="module")
def fitted(simulated: Simulated) -> EMResult:
    return fit_em(simulated.patterns, CHOSEN, simulated.u, TOTALS, RECORDS)


def test_m_is_recovered(simulated: Simulated, fitted: EMResult) -> None:
    for comparison, true, found in zip(CHOSEN, simulated.m, fitted.m, strict=True):
        assert found == pytest.approx(true, abs=0.03), comparison.name


def test_class_frequencies_are_recovered_for_each_pair_of_sources(fitted: EMResult) -> None:
    found = dict(zip(fitted.source_pairs, fitted.classes, strict=True))
    for pair, total in TOTALS.items():
        same, twins, household, strangers = found[pair] * total
        assert same == pytest.approx(PAIRS[pair]["same person"], rel=0.1)
        assert twins == pytest.approx(PAIRS[pair]["twins"], abs=40)
        assert household == pytest.approx(PAIRS[pair]["household"], rel=0.1)
        assert same + twins + household + strangers == pytest.approx(total)


def test_the_pooled_frequencies_give_the_number_of_true_matches(fitted: EMResult) -> None:
    matches = sum(p["same person"] for p in PAIRS.values())
    assert fitted.pooled[0] * sum(TOTALS.values()) == pytest.approx(matches, rel=0.05)
    assert fitted.pooled.sum() == pytest.approx(1.0)


def test_each_pattern_is_of_some_class(fitted: EMResult, simulated: Simulated) -> None:
    assert fitted.responsibility.sum(axis=0) == pytest.approx(np.ones(len(simulated.patterns.counts)))
    assert all(m.sum() == pytest.approx(1.0) and (m > 0).all() for m in fitted.m)


def test_it_converges_and_the_likelihood_does_not_fall(fitted: EMResult) -> None:
    assert fitted.converged
    steps = np.diff(fitted.trace)
    assert fitted.trace[-1] > fitted.trace[0] + 0.01
    # the priors are served too, at the cost of next to nothing
    assert steps.min() > -1e-6


def test_counted_patterns_weigh_as_their_pairs_do(simulated: Simulated, fitted: EMResult) -> None:
    p = simulated.patterns
    few = p.counts < 50
    times = np.where(few, p.counts, 1).astype(np.int64)
    spread = Patterns(
        np.repeat(p.levels, times, axis=0),
        np.repeat(p.sources, times),
        np.repeat(p.corrections, times, axis=1),
        np.repeat(np.where(few, 1.0, p.counts), times),
        p.source_pairs,
    )
    again = fit_em(spread, CHOSEN, simulated.u, TOTALS, RECORDS)
    assert all(np.allclose(a, b) for a, b in zip(again.m, fitted.m, strict=True))
    assert np.allclose(again.classes, fitted.classes)


def test_a_comparison_that_no_pair_can_make_keeps_its_typical_probabilities(simulated: Simulated) -> None:
    sex = CHOSEN.index(SEX)
    levels = simulated.patterns.levels.copy()
    levels[:, sex] = MISSING
    found = fit_em(replace(simulated.patterns, levels=levels), CHOSEN, simulated.u, TOTALS, RECORDS).m[sex]
    assert found == pytest.approx(np.array(SEX.typical_m))


def test_sources_without_any_match_get_hardly_any(simulated: Simulated, fitted: EMResult) -> None:
    """A source with one record per child: what is left of pairs within it are siblings and strangers."""
    p = simulated.patterns
    within = p.sources == p.source_pairs.index(WITHIN)
    kept = np.where(within, p.counts * (1.0 - fitted.responsibility[0]), p.counts)
    matches = fit_em(replace(p, counts=kept), CHOSEN, simulated.u, TOTALS, RECORDS).classes[:, 0]
    by_sources = dict(zip(p.source_pairs, matches, strict=True))
    assert by_sources[WITHIN] * TOTALS[WITHIN] < 30
    assert by_sources[BETWEEN] * TOTALS[BETWEEN] == pytest.approx(PAIRS[BETWEEN]["same person"], rel=0.1)


def test_all_comparisons_start_from_probabilities() -> None:
    for comparison in COMPARISONS:
        assert sum(comparison.typical_m) == pytest.approx(1.0)
        assert min(comparison.typical_m) > 0, comparison.name
