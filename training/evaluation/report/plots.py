"""Draws the plots of a report as SVG text: no script, nothing to load, colours that follow the page's theme.

Each colour of the palette stands for one meaning in all plots. The drawing writes the light colour into the SVG; the
page's stylesheet, made from the same palette, replaces it by the dark one where the reader prefers dark.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt
import vl_convert as vlc

from training.evaluation.calibration import Calibration
from training.evaluation.errors import RelationCount
from training.evaluation.estimates import Estimate
from training.evaluation.partitions import SubgroupScores
from training.evaluation.result import LevelShares, WorstError
from training.evaluation.text import signed
from training.evaluation.thresholds import ThresholdPoint, WeightBin
from training.evaluation.truth import RELATIONS

Row = dict[str, Any]
Spec = dict[str, Any]
"""A plot in the words of Vega-Lite."""
Panel = alt.Chart | alt.LayerChart | alt.FacetChart

WIDTH = 690
"""Of a plot with its axis, in pixels."""


@dataclass(frozen=True, slots=True)
class Colour:
    """One meaning's colour on a light and on a dark page."""

    light: str
    dark: str


INK = Colour("#24292f", "#e6e9ec")
MUTED = Colour("#57606a", "#a3adb8")
GRID = Colour("#d9dfe5", "#353d46")
FOR = Colour("#0b62b0", "#6cb4ff")  # evidence for one person; right
AGAINST = Colour("#b34700", "#ff9c57")  # evidence against; wrong
NEUTRAL = Colour("#6e7682", "#8f99a4")  # strangers, chance
RELATED = Colour("#7b3fa8", "#c99bff")  # twins, siblings, household
PALETTE = (INK, MUTED, GRID, FOR, AGAINST, NEUTRAL, RELATED)

LEAST_BITS_SHOWN = 0.05  # less would be written as 0.0

KIND_COLOURS = {
    "same person": FOR,
    "twin": AGAINST,
    "sibling": AGAINST,
    "household": RELATED,
    "stranger": NEUTRAL,
}


def dark_theme() -> str:
    """CSS rules that turn each colour of the palette into its dark counterpart, inside a figure's SVG."""
    return "\n".join(
        f'figure svg [{attribute}="{colour.light}"] {{ {attribute}: {colour.dark}; }}'
        for colour in PALETTE
        for attribute in ("fill", "stroke")
    )


CONFIG: Spec = {
    "aria": False,
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
    "background": "transparent",
    "padding": {"left": 4, "top": 4, "right": 24, "bottom": 4},  # a wider font than the one measured must fit
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED.light,
        "titleColor": INK.light,
        "gridColor": GRID.light,
        "domainColor": GRID.light,
        "tickColor": GRID.light,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelLimit": 0,
    },
    "legend": {"labelColor": INK.light, "labelFontSize": 12},
    "title": {"color": INK.light, "fontSize": 13, "anchor": "start"},
}


def svg(spec: Spec, name: str) -> str:
    """Render a plot as an inline SVG element; `name` keeps its inner ids apart from other plots on the page."""
    drawn: str = vlc.vegalite_to_svg({"$schema": alt.SCHEMA_URL, **spec, "config": CONFIG})
    drawn = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", drawn)  # means nothing inside HTML
    drawn = re.sub(r'id="(?!")', f'id="{name}-', drawn)
    drawn = re.sub(r"url\(#", f"url(#{name}-", drawn)
    return drawn.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def _spec(chart: Panel) -> Spec:
    """A finished plot or panel. Panels are put together as plain Vega-Lite: altair would copy each of them often."""
    spec: Spec = chart.to_dict(validate=False)
    return {key: value for key, value in spec.items() if key not in ("$schema", "config")}


def _together(direction: Literal["vconcat", "hconcat"], panels: Sequence[Spec], spacing: int) -> Spec:
    """Several panels as one plot; their data is named at the top, where Vega-Lite looks for it."""
    data = {name: rows for panel in panels for name, rows in panel["datasets"].items()}
    bare = [{key: value for key, value in panel.items() if key != "datasets"} for panel in panels]
    return {direction: bare, "spacing": spacing, "datasets": data}


