"""Stage 5: weigh the evidence of an agreement pattern, in bits, under four classes of pair.

A pair is one person (M), twins (T), two members of a household (H) or strangers (U). The classes differ only
in which layers of comparisons agree as one person's would (docs/decisions/0002-layered-model.md):

    L_c    = log2 λ_c + Σ log2 P(level | m where class c shares the layer, else u)        missing adds 0
    weight = L_M − log2(2^L_T + 2^L_H + 2^L_U)

Source: Fellegi & Sunter (1969), A theory for record linkage; the layers are this project's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.columns import Pairs, RecordColumns, pairs_within
from linkage.compare import agreement_levels
from linkage.comparisons import BY_NAME, LAYERS, MISSING, Comparison
from linkage.generic_values import without_generic_values
from linkage.kept_by_model import kept_by_model
from linkage.model import ClassFrequencies, Frequencies, Model
from linkage.record import NormalisedRecord

Bits = NDArray[np.float64]
ClassBits = tuple[float, float, float, float]

LOGS_KEPT = 20_000
"""Values of one comparison whose frequency's logarithm is kept."""

SHARED_LAYERS = {
    "same person": (True, True, True),
    "twins": (False, True, True),
    "household": (False, False, True),
    "strangers": (False, False, False),
}
"""Class -> whether the person, birth and family layers agree as one person's would."""


@dataclass(frozen=True, slots=True)
class PairWeights:
    """Arrays of shape (n_pairs,), in bits: 0 is even odds, +1 doubles them.

    `weight` is against everything else the pair could be; the other two against one alternative each.
    """

    weight: Bits
    against_stranger: Bits
    against_sibling: Bits

    @property
    def probability(self) -> NDArray[np.float64]:
        return probability(self.weight)


def probability(weight_bits: Bits) -> NDArray[np.float64]:
    """The probability that belongs to a match weight."""
    return 1.0 / (1.0 + np.exp2(-np.clip(weight_bits, -1000.0, 1000.0)))


class FrequencyLogs(dict[str, float]):
    """log2 of the frequency of each value of one comparison, worked out for those met lately."""

    __slots__ = ("_frequencies",)

    def __init__(self, frequencies: Frequencies) -> None:
        super().__init__()
        self._frequencies = frequencies

    def __missing__(self, value: str) -> float:
        if len(self) >= LOGS_KEPT:
            self.clear()
        found = self[value] = float(np.log2(self._frequencies.of(value)))
        return found


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """A model as arrays, in the order of its comparisons.

    Attributes:
        m_bits, u_bits: per comparison, log2 probability by level number + 1; entry 0 is "missing" and adds nothing.
        layers: per comparison, its layer's number.
        twin_bits: per comparison, what twins deviate by from their class's other bits (`twin_bits`).
        tables: the bits of m, of u and of twins' deviation, one comparison after the other: shape (3, n_bits).
        of_twins: numbers of the comparisons in which twins deviate.
        by_layer: the comparisons' numbers by their layer's number, of layers that have any.
        level_zero: where each comparison's level 0 stands in the tables: shape (n_comparisons, 1).
        tops: each comparison's strongest level if its values' frequencies count, else -2: shape (n_comparisons, 1).
        slips: each comparison's highest level that counts as a difference: shape (n_comparisons,).
        frequency_logs: per comparison, log2 of its values' frequencies; None where these do not count.
        priors: log2 class frequencies of the pairs of sources met so far.
    """

    model: Model
    comparisons: tuple[Comparison, ...]
    m_bits: tuple[Bits, ...]
    u_bits: tuple[Bits, ...]
    layers: tuple[int, ...]
    twin_bits: tuple[Bits, ...]
    tables: Bits
    of_twins: NDArray[np.intp]
    by_layer: Mapping[int, NDArray[np.intp]]
    level_zero: NDArray[np.intp]
    tops: NDArray[np.int8]
    slips: NDArray[np.int64]
    frequency_logs: tuple[FrequencyLogs | None, ...] = field(compare=False, repr=False)
    priors: dict[tuple[str, str], ClassBits] = field(default_factory=dict, compare=False, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.comparisons)


@kept_by_model
def compile_model(model: Model) -> CompiledModel:
    """Turn the document into the arrays that weighing reads; done once for each model object."""

    def bits(which: str) -> tuple[Bits, ...]:
        return tuple(
            np.concatenate([[0.0], np.log2([getattr(level, which) for level in c.levels])]) for c in model.comparisons
        )

    m_bits, u_bits = bits("m"), bits("u")
    layers = tuple(LAYERS.index(c.layer) for c in model.comparisons)
    comparisons = tuple(BY_NAME[c.name] for c in model.comparisons)
    deviation = tuple(twin_bits(*of_one) for of_one in zip(comparisons, m_bits, u_bits, strict=True))
    frequent = [c.frequencies is not None and BY_NAME[c.name].frequency_column is not None for c in model.comparisons]
    tops = [c.top if counts else MISSING - 1 for c, counts in zip(comparisons, frequent, strict=True)]
    return CompiledModel(
        model,
        comparisons,
        m_bits,
        u_bits,
        layers,
        deviation,
        np.array([np.concatenate([np.zeros(0), *kind]) for kind in (m_bits, u_bits, deviation)]),
        np.flatnonzero([bits.any() for bits in deviation]),
        {layer: np.flatnonzero(np.array(layers) == layer) for layer in sorted(set(layers))},
        np.cumsum([0, *map(len, m_bits)])[:-1, np.newaxis] - MISSING,
        np.array(tops, dtype=np.int8)[:, np.newaxis],
        np.array([comparison.slip for comparison in comparisons]),
        tuple(
            FrequencyLogs(c.frequencies) if c.frequencies is not None and counts else None
            for c, counts in zip(model.comparisons, frequent, strict=True)
        ),
    )


