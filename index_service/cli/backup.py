"""`person-index backup` and `restore`: the database into a folder, and back into an empty one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer
from index_service.cli.progress import progress_bars
from index_service.stages import StageByStage

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The backup: a folder.", show_default=False)]


@app.command(epilog=examples("person-index backup /srv/backups/2026-11-24"))
def backup(folder: Folder, as_json: AsJson = False) -> None:
    """Write one state of the database into a new folder; the service and the night job go on meanwhile.

    The keys (PERSON_INDEX_SEALING_KEYS, PERSON_INDEX_SIGNING_KEYS) and the ledger's seals are not in it: keep copies of
    these files elsewhere, without which what is sealed cannot be read.
    """
    from index_service.database import open_database
    from index_service.store.backup import backup as write

    with open_database() as conn, progress_bars("backup") as advance:
        made = write(conn, folder, advance=advance)
    rows = sum(made.rows.values())
    answer(
        {"folder": str(folder), "made_at": made.made_at, "migration": made.migration, "rows": rows},
        [f"{rows:,} rows of {len(made.rows)} tables are in {folder}. Keep the key files elsewhere."],
        as_json=as_json,
    )


@app.command(epilog=examples("PERSON_INDEX_DATA=var/restored person-index restore /srv/backups/2026-11-24"))
def restore(folder: Folder, as_json: AsJson = False) -> None:
    """Bring a backup back into an empty database, verify what came, and bring its schema up to date.

    Every table must have as many rows as the backup says, every record one person, and the ledger must be as it was
    sealed. Ends with 1 if anything is not so.
    """
    from index_service.disclosure.heads import read_heads
    from index_service.settings import Settings
    from index_service.store.backup import restore as bring_back
    from index_service.store.connection import connect
    from index_service.store.ledger import verify
    from index_service.store.nights import faults
    from index_service.store.server import running_database

    settings = Settings()
    with running_database(settings) as url, connect(url) as conn, progress_bars("restore") as advance:
        found = bring_back(conn, folder, advance=advance)
        progress = StageByStage(advance)
        progress("verify")
        wrong = faults(conn)
        progress("verify the ledger")
        faulty = verify(conn, read_heads(settings.ledger_seals)).faults
        progress.done()
    later = [fault for fault in faulty if fault.kind == "block_removed"]
    ledger = [fault for fault in faulty if fault not in later]
    rows = sum(found.rows.values())
    lines = [f"{rows:,} rows came back, as they were at {found.made_at}."]
    lines += [f"WRONG: {count:,} {name.replace('_', ' ')}" for name, count in wrong.items()]
    lines += [f"Ledger: {fault.kind} {fault.number}: {fault.words}" for fault in ledger]
    if later:
        lines.append(f"The ledger lacks {len(later):,} blocks that were sealed after the backup was made.")
    answer({"rows": rows, "made_at": found.made_at, "faults": wrong, "ledger": len(ledger)}, lines, as_json=as_json)
    if wrong or ledger:
        raise typer.Exit(1)
