"""Options that several commands share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from index_service.errors import UsageError

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, and nothing else, on standard output.")]
Encoding = Annotated[
    str | None,
    typer.Option("--encoding", help="Encoding of CSV files, as cp1252; default UTF-8.", metavar="NAME"),
]
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV, Parquet or NDJSON.", show_default=False)]
ModelFile = Annotated[
    Path | None, typer.Option("--model", help="Model document (JSON) to use instead.", metavar="MODEL.json")
]
Rejects = Annotated[
    Path | None,
    typer.Option("--rejects", metavar="PATH", help="CSV file for rejected rows; default in ./rejects."),
]


def record_named(text: str) -> tuple[str, str]:
    """A record named on the command line, as SOURCE:ID."""
    from config.record_ids import record_key

    source, colon, record_id = text.partition(":")
    if not (source and colon and record_id):
        raise UsageError("A record is named by its source and id.", hint="Write it as meds:0Ab3.")
    return record_key(source, record_id)


def examples(*lines: str) -> str:
    """The foot of a command's help: each example on its own line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


MemoryGb = Annotated[
    float, typer.Option("--memory-gb", min=0.1, help="Memory for linking, in GB; beyond it, the disk is used.")
]
