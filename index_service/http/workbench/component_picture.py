"""A small picture of a component: records as dots by source, lines as thick as their weight, the proposed cut.

A picture of its own, since the pages allow no inline style. It holds sources and weights, no value of a record; its
title and description say the same in words.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, TypeVar

from linkage.weights import Bits

Theme = Literal["light", "dark"]
Record = TypeVar("Record")
_WIDE, _HIGH, _DOT = 760, 340, 9
_LEAST_BITS = 0.0
_NEAR_EDGE = 100


@dataclass(frozen=True, slots=True)
class _Palette:
    """The colours of a theme."""

    paper: str
    ink: str
    line: str
    across: str
    dots: tuple[str, ...]


_PALETTES: dict[Theme, _Palette] = {
    "light": _Palette(
        "#ffffff", "#1b1b1b", "#3d4551", "#a3281e",
        ("#1a4480", "#7a4a00", "#216e1f", "#54278f", "#8b0a03", "#00646f", "#5b616a", "#b0136f", "#6b5900", "#2e5ea8",
         "#3f6b5c"),
    ),
    "dark": _Palette(
        "#1b1f26", "#eceef1", "#aab3bf", "#ff9c8f",
        ("#9cc3f5", "#f2c067", "#7fd48a", "#c5a9f2", "#ff9c8f", "#6fd3dd", "#c0c6cd", "#f593c9", "#d9cf6a", "#8fb0f0",
         "#a5d3c3"),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dot:
    """A record: its source in words, and the group it is drawn in: 0 the left side, 1 the right, more beside them."""

    source: str
    group: int


@dataclass(frozen=True, slots=True)
class Group:
    """Records that are drawn together: what they are called, and how many there are, drawn or not."""

    name: str
    records: int


@dataclass(frozen=True, slots=True)
class _Place:
    x: float
    y: float


def component_picture(
    dots: Sequence[Dot], weights: Bits, groups: Sequence[Group], *, cut: str, theme: Theme = "light"
) -> str:
    """Draw records and the weights between them as one SVG document.

    Args:
        weights: shape (n_dots, n_dots), in bits, symmetric.
        groups: by number; where some have more records than dots, that is said.
        cut: what the dashed line between the first two groups is called.
    """
    palette = _PALETTES[theme]
    places = _places(dots, len(groups))
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}" width="{_WIDE}" height="{_HIGH}"',
            ' role="img" aria-labelledby="title description" font-family="system-ui, sans-serif" font-size="12">',
            f'<title id="title">{len(dots)} records and what ties them</title>',
            f'<desc id="description">{escape(in_words(dots, weights, groups, cut=cut))}</desc>',
            f'<rect width="100%" height="100%" fill="{palette.paper}"/>',
            *_lines(dots, weights, places, palette),
            *_cut(palette, cut, _WIDE / len(groups)),
            *_drawn(dots, places, palette),
            *_titles(dots, groups, palette),
            "</svg>",
        ]
    )


def in_words(dots: Sequence[Dot], weights: Bits, groups: Sequence[Group], *, cut: str) -> str:
    """The picture, for who does not see it."""
    told, names = [], [group.name for group in groups]
    for group, name in enumerate(names):
        sources = Counter(dot.source for dot in dots if dot.group == group)
        listed = ", ".join(f"{count} of {source}" for source, count in sorted(sources.items()))
        told.append(f"{name}: {listed or 'no records'}{_not_drawn(dots, groups, group)}.")
    for one in range(len(names)):
        for other in range(one, len(names)):
            bits = [float(weights[a, b]) for a, b in _pairs(dots, one, other)]
            if bits:
                where = f"Within {names[one]}" if one == other else f"Between {names[one]} and {names[other]}"
                told.append(f"{where}: weights from {min(bits):.0f} to {max(bits):.0f} bits.")
    told.append(f"The dashed line between {names[0]} and {names[1]}: {cut}.")
    return " ".join(told).replace("-", "−")


def _not_drawn(dots: Sequence[Dot], groups: Sequence[Group], group: int) -> str:
    missing = groups[group].records - sum(dot.group == group for dot in dots)
    return f" (and {missing} more)" if missing else ""


def fair_share(groups: Sequence[Sequence[Record]], most: int) -> list[tuple[int, Record]]:
    """The first records of each group, as many of each as there is room for, with the group's number."""
    ranked = sorted((place, group) for group, records in enumerate(groups) for place in range(len(records)))
    return [(group, groups[group][place]) for group, place in sorted((g, p) for p, g in ranked[:most])]