def _chart(rows: Sequence[Row]) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=list(rows)))


def _mark_at(bits: float, label: str) -> Panel:
    """A threshold: a dashed vertical line with its name at the top."""
    base = _chart([{"bits": bits, "label": label}]).encode(x=alt.X("bits:Q"))
    line = base.mark_rule(color=INK.light, strokeDash=[4, 3])
    text = base.mark_text(color=INK.light, align="left", baseline="bottom", dx=-1, dy=-3, fontSize=12).encode(
        y=alt.value(0), text="label:N"
    )
    return alt.layer(line, text)


def _room(labels: Iterable[str]) -> int:
    """Pixels that the longest label may take, in whatever font the reader's browser has."""
    return 14 + round(7.4 * max(len(label) for label in labels))


def _label_axis(room: int, *, grid: bool = False) -> alt.Axis:
    return alt.Axis(minExtent=room, maxExtent=room, ticks=False, domain=False, labelPadding=6, grid=grid)


def _rare(least: float) -> tuple[alt.Scale, alt.Axis]:
    """A scale of powers of ten for shares down to the least, read as "1 in 1,000"."""
    magnitude = max(1, math.ceil(-math.log10(max(least, 1e-12))))
    words = (
        "datum.value > 0.5 ? 'all' : datum.value > 5e-7 ? '1 in ' + format(1 / datum.value, ',.0f') : "
        "'1 in ' + format(1e-6 / datum.value, ',.0f') + ' million'"
    )
    marks = [10.0**-power for power in range(0, magnitude + 1, 1 if magnitude <= 3 else 2)]
    axis = alt.Axis(values=marks, labelExpr=words, ticks=False, domain=False, labelOverlap=True)
    return alt.Scale(type="log", domain=[10.0**-magnitude, 1], clamp=True), axis


def _counts(most: int) -> tuple[alt.Scale, alt.Axis]:
    """A scale of powers of ten for counts, with room for none."""
    powers = [10**power for power in range(len(str(most)))]
    marks = [0, *(powers if len(powers) <= 4 else powers[::2])]
    return alt.Scale(type="symlog", constant=1, domain=[0, max(most, 1)]), alt.Axis(
        values=marks, labelExpr="format(datum.value, ',.0f')"
    )


def thresholds_of(link_bits: float | None, review_bits: float | None) -> list[tuple[float, str]]:
    """The thresholds that there are, with the names they bear in a plot."""
    named = [(link_bits, "link"), (review_bits, "review")]
    if link_bits == review_bits:
        named = [(link_bits, "link")]
    return [(bits, name) for bits, name in named if bits is not None]


def weight_distribution(bins: Sequence[WeightBin], marks: Sequence[tuple[float, str]]) -> Spec:
    """One panel per kind of pair: how many pairs have which weight, counts on a scale of powers of ten."""
    kinds = [kind for kind in KIND_COLOURS if any(row.kind == kind for row in bins)]
    panels = [
        _weight_panel(kind, bins, [(bits, "" if place else name) for bits, name in marks], last=kind == kinds[-1])
        for place, kind in enumerate(kinds)
    ]
    return _together("vconcat", panels, spacing=12)


def _weight_panel(kind: str, bins: Sequence[WeightBin], marks: Sequence[tuple[float, str]], *, last: bool) -> Spec:
    span = [min(row.low_bits for row in bins), max(row.high_bits for row in bins)]
    scale, axis = _counts(max(row.pairs for row in bins))
    rows = [
        {"low": row.low_bits, "high": row.high_bits, "pairs": row.pairs, "none": 0} for row in bins if row.kind == kind
    ]
    x_axis = alt.Axis(tickCount=10, labels=last, ticks=last)
    bars = (
        _chart(rows)
        .mark_bar(color=KIND_COLOURS[kind].light, binSpacing=1)
        .encode(
            x=alt.X("low:Q", title="match weight in bits" if last else None, axis=x_axis).scale(domain=span),
            x2="high:Q",
            y=alt.Y("pairs:Q", title=None, scale=scale, axis=axis),
            y2="none:Q",
        )
    )
    layers = alt.layer(bars, *(_mark_at(*mark) for mark in marks))
    title = alt.TitleParams(_plural(kind), frame="group", offset=16 if any(name for _, name in marks) else 6)
    return _spec(layers.properties(width=WIDTH - 60, height=84, title=title))


