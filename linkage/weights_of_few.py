"""Weigh a few pairs, and clusters of a few records, in plain Python: what `weights` and `cluster` do over arrays.

To set arrays up costs more than to weigh a dozen pairs, and linking live weighs a dozen at a time. Bits are added in
the order in which arrays add them, and evidence of clusters in the same whole units, so that a pair weighs the same
in either; `tests/linkage/test_weights_of_few.py` holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import exp2, log1p, log2, sqrt
from operator import add, getitem
from typing import Any

import numpy as np

from linkage import native_levels
from linkage.cluster import BITS_TO_UNITS, RATIO_BITS, RATIO_UNITS, REPEATS_COUNTED, to_units
from linkage.columns import Pairs, RecordColumns, few_pairs_within
from linkage.compare import agreement_levels
from linkage.comparisons import LAYERS, MISSING, Comparison
from linkage.generic_values import without_generic_values
from linkage.kept_by_model import kept_by_model
from linkage.model import Model
from linkage.record import NormalisedRecord
from linkage.weights import (
    ClassBits,
    CompiledModel,
    Explanation,
    FrequencyLogs,
    Part,
    compile_model,
    match_weights,
    priors_between,
)

_LOG2_E = 1.4426950408889634
_UNITS = float(BITS_TO_UNITS)

Cell = list[int]
"""Evidence of all pairs between two clusters in units, added up: as `EvidenceSums`, one list after the other."""


@dataclass(frozen=True, slots=True)
class WeighedPair:
    """A pair of records.

    Attributes:
        codes: per comparison its level, counted from 0 for `MISSING`.
        corrections: number of a comparison to what its value's frequency corrects u by, in bits, where it does.
        priors: log2 class frequencies.
        one_source: whether both records are of one source.
        weight, against_stranger, against_sibling: bits.
    """

    codes: tuple[int, ...]
    corrections: dict[int, float]
    priors: ClassBits
    one_source: bool
    weight: float
    against_stranger: float
    against_sibling: float

    @property
    def levels(self) -> tuple[int, ...]:
        return tuple([code + MISSING for code in self.codes])


@dataclass(frozen=True, slots=True)
class _Tables:
    """A compiled model as lists; `by_code` means: by level, counted from 0 for `MISSING`.

    Attributes:
        m, u, twins: per comparison and by code, bits.
        layers: per layer the numbers of its comparisons.
        of_twins: numbers of the comparisons in which twins deviate.
        frequent: number, code of the strongest level, column and frequency logarithms of each comparison whose values'
            frequencies count.
        evidence: per comparison and by code: shared, chance, ratio, spoken, differs, twins; in units.
        m_units, u_units: as m and u, rounded to whole units.
        in_history: per comparison, whether it is of what changes in a life, or of dates.
        layer_of: per comparison, the number of its layer.
    """

    comparisons: tuple[Comparison, ...]
    m: list[list[float]]
    u: list[list[float]]
    twins: list[list[float]]
    layers: tuple[tuple[int, ...], ...]
    of_twins: tuple[int, ...]
    frequent: tuple[tuple[int, int, str, FrequencyLogs], ...]
    evidence: list[list[tuple[int, int, int, int, int, int]]]
    m_units: list[list[float]]
    u_units: list[list[float]]
    in_history: tuple[bool, ...]
    layer_of: tuple[int, ...]


@kept_by_model
def _tables(model: Model) -> _Tables:
    compiled = compile_model(model)
    m, u, twins = ([bits.tolist() for bits in kind] for kind in (compiled.m_bits, compiled.u_bits, compiled.twin_bits))
    tops = compiled.tops[:, 0].tolist()
    frequent = [
        (k, top - MISSING, comparison.frequency_column, logs)
        for k, (top, comparison, logs) in enumerate(
            zip(tops, compiled.comparisons, compiled.frequency_logs, strict=True)
        )
        if logs is not None and comparison.frequency_column is not None
    ]
    return _Tables(
        comparisons=compiled.comparisons,
        m=m,
        u=u,
        twins=twins,
        layers=tuple(tuple(k for k, of in enumerate(compiled.layers) if of == layer) for layer in range(len(LAYERS))),
        of_twins=tuple(compiled.of_twins.tolist()),
        frequent=tuple(frequent),
        evidence=[list(_evidence_by_code(k, compiled)) for k in range(len(m))],
        m_units=[(to_units(bits) / BITS_TO_UNITS).tolist() for bits in compiled.m_bits],
        u_units=[(to_units(bits) / BITS_TO_UNITS).tolist() for bits in compiled.u_bits],
        in_history=tuple(layer != LAYERS.index("person") for layer in compiled.layers),
        layer_of=compiled.layers,
    )


def _evidence_by_code(k: int, compiled: CompiledModel) -> Iterator[tuple[int, int, int, int, int, int]]:
    of_kinds = (to_units(bits[k]).tolist() for bits in (compiled.m_bits, compiled.u_bits, compiled.twin_bits))
    for code, (shared, chance, twins) in enumerate(zip(*of_kinds, strict=True)):
        spoken = code > 0
        differs = spoken and code + MISSING <= int(compiled.slips[k])
        yield shared, chance, _ratio(shared, chance) if spoken else 0, int(spoken), int(differs), twins


def _ratio(shared: int, chance: int) -> int:
    bits = min(max((shared - chance) / _UNITS, RATIO_BITS[0]), RATIO_BITS[1])
    return round(exp2(bits + RATIO_UNITS))


def _in_units(bits: float) -> int:
    return round(min(max(bits, -1000.0), 1000.0) * BITS_TO_UNITS)


def weigh_few(pairs: Pairs, compiled: CompiledModel) -> list[WeighedPair]:
    """Weigh pairs of records, in order; generic values are out on both sides."""
    if not len(pairs):
        return []
    tables = _tables(compiled.model)
    every_code = zip(*[native_levels.levels(comparison, pairs) for comparison in tables.comparisons], strict=True)
    left, right = pairs.sides("source")
    sources = zip(left if len(left) == len(right) else repeat(left[0]), right, strict=False)
    values: dict[str, Any] = {}
    return [
        _weighed(codes, _corrections(row, codes, pairs, values, tables), of, tables, compiled)
        for row, (codes, of) in enumerate(zip(every_code, sources, strict=True))
    ]


FEW_PAIRS = 24
"""More pairs than these are weighed in arrays where nothing but the weight is asked."""


def weights_of(pairs: Pairs, compiled: CompiledModel) -> list[float]:
    """The match weight of each pair, in bits."""
    if len(pairs) <= FEW_PAIRS:
        return [pair.weight for pair in weigh_few(pairs, compiled)]
    found: list[float] = match_weights(pairs, agreement_levels(pairs, compiled.comparisons), compiled).weight.tolist()
    return found


def _corrections(
    row: int, codes: tuple[int, ...], pairs: Pairs, values: dict[str, Any], tables: _Tables
) -> dict[int, float]:
    found: dict[int, float] = {}
    for k, top, column, logs in tables.frequent:
        if codes[k] == top:
            if column not in values:
                values[column] = pairs.left(column)
            of_left = values[column]
            found[k] = logs[of_left[0 if pairs.left_rows is None else row]] - tables.u[k][top]
    return found


def _weighed(
    codes: tuple[int, ...],
    corrections: dict[int, float],
    sources: tuple[str, str],
    tables: _Tables,
    compiled: CompiledModel,
) -> WeighedPair:
    m, u = list(map(getitem, tables.m, codes)), list(map(getitem, tables.u, codes))
    for k, bits in corrections.items():
        u[k] += bits
    shared = [_in_turn(m, layer) for layer in tables.layers]
    chance = [_in_turn(u, layer) for layer in tables.layers]
    deviation = 0.0
    for k in tables.of_twins:
        deviation += tables.twins[k][codes[k]]
    priors = priors_between(sources, compiled)
    weights = _weigh(shared, chance, deviation, priors)
    return WeighedPair(codes, corrections, priors, sources[0] == sources[1], *weights)


def _in_turn(bits: Sequence[float], places: tuple[int, ...]) -> float:
    """The sum, one after the other as arrays accumulate it."""
    total = 0.0
    for k in places:
        total += bits[k]
    return total


def _weigh(
    shared: Sequence[float], chance: Sequence[float], deviation: float, priors: Sequence[float]
) -> tuple[float, float, float]:
    """As `weights.weigh`: the weight, that against strangers, and that against siblings and twins."""
    person, birth, family = shared
    no_person, no_birth, no_family = chance
    match = priors[0] + person + birth + family
    twins = priors[1] + no_person + birth + family + deviation
    household = priors[2] + no_person + no_birth + family
    stranger = priors[3] + no_person + no_birth + no_family
    sibling = _logaddexp2(twins, household)
    return match - _logaddexp2(sibling, stranger), match - stranger, match - sibling


def _logaddexp2(a: float, b: float) -> float:
    """As numpy's."""
    if a == b:
        return a + 1.0
    return a + _LOG2_E * log1p(exp2(b - a)) if a > b else b + _LOG2_E * log1p(exp2(a - b))


