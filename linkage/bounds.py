"""How much a pair can weigh at most, judged by what is cheap: equal, missing, near as numbers, made of like letters.

Blocking brings together many pairs that cannot be one person, and string measures are dear. Each condition is answered
"possibly" and "certainly" from numbers that stand for the values and from the shapes of texts; a comparison gives at
most what its best possible level gives. The bound is never under the weight, so that leaving out pairs whose bound is
under a threshold leaves out none that reaches it (tests/linkage/test_bounds.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from linkage.comparisons import LAYERS, Comparison
from linkage.conditions import (
    Across,
    AllOf,
    AnyOf,
    Condition,
    Contained,
    Crossed,
    CrossedSimilar,
    DigitsDiffer,
    Disjoint,
    Initial,
    Missing,
    OneEdit,
    Overlap,
    Said,
    Same,
    Silent,
    Similar,
    Told,
    Within,
)
from linkage.text_shapes import ShapePairs, TextShapes
from linkage.weights import Bits, CompiledModel

Truths = NDArray[np.bool_]
Codes = NDArray[np.int32]
Verdict = tuple[Truths | bool, Truths | bool]
"""Whether a condition possibly holds, and whether it certainly does."""

ABSENT = -1
"""The code of a missing value and of an empty list."""


@dataclass(frozen=True, slots=True)
class RecordCodes:
    """Records with a number for each value; equal values of columns that are compared crosswise have equal numbers.

    Attributes:
        codes: column -> shape (n_records,); a number or a flag stands for itself, a text for its place in `texts`,
            `ABSENT` for a missing value or an empty list. A column that no record fills is not there.
        texts: text column -> its different values.
        items: list column -> shape (n_records,), one bit of 64 for each value in the list.
    """

    codes: Mapping[str, Codes]
    texts: Mapping[str, pa.Array]
    items: Mapping[str, NDArray[np.uint64]]
    _shapes: dict[str, TextShapes] = field(default_factory=dict, init=False, repr=False)

    def shapes(self, column: str) -> TextShapes:
        """Of the column's different values; found when first asked for, and kept."""
        found = self._shapes.get(column)
        if found is None:
            found = self._shapes[column] = TextShapes.of(self.texts[column])
        return found


@dataclass(frozen=True, slots=True)
class PairCodes:
    """Pairs of records side by side; see `RecordCodes`.

    Attributes:
        left, right: shape (n_pairs,), row numbers.
        present: a column that both sides are known to have.
    """

    records: RecordCodes
    left: NDArray[np.integer[Any]]
    right: NDArray[np.integer[Any]]
    present: str | None = None
    _sides: dict[str, tuple[Codes, Codes]] = field(default_factory=dict)
    _shapes: dict[tuple[str, str], ShapePairs] = field(default_factory=dict)
    _similar: dict[tuple[str, str], NDArray[np.float32]] = field(default_factory=dict)

    def knowing(self, column: str | None) -> PairCodes:
        return replace(self, present=column)

    def has(self, column: str) -> bool:
        return column in self.records.codes

    def sides(self, column: str) -> tuple[Codes, Codes]:
        found = self._sides.get(column)
        if found is None:
            codes = self.records.codes[column]
            found = self._sides[column] = (codes[self.left], codes[self.right])
        return found

    def both(self, column: str) -> Truths | bool:
        """Whether both sides have a value; no column at all has none."""
        if not self.has(column):
            return False
        if column == self.present:
            return True
        left, right = self.sides(column)
        there: Truths = (left != ABSENT) & (right != ABSENT)
        return there

    def equal(self, left_column: str, right_column: str) -> Truths | bool:
        if not (self.has(left_column) and self.has(right_column)):
            return False
        left, right = self.sides(left_column)[0], self.sides(right_column)[1]
        same: Truths = (left == right) & (left != ABSENT)
        return same

    def shapes(self, left_column: str, right_column: str) -> ShapePairs:
        """To be read only where both sides have a value."""
        columns = (left_column, right_column)
        found = self._shapes.get(columns)
        if found is None:
            left = self.records.shapes(left_column).take(self.sides(left_column)[0])
            right = self.records.shapes(right_column).take(self.sides(right_column)[1])
            found = self._shapes[columns] = ShapePairs.of(left, right)
        return found

    def may_be_similar(self, left_column: str, right_column: str, threshold: float) -> Truths:
        columns = (left_column, right_column)
        if columns not in self._similar:
            self._similar[columns] = self.shapes(*columns).most_jaro_winkler()
        similar: Truths = self._similar[columns] >= threshold
        return similar


