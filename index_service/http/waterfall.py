"""A comparison as a picture: from how rare such pairs are, comparison by comparison, to the weights.

Two sums run beside each other: against a stranger, and against a sibling or twin, who shares the family's evidence.
Written as SVG by hand: charting libraries take seconds to load for two dozen rectangles. Every bar has its number
in text beside it, and the description says the whole in words, for those who do not see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from index_service.comparing import PairExplanation
from linkage.comparisons import MISSING

_ROW, _TOP, _LEFT, _PLOT, _RIGHT = 34, 84, 300, 460, 90
_BAR = 12
_COLOURS = {"for": "#1b6e3c", "against": "#a3281e", "sum": "#2b4a7d"}
_SIBLING_OPACITY = 0.55
_OUTCOMES = {"link": "they link", "review": "for review", "no_link": "they do not link"}


@dataclass(frozen=True, slots=True)
class _Bar:
    """A step of a sum. `begin` and `end` in bits; a sum begins at 0."""

    begin: float
    end: float
    is_sum: bool = False

    @property
    def bits(self) -> float:
        return self.end - self.begin

    @property
    def colour(self) -> str:
        return _COLOURS["sum" if self.is_sum else "for" if self.bits >= 0 else "against"]

    @property
    def number(self) -> str:
        return f"{self.bits:{'.1f' if self.is_sum else '+.1f'}}"


@dataclass(frozen=True, slots=True)
class _Row:
    """A step of both sums; `sibling` is None for the match weight, which is one."""

    label: str
    stranger: _Bar
    sibling: _Bar | None

    @property
    def bars(self) -> tuple[_Bar, ...]:
        return (self.stranger,) if self.sibling is None else (self.stranger, self.sibling)

    @property
    def words(self) -> str:
        if self.sibling is None:
            return f"{self.label}: {self.stranger.number}"
        return (
            f"{self.label}: {self.stranger.number} against a stranger, {self.sibling.number} against a sibling or twin"
        )


def waterfall(pair: PairExplanation) -> str:
    """Draw a comparison as one SVG document that stands alone; it holds levels and weights, no value of a record."""
    rows = list(_rows(pair))
    ends = [end for row in rows for bar in row.bars for end in (bar.begin, bar.end)]
    bits_wide = _PLOT / max(max(ends) - min(ends), 1.0)
    zero = _LEFT - min(ends) * bits_wide
    width, height = _LEFT + _PLOT + _RIGHT, _TOP + _ROW * len(rows) + 16
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"',
            ' role="img" aria-labelledby="title description" font-family="system-ui, sans-serif" font-size="13">',
            f'<title id="title">{escape(_title(pair))}</title>',
            f'<desc id="description">In bits. {escape("; ".join(row.words for row in rows))}.</desc>',
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            f'<text x="12" y="26" font-size="16" font-weight="bold" fill="#1a1a1a">{escape(_title(pair))}</text>',
            '<text x="12" y="46" fill="#4a4a4a">Bits: +1 doubles the odds that the two are one person.</text>',
            '<text x="12" y="64" fill="#4a4a4a">Of two bars the upper one is against a stranger, the paler one below '
            "against a sibling or twin.</text>",
            f'<line x1="{zero:.1f}" y1="{_TOP - 6}" x2="{zero:.1f}" y2="{height - 12}" stroke="#767676"/>',
            *(_drawn(row, place, zero, bits_wide) for place, row in enumerate(rows)),
            "</svg>",
        ]
    )


def _title(pair: PairExplanation) -> str:
    said = pair.explanation
    return f"Match weight {said.weight:.1f} bits, probability {said.probability:.4f}: {_OUTCOMES[pair.outcome]}"


def _rows(pair: PairExplanation) -> Iterator[_Row]:
    said, sibling = pair.explanation, pair.against_sibling
    reached, reached_sibling = said.prior_bits, sibling.prior_bits
    yield _Row("how rare such pairs are", _Bar(0.0, reached), _Bar(0.0, reached_sibling))
    for part, bits in zip(said.parts, sibling.added_bits, strict=True):
        if part.level != MISSING:
            after, after_sibling = reached + part.against_stranger_bits, reached_sibling + bits
            label = f"{part.comparison.replace('_', ' ')}: {part.level_label}"
            yield _Row(label, _Bar(reached, after), _Bar(reached_sibling, after_sibling))
            reached, reached_sibling = after, after_sibling
    sums = (_Bar(0.0, weight, is_sum=True) for weight in (said.weight_against_stranger, said.weight_against_sibling))
    yield _Row("weight", next(sums), next(sums))
    yield _Row("match weight, against all of them", _Bar(0.0, said.weight, is_sum=True), None)


def _drawn(row: _Row, place: int, zero: float, bits_wide: float) -> str:
    y = _TOP + place * _ROW
    text = 'fill="#1a1a1a" font-weight="bold"' if row.stranger.is_sum else 'fill="#1a1a1a"'
    label = f'<text x="{_LEFT - 14}" y="{y + 17}" text-anchor="end" {text}>{escape(_short(row.label))}</text>'
    opacities = (1.0, _SIBLING_OPACITY)
    return label + "".join(
        _drawn_bar(bar, y + 2 + number * (_BAR + 1), opacity, zero, bits_wide, text)
        for number, (bar, opacity) in enumerate(zip(row.bars, opacities, strict=False))
    )


def _drawn_bar(bar: _Bar, y: int, opacity: float, zero: float, bits_wide: float, text: str) -> str:
    left, right = sorted(zero + bits * bits_wide for bits in (bar.begin, bar.end))
    wide = max(right - left, 1.0)
    return (
        f'<rect x="{left:.1f}" y="{y}" width="{wide:.1f}" height="{_BAR}" fill="{bar.colour}" opacity="{opacity}"/>'
        f'<text x="{right + 6:.1f}" y="{y + 10}" font-size="11" {text}>{bar.number}</text>'
    )


def _short(label: str, most: int = 44) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"
