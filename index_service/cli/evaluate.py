"""`person-index evaluate`: how good a linkage is, where the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer
from index_service.cli.progress import progress_bars
from index_service.errors import MissingFile, UnreadableFile

if TYPE_CHECKING:
    import pyarrow as pa

    from config.policy import LinkagePolicy
    from index_service.linking_again import LinkedAgain
    from index_service.stages import Advance
    from training.evaluation.evaluate import Evaluation


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
    memory_gb: Annotated[
        float, typer.Option("--memory-gb", min=0.1, help="Memory for linking, in GB; beyond it, the disk is used.")
    ] = 4.0,
    as_json: AsJson = False,
) -> None:
    """Judge a linkage by the truth: precision, recall and F1 of pairs and of persons, by subgroup, with intervals.

    Boolean columns of the truth (is_twin, adopted, ...) are the subgroups. The pairs of what is published are weighed
    again for it (with current model and policy; nothing is changed), which adds calibration, what blocking finds, why
    links are missed, threshold against error, and the worst errors. Of a file the persons alone are judged.
    """
    from training.evaluation.evaluate import evaluate as judge
    from training.evaluation.evaluate import to_text
    from training.evaluation.report import evaluation_report

    true_persons = read_persons_table(truth)
    if persons:
        evaluation = judge(read_persons_table(persons), true_persons)
    else:
        with progress_bars("evaluate") as advance:
            evaluation = judge_published(true_persons, memory_gb, advance)
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


def judge_published(truth: pa.Table, memory_gb: float, advance: Advance) -> Evaluation:
    """Judge what is published, and the weights behind it."""
    from config.policy import load_policy
    from index_service.database import open_database
    from index_service.linking_again import link_again
    from index_service.models import model_in_use

    policy = load_policy()
    with open_database() as conn:
        linked = link_again(conn, model_in_use(conn), policy, advance, memory_limit_gb=memory_gb)
    return judge_linked(linked, truth, policy)


def judge_linked(linked: LinkedAgain, truth: pa.Table, policy: LinkagePolicy) -> Evaluation:
    """Judge persons by the truth with everything that is known of how they came about."""
    from training.evaluation.evaluate import LinkageFacts
    from training.evaluation.evaluate import evaluate as judge

    how = LinkageFacts(
        model=linked.model,
        blocking=linked.blocking,
        candidates=linked.candidates,
        explain=linked.explain,
        link_bits=policy.link_threshold_bits,
        review_bits=policy.review_threshold_bits,
    )
    return judge(linked.persons, truth, pairs=linked.pairs, how=how)
