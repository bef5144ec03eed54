"""`person-index train`: fit a model on what is loaded."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, MemoryGb, examples
from index_service.cli.output import answer
from index_service.cli.progress import progress_bars
from index_service.errors import NothingLoaded

if TYPE_CHECKING:
    from index_service.stages import Advance
    from index_service.store.connection import Connection
    from training.fit import FitResult

MODELS = Path("var/models")


@app.command(epilog=examples("person-index train", "person-index train --out model.json --report model.html --json"))
def train(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="MODEL.json", help="Where to write it; default in var/models.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="REPORT.html", help="Report; default beside the model."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the random pairs: the same seed gives the same model.")] = 0,
    memory_gb: MemoryGb = 4.0,
    as_json: AsJson = False,
) -> None:
    """Fit a model to the records that are loaded; no labels are needed.

    Writes the model document and a report with plots. Where the index has no model yet it becomes the current one;
    otherwise look at what it would change first: person-index relink --model MODEL.json --dry-run.
    """
    from index_service.database import open_database

    with open_database() as conn, progress_bars("train") as advance:
        fitted = fit_loaded(conn, advance, seed=seed, memory_gb=memory_gb)
        path = out or MODELS / f"{fitted.model.name}-{fitted.model.fingerprint}.json"
        report_path = report or path.with_suffix(".html")
        keep_model(conn, fitted, path, report_path)
        is_current = make_current_if_first(conn, fitted)
    found = fitted.report
    figures = {
        "model": str(path),
        "report": str(report_path),
        "fingerprint": fitted.model.fingerprint,
        "is_current": is_current,
        "records": found.records,
        "sources": found.sources,
        "candidate_pairs": found.candidate_pairs,
        "estimated_matches": round(found.estimated_matches),
        "comparisons_left_out": found.left_out,
        "blocking_rules_left_out": [asdict(rule) for rule in found.rules_left_out],
        "converged": found.converged,
        "timings_s": {stage: round(seconds, 3) for stage, seconds in found.timings.items()},
    }
    answer(figures, _lines(fitted, path, report_path, is_current=is_current), as_json=as_json)


def fit_loaded(conn: Connection, advance: Advance, *, seed: int = 0, memory_gb: float = 4.0) -> FitResult:
    """Fit a model to the records of the database.

    Raises:
        NothingLoaded: fewer than two records.
    """
    from index_service.stages import StageByStage
    from index_service.store.extract import read_normalised
    from index_service.store.judgements import marked_generic
    from training.fit import fit

    records = read_normalised(conn)
    if records.num_rows < 2:
        raise NothingLoaded("Fitting a model takes at least two records.")
    progress = StageByStage(advance)
    fitted = fit(records, seed=seed, progress=progress, memory_limit_gb=memory_gb, also_generic=marked_generic(conn))
    progress.done()
    return fitted


def keep_model(conn: Connection, fitted: FitResult, path: Path, report: Path) -> None:
    """Write the model and its report to files, and the model to the database."""
    from index_service.models import document_of
    from index_service.store.runs import save_model as keep
    from linkage.model import save_model
    from training.evaluation.report import training_report

    for each in (path, report):
        each.parent.mkdir(parents=True, exist_ok=True)
    save_model(fitted.model, path)
    training_report(fitted.model, report, report=fitted.report)
    keep(conn, fitted.model.fingerprint, document_of(fitted.model))


def make_current_if_first(conn: Connection, fitted: FitResult) -> bool:
    """A first model becomes the current one at once, as does one in place of the shipped model, which an early relink
    has made current; a later one only by the relink that publishes with it."""
    from index_service.models import read_model
    from index_service.store.runs import current_model, set_current_model

    current = current_model(conn)
    if current is None or current[0] == read_model().fingerprint:
        set_current_model(conn, fitted.model.fingerprint)
        return True
    return current[0] == fitted.model.fingerprint


def _lines(fitted: FitResult, path: Path, report: Path, *, is_current: bool) -> list[str]:
    found = fitted.report
    lines = [
        f"Fitted to {found.records:,} records of {len(found.sources)} sources, {found.candidate_pairs:,} candidate "
        f"pairs; about {found.estimated_matches:,.0f} pairs are estimated to be one person.",
        f"Model {fitted.model.fingerprint} written to {path}, its report to {report}.",
    ]
    if found.left_out:
        lines.append(f"Too seldom filled to be compared: {', '.join(found.left_out)}.")
    lines += [
        f"Blocking goes without “{rule.rule}”: {rule.pairs:,} pairs that no other rule finds would bring "
        f"{rule.missed:,} pairs of one person."
        for rule in found.rules_left_out
    ]
    if not found.converged:
        lines.append("The fit had not settled when it stopped: look at the report before using the model.")
    if is_current:
        return [
            *lines,
            "It is the current model (in place of the shipped one, if a relink used that). Next: person-index relink",
        ]
    return [*lines, f"Not yet in use. See what it changes: person-index relink --model {path} --dry-run"]
