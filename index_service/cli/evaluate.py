"""`person-index evaluate`: how good a linkage is, where the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer
from index_service.errors import MissingFile, UnreadableFile

if TYPE_CHECKING:
    import pyarrow as pa


@app.command(
    epilog=examples(
        "person-index evaluate --truth truth.csv",
        "person-index evaluate --truth truth.csv --persons persons.csv --report report.html --json",
    )
)
def evaluate(
    truth: Annotated[
        Path, typer.Option("--truth", metavar="TRUTH.csv", help="Columns source, source_record_id and person.")
    ],
    persons: Annotated[
        Path | None,
        typer.Option("--persons", metavar="PERSONS.csv", help="As `link` writes it; default: what is published."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="REPORT.html", help="Also write a report with plots.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge a linkage by the truth: precision, recall and F1 of pairs and of persons, by subgroup, with intervals.

    Boolean columns of the truth (is_twin, adopted, ...) are the subgroups.
    """
    from training.evaluation.evaluate import evaluate as judge
    from training.evaluation.evaluate import to_text
    from training.evaluation.report import evaluation_report

    true_persons = read_persons_table(truth)
    predicted = read_persons_table(persons) if persons else published_persons()
    evaluation = judge(predicted, true_persons)
    if report:
        evaluation_report(evaluation, report)
    answer(evaluation.as_dict(), [to_text(evaluation).rstrip()], as_json=as_json)


def read_persons_table(path: Path) -> pa.Table:
    """Read a CSV or Parquet table of records and their persons.

    Raises:
        MissingFile, UnreadableFile: what is wrong with it.
    """
    import pyarrow as pa

    from training.evaluation.truth import read_table

    if not path.is_file():
        raise MissingFile(f"{path} is not a file.")
    try:
        return read_table(path)
    except (pa.ArrowException, UnicodeDecodeError):
        hint = "It needs a header with source, source_record_id and a person, in UTF-8, each row with as many cells."
        raise UnreadableFile(f"{path.name} cannot be read as a table of persons.", hint=hint) from None


def published_persons() -> pa.Table:
    """The records that are published with their persons."""
    from index_service.database import open_database
    from index_service.exporting import persons_table

    with open_database() as conn:
        return persons_table(conn)
