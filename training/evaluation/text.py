"""Prints an evaluation as tables for a terminal."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType
from rich.table import Table

from training.evaluation.estimates import Estimate
from training.evaluation.partitions import PairScores
from training.evaluation.result import Evaluation


def to_text(evaluation: Evaluation, *, width: int = 100) -> str:
    """The evaluation as plain text, `width` characters wide."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    for part in _parts(evaluation):
        console.print(part)
    assert isinstance(console.file, io.StringIO)  # noqa: S101  (it was made so two lines above)
    return console.file.getvalue()


def percent(share: float | None, digits: int = 2) -> str:
    """A share for reading; a dash where there is none. Never rounds an imperfect share up to 100 %."""
    if share is None:
        return "–"
    text = f"{share:.{digits}%}"
    if share < 1 and text == f"{1:.{digits}%}":
        return f"> {1 - 10 ** -(digits + 2):.{digits}%}"
    if share > 0 and text == f"{0:.{digits}%}":
        return f"< {10 ** -(digits + 2):.{digits}%}"
    return text


def signed(bits: float, digits: int = 1) -> str:
    """Bits with their sign, a true minus sign."""
    return f"{bits:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def interval(estimate: Estimate) -> str:
    """The 95 % interval for reading."""
    if estimate.value is None:
        return ""
    return f"{percent(estimate.low)} – {percent(estimate.high)}"


def _parts(evaluation: Evaluation) -> list[RenderableType]:
    counts = evaluation.records
    parts: list[RenderableType] = [
        f"{counts.judged:,} records judged ({counts.only_in_truth:,} of them only in the truth, judged as standing "
        f"alone); {counts.without_truth:,} left out because the truth does not know them.\n",
        _headline(evaluation),
    ]
    optional = (
        (_subgroups, evaluation.subgroups),
        (_relations, evaluation.false_links),
        (_missed, evaluation.missed_links),
        (_calibration, evaluation.calibration or evaluation.membership),
    )
    return parts + [render(evaluation) for render, present in optional if present]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def _headline(evaluation: Evaluation) -> Table:
    table = _table("Scores", "", "value", "95 % interval")
    pairs, clusters = evaluation.pairs, evaluation.clusters
    rows = [
        ("pairs: precision", pairs.precision),
        ("pairs: recall", pairs.recall),
        ("pairs: F1", pairs.f1),
        ("exact persons: precision", clusters.exact_precision),
        ("exact persons: recall", clusters.exact_recall),
        ("exact persons: F1", clusters.exact_f1),
        ("B-cubed: precision", clusters.b_cubed_precision),
        ("B-cubed: recall", clusters.b_cubed_recall),
        ("B-cubed: F1", clusters.b_cubed_f1),
    ]
    rows += [("twins kept apart", evaluation.twins.share)] if evaluation.twins else []
    rows += [("siblings kept apart", evaluation.siblings.share)] if evaluation.siblings else []
    rows += (
        [("true pairs that blocking proposed", evaluation.completeness.completeness)] if evaluation.completeness else []
    )
    for name, estimate in rows:
        table.add_row(name, percent(estimate.value), interval(estimate))
    table.add_section()
    for name, count in (
        ("false links (pairs)", pairs.counts.fp),
        ("missed links (pairs)", pairs.counts.fn),
        ("persons mixed with another", clusters.persons_mixed),
        ("persons split over several", clusters.persons_split),
    ):
        table.add_row(name, f"{count:,}", "")
    return table


def _subgroups(evaluation: Evaluation) -> Table:
    table = _table("By subgroup", "subgroup", "persons", "precision", "recall", "F1", "recall: 95 % interval")
    for group in evaluation.subgroups:
        table.add_row(group.name, f"{group.persons:,}", *_three(group.pairs), interval(group.pairs.recall))
    return table


def _three(pairs: PairScores) -> tuple[str, str, str]:
    return percent(pairs.precision.value), percent(pairs.recall.value), percent(pairs.f1.value)


def _relations(evaluation: Evaluation) -> Table:
    table = _table("False links by relation", "relation", "pairs", "share")
    for row in evaluation.false_links:
        table.add_row(row.relation, f"{row.pairs:,}", percent(row.share, 1))
    return table


def _missed(evaluation: Evaluation) -> Table:
    table = _table("Missed links by reason", "reason", "pairs", "share")
    for row in evaluation.missed_links:
        table.add_row(row.reason, f"{row.pairs:,}", percent(row.share, 1))
    return table


def _calibration(evaluation: Evaluation) -> Table:
    of_pairs = evaluation.calibration is not None
    found = evaluation.calibration or evaluation.membership
    assert found is not None  # noqa: S101  (asked for only when one is there)
    what = "pairs" if of_pairs else "records"
    table = _table(f"Calibration of {what}", "stated probability", what, "mean stated", "observed", "95 % interval")
    for row in found.bins:
        if row.cases:
            table.add_row(
                f"{row.low:g} – {row.high:g}",
                f"{row.cases:,}",
                percent(row.stated),
                percent(row.observed.value),
                interval(row.observed),
            )
    return table