def weigh_single(pair: WeighedPair, compiled: CompiledModel) -> tuple[float, float, float]:
    """What `weigh_cell` gives for the cell of one pair: its evidence in whole units, weighed."""
    tables = _tables(compiled.model)
    codes = pair.codes
    m, u = list(map(getitem, tables.m_units, codes)), list(map(getitem, tables.u_units, codes))
    for k, bits in pair.corrections.items():
        u[k] = _in_units(tables.u[k][codes[k]] + bits) / _UNITS
    deviation = 0.0
    for k in tables.of_twins:
        deviation += tables.evidence[k][codes[k]][5] / _UNITS
    shared = [_in_turn(m, layer) for layer in tables.layers]
    chance = [_in_turn(u, layer) for layer in tables.layers]
    return _weigh(shared, chance, deviation, [_in_units(bits) / _UNITS for bits in pair.priors])


def cell_of(pair: WeighedPair, opposed: bool, compiled: CompiledModel) -> Cell:
    """What one pair says, as `cluster.pair_evidence`."""
    tables = _tables(compiled.model)
    shared, chance, ratio, spoken, differs, twins = map(
        list, zip(*map(getitem, tables.evidence, pair.codes), strict=True)
    )
    for k, bits in pair.corrections.items():
        chance[k] = _in_units(tables.u[k][pair.codes[k]] + bits)
        ratio[k] = _ratio(shared[k], chance[k])
    priors = [_in_units(bits) for bits in pair.priors]
    nothing = [0, 0, 0, 0]
    split = [*nothing, *priors] if pair.one_source else [*priors, *nothing]
    of_twins = [twins[k] for k in tables.of_twins]
    return [*split, int(pair.one_source), int(opposed), *shared, *chance, *ratio, *spoken, *differs, *of_twins]


