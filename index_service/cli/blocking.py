"""`person-index blocking`: what blocking would make of the records that are loaded, before a relink runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from index_service.cli.application import app
from index_service.cli.options import AsJson, MemoryGb, ModelFile, examples
from index_service.cli.output import answer
from index_service.cli.progress import progress_bars
from index_service.errors import NothingLoaded

if TYPE_CHECKING:
    from linkage.blocking_survey import BlockingSurvey


@app.command(epilog=examples("person-index blocking", "person-index blocking --model model.json --json"))
def blocking(model: ModelFile = None, memory_gb: MemoryGb = 4.0, as_json: AsJson = False) -> None:
    """Show what each blocking rule would make of the loaded records: rows, pairs, largest blocks, what it adds.

    Sizes only, never a value. Ends with 1 if a relink would refuse a rule because it makes too many pairs.
    """
    from config.policy import load_policy
    from index_service.database import open_database
    from index_service.models import model_in_use
    from index_service.stages import StageByStage
    from index_service.store.extract import read_normalised
    from linkage.blocking_survey import survey_blocking

    with open_database() as conn, progress_bars("blocking") as advance:
        used = model_in_use(conn, model)
        records = read_normalised(conn)
        if not records.num_rows:
            raise NothingLoaded
        progress = StageByStage(advance)
        survey = survey_blocking(records, used, load_policy(), progress=progress, memory_limit_gb=memory_gb)
        progress.done()
    answer(_figures(survey, used.fingerprint), _lines(survey), as_json=as_json)
    if survey.exploding:
        raise typer.Exit(1)


def _figures(survey: BlockingSurvey, fingerprint: str) -> dict[str, object]:
    return {
        "model_fingerprint": fingerprint,
        "records": survey.records,
        "candidate_pairs": survey.candidate_pairs,
        "links": survey.links,
        "completeness_at_most": None if survey.completeness is None else round(survey.completeness, 6),
        "rules": [
            {
                "rule": report.rule,
                "records": report.records,
                "keys": report.keys,
                "pairs": report.pairs,
                "new_pairs": report.new_pairs,
                "only_here": report.only_here,
                "oversized_keys": report.oversized_keys,
                "largest_blocks": list(report.largest_blocks),
            }
            for report in survey.reports
        ],
        "oversized_keys": [{"rule": key.rule, "key": key.key, "records": key.records} for key in survey.oversized],
        "exploding": survey.exploding,
    }


def _lines(survey: BlockingSurvey) -> Iterator[str | Table]:
    yield _table(survey)
    yield f"{survey.records:,} records make {survey.candidate_pairs:,} pairs to look at."
    if survey.completeness is not None:
        yield (
            f"{survey.links:,} of them weigh enough to link; by how often the rules find them, at most "
            f"{survey.completeness:.2%} of all such pairs are found."
        )
    for key in survey.oversized:
        yield f"Left out: one key of “{key.rule}” that {key.records:,} records share (number {key.key})."
    yield from survey.exploding.values()


def _table(survey: BlockingSurvey) -> Table:
    table = Table("rule", title=f"Blocking {survey.records:,} records", box=None)
    for heading in ("records", "keys shared", "pairs", "new pairs", "only here", "keys left out", "largest block"):
        table.add_column(heading, justify="right", overflow="fold")
    for report in survey.reports:
        counts = (
            report.records, report.keys, report.pairs, report.new_pairs, report.only_here, report.oversized_keys,
            report.largest_block,
        )  # fmt: skip
        table.add_row(report.rule, *(f"{count:,}" for count in counts))
    return table
