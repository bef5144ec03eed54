"""Two sides as one table: one row per comparison, with what both say, how far they agree, and what that is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index_service.http.workbench.plain_words import (
    COMPARED,
    ICONS,
    LAYERS_IN_WORDS,
    Mark,
    agreement,
    beside_relatives,
    how_telling,
    mark,
)
from index_service.http.workbench.said import Said, Value, values_compared
from index_service.http.workbench.stairs import Stair, stairs
from index_service.linking_context import LinkingContext
from index_service.side_by_side import SidePart, SidesWeighed, weigh_sides
from linkage.comparisons import BY_NAME, LAYERS, MISSING, Layer


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes:
        mark, icon: how far the sides agree, as a sign; `agreement` says it in words.
        telling: how often such is seen, among strangers and relatives.
        stranger, sibling: what it adds to the weight against either, as a stair of the waterfall.
        beside_relatives: why it says what it says against a sibling or twin; empty where it is the child's alone.
    """

    comparison: str
    label: str
    left: tuple[Value, ...]
    right: tuple[Value, ...]
    mark: Mark
    icon: str
    agreement: str
    telling: str
    stranger: Stair
    sibling: Stair
    beside_relatives: str


@dataclass(frozen=True, slots=True)
class Layered:
    """The rows of one layer, under its name."""

    layer: Layer
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that two sides say for and against being one person.

    Attributes:
        begin, end: the first stair of the waterfall against a stranger and a sibling, and the sum of all.
        missing: what would tell, and one side or both do not say.
        unsaid: what neither side says, by label.
        shared_as_relatives, differing: why the two may be twins or siblings; both empty where nothing hints at it.
    """

    weighed: SidesWeighed
    layers: tuple[Layered, ...]
    begin: tuple[Stair, Stair]
    end: tuple[Stair, Stair]
    missing: tuple[str, ...]
    unsaid: tuple[str, ...]
    shared_as_relatives: tuple[str, ...]
    differing: tuple[str, ...]


_SHARED_BY_RELATIVES = 2
_TELLS_MOST = ("first_name", "birth_date", "ssn", "cin", "birth_order", "mother")


def evidence(
    left: Sequence[Said], right: Sequence[Said], context: LinkingContext, *, whole_numbers: bool = False
) -> Evidence:
    """The table of two sides, neither empty."""
    weighed = weigh_sides([record.normalised for record in left], [record.normalised for record in right], context)
    parts = sorted(weighed.parts, key=lambda part: LAYERS.index(part.layer))
    stranger, sibling = stairs(
        [weighed.prior_bits, *(part.against_stranger_bits for part in parts)],
        [weighed.sibling_prior_bits, *(part.against_sibling_bits for part in parts)],
    )
    steps = zip(parts, stranger[1:], sibling[1:], strict=False)
    rows = [_row(*step, left, right, context, whole_numbers=whole_numbers) for step in steps]
    said = [row for row in rows if row.left or row.right]
    shared, differing = _family_signs(weighed, left, right)
    return Evidence(
        weighed=weighed,
        layers=tuple(
            Layered(layer, LAYERS_IN_WORDS[layer], tuple(r for r in said if BY_NAME[r.comparison].layer == layer))
            for layer in LAYERS
        ),
        begin=(stranger[0], sibling[0]),
        end=(stranger[-1], sibling[-1]),
        missing=tuple(row.label for row in rows if row.comparison in _TELLS_MOST and row.mark == "missing"),
        unsaid=tuple(row.label for row in rows if not (row.left or row.right)),
        shared_as_relatives=shared,
        differing=differing,
    )


def _row(
    part: SidePart,
    stranger: Stair,
    sibling: Stair,
    left: Sequence[Said],
    right: Sequence[Said],
    context: LinkingContext,
    *,
    whole_numbers: bool,
) -> Row:
    sign = mark(part.level, BY_NAME[part.comparison].top)
    said_left, said_right = (
        tuple(values_compared(part.comparison, side, context, whole_numbers=whole_numbers)) for side in (left, right)
    )
    missing_words = "not used" if said_left and said_right else "one side does not say"
    return Row(
        comparison=part.comparison,
        label=COMPARED[part.comparison],
        left=said_left,
        right=said_right,
        mark=sign,
        icon=ICONS[sign],
        agreement=missing_words
        if sign == "missing"
        else agreement(part.level, part.level_label, part.pairs, part.at_level),
        telling=how_telling(part.layer, sign, part.chance_bits, part.shared_bits),
        stranger=stranger,
        sibling=sibling,
        beside_relatives=beside_relatives(part.layer, sign, part.against_sibling_bits),
    )


_SIGNS = {
    "birth_date": "the same birth date",
    "mother": "the same mother",
    "address": "the same address",
    "phone": "the same telephone",
    "case_id": "the same case",
    "last_name": "the same last name",
}
_DIFFERENCES = {
    "first_name": "different first names",
    "birth_order": "different places in a multiple birth",
    "sex": "different sex",
    "ssn": "different social security numbers",
    "cin": "different client index numbers",
}


def _family_signs(
    weighed: SidesWeighed, left: Sequence[Said], right: Sequence[Said]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the two share as relatives do, and in what they differ as two children do; nothing without a difference."""
    shared = [words for name, words in _SIGNS.items() if _level(weighed, name) >= _least(name)]
    differing = [words for name, words in _DIFFERENCES.items() if _level(weighed, name) == 0]
    if _level(weighed, "first_name") == MISSING:
        differing.append("no first name to compare")
    if len(shared) < _SHARED_BY_RELATIVES or not differing:
        return (), ()
    if all(any(record.normalised.multiple_birth for record in side) for side in (left, right)):
        shared.append("a multiple birth")
    return tuple(shared), tuple(differing)


def _least(comparison: str) -> int:
    """From which level on relatives are said to share it: any first name of the mother, elsewhere exact agreement."""
    return 2 if comparison == "mother" else BY_NAME[comparison].top


def _level(weighed: SidesWeighed, comparison: str) -> int:
    part = weighed.part(comparison)
    return MISSING if part is None else part.level
