"""Writes an evaluation, or the fit of a model, as one HTML file for people: it opens offline and loads nothing.

Every plot has a sentence on how to read it and its figures as a table. No name, date or number of a person is in it;
records are named by source and record id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from training.evaluation.report import mistakes, model, probabilities, scores
from training.evaluation.report.model import FitReportLike, FittedModel
from training.evaluation.report.page import Section, page
from training.evaluation.result import Evaluation, level_shares

__all__ = ["evaluation_report", "training_report"]

_SECTIONS: tuple[Callable[[Evaluation], Iterator[Section]], ...] = (
    scores.scores,
    scores.subgroups,
    scores.sources,
    mistakes.false_links,
    mistakes.missed_links,
    probabilities.calibration,
    probabilities.membership,
    probabilities.thresholds,
    probabilities.weights,
    mistakes.worst_errors,
    lambda evaluation: model.levels(evaluation.levels),
    lambda evaluation: model.blocking(evaluation.blocking),
)


def evaluation_report(evaluation: Evaluation, path: Path, *, title: str = "How well records are linked") -> None:
    """Write the report of an evaluation to `path`; what was not given has no section."""
    lead = (
        f"{evaluation.records.judged:,} records whose true person is known, of {evaluation.clusters.true:,} persons, "
        f"were compared with the {evaluation.clusters.predicted:,} persons that linking found."
    )
    sections = [part for make in _SECTIONS for part in make(evaluation)]
    footer = f"Intervals are 95 % intervals; random draws used seed {evaluation.seed}. This file opens offline."
    path.write_text(page(title, lead, scores.headline(evaluation), sections, footer), encoding="utf-8")


def training_report(fitted: FittedModel, path: Path, *, report: FitReportLike | None = None) -> None:
    """Write the report of a fitted model to `path`; `report` is what the fit saw, if it is still known."""
    levels = level_shares(fitted)
    lead = (
        f"Model {fitted.name}, fingerprint {fitted.fingerprint}: {len(fitted.comparisons)} comparisons, "
        f"{len(levels)} levels, fitted without labels on {fitted.fitted_on}."
    )
    sections = [
        *model.levels(levels),
        *model.trace(report),
        *model.frequencies(fitted),
        *model.generic_values(fitted),
        *model.blocking_of(report),
        *model.statistics(fitted, report),
    ]
    footer = "Generic values are counted, never shown. This file opens offline."
    path.write_text(page("The fitted model", lead, model.model_tiles(fitted), sections, footer), encoding="utf-8")
