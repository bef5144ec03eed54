"""`person-index load`: take in the extracts of a source."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from index_service.cli.application import app
from index_service.cli.options import AsJson, Encoding, Files, Rejects, examples
from index_service.cli.output import answer, note
from index_service.cli.progress import progress_bars
from index_service.errors import UnknownSource

if TYPE_CHECKING:
    from config.sources import SourceConfig
    from index_service.loading.load import LoadSummary
    from index_service.loading.quality import FieldQuality


@app.command(
    epilog=examples(
        "person-index load cws_cms clients.csv",
        "person-index load calpads 2024-05.parquet 2024-06.parquet --rejects rejects.csv",
    )
)
def load(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Source, such as cws_cms.", show_default=False)],
    files: Files,
    encoding: Encoding = None,
    rejects: Rejects = None,
    again: Annotated[
        bool, typer.Option("--again", help="Take in a file that was loaded before, byte for byte.")
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Load it although it is not what the source promises.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Load extracts of a source: new records, newer versions of known ones, withdrawals (`deleted`).

    A file has the columns of the department's layout (config/sources/SOURCE.yaml) or canonical ones. What cannot be
    used is listed in a reject file with line, field and reason. Loading the same file twice changes nothing; after a
    crash, load it again. Linking follows with person-index relink.
    """
    from config.sources import load_sources
    from index_service.database import open_database
    from index_service.loading.load import LoadOptions, load_file

    config = known_source(source, load_sources())
    options = LoadOptions(encoding=encoding, rejects=rejects, again=again, accept=accept)
    with open_database() as conn, progress_bars() as advance:
        summaries = [load_file(conn, config, path, options, advance) for path in files]
    for summary in summaries:
        for text in summary.notes:
            note(f"Note: {summary.file}: {text}")
    answer({"loads": [figures(summary) for summary in summaries]}, _report(summaries), as_json=as_json)
    if any(summary.rows and summary.rows_rejected == summary.rows for summary in summaries):
        raise typer.Exit(1)


def known_source(name: str, sources: Mapping[str, SourceConfig]) -> SourceConfig:
    """The source of this name.

    Raises:
        UnknownSource: names those there are, the closest first.
    """
    if name in sources:
        return sources[name]
    close = difflib.get_close_matches(name.lower(), sources, n=1)
    meant = f"Did you mean {close[0]}? " if close else ""
    raise UnknownSource(f"There is no source called {name!r}.", hint=f"{meant}Sources are: {', '.join(sources)}.")


def figures(summary: LoadSummary) -> dict[str, object]:
    """A load's outcome for machines."""
    return {
        "source": summary.source,
        "file": summary.file,
        "load_id": summary.load_id,
        "loaded_before": summary.loaded_before,
        "layout": summary.layout,
        **summary.counts(),
        "reject_file": summary.reject_file,
        "rows_per_second": round(summary.rows_per_second),
        "reading_s": round(summary.reading_s, 3),
        "storing_s": round(summary.storing_s, 3),
        "quality": {
            entry.field: {"filled": entry.filled, "placeholder": entry.placeholder, "rejected": entry.rejected}
            for entry in summary.quality
        },
        "notes": summary.notes,
    }


def _report(summaries: Iterable[LoadSummary]) -> Iterable[object]:
    for summary in summaries:
        yield from _lines(summary)
        if summary.quality:
            yield quality_table(summary.quality)


def _lines(summary: LoadSummary) -> Iterable[str]:
    counts = summary.counts()
    done = ", ".join(f"{counts[name]:,} {name}" for name in ("new", "changed", "unchanged", "withdrawn"))
    rest = ", ".join(f"{counts[name]:,} {name}" for name in ("outdated", "refused", "rejected") if counts[name])
    pace = f"{summary.elapsed_s:.1f} s, {summary.rows_per_second:,.0f} rows a second"
    yield f"{summary.file} -> {summary.source}, load {summary.load_id}: {summary.rows:,} rows ({pace})"
    yield f"  {done}{', ' + rest if rest else ''}"
    if summary.reject_file:
        yield (
            f"  {summary.rows_rejected:,} rows and {summary.values_rejected:,} values could not be used: "
            f"see {summary.reject_file}"
        )


def quality_table(quality: Iterable[FieldQuality]) -> Table:
    """How well each field of a load is filled."""
    table = Table("field", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("filled", "placeholder", "rejected", "usable"):
        table.add_column(name, justify="right")
    for entry in quality:
        table.add_row(
            entry.field,
            f"{entry.filled / max(entry.records, 1):.1%}",
            f"{entry.placeholder:,}",
            f"{entry.rejected:,}",
            f"{entry.usable_share:.1%}",
        )
    return table