def _pairs(dots: Sequence[Dot], one: int, other: int) -> Iterator[tuple[int, int]]:
    for a, first in enumerate(dots):
        for b in range(a + 1, len(dots)):
            if {first.group, dots[b].group} == {one, other}:
                yield a, b


def _places(dots: Sequence[Dot], groups: int) -> list[_Place]:
    """Each group on a ring of its own, from left to right."""
    places: list[_Place] = []
    seen: Counter[int] = Counter()
    sizes = Counter(dot.group for dot in dots)
    each = _WIDE / groups
    for dot in dots:
        size, number = sizes[dot.group], seen[dot.group]
        seen[dot.group] += 1
        middle = each * (dot.group + 0.5)
        radius_x, radius_y = min(each * 0.3, 120.0), 100.0
        turn = 2 * math.pi * number / size - math.pi / 2 + 0.2
        spread = 0.0 if size == 1 else 1.0
        places.append(_Place(middle + spread * radius_x * math.cos(turn), 190 + spread * radius_y * math.sin(turn)))
    return places


def _lines(dots: Sequence[Dot], weights: Bits, places: Sequence[_Place], palette: _Palette) -> Iterator[str]:
    strongest = max(1.0, float(weights.max(initial=1.0)))
    for a in range(len(dots)):
        for b in range(a + 1, len(dots)):
            bits = float(weights[a, b])
            if bits <= _LEAST_BITS:
                continue
            across = dots[a].group != dots[b].group
            yield (
                f'<line x1="{places[a].x:.1f}" y1="{places[a].y:.1f}" x2="{places[b].x:.1f}" y2="{places[b].y:.1f}" '
                f'stroke="{palette.across if across else palette.line}" stroke-opacity="{0.75 if across else 0.4}" '
                f'stroke-width="{0.75 + 5.0 * bits / strongest:.1f}"/>'
            )


def _cut(palette: _Palette, name: str, x: float) -> Iterator[str]:
    yield (
        f'<line x1="{x}" y1="44" x2="{x}" y2="{_HIGH - 14}" stroke="{palette.ink}" stroke-width="2" '
        'stroke-dasharray="8 6"/>'
    )
    yield f'<text x="{x}" y="36" text-anchor="middle" fill="{palette.ink}">{escape(name)}</text>'


def _drawn(dots: Sequence[Dot], places: Sequence[_Place], palette: _Palette) -> Iterator[str]:
    number = {source: i for i, source in enumerate(sorted({dot.source for dot in dots}))}
    for dot, place in zip(dots, places, strict=True):
        colour = palette.dots[number[dot.source] % len(palette.dots)]
        yield (
            f'<circle cx="{place.x:.1f}" cy="{place.y:.1f}" r="{_DOT}" fill="{colour}" '
            f'stroke="{palette.paper}" stroke-width="2"/>'
        )
        yield (
            f'<text x="{place.x:.1f}" y="{place.y + _DOT + 13:.1f}" text-anchor="{_anchor(place.x)}" '
            f'fill="{palette.ink}" paint-order="stroke" stroke="{palette.paper}" stroke-width="3">'
            f"{escape(dot.source)}</text>"
        )


def _anchor(x: float) -> str:
    """Towards the middle near either edge, so that no name is cut off."""
    return "start" if x < _NEAR_EDGE else "end" if x > _WIDE - _NEAR_EDGE else "middle"


def _titles(dots: Sequence[Dot], groups: Sequence[Group], palette: _Palette) -> Iterator[str]:
    each = _WIDE / len(groups)
    for group, named in enumerate(groups):
        name = named.name + _not_drawn(dots, groups, group)
        yield (
            f'<text x="{each * (group + 0.5):.1f}" y="22" text-anchor="middle" font-weight="bold" '
            f'fill="{palette.ink}">{escape(name)}</text>'
        )