def _plural(kind: str) -> str:
    return {
        "same person": "Pairs of one person",
        "twin": "Pairs of twins",
        "sibling": "Pairs of siblings",
        "household": "Others of one household",
        "stranger": "Pairs of strangers",
    }[kind]


def calibration_plot(found: Calibration) -> Spec:
    """Stated against observed probability, with intervals; the diagonal is perfect."""
    rows = [
        {"stated": row.stated, "value": row.observed.value, "low": row.observed.low, "high": row.observed.high}
        for row in found.bins
        if row.cases
    ]
    share = alt.Scale(domain=[0, 1])
    diagonal = (
        _chart([{"stated": 0, "value": 0}, {"stated": 1, "value": 1}])
        .mark_line(color=NEUTRAL.light, strokeDash=[4, 3])
        .encode(x="stated:Q", y="value:Q")
    )
    base = _chart(rows).encode(x=alt.X("stated:Q", title="stated probability", scale=share, axis=alt.Axis(format="%")))
    y = alt.Y("value:Q", title="share that truly are one person", scale=share, axis=alt.Axis(format="%"))
    bars = base.mark_rule(color=FOR.light, strokeWidth=2).encode(y=alt.Y("low:Q", scale=share), y2="high:Q")
    points = base.mark_point(color=FOR.light, fill=FOR.light, filled=True, size=70, opacity=1).encode(y=y)
    return _spec(alt.layer(diagonal, bars, points).properties(width=380, height=380))


def threshold_plot(curve: Sequence[ThresholdPoint], marks: Sequence[tuple[float, str]]) -> Spec:
    """False and missed links at each threshold, counts on a scale of powers of ten."""
    kinds = ["false links", "missed links"]
    rows: list[Row] = [
        {"bits": point.threshold_bits, "pairs": pairs, "error": error}
        for point in curve
        for pairs, error in zip((point.false_links, point.missed_links), kinds, strict=True)
    ]
    scale, axis = _counts(max(row["pairs"] for row in rows))
    legend = alt.Legend(orient="top", symbolType="stroke", symbolSize=400, symbolStrokeWidth=3, offset=24)
    lines = (
        _chart(rows)
        .mark_line(interpolate="step-after", strokeWidth=2.5)
        .encode(
            x=alt.X("bits:Q", title="pairs at or above this weight (bits) are linked").axis(tickCount=10),
            y=alt.Y("pairs:Q", title="wrong pairs", scale=scale, axis=axis),
            color=alt.Color("error:N", title=None, legend=legend).scale(domain=kinds, range=[AGAINST.light, FOR.light]),
            strokeDash=alt.StrokeDash("error:N", title=None).scale(domain=kinds, range=[[1, 0], [6, 3]]),
        )
    )
    return _spec(alt.layer(lines, *(_mark_at(*mark) for mark in marks)).properties(width=WIDTH - 80, height=260))


def level_plot(levels: Sequence[LevelShares]) -> Spec:
    """m and u of every level: two marks on a scale of powers of ten, joined by a line as long as the evidence."""
    least = min(min(level.m, level.u) for level in levels)
    room = _room(level.level for level in levels)
    names = list(dict.fromkeys(level.comparison for level in levels))
    panels = [
        _level_panel([level for level in levels if level.comparison == name], least, room, last=name == names[-1])
        for name in names
    ]
    return _together("vconcat", panels, spacing=8)


