"""Whether one person looks like several: signs in its records and pairs, and the split that they propose.

Pure functions, for one person at a time. What linking itself doubts (`linkage.doubts`) follows from weights alone; here
it is asked what no weight says: what a source vouches for, what ages there are, what hangs on a single record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from config.nights import SentinelConfig
from linkage.blocking import IDENTIFIER_COLUMNS
from linkage.doubts import DoubtKind, RowPairs, weakest_cut
from linkage.pairs import WeighedPairs
from linkage.record import NormalisedRecord

Sign = Literal[
    "two_birth_dates",
    "implausible_age",
    "two_sexes",
    "two_of_one_source",
    "number_of_many",
    "one_bridge",
    "many_records",
]

KINDS: Mapping[Sign, DoubtKind] = {
    "two_birth_dates": "possible_overlay",
    "implausible_age": "possible_overlay",
    "two_sexes": "possible_overlay",
    "two_of_one_source": "identifier_conflict",
    "number_of_many": "identifier_conflict",
    "one_bridge": "possible_split",
    "many_records": "possible_split",
}
"""Sign -> the question that it raises. In this order the first sign that a person shows proposes the split."""

FIELDS: Mapping[Sign, tuple[str, ...]] = {
    "two_birth_dates": ("birth_date",),
    "implausible_age": ("birth_date",),
    "two_sexes": ("sex",),
}
_UNITS = 1_000_000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known beyond the person.

    Attributes:
        year: in which the person is looked at; ages are counted to it.
        deduplicated: sources in which one person has one record.
        without_adults: sources that have records of children only.
        many_records: size of a person from which it is an outlier.
        numbers_of_many: column and value of identifiers that too many persons bear.
    """

    year: int
    deduplicated: frozenset[str] = frozenset()
    without_adults: frozenset[str] = frozenset()
    many_records: int = 30
    numbers_of_many: frozenset[tuple[str, str]] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A person that looks like several.

    Attributes:
        signs: what it shows, the weightiest first.
        stays, leaves: rows of the two sides of the proposed split, ascending.
        weight_bits: average of the pairs between the sides.
        pairs: how many these are.
        fields: comparisons that raise the question.
    """

    kind: DoubtKind
    signs: tuple[Sign, ...]
    stays: tuple[int, ...]
    leaves: tuple[int, ...]
    weight_bits: float
    pairs: int
    fields: tuple[str, ...]


def suspicion(
    records: Sequence[NormalisedRecord],
    pairs: WeighedPairs,
    names: Sequence[str],
    around: Surroundings,
    config: SentinelConfig,
    link_bits: float,
) -> Suspicion | None:
    """Say what speaks for several people in one person, and where to part them; None where nothing does.

    Args:
        records: of one person; at least two.
        pairs: all pairs of them.
        names: the comparisons, in the order of the pairs' levels.
        link_bits: weight from which a pair ties its records.
    """
    at_odds = dict(_at_odds(records, pairs, names, around, config))
    bridged = bridge(len(records), pairs, link_bits, config.bridge_sides)
    shown: dict[Sign, RowPairs] = {**at_odds, **({"one_bridge": ()} if bridged else {})}
    if len(records) > around.many_records:
        shown["many_records"] = ()
    signs = tuple(sign for sign in KINDS if sign in shown)
    if not signs:
        return None
    rows = np.arange(len(records), dtype=np.int64)
    if signs[0] == "one_bridge":
        stays, leaves = tuple(row for row in rows.tolist() if row not in bridged), bridged
    else:
        stays, leaves = weakest_cut(rows, pairs, shown[signs[0]])
    cut = pairs.where(np.isin(pairs.left, leaves) != np.isin(pairs.right, leaves))
    units = np.rint(cut.weight * _UNITS).astype(np.int64).sum()
    fields = tuple(dict.fromkeys(name for sign in signs for name in FIELDS.get(sign, ())))
    bits = float(units) / (_UNITS * max(1, len(cut)))
    return Suspicion(KINDS[signs[0]], signs, stays, leaves, bits, len(cut), fields)


BITS_OF_ENGINES = 1e-6
"""The engines add a weight up in other orders: what lies so near above a threshold for one may lie under it for the
other."""


def may_show_a_sign(
    cluster: NDArray[np.int64], pairs: WeighedPairs, names: Sequence[str], link_bits: float
) -> NDArray[np.int64]:
    """The clusters whose pairs may show what `suspicion` looks for: at odds, or few enough to hang on a bridge.

    The other signs are seen in the records alone. Where one record is the bridge, no pair between the sides is tied:
    2 × (size − 3) at least, for either side has two records. Where a pair is, no other is tied.

    Args:
        cluster: shape (n_records,), the label of each record's cluster.
        pairs: all pairs within clusters, and any others.

    Returns:
        Their labels, ascending.
    """
    label = cluster[pairs.left]
    inside = label == cluster[pairs.right]
    at_odds = np.zeros(len(label), dtype=bool)
    for name in AT_ODDS:
        if name in names:
            at_odds |= pairs.levels[:, list(names).index(name)] == 0
    untied = np.bincount(label[inside & (pairs.weight < link_bits + BITS_OF_ENGINES)], minlength=len(cluster))
    sizes = np.bincount(cluster, minlength=len(cluster))
    bridged = (sizes >= 4) & (untied >= np.maximum(2 * (sizes - 3), 3))
    return np.union1d(label[inside & at_odds], np.flatnonzero(bridged))


def bearing_shared_identifiers(records: pa.Table, cluster: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of the records that bear an identifier which a record of another cluster bears too, ascending."""
    found = [np.zeros(0, dtype=np.int64)]
    for name in IDENTIFIER_COLUMNS:
        if name in records.column_names:
            rows, codes = _rows_and_codes(records.column(name).combine_chunks())
            lowest = np.full(codes.max(initial=0) + 1, len(cluster), dtype=np.int64)
            highest = np.zeros_like(lowest)
            np.minimum.at(lowest, codes, cluster[rows])
            np.maximum.at(highest, codes, cluster[rows])
            found.append(rows[lowest[codes] < highest[codes]])
    return np.unique(np.concatenate(found))


