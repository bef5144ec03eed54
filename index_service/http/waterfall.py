"""A comparison as a picture: from how rare such pairs are, comparison by comparison, to the weight.

Written as SVG by hand: charting libraries take seconds to load for two dozen rectangles. Every bar has its number
in text beside it, and the description says the whole in words, for those who do not see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from index_service.comparing import PairExplanation
from linkage.comparisons import MISSING

_ROW, _TOP, _LEFT, _PLOT, _RIGHT = 26, 64, 300, 460, 90
_COLOURS = {"for": "#1b6e3c", "against": "#a3281e", "sum": "#2b4a7d"}
_OUTCOMES = {"link": "they link", "review": "for review", "no_link": "they do not link"}


@dataclass(frozen=True, slots=True)
class _Bar:
    """A step of the sum. `begin` and `end` in bits; a sum begins at 0."""

    label: str
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
    def words(self) -> str:
        return f"{self.label}: {self.bits:{'.1f' if self.is_sum else '+.1f'}}"


def waterfall(pair: PairExplanation) -> str:
    """Draw a comparison as one SVG document that stands alone; it holds levels and weights, no value of a record."""
    bars = list(_bars(pair))
    low, high = min(min(b.begin, b.end) for b in bars), max(max(b.begin, b.end) for b in bars)
    bits_wide = _PLOT / max(high - low, 1.0)
    zero = _LEFT - low * bits_wide
    width, height = _LEFT + _PLOT + _RIGHT, _TOP + _ROW * len(bars) + 16
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"',
            ' role="img" aria-labelledby="title description" font-family="system-ui, sans-serif" font-size="13">',
            f'<title id="title">{escape(_title(pair))}</title>',
            f'<desc id="description">In bits. {escape("; ".join(bar.words for bar in bars))}.</desc>',
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            f'<text x="12" y="26" font-size="16" font-weight="bold" fill="#1a1a1a">{escape(_title(pair))}</text>',
            '<text x="12" y="46" fill="#4a4a4a">Bits: +1 doubles the odds that the two are one person</text>',
            f'<line x1="{zero:.1f}" y1="{_TOP - 6}" x2="{zero:.1f}" y2="{height - 12}" stroke="#767676"/>',
            *(_drawn(bar, row, zero, bits_wide) for row, bar in enumerate(bars)),
            "</svg>",
        ]
    )


def _title(pair: PairExplanation) -> str:
    said = pair.explanation
    return f"Match weight {said.weight:.1f} bits, probability {said.probability:.4f}: {_OUTCOMES[pair.outcome]}"


def _bars(pair: PairExplanation) -> Iterator[_Bar]:
    said = pair.explanation
    reached = said.prior_bits
    yield _Bar("how rare such pairs are", 0.0, reached)
    for part in said.parts:
        if part.level != MISSING:
            yield _Bar(
                f"{part.comparison.replace('_', ' ')}: {part.level_label}",
                reached,
                reached + part.against_stranger_bits,
            )
            reached += part.against_stranger_bits
    yield _Bar("weight against a stranger", 0.0, said.weight_against_stranger, is_sum=True)
    yield _Bar("weight against a sibling or twin", 0.0, said.weight_against_sibling, is_sum=True)
    yield _Bar("match weight, against all of them", 0.0, said.weight, is_sum=True)


def _drawn(bar: _Bar, row: int, zero: float, bits_wide: float) -> str:
    y = _TOP + row * _ROW
    left, right = sorted(zero + bits * bits_wide for bits in (bar.begin, bar.end))
    wide = max(right - left, 1.0)
    text = 'fill="#1a1a1a" font-weight="bold"' if bar.is_sum else 'fill="#1a1a1a"'
    return (
        f'<text x="{_LEFT - 14}" y="{y + 15}" text-anchor="end" {text}>{escape(_short(bar.label))}</text>'
        f'<rect x="{left:.1f}" y="{y + 3}" width="{wide:.1f}" height="{_ROW - 8}" fill="{bar.colour}"/>'
        f'<text x="{right + 6:.1f}" y="{y + 15}" {text}>{bar.words.rpartition(" ")[2]}</text>'
    )


def _short(label: str, most: int = 44) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"
