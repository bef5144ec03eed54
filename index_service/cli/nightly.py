"""`person-index nightly`: the operator's night job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.cli.application import app
from index_service.cli.engine import Engine, EngineOption, SparkFolder, SparkMaster, spark_options
from index_service.cli.options import AsJson, MemoryGb, examples
from index_service.cli.output import answer
from index_service.cli.progress import progress_bars
from index_service.failures import describe, in_a_sentence, stopped_by

if TYPE_CHECKING:
    from index_service.nightly.night import NightReport
    from index_service.spark_session import SparkOptions
    from index_service.stages import Advance
    from index_service.store.connection import Connection
    from linkage.model import Model

EXIT_CODES = {"good": 0, "needs_person": 1, "failed": 2}


@app.command(
    epilog=examples(
        "person-index nightly --drop /srv/extracts --json",
        "person-index nightly --drop /srv/extracts --accept-files calpads",
        "person-index nightly --drop /srv/extracts --engine spark --spark-master yarn --spark-folder /shared/linking",
    )
)
def nightly(
    drop: Annotated[
        Path, typer.Option("--drop", metavar="FOLDER", help="Folder with a folder per source.", show_default=False)
    ],
    rejects: Annotated[
        Path, typer.Option("--rejects", metavar="FOLDER", help="Folder for the lists of what could not be used.")
    ] = Path("rejects"),
    accept_files: Annotated[
        list[str] | None,
        typer.Option("--accept-files", metavar="SOURCE", help="Load files of this source that were kept out."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Link all records, whatever changed.")] = False,
    engine: EngineOption = Engine.duckdb,
    spark_master: SparkMaster = None,
    spark_folder: SparkFolder = None,
    memory_gb: MemoryGb = 4.0,
    as_json: AsJson = False,
) -> None:
    """Load what has arrived, relink what changed, look for persons that may be several, verify, and report.

    Every file is loaded once, by its content. A file that is not as its source's files have been is kept out, and the
    other sources go on. Interrupted at any point, the next job completes the night. Ends with 0 if all is good, with 1
    if something waits for a person, with 2 if the night failed.
    """
    try:
        spark = spark_options(engine, spark_master, spark_folder)
        report = _night(drop, rejects, accept_files or (), full=full, memory_gb=memory_gb, spark=spark)
    except Exception as error:
        if stopped_by(error) is not None:
            raise
        kind, message, hint, _ = describe(error)
        answer(
            {"status": "failed", "failure": message, "kind": kind, "hint": hint},
            [message, hint] if hint else [message],
            as_json=as_json,
        )
        raise typer.Exit(EXIT_CODES["failed"]) from None
    page = _write_page(report.night_id)
    answer(report.figures() | {"report": page}, [*lines(report), f"  report: {page}"], as_json=as_json)
    raise typer.Exit(EXIT_CODES[report.status])


def _night(
    drop: Path,
    rejects: Path,
    accept_files: Iterable[str],
    *,
    full: bool,
    memory_gb: float,
    spark: SparkOptions | None,
) -> NightReport:
    from config.nights import load_nights
    from config.policy import load_policy
    from config.sources import load_sources
    from index_service.cli.load import known_source
    from index_service.database import open_database
    from index_service.nightly.night import NightOptions, run_night

    sources = load_sources()
    accepted = frozenset(known_source(name, sources).id for name in accept_files)
    fit = partial(_fit, memory_gb=memory_gb)
    options = NightOptions(drop, rejects, accepted, full, memory_gb, spark, load_nights(), fit)
    with progress_bars("nightly") as advance:
        return run_night(open_database, sources, load_policy(), options, advance)


def _write_page(night_id: int) -> str:
    """Write the night's page to a file, and keep it for the workbench; a night is not lost for its report."""
    from index_service.cli.night_page import night_page, read_night
    from index_service.cli.runs import REPORTS
    from index_service.database import open_database
    from index_service.store.overview import keep_page

    path = REPORTS / f"night-{night_id:05}.html"
    try:
        with open_database() as conn:
            data = read_night(conn, night_id)
            html = "" if data is None else night_page(data)
            keep_page(conn, night_id, html)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html, encoding="utf-8")
    except Exception as error:
        if stopped_by(error) is not None:
            raise
        return f"not written: {in_a_sentence(error)}"
    return str(path)


def _fit(conn: Connection, advance: Advance, *, memory_gb: float) -> Model | None:
    """A model fitted anew and kept as `train` keeps it; None if the fit did not settle."""
    from index_service.cli.train import MODELS, fit_loaded, keep_model

    fitted = fit_loaded(conn, advance, memory_gb=memory_gb)
    if not fitted.report.converged:
        return None
    path = MODELS / f"{fitted.model.name}-{fitted.model.fingerprint}.json"
    keep_model(conn, fitted, path, path.with_suffix(".html"))
    return fitted.model


def lines(report: NightReport) -> Iterator[str]:
    """A night for people."""
    yield f"Night {report.night_id}{' (gone on with)' if report.resumed else ''}: {report.status.replace('_', ' ')}."
    for file in report.files:
        counts = file.get("counts")
        told = ", ".join(f"{n:,} {what}" for what, n in counts.items() if n) if isinstance(counts, dict) else ""
        yield f"  {file['source']}/{file['file']}: {file['outcome']}{': ' + told if told else ''}"
    for linking in (report.relink, report.new_statistics):
        changes = linking.get("changes")
        if isinstance(changes, dict):
            told = ", ".join(f"{n:,} {what}" for what, n in changes.items() if n) or "nothing changes"
            yield f"  relink ({linking['scope']}): {told}{'; it waits' if linking['waits'] else ''}"
    signs = report.sentinel.get("signs")
    if isinstance(signs, dict) and signs:
        told = ", ".join(f"{n:,} {sign.replace('_', ' ')}" for sign, n in signs.items())
        yield f"  sentinel: {report.sentinel['asked']:,} persons may be several, stewards are asked: {told}"
    for name, count in report.faults.items():
        yield f"  WRONG: {count:,} {name.replace('_', ' ')}"
    yield from (f"  {text}" for text in (*report.notes, *report.problems, report.failure) if text)
