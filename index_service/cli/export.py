"""`person-index export`: write what is published to files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer
from index_service.cli.whoever import who_runs
from index_service.errors import UsageError

export = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Write what is published to files.")
app.add_typer(export, name="export", epilog=examples("person-index export persons --out persons.csv"))


@export.command(
    epilog=examples(
        "person-index export persons --out persons.csv",
        "person-index export persons --out persons.parquet --json",
        "person-index export persons --client pmap --purpose COURT --out persons.csv",
    )
)
def persons(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="CSV, or Parquet by its name.")],
    exact: Annotated[
        bool, typer.Option("--exact", help="CSV for machines: ids that look like formulas are not marked with a '.")
    ] = False,
    client: Annotated[
        str | None, typer.Option("--client", metavar="CLIENT", help="Only what agreements let this client learn.")
    ] = None,
    purpose: Annotated[
        str | None, typer.Option("--purpose", metavar="CODE", help="For which purpose of use, with --client.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write every record with its person: source, source_record_id, person_id.

    With --client and --purpose, what that client would be told, and in `notice` words that have to travel with a row.
    Each person gets a row in the ledger, with the account that took the records out.
    """
    from index_service.csv_output import refuse_overwriting
    from index_service.database import open_database
    from index_service.exporting import export_persons, export_persons_for

    refuse_overwriting(out, [])
    if (client is None) != (purpose is None):
        raise UsageError("--client and --purpose go together.", hint="Give both, or neither for everything.")
    with open_database() as conn:
        if client is not None and purpose is not None:
            rows = export_persons_for(conn, out, client=client, purpose=purpose, who=who_runs(), exact=exact)
        else:
            rows = export_persons(conn, out, who=who_runs(), exact=exact)
    answer({"out": str(out), "rows": rows}, [f"{rows:,} records with their persons written to {out}."], as_json=as_json)