def twin_bits(comparison: Comparison, m_bits: Bits, u_bits: Bits) -> Bits:
    """How twins deviate from what their class takes of a comparison (u in the person layer, else m), in bits.

    Returns:
        By level number + 1, as `m_bits` and `u_bits` are; 0 where nothing is declared of twins.
    """
    usual = u_bits if comparison.layer == "person" else m_bits
    shares = (
        bits if share is None else np.log2(share) for share, bits in zip(comparison.twins, usual[1:], strict=True)
    )
    deviation: Bits = np.array([usual[0], *shares]) - usual + np.log2([1.0, *comparison.twins_times])
    return deviation


def frequency_bits(pairs: Pairs, levels: NDArray[np.int8], compiled: CompiledModel) -> Bits:
    """How much rarer or commoner than usual each agreed value is.

    Returns:
        Shape (n_pairs, n_comparisons): log2 of the value's own frequency less log2 u, at the strongest level of
        comparisons that have value frequencies; 0 elsewhere. It is added to u, so rare values weigh more.
    """
    correction = np.zeros(levels.shape, order="F")
    at_top = compiled.tops == levels.T
    for k in at_top.any(axis=1).nonzero()[0].tolist():
        comparison, logs = compiled.comparisons[k], compiled.frequency_logs[k]
        if logs is None or comparison.frequency_column is None:
            continue
        (rows,) = at_top[k].nonzero()
        values = pairs.left_values(comparison.frequency_column, rows)
        agreed = np.fromiter(map(logs.__getitem__, values), np.float64, count=len(rows))
        correction[rows, k] = agreed - compiled.u_bits[k][comparison.top - MISSING]
    return correction


def layer_evidence(levels: NDArray[np.int8], correction: Bits, compiled: CompiledModel) -> tuple[Bits, Bits]:
    """Sum the evidence by layer.

    Returns:
        log2 P if the layer is shared (m), shape (3, n_pairs), and if it is not (u), shape (4, n_pairs); the fourth row
        is what twins deviate by.
    """
    bits = compiled.tables.take(levels.T + compiled.level_zero, axis=1)
    bits[1] += correction.T
    sums = np.zeros((2, len(LAYERS), len(levels)))
    for layer, comparisons in compiled.by_layer.items():
        # accumulated one after the other: the same sum to the last bit however many pairs there are
        sums[:, layer] = np.add.accumulate(bits[:2, comparisons], axis=1)[:, -1]
    deviation = np.zeros((1, len(levels)))
    if len(compiled.of_twins):
        deviation = np.add.accumulate(bits[2, compiled.of_twins], axis=0)[-1:]
    return sums[0], np.concatenate([sums[1], deviation])


def class_priors(sources: tuple[Sequence[str], Sequence[str]], model: Model) -> Bits:
    """log2 of the class frequencies for each pair of sources: shape (4, n_pairs), classes as in SHARED_LAYERS.

    Args:
        sources: left and right, as `Pairs.sides` gives them.
    """
    left, right = sources
    pairs: Sequence[Any] = right if len(left) == 1 else list(zip(left, right, strict=True))
    number = {pair: i for i, pair in enumerate(set(pairs))}
    compiled = compile_model(model)
    known = [priors_between((left[0], pair) if len(left) == 1 else pair, compiled) for pair in number]
    which = np.fromiter(map(number.__getitem__, pairs), np.intp, len(pairs))
    return np.array(known).reshape(len(number), 4).T.take(which, axis=1)


def of_one_source(sources: tuple[Sequence[str], Sequence[str]]) -> NDArray[np.bool_]:
    """Whether both records of each pair are of one source: shape (n_pairs,); sources as for `class_priors`."""
    left, right = sources
    if len(left) == 1:
        return np.fromiter((source == left[0] for source in right), bool, len(right))
    return np.fromiter((a == b for a, b in zip(left, right, strict=True)), bool, len(right))


def priors_between(sources: tuple[str, str], compiled: CompiledModel) -> ClassBits:
    found = compiled.priors.get(sources)
    if found is None:
        found = compiled.priors[sources] = log2_frequencies(compiled.model.frequencies_between(*sources))
    return found


