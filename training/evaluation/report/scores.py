"""Report sections on how good the linkage is: in all, for each subgroup, between each two systems."""

from __future__ import annotations

from collections.abc import Iterator

from training.evaluation.errors import KeptApart
from training.evaluation.estimates import Estimate
from training.evaluation.report import plots
from training.evaluation.report.page import Html, Section, figure, folded, matrix, paragraph, table, tiles, together
from training.evaluation.result import Evaluation
from training.evaluation.text import interval, percent


def headline(evaluation: Evaluation) -> Html:
    pairs, clusters = evaluation.pairs, evaluation.clusters
    entries = [
        ("Links that are right", percent(pairs.precision.value), f"precision of pairs; {interval(pairs.precision)}"),
        ("True links that were found", percent(pairs.recall.value), f"recall of pairs; {interval(pairs.recall)}"),
        ("Both in one figure", percent(pairs.f1.value), f"F1 of pairs; {interval(pairs.f1)}"),
        ("Persons mixed with another", f"{clusters.persons_mixed:,}", f"of {clusters.true:,} persons"),
        ("Persons split over several", f"{clusters.persons_split:,}", f"of {clusters.true:,} persons"),
    ]
    if evaluation.twins:
        entries.append(_apart_tile("Twins kept apart", evaluation.twins))
    return tiles(entries)


def _apart_tile(name: str, apart: KeptApart) -> tuple[str, str, str]:
    return (name, percent(apart.share.value), f"{apart.apart:,} of {apart.pairs:,} pairs; {interval(apart.share)}")


def scores(evaluation: Evaluation) -> Iterator[Section]:
    pairs, clusters = evaluation.pairs, evaluation.clusters
    rows = [
        _score_row("Pairs of records", pairs.precision, pairs.recall, pairs.f1),
        _score_row("Whole persons", clusters.exact_precision, clusters.exact_recall, clusters.exact_f1),
        _score_row("Per record (B-cubed)", clusters.b_cubed_precision, clusters.b_cubed_recall, clusters.b_cubed_f1),
    ]
    columns = ("", "precision", "95 % interval", "recall", "95 % interval", "F1", "95 % interval")
    counts, records = pairs.counts, evaluation.records
    yield (
        "scores",
        "Scores",
        together(
            paragraph(
                f"{counts.tp + counts.fp:,} pairs of records were linked; {counts.fp:,} of them join two different "
                f"people. Of {counts.tp + counts.fn:,} pairs that truly are one person, {counts.fn:,} were missed. "
                "Precision is the share of links that are right, recall the share of true links that were found, "
                "and F1 is high only if both are."
            ),
            table("Precision, recall and F1", columns, rows),
            paragraph(
                "A whole person counts as right only if all of their records were put together and nobody else’s. "
                "Intervals resample persons, because the pairs of one person stand or fall together."
            ),
            *(_records_note(records.only_in_truth, records.without_truth)),
        ),
    )


def _score_row(name: str, *estimates: Estimate) -> list[str]:
    return [name, *(cell for e in estimates for cell in (percent(e.value), interval(e)))]


def _records_note(only_in_truth: int, without_truth: int) -> list[Html]:
    notes = []
    if only_in_truth:
        notes.append(f"{only_in_truth:,} records are in the truth but were not linked at all; they count as alone.")
    if without_truth:
        notes.append(f"{without_truth:,} records were left out because their true person is not known.")
    return [paragraph(note) for note in notes]


def subgroups(evaluation: Evaluation) -> Iterator[Section]:
    groups = evaluation.subgroups
    if not groups:
        return
    drawn = [g for g in groups if g.pairs.precision.value is not None or g.pairs.recall.value is not None]
    rows = [
        [
            g.name,
            f"{g.persons:,}",
            *_score_row("", g.pairs.precision, g.pairs.recall)[1:],
            f"{g.pairs.counts.fp:,}",
            f"{g.pairs.counts.fn:,}",
        ]
        for g in groups
    ]
    columns = ("subgroup", "persons", "precision", "95 % interval", "recall", "95 % interval", "false", "missed")
    lowest = min(drawn, key=lambda g: g.pairs.recall.value if g.pairs.recall.value is not None else 1.0, default=None)
    said = f" The lowest recall is that of {lowest.name}." if lowest and lowest.pairs.recall.value is not None else ""
    plot = (
        [
            figure(
                plots.svg(plots.subgroup_plot(drawn, evaluation.pairs.recall, evaluation.pairs.precision), "subgroups"),
                alt=f"Precision and recall of {len(drawn)} subgroups with intervals.{said}",
                how_to_read="Each dot is a subgroup, the line through it its 95 % interval, the dashed line everybody. "
                "A line wholly to the left of the dashed one: this group is served worse than chance explains.",
            )
        ]
        if drawn
        else []
    )
    yield (
        "subgroups",
        "For whom it works",
        together(
            paragraph(
                "A mistake that only one group suffers hides in the average. Recall is over the group’s own true "
                "pairs, precision over every link that touches one of its persons."
            ),
            *plot,
            folded("The figures of the subgroups", table("Scores by subgroup", columns, rows)),
        ),
    )


def sources(evaluation: Evaluation) -> Iterator[Section]:
    pairs = evaluation.source_pairs
    names = sorted({name for pair in pairs for name in (pair.source, pair.other_source)})
    if len(names) < 2:
        return
    cells = {}
    for pair in pairs:
        true = pair.counts.tp + pair.counts.fn
        if pair.recall is not None:
            cell = (percent(pair.recall, 1), f"of {true:,}", _shade(pair.recall))
            cells[(pair.source, pair.other_source)] = cells[(pair.other_source, pair.source)] = cell
    rows = [
        [
            f"{p.source} – {p.other_source}",
            percent(p.precision),
            percent(p.recall),
            f"{p.counts.fp:,}",
            f"{p.counts.fn:,}",
        ]
        for p in pairs
    ]
    yield (
        "sources",
        "Between which systems",
        together(
            paragraph(
                "The share of true links that were found between every two systems; on the diagonal, of records that "
                "one system holds twice. Blue is good, orange is bad; the number under it is how many there are."
            ),
            matrix("Recall between systems", names, cells),
            folded(
                "Precision and recall between systems",
                table("Scores by pair of systems", ("systems", "precision", "recall", "false", "missed"), rows),
            ),
        ),
    )


def _shade(share: float) -> int:
    return 1 + sum(share >= bound for bound in (0.5, 0.8, 0.95, 0.99))