def _not(truths: Truths | bool) -> Truths | bool:
    return not truths if isinstance(truths, bool) else ~truths


def _and(a: Truths | bool, b: Truths | bool) -> Truths | bool:
    if isinstance(a, bool):
        return b if a else False
    return (a if b else False) if isinstance(b, bool) else a & b


def _or(a: Truths | bool, b: Truths | bool) -> Truths | bool:
    return _not(_and(_not(a), _not(b)))


@singledispatch
def verdict(_condition: Condition, _pairs: PairCodes) -> Verdict:
    """Of a condition that this module does not know: it may hold or not."""
    return True, False


@verdict.register
def _(condition: Missing, pairs: PairCodes) -> Verdict:
    missing = _not(pairs.both(condition.column))
    return missing, missing


@verdict.register
def _(condition: Same, pairs: PairCodes) -> Verdict:
    same = pairs.equal(condition.column, condition.column)
    return same, same


@verdict.register
def _(condition: Crossed, pairs: PairCodes) -> Verdict:
    first, second = condition.first, condition.second
    crossed = _and(pairs.equal(first, second), pairs.equal(second, first))
    return crossed, crossed


@verdict.register
def _(condition: Across, pairs: PairCodes) -> Verdict:
    first, second = condition.first, condition.second
    either = _or(pairs.equal(first, second), pairs.equal(second, first))
    return either, either


@verdict.register
def _(condition: Similar, pairs: PairCodes) -> Verdict:
    if not pairs.has(condition.column):
        return False, False
    similar = pairs.may_be_similar(condition.column, condition.column, condition.threshold)
    return _and(pairs.both(condition.column), similar), False


def _by_shape(column: str, pairs: PairCodes, asked: Callable[[ShapePairs], Truths]) -> Verdict:
    if not pairs.has(column):
        return False, False
    return _and(pairs.both(column), asked(pairs.shapes(column, column))), False


@verdict.register
def _(condition: OneEdit, pairs: PairCodes) -> Verdict:
    return _by_shape(condition.column, pairs, lambda shapes: shapes.may_be_one_edit(condition.least))


@verdict.register
def _(condition: DigitsDiffer, pairs: PairCodes) -> Verdict:
    return _by_shape(condition.column, pairs, lambda shapes: shapes.may_differ_in(condition.most))


@verdict.register
def _(condition: Contained, pairs: PairCodes) -> Verdict:
    return _by_shape(condition.column, pairs, lambda shapes: shapes.may_contain(condition.least))


@verdict.register
def _(condition: Initial, pairs: PairCodes) -> Verdict:
    return _by_shape(condition.column, pairs, lambda shapes: shapes.is_initial())


@verdict.register
def _(condition: Overlap, pairs: PairCodes) -> Verdict:
    if not pairs.has(condition.column):
        return False, False
    items = pairs.records.items[condition.column]
    shared: Truths = (items[pairs.left] & items[pairs.right]) != 0
    return shared, False


@verdict.register
def _(condition: Disjoint, pairs: PairCodes) -> Verdict:
    possibly, _ = verdict(Overlap(condition.column), pairs)
    return True, _not(possibly)


@verdict.register
def _(condition: CrossedSimilar, pairs: PairCodes) -> Verdict:
    first, second = condition.first, condition.second
    if not (pairs.has(first) and pairs.has(second)):
        return False, False
    possibly = _and(pairs.both(first), pairs.both(second))
    for one, other in ((first, second), (second, first)):
        possibly = _and(possibly, pairs.shapes(one, other).same_first())
        possibly = _and(possibly, pairs.may_be_similar(one, other, condition.threshold))
    return possibly, False


@verdict.register
def _(condition: Within, pairs: PairCodes) -> Verdict:
    if not pairs.has(condition.column):
        return False, False
    left, right = pairs.sides(condition.column)
    near = _and(pairs.both(condition.column), np.abs(left.astype(np.int64) - right) <= condition.most)
    return near, near


@verdict.register
def _(condition: Said, pairs: PairCodes) -> Verdict:
    if not pairs.has(condition.column):
        return False, False
    left, right = pairs.sides(condition.column)
    said = (left == 1) | (right == 1)
    return said, said


def _nobody_says(column: str, pairs: PairCodes) -> Truths | bool:
    if not pairs.has(column):
        return True
    left, right = pairs.sides(column)
    silent: Truths = (left == ABSENT) & (right == ABSENT)
    return silent


