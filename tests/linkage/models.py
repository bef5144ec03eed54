"""Models made by hand, so that a test knows every number in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from linkage.blocking import BLOCKING_RULES
from linkage.comparisons import COMPARISONS, Comparison, declaration_digest
from linkage.model import ClassFrequencies, ComparisonParameters, Frequencies, LevelParameters, Model
from linkage.record import NormalisedRecord

POOLED = ClassFrequencies(same_person=1e-4, twins=1e-5, household=5e-5)


def made_model(
    comparisons: Iterable[Comparison] = COMPARISONS,
    *,
    frequencies: Mapping[str, Frequencies] | None = None,
    classes: ClassFrequencies = POOLED,
    by_sources: Mapping[str, ClassFrequencies] | None = None,
    generic_values: Mapping[str, tuple[str, ...]] | None = None,
    seed: int = 0,
) -> Model:
    """Typical m, and u that falls from disagreement to the strongest level with some chance in it."""
    rng = np.random.default_rng(seed)
    return Model(
        name="made by hand",
        fitted_on="nothing",
        created=dt.date(2026, 1, 1),
        declaration=declaration_digest(),
        comparisons=tuple(_parameters(c, (frequencies or {}).get(c.name), rng) for c in comparisons),
        class_frequencies=classes,
        class_frequencies_by_sources=by_sources or {},
        blocking_rules=tuple(rule.name for rule in BLOCKING_RULES),
        generic_values=generic_values or {},
    )


def _parameters(
    comparison: Comparison, frequencies: Frequencies | None, rng: np.random.Generator
) -> ComparisonParameters:
    chance = np.r_[1.0, 0.04 * 0.4 ** np.arange(comparison.top)] * rng.uniform(0.8, 1.2, comparison.top + 1)
    u = chance / chance.sum()
    levels = tuple(
        LevelParameters(label=label, m=m, u=float(p))
        for label, m, p in zip(comparison.labels, comparison.typical_m, u, strict=True)
    )
    return ComparisonParameters(name=comparison.name, layer=comparison.layer, levels=levels, frequencies=frequencies)


def frequencies_of(records: Sequence[NormalisedRecord]) -> dict[str, Frequencies]:
    """By comparison: the share of records that bear each value, of values that at least three bear."""
    found = {}
    for comparison in COMPARISONS:
        if comparison.frequency_column:
            values = [v for r in records if (v := getattr(r, comparison.frequency_column)) is not None]
            counts = {v: values.count(v) for v in set(values)}
            listed = {v: n / len(values) for v, n in sorted(counts.items()) if n >= 3}
            found[comparison.name] = Frequencies(values=listed, other=min(1.0, 1.5 / len(values)))
    return found