def _level_panel(levels: Sequence[LevelShares], least: float, room: int, *, last: bool) -> Spec:
    """The levels of one comparison, the strongest at the top."""
    rows = [{"level": level.level, "m": level.m, "u": level.u} for level in reversed(levels)]
    scale, axis = _rare(least)
    axis["labels"] = last
    title = "share of pairs at this level" if last else None
    base = _chart(rows).encode(y=alt.Y("level:N", sort=None, title=None, axis=_label_axis(room)))
    x = alt.X("m:Q", scale=scale, title=title, axis=axis)
    joined = base.mark_rule(color=GRID.light, strokeWidth=4).encode(x=x, x2="u:Q")
    by_chance = base.mark_point(shape="square", color=NEUTRAL.light, filled=True, size=60, opacity=1).encode(
        x=alt.X("u:Q", scale=scale)
    )
    one_person = base.mark_point(color=FOR.light, filled=True, size=75, opacity=1).encode(x=alt.X("m:Q", scale=scale))
    heading = f"{levels[0].comparison.replace('_', ' ')} ({levels[0].layer} layer)"
    layers = alt.layer(joined, by_chance, one_person)
    return _spec(layers.properties(width=WIDTH - room, height=alt.Step(20), title=heading))


def relation_plot(counts: Sequence[RelationCount]) -> Spec:
    """False links by relation, as bars with their counts."""
    rows = [{"relation": row.relation, "pairs": row.pairs, "text": f"{row.pairs:,}"} for row in counts]
    base = _chart(rows).encode(
        y=alt.Y("relation:N", sort=None, title=None, axis=_label_axis(_room(RELATIONS))),
        x=alt.X("pairs:Q", title="false links (pairs)").axis(tickMinStep=1, tickCount=5),
    )
    colour = alt.Color("relation:N", legend=None).scale(
        domain=list(KIND_COLOURS), range=[colour.light for colour in KIND_COLOURS.values()]
    )
    text = base.mark_text(align="left", dx=5, color=INK.light, fontSize=12).encode(text="text:N")
    bars = base.mark_bar(height=18).encode(color=colour)
    return _spec(alt.layer(bars, text).properties(width=WIDTH - 160, height=alt.Step(28)))


def subgroup_plot(groups: Sequence[SubgroupScores], recall: Estimate, precision: Estimate) -> Spec:
    """Precision and recall of each subgroup with intervals, against those of everybody (the dashed line)."""
    room = _room(_readable(group.name) for group in groups)
    panels = [
        _subgroup_panel([(g.name, g.pairs.precision) for g in groups], precision, "precision", room, named=True),
        _subgroup_panel([(g.name, g.pairs.recall) for g in groups], recall, "recall", room, named=False),
    ]
    return _together("hconcat", panels, spacing=28)


def _readable(name: str) -> str:
    return name.replace("_", " ").replace("=", ": ")


def _subgroup_panel(
    groups: Sequence[tuple[str, Estimate]], everybody: Estimate, what: str, room: int, *, named: bool
) -> Spec:
    rows: list[Row] = [
        {"group": _readable(name), "value": e.value, "low": e.low, "high": e.high}
        for name, e in groups
        if e.value is not None
    ]
    lowest = min([row["low"] for row in rows] + [everybody.low or 0.0])
    scale = alt.Scale(domain=[max(0.0, lowest - (1 - lowest) / 20), 1.0], nice=False)
    axis = _label_axis(room) if named else alt.Axis(labels=False, ticks=False, domain=False)
    y = alt.Y("group:N", title=None, axis=axis).scale(domain=[_readable(name) for name, _ in groups])
    x = alt.X("low:Q", title=what, scale=scale, axis=alt.Axis(format="~%", tickCount=4, labelOverlap=True))
    base = _chart(rows).encode(y=y)
    spread = base.mark_rule(color=FOR.light, strokeWidth=2).encode(x=x, x2="high:Q")
    points = base.mark_point(color=FOR.light, filled=True, size=60, opacity=1).encode(x=alt.X("value:Q", scale=scale))
    overall = _chart([{"value": everybody.value}]).mark_rule(color=INK.light, strokeDash=[4, 3])
    layers = alt.layer(overall.encode(x=alt.X("value:Q", scale=scale)), spread, points)
    return _spec(layers.properties(width=(WIDTH - room - 28) / 2, height=alt.Step(22)))