@verdict.register
def _(condition: Silent, pairs: PairCodes) -> Verdict:
    silent = _nobody_says(condition.column, pairs)
    return silent, silent


@verdict.register
def _(condition: Told, pairs: PairCodes) -> Verdict:
    told = _not(_nobody_says(condition.column, pairs))
    return told, told


@verdict.register
def _(condition: AllOf, pairs: PairCodes) -> Verdict:
    possibly: Truths | bool = True
    certainly: Truths | bool = True
    for part in condition.conditions:
        may, must = verdict(part, pairs)
        possibly, certainly = _and(possibly, may), _and(certainly, must)
    return possibly, certainly


@verdict.register
def _(condition: AnyOf, pairs: PairCodes) -> Verdict:
    possibly: Truths | bool = False
    certainly: Truths | bool = False
    for part in condition.conditions:
        may, must = verdict(part, pairs)
        possibly, certainly = _or(possibly, may), _or(certainly, must)
    return possibly, certainly


def _most(comparison: Comparison, gains: Bits, pairs: PairCodes, correction: Bits | None) -> Bits:
    """What a comparison gives at most: shape (n_pairs,), bits.

    Args:
        gains: what its levels give, by level number + 1; entry 0: missing.
        correction: what is taken off at the strongest level.
    """
    known = comparison.missing.column if isinstance(comparison.missing, Missing) else None
    maybe_missing, surely_missing = verdict(comparison.missing, pairs)
    if surely_missing is True:
        return np.zeros(len(pairs.left))
    inside = pairs.knowing(known)
    best = np.full(len(pairs.left), -np.inf)
    open_: Truths | bool = True  # no stronger level holds for certain
    anyway = -np.inf  # levels that every pair still open may reach
    for i, level in enumerate((*comparison.levels, None)):
        number = comparison.top - i
        possibly, certainly = verdict(level.condition, inside) if level else (True, True)
        gain: Bits | float = gains[number + 1]
        if level and number == comparison.top and correction is not None:
            gain = gain - correction
        if possibly is True and isinstance(gain, float):
            anyway = max(anyway, gain)
        else:
            np.maximum(best, gain, out=best, where=np.broadcast_to(_and(possibly, open_), best.shape))
        if certainly is not False and level:
            # what came before stays possible for those that leave
            np.maximum(best, anyway, out=best, where=np.broadcast_to(open_, best.shape))
            open_ = _and(open_, _not(certainly))
            anyway = -np.inf
    np.maximum(best, anyway, out=best, where=np.broadcast_to(open_, best.shape))
    np.maximum(best, 0.0, out=best, where=np.broadcast_to(maybe_missing, best.shape))
    best[np.broadcast_to(surely_missing, best.shape)] = 0.0
    return best


def _most_against_twins(
    comparison: Comparison, k: int, pairs: PairCodes, correction: Bits | None, most: Bits, compiled: CompiledModel
) -> Bits | float:
    person = comparison.layer == "person"
    if not compiled.twin_bits[k].any():
        return most if person else 0.0
    gains = (compiled.m_bits[k] - compiled.u_bits[k]) * person - compiled.twin_bits[k]
    return _most(comparison, gains, pairs, correction if person else None)


def most_bits(pairs: PairCodes, corrections: Mapping[int, Bits], priors: Bits, compiled: CompiledModel) -> Bits:
    """What each pair can weigh at most: shape (n_pairs,), in bits; never less than its weight.

    Args:
        corrections: comparison -> what its value's frequency corrects u by where both sides have the left's value.
        priors: shape (4, n_pairs), log2 class frequencies.
    """
    by_layer = np.zeros((len(LAYERS), len(pairs.left)))
    against_twins = priors[0] - priors[1]
    for k, comparison in enumerate(compiled.comparisons):
        gains = compiled.m_bits[k] - compiled.u_bits[k]
        most = _most(comparison, gains, pairs, corrections.get(k))
        by_layer[compiled.layers[k]] += most
        against_twins = against_twins + _most_against_twins(comparison, k, pairs, corrections.get(k), most, compiled)
    person, birth, family = by_layer
    against_household = priors[0] - priors[2] + person + birth
    against_strangers = priors[0] - priors[3] + person + birth + family
    found: Bits = -np.logaddexp2(np.logaddexp2(-against_twins, -against_household), -against_strangers)
    return found