def log2_frequencies(frequencies: ClassFrequencies) -> ClassBits:
    logs = np.log2([frequencies.same_person, frequencies.twins, frequencies.household, frequencies.strangers])
    return (float(logs[0]), float(logs[1]), float(logs[2]), float(logs[3]))


def weigh(shared: Bits, chance: Bits, priors: Bits) -> PairWeights:
    """Combine layers and class frequencies into match weights.

    Args:
        shared, chance: shape (3, n_pairs) and (4, n_pairs), from `layer_evidence`.
        priors: shape (4, n_pairs), from `class_priors`.
    """
    person, birth, family = shared
    no_person, no_birth, no_family, deviation = chance
    match = priors[0] + person + birth + family
    twins = priors[1] + no_person + birth + family + deviation
    household = priors[2] + no_person + no_birth + family
    stranger = priors[3] + no_person + no_birth + no_family
    sibling = np.logaddexp2(twins, household)
    return PairWeights(match - np.logaddexp2(sibling, stranger), match - stranger, match - sibling)


def match_weights(pairs: Pairs, levels: NDArray[np.int8], compiled: CompiledModel) -> PairWeights:
    """Weigh the evidence that each candidate pair is one person.

    Args:
        pairs: the records side by side; their values are read for term frequencies and sources.
        levels: shape (n_pairs, n_comparisons), the agreement level per comparison; -1 = missing on a side.
        compiled: the model, comparisons in the same order.
    """
    shared, chance = layer_evidence(levels, frequency_bits(pairs, levels, compiled), compiled)
    return weigh(shared, chance, class_priors(pairs.sides("source"), compiled.model))


@dataclass(frozen=True, slots=True)
class Part:
    """What one comparison adds to a weight, in bits.

    Against a sibling only the person layer speaks: a brother shares the family, a twin the birth date as well.
    `twins_bits` comes on top of that against twins, who in some things are otherwise than strangers to each other.
    `term_frequency_bits` is the share of `against_stranger_bits` that the value's rarity gives.
    """

    comparison: str
    layer: str
    level: int
    level_label: str
    against_stranger_bits: float
    against_sibling_bits: float
    twins_bits: float
    term_frequency_bits: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a pair weighs what it weighs: `prior_bits` and the parts add up to `weight_against_stranger`."""

    weight: float
    probability: float
    weight_against_stranger: float
    weight_against_sibling: float
    prior_bits: float
    parts: tuple[Part, ...]


def explain(left: NormalisedRecord, right: NormalisedRecord, model: Model) -> Explanation:
    """Weigh one pair and say what each comparison adds.

    Returns:
        The explanation; `prior_bits` and the parts' bits against a stranger add up to `weight_against_stranger`.
    """
    (explanation,) = explain_pairs([left], [right], model)
    return explanation


def explain_pairs(
    lefts: Sequence[NormalisedRecord], rights: Sequence[NormalisedRecord], model: Model
) -> list[Explanation]:
    """The same for several pairs, in about the time of one; left and right in the same order."""
    compiled = compile_model(model)
    seen = RecordColumns.of([without_generic_values(record, model) for record in (*lefts, *rights)])
    rows = np.arange(len(lefts))
    pairs = pairs_within(seen, rows, rows + len(lefts))
    levels = agreement_levels(pairs, compiled.comparisons)
    correction = frequency_bits(pairs, levels, compiled)
    shared, chance = layer_evidence(levels, correction, compiled)
    priors = class_priors(pairs.sides("source"), model)
    weights = weigh(shared, chance, priors)
    return [explanation_of(row, levels, correction, priors, weights, compiled) for row in range(len(lefts))]


def explanation_of(
    row: int,
    levels: NDArray[np.int8],
    correction: Bits,
    priors: Bits,
    weights: PairWeights,
    compiled: CompiledModel,
) -> Explanation:
    """The same for one of several pairs that are weighed already.

    Args:
        levels, correction: shape (n_pairs, n_comparisons).
        priors: shape (4, n_pairs), in bits.
    """
    compared = zip(levels[row].tolist(), correction[row].tolist(), strict=True)
    return Explanation(
        weight=float(weights.weight[row]),
        probability=float(probability(weights.weight[row])),
        weight_against_stranger=float(weights.against_stranger[row]),
        weight_against_sibling=float(weights.against_sibling[row]),
        prior_bits=float(priors[0, row] - priors[3, row]),
        parts=tuple(_part(k, compiled, level, bits) for k, (level, bits) in enumerate(compared)),
    )


def _part(k: int, compiled: CompiledModel, level: int, correction: float) -> Part:
    comparison = compiled.comparisons[k]
    against_stranger = float(compiled.m_bits[k][level + 1] - compiled.u_bits[k][level + 1]) - correction
    return Part(
        comparison=comparison.name,
        layer=comparison.layer,
        level=level,
        level_label="missing" if level == MISSING else comparison.labels[level],
        against_stranger_bits=against_stranger,
        against_sibling_bits=against_stranger if comparison.layer == "person" else 0.0,
        twins_bits=-float(compiled.twin_bits[k][level + 1]),
        term_frequency_bits=-correction,
    )