ONE_SOURCE, OPPOSED, _EVIDENCE = 8, 9, 10
"""Where in a cell the numbers of pairs of one source and of opposed pairs stand, and the comparisons begin."""


def together(cell: Cell, other: Cell) -> Cell:
    """The evidence of both."""
    return list(map(add, cell, other))


def weigh_cell(cell: Cell, own: int, others: int, compiled: CompiledModel) -> tuple[float, float, float]:
    """Weigh that two clusters of so many records are one person, as `cluster.weigh_clusters`.

    Returns:
        The weight, that against strangers, and that against siblings and twins; bits.
    """
    tables = _tables(compiled.model)
    many = len(tables.comparisons)
    shared_sums, chance_sums = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
    layer_of, in_history = tables.layer_of, tables.in_history
    spoken_at, smaller = _EVIDENCE + 3 * many, min(own, others)
    for k in range(many):
        spoken = cell[spoken_at + k]
        if not spoken:
            continue
        shared = cell[_EVIDENCE + k]
        chance = cell[_EVIDENCE + many + k] / (spoken * _UNITS)
        if cell[spoken_at + many + k] == spoken:
            bits = min(max(min(smaller, int(sqrt(spoken + 0.5))), 1), REPEATS_COUNTED) * shared / (spoken * _UNITS)
        elif spoken > 1 and in_history[k]:
            bits = chance + (log2(max(cell[_EVIDENCE + 2 * many + k], 1) / spoken) - RATIO_UNITS)
        else:
            bits = shared / (spoken * _UNITS)
        layer = layer_of[k]
        shared_sums[layer] += bits
        chance_sums[layer] += chance
    deviation = 0.0
    for place, k in enumerate(tables.of_twins):
        deviation += cell[_EVIDENCE + 5 * many + place] / (max(cell[spoken_at + k], 1) * _UNITS)
    return _weigh(shared_sums, chance_sums, deviation, _cell_priors(cell, own, others))


