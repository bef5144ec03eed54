"""Plots of counts and shares over time and in kinds, for reports that are not about a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt

from training.evaluation.report.plots import (
    AGAINST,
    FOR,
    INK,
    NEUTRAL,
    RELATED,
    WIDTH,
    Spec,
    _chart,
    _counts,
    _label_axis,
    _room,
    _spec,
)

PANEL_WIDE, PANEL_HIGH, PANELS_BESIDE = 176, 84, 3
_COLOURS = (FOR, AGAINST, RELATED, NEUTRAL)
_SHAPES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2])


def bars_by_panel(rows: Sequence[tuple[str, int, float]], x: str, *, share: bool = False) -> Spec:
    """A small panel for each name, the value over the number: bars for counts, a line for shares of 0 to 1.

    Args:
        rows: name of the panel, number, value.
        x: what the numbers are.
    """
    data = [{"panel": panel.replace("_", " "), "number": number, "value": value} for panel, number, value in rows]
    axis = (
        alt.Axis(format="~s", tickCount=3, minExtent=30, maxExtent=30)
        if not share
        else alt.Axis(format="%", values=[0, 0.5, 1])
    )
    y = alt.Y("value:Q", title=None, axis=axis)
    chart = alt.Chart().encode(
        x=alt.X("number:O", title=x, axis=alt.Axis(labelOverlap=True, labelAngle=0, titlePadding=4)),
        y=y.scale(domain=[0, 1]) if share else y,
    )
    points = alt.OverlayMarkDef(color=FOR.light, size=22, filled=True)
    drawn = chart.mark_line(color=FOR.light, strokeWidth=2, point=points) if share else chart.mark_bar(color=FOR.light)
    drawn = drawn.properties(width=PANEL_WIDE, height=PANEL_HIGH)
    header = alt.Header(title=None, labelFontSize=12, labelColor=INK.light, labelAnchor="start", labelPadding=4)
    faceted = drawn.facet(
        facet=alt.Facet("panel:N", header=header),
        columns=PANELS_BESIDE,
        data=alt.InlineData(values=data),
    )
    scale = "shared" if share else "independent"
    return _spec(faceted.resolve_scale(y=scale).resolve_axis(x="independent"))


def lines_over(series: Mapping[str, Sequence[tuple[int, float]]], x: str, y: str) -> Spec:
    """A line for each name: values over numbers; at most four."""
    names = list(series)
    most = max((value for points in series.values() for _, value in points), default=1.0)
    rows = [
        {"name": name, "number": number, "value": value} for name, points in series.items() for number, value in points
    ]
    scale, axis = _counts(int(most))
    legend = alt.Legend(orient="top", symbolType="stroke", symbolSize=400, symbolStrokeWidth=3)
    base = _chart(rows).encode(
        x=alt.X("number:O", title=x, axis=alt.Axis(labelOverlap=True, labelAngle=0)),
        y=alt.Y("value:Q", title=y, scale=scale, axis=axis),
        color=alt.Color("name:N", title=None, legend=legend).scale(
            domain=names, range=[colour.light for colour in _COLOURS[: len(names)]]
        ),
        strokeDash=alt.StrokeDash("name:N", title=None).scale(domain=names, range=list(_SHAPES[: len(names)])),
    )
    lines = base.mark_line(strokeWidth=2.5)
    return _spec(alt.layer(lines, base.mark_point(filled=True, size=32)).properties(width=WIDTH - 80, height=220))


def bars_of(rows: Sequence[tuple[str, int]], x: str) -> Spec:
    """One bar for each name, with its count."""
    data = [{"name": name, "count": count, "text": f"{count:,}"} for name, count in rows]
    room = _room(name for name, _ in rows)
    base = _chart(data).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=_label_axis(room)),
        x=alt.X("count:Q", title=x).axis(tickMinStep=1, tickCount=5, format=",d"),
    )
    text = base.mark_text(align="left", dx=5, color=INK.light, fontSize=12).encode(text="text:N")
    bars = base.mark_bar(height=16, color=FOR.light)
    return _spec(alt.layer(bars, text).properties(width=WIDTH - room - 60, height=alt.Step(26)))


def histogram(counts: Mapping[int, int], wide: int, x: str, y: str) -> Spec:
    """Counts by the lower end of bins of one width, on a scale of powers of ten."""
    scale, axis = _counts(max(counts.values(), default=1))
    rows = [{"low": low, "high": low + wide, "count": count, "none": 0} for low, count in sorted(counts.items())]
    bars = (
        _chart(rows)
        .mark_bar(color=FOR.light, binSpacing=1)
        .encode(
            x=alt.X("low:Q", title=x).axis(tickCount=10),
            x2="high:Q",
            y=alt.Y("count:Q", title=y, scale=scale, axis=axis),
            y2="none:Q",
        )
    )
    return _spec(bars.properties(width=WIDTH - 80, height=200))
