"""Report sections on the mistakes: who was taken for whom, why links were missed, and the worst pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from training.evaluation.errors import RelationCount
from training.evaluation.report import plots
from training.evaluation.report.page import Html, Section, block, figure, folded, heading, paragraph, table, together
from training.evaluation.result import Evaluation, WorstError
from training.evaluation.text import interval, percent, signed


def false_links(evaluation: Evaluation) -> Iterator[Section]:
    """Whom the wrong links join, and how many relatives were kept apart."""
    if not evaluation.false_links:
        return
    apart = [
        [name, f"{a.pairs:,}", f"{a.apart:,}", percent(a.share.value), interval(a.share)]
        for name, a in (("twins", evaluation.twins), ("siblings, twins among them", evaluation.siblings))
        if a
    ]
    columns = ("", "pairs of persons", "kept apart", "share", "95 % interval")
    relatives = [table("Relatives kept apart", columns, apart)] if apart else []
    yield ("false-links", "Who was taken for whom", together(_relations(evaluation.false_links), *relatives))


def _relations(counts: Sequence[RelationCount]) -> Html:
    most = max(counts, key=lambda row: row.pairs)
    if not most.pairs:
        return paragraph("No two different people were linked.")
    return figure(
        plots.svg(plots.relation_plot(counts), "relations"),
        alt="False links by relation: " + ", ".join(f"{row.relation} {row.pairs:,}" for row in counts) + ".",
        how_to_read="Each bar counts wrongly linked pairs of records by how the two people are related; the closest "
        f"relation counts. Most are of the kind “{most.relation}”.",
    )


def missed_links(evaluation: Evaluation) -> Iterator[Section]:
    counts, completeness = evaluation.missed_links, evaluation.completeness
    if not counts and completeness is None:
        return
    parts = []
    if completeness:
        saved = f" That spared {percent(completeness.reduction, 4)} of all possible comparisons."
        parts.append(
            paragraph(
                f"Of {completeness.true_pairs:,} true pairs, {completeness.found:,} "
                f"({percent(completeness.completeness.value)}; {interval(completeness.completeness)}) were proposed by "
                f"blocking; the others could not be found.{saved if completeness.reduction is not None else ''}"
            )
        )
    if counts:
        rows = [[row.reason, f"{row.pairs:,}", percent(row.share, 1)] for row in counts]
        parts.append(table("At which step true pairs were lost", ("step", "pairs", "share"), rows))
    yield ("missed-links", "Why links were missed", together(*parts))


def worst_errors(evaluation: Evaluation) -> Iterator[Section]:
    if not evaluation.worst:
        return
    shown = [_worst(number, error) for number, error in enumerate(evaluation.worst, start=1)]
    yield (
        "worst",
        "The worst errors",
        together(
            paragraph(
                "The linked pairs of two different people with the highest weights, and the true pairs with the "
                "lowest. Records are named by system and record id only. In each plot, read from the top: a bar to "
                "the right speaks for one person, a bar to the left against, each starting where the last ended."
            ),
            *shown,
        ),
    )


def _worst(number: int, error: WorstError) -> Html:
    kind = "False link" + (f" ({error.relation})" if error.relation else "")
    name = (
        f"{number}. {kind if error.kind == 'false link' else 'Missed link'}: {_key(error.left)} and {_key(error.right)}"
    )
    said = f"Match weight {signed(error.weight_bits)} bits."
    if not error.steps:
        return block("error", heading(name), paragraph(said))
    steps = [[s.comparison.replace("_", " "), s.level, signed(s.bits, 2)] for s in error.steps]
    return block(
        "error",
        heading(name),
        paragraph(f"{said} The plot weighs one person against {error.rival}."),
        figure(
            plots.svg(plots.waterfall(error), f"worst-{number}"),
            alt=f"Waterfall of the match weight of pair {number}; the steps are in the table below.",
            how_to_read="Comparisons that add nothing, because a side is missing, are left out.",
        ),
        folded("The steps", table(f"Steps of pair {number}", ("comparison", "level", "bits"), steps)),
    )


def _key(key: tuple[str, str]) -> str:
    return f"{key[0]} {key[1]}"
