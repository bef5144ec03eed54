"""`person-index compare`: weigh the pairs of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, Encoding, ModelFile, Rejects, examples
from index_service.cli.output import answer, note
from index_service.cli.progress import progress_bars

if TYPE_CHECKING:
    from index_service.comparing_files import CompareSummary


@app.command(
    epilog=examples(
        "person-index compare pairs.csv --out weighed.csv",
        "person-index compare pairs.csv --out weighed.csv --model model.json --json",
    )
)
def compare(
    pairs: Annotated[Path, typer.Argument(metavar="PAIRS.csv", help="Columns a_<field> and b_<field>.")],
    out: Annotated[Path, typer.Option("--out", metavar="OUT.csv", help="File to write: the same rows, weighed.")],
    model: ModelFile = None,
    rejects: Rejects = None,
    encoding: Encoding = None,
    as_json: AsJson = False,
) -> None:
    """Weigh pairs of records that stand side by side in a file.

    Columns are a_<field> and b_<field> with canonical field names, whichever are there. The output has the input's
    columns and match_weight (bits), probability, outcome (link, review or no_link), weight_against_stranger and
    weight_against_sibling, in the same order of rows. The model that comes with the program is used unless --model.
    """
    from config.policy import load_policy
    from index_service.comparing_files import compare_files
    from index_service.models import read_model

    with progress_bars() as advance:
        summary = compare_files(
            pairs,
            out,
            model=read_model(model),
            policy=load_policy(),
            rejects=rejects or Path("rejects") / f"{pairs.stem}.csv",
            encoding=encoding,
            advance=advance,
        )
    for text in summary.notes:
        note(f"Note: {text}")
    figures = {"out": str(out), **{name: getattr(summary, name) for name in _FIGURES}}
    answer(figures, _lines(summary, out), as_json=as_json)


_FIGURES = ("pairs", "outcomes", "rejects", "reject_file", "notes", "model_fingerprint")


def _lines(summary: CompareSummary, out: Path) -> list[str]:
    found = ", ".join(f"{summary.outcomes[name]:,} {name}" for name in ("link", "review", "no_link"))
    lines = [f"{summary.pairs:,} pairs: {found}.", f"Written to {out}."]
    if summary.rejects:
        lines.append(f"{summary.rejects:,} rows could not be read: see {summary.reject_file}.")
    return lines
