"""Report sections on a fitted model: what comparisons are worth, what blocking proposed, how the fit went."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from training.evaluation.report import plots
from training.evaluation.report.page import Html, Section, figure, folded, paragraph, table, tiles, together
from training.evaluation.result import (
    BlockingRow,
    BlockingRuleLike,
    ComparisonLike,
    LevelShares,
    blocking_rows,
)
from training.evaluation.text import signed


class FrequenciesLike(Protocol):
    """How many of all pairs of records fall in each class."""

    @property
    def same_person(self) -> float: ...
    @property
    def twins(self) -> float: ...
    @property
    def household(self) -> float: ...


class FittedModel(Protocol):
    """As much of a fitted model as its report shows."""

    @property
    def name(self) -> str: ...
    @property
    def fitted_on(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def comparisons(self) -> Sequence[ComparisonLike]: ...
    @property
    def class_frequencies(self) -> FrequenciesLike: ...
    @property
    def class_frequencies_by_sources(self) -> Mapping[str, FrequenciesLike]: ...
    @property
    def generic_values(self) -> Mapping[str, Sequence[str]]: ...
    @property
    def statistics(self) -> Mapping[str, float]: ...


class FitReportLike(Protocol):
    """What a fit saw: the log likelihood of each EM round, its blocking, what it left out."""

    @property
    def trace(self) -> Sequence[float]: ...
    @property
    def converged(self) -> bool: ...
    @property
    def blocking(self) -> Sequence[BlockingRuleLike]: ...
    @property
    def left_out(self) -> Sequence[str]: ...
    @property
    def timings(self) -> Mapping[str, float]: ...


def levels(levels: Sequence[LevelShares]) -> Iterator[Section]:
    """m and u of every level of agreement."""
    if not levels:
        return
    rows = [[f"{lv.comparison}: {lv.level}", f"{lv.m:.3g}", f"{lv.u:.3g}", signed(_bits(lv))] for lv in levels]
    yield (
        "levels",
        "What each comparison is worth",
        together(
            figure(
                plots.svg(plots.level_plot(levels), "levels"),
                alt=f"m and u of {len(levels)} levels of agreement; the figures are in the table below.",
                how_to_read="Blue dot (m): how often two records that share this layer are at this level; one person "
                "shares all layers, twins all but the person layer, a household the family layer. Grey square (u): "
                "how often any other two records are, by chance. The farther the dot lies to the right of the square, "
                "the more the level speaks for one person; to the left of it, against.",
            ),
            folded("The figures", table("m and u of each level", ("level", "m", "u", "bits"), rows)),
        ),
    )


def _bits(level: LevelShares) -> float:
    return math.log2(level.m / level.u) if level.m > 0 and level.u > 0 else 0.0


def blocking(rules: Sequence[BlockingRow]) -> Iterator[Section]:
    """What each blocking rule proposed."""
    if not rules:
        return
    rows = [[r.rule, f"{r.keys:,}", f"{r.pairs:,}", f"{r.new_pairs:,}", f"{r.oversized_keys:,}"] for r in rules]
    columns = ("rule", "keys", "pairs", "new pairs", "keys too common")
    yield (
        "blocking",
        "What blocking proposed",
        together(
            paragraph(
                "Two records are compared only if they share a key of one of these rules. New pairs are those that no "
                "rule above had proposed. Keys shared by too many records propose nothing and are counted here."
            ),
            table("Blocking rules", columns, rows),
        ),
    )


def blocking_of(report: FitReportLike | None) -> Iterator[Section]:
    yield from blocking(blocking_rows(report.blocking) if report else ())


def model_tiles(model: FittedModel) -> Html:
    """The few figures of a model to see first."""
    frequencies = model.class_frequencies
    return tiles(
        [
            ("Pairs of one person", _one_in(frequencies.same_person), "of all pairs, as estimated"),
            ("Pairs of twins", _one_in(frequencies.twins), "of all pairs, as estimated"),
            ("Others of one household", _one_in(frequencies.household), "of all pairs, as estimated"),
        ]
    )


def _one_in(share: float) -> str:
    return f"1 in {round(1 / share):,}" if share > 0 else "none"


def trace(report: FitReportLike | None) -> Iterator[Section]:
    """How the fit settled, and a warning if it did not."""
    if report is None or not report.trace:
        return
    rounds = list(enumerate(report.trace, start=1))
    settled = f"The fit settled after {len(rounds)} rounds."
    if not report.converged:
        settled = f"The fit had not settled after {len(rounds)} rounds; do not use this model before you know why."
    figures = [[f"{number}", f"{value:,.6f}"] for number, value in rounds]
    yield (
        "trace",
        "How the fit settled",
        together(
            paragraph(settled),
            figure(
                plots.svg(plots.trace_plot(rounds), "trace"),
                alt=f"Log likelihood over {len(rounds)} rounds of fitting.",
                how_to_read="The curve says how well the model explains the data. It should climb and then be flat at "
                "its end; if it still climbs, the fit was stopped too early.",
            ),
            folded("The figures", table("Log likelihood by round", ("round", "log likelihood"), figures)),
        ),
    )


def frequencies(model: FittedModel) -> Iterator[Section]:
    """The estimated frequency of each class of pair, by pair of sources."""
    by_sources = {key.replace("|", " – "): f for key, f in sorted(model.class_frequencies_by_sources.items())}
    rows = {"all together": model.class_frequencies, **by_sources}
    points = [
        (name, kind, share)
        for name, f in rows.items()
        for kind, share in (("same person", f.same_person), ("twins", f.twins), ("household", f.household))
        if share > 0
    ]
    if not points:
        return
    figures = [[n, f"{f.same_person:.3g}", f"{f.twins:.3g}", f"{f.household:.3g}"] for n, f in rows.items()]
    columns = ("systems", "same person", "twins", "household")
    yield (
        "frequencies",
        "How many pairs of each kind there are",
        together(
            figure(
                plots.svg(plots.frequency_plot(points), "frequencies"),
                alt="Estimated frequency of pairs of one person, of twins and of a household, by pair of systems; the "
                "figures are in the table below.",
                how_to_read="Each mark is a share of all pairs of records between two systems, estimated without "
                "labels. A system paired with itself whose blue dot lies far to the left has few duplicates of its "
                "own.",
            ),
            folded("The figures", table("Estimated class frequencies", columns, figures)),
        ),
    )


def generic_values(model: FittedModel) -> Iterator[Section]:
    """How many generic values were found in each column."""
    rows = [[name.replace("_", " "), f"{len(values):,}"] for name, values in sorted(model.generic_values.items())]
    if not rows:
        return
    yield (
        "generic",
        "Values that say nothing",
        together(
            paragraph(
                "Values so common that sharing one is no evidence: placeholder names, office telephones, group homes. "
                "They are counted here and never shown."
            ),
            table("Generic values found", ("column", "values"), rows),
        ),
    )


def statistics(model: FittedModel, report: FitReportLike | None) -> Iterator[Section]:
    """The remaining figures: what the fit counted, what it left out, how long it took."""
    rows = [[name.replace("_", " "), f"{value:,.6g}"] for name, value in sorted(model.statistics.items())]
    parts = [table("Figures of the fit", ("", "value"), rows)] if rows else []
    if report and report.left_out:
        names = ", ".join(name.replace("_", " ") for name in report.left_out)
        parts.append(paragraph(f"Left out, because too few records fill them: {names}."))
    if report and report.timings:
        times = [[name, f"{seconds:.1f}"] for name, seconds in report.timings.items()]
        parts.append(table("How long it took", ("step", "seconds"), times))
    if parts:
        yield ("statistics", "Figures of the fit", together(*parts))