def _rows_and_codes(column: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and number of each value of a column of texts or of lists of texts."""
    rows = np.arange(len(column))
    if pa.types.is_list(column.type):
        rows, column = np.repeat(rows, pc.fill_null(pc.list_value_length(column), 0).to_numpy()), column.flatten()
    there = column.is_valid().to_numpy(zero_copy_only=False)
    return rows[there], column.drop_null().dictionary_encode().indices.to_numpy().astype(np.int64)


AT_ODDS = ("birth_date", "sex")


def _at_odds(
    records: Sequence[NormalisedRecord],
    pairs: WeighedPairs,
    names: Sequence[str],
    around: Surroundings,
    config: SentinelConfig,
) -> Iterator[tuple[Sign, RowPairs]]:
    """Each sign that two records of the person give, with the rows that do."""
    every = list(combinations(range(len(records)), 2))
    found: dict[Sign, list[tuple[int, int]]] = {
        "two_birth_dates": [
            (a, b) for a, b in _disagreeing(pairs, names, "birth_date") if _sure_of_birth(records[a], records[b])
        ],
        "implausible_age": _implausible(records, every, around, config),
        "two_sexes": _disagreeing(pairs, names, "sex"),
        "two_of_one_source": [
            (a, b)
            for a, b in every
            if records[a].source == records[b].source and records[a].source in around.deduplicated
        ],
        "number_of_many": [
            (a, b) for a, b in every if _numbers(records[a]) & _numbers(records[b]) & around.numbers_of_many
        ],
    }
    yield from ((sign, rows) for sign, rows in found.items() if rows)


def _disagreeing(pairs: WeighedPairs, names: Sequence[str], name: str) -> list[tuple[int, int]]:
    if name not in names:
        return []
    chosen = pairs.where(pairs.levels[:, list(names).index(name)] == 0)
    return list(zip(chosen.left.tolist(), chosen.right.tolist(), strict=True))


def _sure_of_birth(*records: NormalisedRecord) -> bool:
    return not any(record.birth_estimated for record in records)


def _numbers(record: NormalisedRecord) -> frozenset[tuple[str, str]]:
    single = ((name, getattr(record, name)) for name in ("ssn", "cin"))
    listed = (("identifiers", value) for value in record.identifiers)
    return frozenset((name, value) for name, value in (*single, *listed) if value)


def _implausible(
    records: Sequence[NormalisedRecord], every: RowPairs, around: Surroundings, config: SentinelConfig
) -> list[tuple[int, int]]:
    """Pairs of which one age cannot be, or whose ages cannot be one person's."""
    wrong = {row for row, record in enumerate(records) if _impossible(record, around, config)}
    return [
        (a, b)
        for a, b in every
        if (a in wrong) != (b in wrong) or _years_between(records[a], records[b]) > config.most_years_between_births
    ]


def _impossible(record: NormalisedRecord, around: Surroundings, config: SentinelConfig) -> bool:
    if record.birth_year is None:
        return False
    oldest = config.oldest_child if record.source in around.without_adults else config.oldest_person
    return not 0 <= around.year - record.birth_year <= oldest


def _years_between(one: NormalisedRecord, other: NormalisedRecord) -> int:
    if one.birth_year is None or other.birth_year is None or not _sure_of_birth(one, other):
        return 0
    return abs(one.birth_year - other.birth_year)


def bridge(size: int, pairs: WeighedPairs, link_bits: float, least: int) -> tuple[int, ...]:
    """The smaller side of a person that one record, or one pair, alone holds together; empty where none does.

    Args:
        size: records of the person, rows 0 to size - 1.
        link_bits: weight from which a pair ties its records.
        least: records that either side must have, the bridge itself not counted.
    """
    tied = [0] * size
    strong = pairs.weight >= link_bits
    for a, b in zip(pairs.left[strong].tolist(), pairs.right[strong].tolist(), strict=True):
        tied[a] |= 1 << b
        tied[b] |= 1 << a
    everybody = (1 << size) - 1
    sides = [
        part
        for row in range(size)
        for part in _parts(tied, everybody & ~(1 << row))
        if part.bit_count() >= least and (everybody & ~(1 << row) & ~part).bit_count() >= least
    ] or [part for part in _across_one_pair(tied, everybody) if least <= part.bit_count() <= size - least]
    smallest = min(sides, key=lambda part: (part.bit_count(), _rows(part)), default=0)
    return _rows(smallest)


def _parts(tied: Sequence[int], among: int) -> list[int]:
    """The connected parts of some rows, as bits, where there are several."""
    found, left = [], among
    while left:
        part = _reached(tied, left & -left, among)
        found.append(part)
        left &= ~part
    return found if len(found) > 1 else []


def _reached(tied: Sequence[int], start: int, among: int) -> int:
    part = ahead = start
    while ahead:
        row = (ahead & -ahead).bit_length() - 1
        ahead &= ahead - 1
        fresh = tied[row] & among & ~part
        part |= fresh
        ahead |= fresh
    return part


def _across_one_pair(tied: Sequence[int], everybody: int) -> Iterator[int]:
    """Each side of a pair without which the person falls apart. Such a pair is in any forest that spans it."""
    for a, b in _spanning_forest(tied, everybody):
        cut = list(tied)
        cut[a] &= ~(1 << b)
        cut[b] &= ~(1 << a)
        yield from _parts(cut, everybody)


def _spanning_forest(tied: Sequence[int], everybody: int) -> list[tuple[int, int]]:
    edges, reached = list[tuple[int, int]](), 0
    while left := everybody & ~reached:
        ahead = left & -left
        reached |= ahead
        while ahead:
            row = (ahead & -ahead).bit_length() - 1
            ahead &= ahead - 1
            fresh = tied[row] & ~reached
            edges += [(row, other) for other in _rows(fresh)]
            reached |= fresh
            ahead |= fresh
    return edges


def _rows(bits: int) -> tuple[int, ...]:
    return tuple(row for row in range(bits.bit_length()) if bits >> row & 1)


def deduplicated_sources(
    frequencies: Mapping[str, float], records: Mapping[str, float], stated: Mapping[str, bool | None]
) -> frozenset[str]:
    """The sources in which one person has one record: stated so, or learned where nothing is stated.

    Args:
        frequencies: source -> share of its pairs that are one person, by the model.
        records: source -> how many it had when the model was fitted: the share of pairs goes down as records grow.
    """
    learned = (
        name
        for name, share in frequencies.items()
        if stated.get(name) is None and _repeats(share, records[name]) < _FEW
    )
    return frozenset((*(name for name, is_so in stated.items() if is_so), *learned))


_FEW = 0.005  # pairs of one person for each record of the source


def _repeats(share: float, records: float) -> float:
    return share * max(0.0, records - 1) / 2
