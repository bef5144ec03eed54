"""Report sections on weights: whether probabilities can be believed, and what another threshold would cost."""

from __future__ import annotations

from collections.abc import Iterator

from training.evaluation.calibration import Calibration
from training.evaluation.report import plots
from training.evaluation.report.page import Section, figure, folded, paragraph, table, together
from training.evaluation.result import Evaluation
from training.evaluation.text import interval, percent


def calibration(evaluation: Evaluation) -> Iterator[Section]:
    if evaluation.calibration and evaluation.calibration.cases:
        yield _calibrated(
            "calibration",
            "Can the probability of a pair be believed?",
            evaluation.calibration,
            "pairs",
        )


def membership(evaluation: Evaluation) -> Iterator[Section]:
    if evaluation.membership and evaluation.membership.cases:
        yield _calibrated(
            "membership",
            "Can the probability of a record’s person be believed?",
            evaluation.membership,
            "records",
        )


def _calibrated(anchor: str, title: str, found: Calibration, what: str) -> Section:
    rows = [
        [f"{b.low:g} to {b.high:g}", f"{b.cases:,}", percent(b.stated), percent(b.observed.value), interval(b.observed)]
        for b in found.bins
        if b.cases
    ]
    outcome = "truly are one person" if what == "pairs" else "truly belong (share of the person’s other records)"
    sure = (
        f"Of {found.nearly_certain_cases:,} {what} stated at 99 % or more, {percent(found.nearly_certain.value)} "
        f"({interval(found.nearly_certain)}) {outcome}."
        if found.nearly_certain_cases
        else f"No {what} were stated at 99 % or more."
    )
    return (
        anchor,
        title,
        together(
            paragraph(f"{sure} On average, the stated probability is off by {percent(found.mean_gap)}."),
            figure(
                plots.svg(plots.calibration_plot(found), anchor),
                alt=f"Stated against observed probability of {found.cases:,} {what}; figures in the table below.",
                how_to_read=f"Each dot is a group of {what} with about the same stated probability. On the dashed "
                "line, what was claimed is what was true; under it the model is too sure, above it not sure enough. "
                f"Long lines mean few {what}.",
            ),
            folded("The figures", table(title, ("stated", what, "mean stated", "observed", "95 % interval"), rows)),
        ),
    )


def thresholds(evaluation: Evaluation) -> Iterator[Section]:
    curve = evaluation.thresholds
    if not curve:
        return
    marks = plots.thresholds_of(evaluation.link_bits, evaluation.review_bits)
    rows = [
        [f"{p.threshold_bits:g}", f"{p.false_links:,}", f"{p.missed_links:,}", percent(p.precision), percent(p.recall)]
        for p in curve
        if p.threshold_bits == int(p.threshold_bits)
    ]
    columns = ("threshold (bits)", "false links", "missed links", "precision", "recall")
    yield (
        "thresholds",
        "What another threshold would cost",
        together(
            figure(
                plots.svg(plots.threshold_plot(curve, marks), "thresholds"),
                alt="False links fall and missed links rise as the threshold rises; figures in the table below.",
                how_to_read="Move to the right to link more strictly: false links fall, missed links rise. Each step "
                "up the scale is a tenfold number of pairs. Counted pair by pair, before clustering puts persons "
                "together. One bit doubles the odds; 0 is even odds, 10 is about a thousand to one.",
            ),
            folded("The figures", table("Errors by threshold", columns, rows)),
        ),
    )


def weights(evaluation: Evaluation) -> Iterator[Section]:
    bins = evaluation.weights
    if not bins:
        return
    marks = plots.thresholds_of(evaluation.link_bits, evaluation.review_bits)
    rows = [[f"{b.kind}: {b.low_bits:g} to {b.high_bits:g}", f"{b.pairs:,}"] for b in bins]
    yield (
        "weights",
        "How far apart the weights lie",
        together(
            figure(
                plots.svg(plots.weight_distribution(bins, marks), "weights"),
                alt="Histograms of match weight, one for each kind of pair; the figures are in the table below.",
                how_to_read="Pairs of one person should lie to the right of the thresholds, all others to the left. "
                "What lies on the wrong side is a mistake, or was put right by clustering. Each step up the scale is "
                "a tenfold number of pairs, so that rare mistakes can be seen.",
            ),
            folded("The figures", table("Pairs by weight", ("kind and weight (bits)", "pairs"), rows)),
        ),
    )