def _cell_priors(cell: Cell, own: int, others: int) -> list[float]:
    """As `cluster._cluster_priors`."""
    same = cell[ONE_SOURCE]
    other = own * others - same
    if not same:
        return [units / _UNITS / other for units in cell[:4]]
    times = min(same, own, others, REPEATS_COUNTED)
    found = []
    for between, within in zip(cell[:4], cell[4:8], strict=True):
        within_bits = within / _UNITS / same
        base = between / _UNITS / other if other else within_bits
        found.append(base + times * (within_bits - base))
    return found


def in_units(weight: float) -> int:
    """A weight in whole units, as weights of clusters are compared."""
    return _in_units(weight)


def explain_few(pair: WeighedPair, compiled: CompiledModel) -> Explanation:
    """Why a pair weighs what it weighs, as `weights.explanation_of`."""
    tables = _tables(compiled.model)
    parts = []
    for k, (comparison, code) in enumerate(zip(tables.comparisons, pair.codes, strict=True)):
        correction = pair.corrections.get(k, 0.0)
        bits = tables.m[k][code] - tables.u[k][code] - correction
        is_personal = comparison.layer == "person"
        label = comparison.labels[code + MISSING] if code else "missing"
        level, twins = code + MISSING, -tables.twins[k][code]
        parts.append(
            Part(
                comparison.name, comparison.layer, level, label, bits, bits if is_personal else 0.0, twins, -correction
            )
        )
    return Explanation(
        weight=pair.weight,
        probability=chance_of(pair.weight),
        weight_against_stranger=pair.against_stranger,
        weight_against_sibling=pair.against_sibling,
        prior_bits=pair.priors[0] - pair.priors[3],
        parts=tuple(parts),
    )


def chance_of(weight_bits: float) -> float:
    """The probability that belongs to a match weight."""
    return 1.0 / (1.0 + exp2(-min(max(weight_bits, -1000.0), 1000.0)))


def explain_few_pairs(
    lefts: Sequence[NormalisedRecord], rights: Sequence[NormalisedRecord], compiled: CompiledModel
) -> list[Explanation]:
    """As `weights.explain_pairs`, of a few pairs."""
    seen = RecordColumns.of([without_generic_values(record, compiled.model) for record in (*lefts, *rights)])
    many = len(lefts)
    pairs = few_pairs_within(seen, range(many), range(many, 2 * many))
    return [explain_few(pair, compiled) for pair in weigh_few(pairs, compiled)]


def level_array(pairs: Sequence[WeighedPair], comparisons: int) -> np.ndarray[Any, np.dtype[np.int8]]:
    """The levels of pairs: shape (n_pairs, n_comparisons)."""
    codes = np.frombuffer(b"".join([bytes(pair.codes) for pair in pairs]), np.int8)
    return codes.reshape(len(pairs), comparisons) + np.int8(MISSING)