def waterfall(error: WorstError) -> Spec:
    """How a weight came about: one bar per comparison, each starting where the one before ended."""
    rows = _waterfall_rows(error)
    room = _room(row["step"] for row in rows)
    base = _chart(rows).encode(y=alt.Y("step:N", sort=None, title=None, axis=_label_axis(room)))
    colour = alt.Color("sign:N", legend=None).scale(
        domain=["for", "against", "total"], range=[FOR.light, AGAINST.light, NEUTRAL.light]
    )
    x = alt.X("start:Q", title="match weight in bits").axis(tickCount=8)
    bars = base.mark_bar(height=14).encode(x=x, x2="end:Q", color=colour)
    text = base.mark_text(align="left", dx=4, color=INK.light, fontSize=11).encode(x="right:Q", text="text:N")
    zero = _chart([{"zero": 0}]).mark_rule(color=MUTED.light).encode(x="zero:Q")
    return _spec(alt.layer(bars, zero, text).properties(width=WIDTH - room - 60, height=alt.Step(20)))


def _waterfall_rows(error: WorstError) -> list[Row]:
    rows, total = [], 0.0
    for place, step in enumerate(error.steps):
        if place and abs(step.bits) < LEAST_BITS_SHOWN:
            continue
        label = f"{step.comparison.replace('_', ' ')}: {step.level}" if place else step.comparison
        rows.append(_bar(label, total, total + step.bits, "for" if step.bits >= 0 else "against"))
        total += step.bits
    return [*rows, _bar("in all", 0.0, total, "total")]


def _bar(step: str, start: float, end: float, sign: str) -> Row:
    text = signed(end - start)
    return {"step": step, "start": start, "end": end, "right": max(start, end), "text": text, "sign": sign}


def trace_plot(steps: Sequence[tuple[int, float]]) -> Spec:
    """How the fit settled: the log likelihood after each round."""
    points = alt.OverlayMarkDef(color=FOR.light, size=30, filled=True)
    chart = (
        _chart([{"round": number, "value": value} for number, value in steps])
        .mark_line(color=FOR.light, strokeWidth=2.5, point=points)
        .encode(
            x=alt.X("round:Q", title="round").axis(tickMinStep=1),
            y=alt.Y("value:Q", title="log likelihood").scale(zero=False),
        )
    )
    return _spec(chart.properties(width=WIDTH - 100, height=220))


def frequency_plot(rows: Sequence[tuple[str, str, float]]) -> Spec:
    """Estimated frequency of each class of pair, by pair of sources: (sources, class, frequency)."""
    colours = {"same person": FOR, "twins": AGAINST, "household": RELATED}
    scale, axis = _rare(min(frequency for _, _, frequency in rows))
    room = _room(sources for sources, _, _ in rows)
    colour = alt.Color("class:N", title=None, legend=alt.Legend(orient="top", symbolSize=80)).scale(
        domain=list(colours), range=[colour.light for colour in colours.values()]
    )
    shape = alt.Shape("class:N", title=None).scale(domain=list(colours), range=["circle", "triangle-up", "square"])
    x = alt.X("share:Q", title="share of all pairs of records", scale=scale, axis=axis)
    y = alt.Y("sources:N", sort=None, title=None, axis=_label_axis(room, grid=True))
    chart = (
        _chart([{"sources": sources, "class": kind, "share": frequency} for sources, kind, frequency in rows])
        .mark_point(filled=True, size=65, opacity=1)
        .encode(x=x, y=y, color=colour, shape=shape)
    )
    return _spec(chart.properties(width=WIDTH - room, height=alt.Step(20)))
