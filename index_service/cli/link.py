"""`person-index link`: who is who in some files, without a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.cli.application import app
from index_service.cli.engine import Engine, EngineOption, SparkFolder, SparkMaster, spark_options
from index_service.cli.options import AsJson, Encoding, Files, ModelFile, Rejects, examples
from index_service.cli.output import answer, note
from index_service.cli.progress import progress_bars

if TYPE_CHECKING:
    import pyarrow as pa

    from index_service.linking_files import LinkSummary
    from index_service.stages import Advance
    from linkage.model import Model


@app.command(
    epilog=examples(
        "person-index link schools.csv courts.parquet --out persons.csv",
        "person-index link all.ndjson --out persons.csv --threshold 0.99 --json",
    )
)
def link(
    files: Files,
    out: Annotated[
        Path, typer.Option("--out", metavar="PERSONS.csv", help="File to write: one row per record, in order.")
    ],
    model: ModelFile = None,
    threshold: Annotated[
        float, typer.Option("--threshold", help="Probability from which records are taken for one person.")
    ] = 0.5,
    rejects: Rejects = None,
    encoding: Encoding = None,
    engine: EngineOption = Engine.duckdb,
    spark_master: SparkMaster = None,
    spark_folder: SparkFolder = None,
    as_json: AsJson = False,
) -> None:
    """Link the records of files, without a database.

    The columns are canonical ones (first_name, last_name, birth_date, ssn, ...), whichever are there; other columns
    are ignored and said so. The source of a record is its file's name unless a column `source` says otherwise. Without
    --model a model is fitted on the input. The output has source, source_record_id, person_id and probability.
    """
    from index_service.linking_files import link_files

    spark = spark_options(engine, spark_master, spark_folder)
    with progress_bars() as advance:
        summary = link_files(
            files,
            out,
            obtain_model=lambda table: _model(model, table, advance),
            threshold=threshold,
            rejects=rejects or Path("rejects") / f"{out.stem}.csv",
            encoding=encoding,
            spark=spark,
            advance=advance,
        )
    for text in summary.notes:
        note(f"Note: {text}")
    answer(_figures(summary, out), _lines(summary, out), as_json=as_json)


def _model(path: Path | None, table: pa.Table, advance: Advance) -> Model:
    from index_service.models import read_model
    from index_service.stages import StageByStage
    from training.fit import fit

    if path:
        return read_model(path)
    progress = StageByStage(advance)
    model = fit(table, progress=progress).model
    progress.done()
    return model


def _figures(summary: LinkSummary, out: Path) -> dict[str, object]:
    figures = {name: getattr(summary, name) for name in summary.__slots__}
    return {"out": str(out), **figures}


def _lines(summary: LinkSummary, out: Path) -> list[str]:
    lines = [
        f"{summary.records:,} records of {len(summary.records_by_source)} sources are {summary.persons:,} persons; "
        f"{summary.linked_records:,} records share a person with another.",
        f"Written to {out}.",
    ]
    if summary.rejects:
        lines.append(f"{summary.rejects:,} rows or values could not be used: see {summary.reject_file}.")
    return lines
