"""`person-index ledger`: who learned what, and the proof that nobody changed it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer
from index_service.cli.whoever import who_runs
from index_service.errors import UsageError

if TYPE_CHECKING:
    from index_service.store.connection import Connection
    from index_service.store.ledger import Entry
    from linkage.record import RecordKey

ledger = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who learned what, and proof that it stands.")
app.add_typer(
    ledger,
    name="ledger",
    epilog=examples(
        "person-index ledger verify",
        "person-index ledger accounting K7Q2-MX9T-4RWA --format html --out accounting.html",
        "person-index ledger export --fhir --out audit.ndjson",
    ),
)


class Format(StrEnum):
    """How an accounting is written."""

    text = "text"
    csv = "csv"
    html = "html"


@ledger.command(epilog=examples("person-index ledger seal"))
def seal(as_json: AsJson = False) -> None:
    """Seal what has been told since the last seal; the service does so by itself while it runs."""
    from index_service.database import open_database
    from index_service.disclosure.heads import append_heads
    from index_service.settings import Settings
    from index_service.store.ledger import seal as seal_ledger

    with open_database() as conn:
        heads = seal_ledger(conn)
    append_heads(Settings().ledger_seals, heads)
    figures = [{"block": head.block_no, "digest": head.digest.hex()} for head in heads]
    lines = [f"Block {head.block_no}: {head.digest.hex()}" for head in heads]
    answer({"sealed": figures}, lines or ["There was nothing to seal."], as_json=as_json)


@ledger.command(
    epilog=examples("person-index ledger verify", "person-index ledger verify --seals copy-of-ledger-seals")
)
def verify(
    seals: Annotated[
        Path | None, typer.Option("--seals", metavar="FILE", help="Seals kept outside; default: this installation's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute every seal of the ledger anew; name each row that was changed, removed, moved or added.

    Ends with 1 if anything is not as it was sealed.
    """
    from dataclasses import asdict

    from index_service.database import open_database
    from index_service.disclosure.heads import read_heads
    from index_service.settings import Settings
    from index_service.store.ledger import verify as verify_ledger

    heads = read_heads(seals or Settings().ledger_seals)
    with open_database() as conn:
        found = verify_ledger(conn, heads)
    lines = [f"{fault.kind}: {fault.number}: {fault.words}" for fault in found.faults]
    lines.append(
        f"{found.rows:,} rows in {found.blocks:,} blocks, {found.unsealed:,} rows not sealed yet, "
        f"{len(heads):,} seals kept outside: {'NOT as sealed' if found.faults else 'all as sealed'}."
    )
    figures = {
        "rows": found.rows,
        "blocks": found.blocks,
        "unsealed": found.unsealed,
        "seals_kept_outside": len(heads),
        "head": None if found.head is None else {"block": found.head.block_no, "digest": found.head.digest.hex()},
        "faults": [asdict(fault) for fault in found.faults],
    }
    answer(figures, lines, as_json=as_json)
    if found.faults:
        raise typer.Exit(1)


@ledger.command(
    epilog=examples(
        "person-index ledger accounting K7Q2-MX9T-4RWA",
        "person-index ledger accounting K7Q2-MX9T-4RWA --format html --out accounting.html",
    )
)
def accounting(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Id of a person.", show_default=False)],
    style: Annotated[Format, typer.Option("--format", help="html is a page to print.")] = Format.text,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there.")] = None,
    with_exempt: Annotated[
        bool, typer.Option("--with-exempt", help="Also what 45 CFR 164.528(a)(1) exempts, as treatment.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print to whom the records of a person were disclosed in the last six years (45 CFR 164.528, 42 CFR 2.25).

    Follows the records of the person through joins and splits. Entered into the ledger itself.
    """
    from dataclasses import asdict

    from index_service.csv_output import refuse_overwriting
    from index_service.database import open_database
    from index_service.disclosure.accounting import as_csv, as_html, as_text
    from index_service.disclosure.accounting_for import accounting_for

    if out is not None:
        refuse_overwriting(out, [])
    with open_database() as conn:
        found = accounting_for(conn, person, who=who_runs(), with_exempt=with_exempt)
    if found is None:
        raise UsageError("There is no person of this id.")
    text = {Format.csv: as_csv, Format.html: as_html}.get(style, lambda each: "\n".join(as_text(each)) + "\n")(found)
    figures: dict[str, object] = {"person_id": found.person_id, "exempt": found.exempt}
    if out is not None:
        out.write_text(text, encoding="utf-8")
        figures |= {"out": str(out), "disclosures": len(found.lines)}
        answer(figures, [f"{len(found.lines):,} disclosures written to {out}."], as_json=as_json)
    else:
        answer(figures | {"disclosures": [asdict(line) for line in found.lines]}, [text.rstrip("\n")], as_json=as_json)


@ledger.command(epilog=examples("person-index ledger export --fhir --out audit.ndjson"))
def export(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="NDJSON: a line for each row of the ledger.")],
    fhir: Annotated[bool, typer.Option("--fhir", help="As FHIR R4 AuditEvents.")] = False,
    after: Annotated[int, typer.Option("--after", metavar="NUMBER", min=0, help="Rows above this number only.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write the ledger to a file, to be kept or read elsewhere. That this was done is itself entered into it.

    Each person told of in these rows gets a row, with the account that took them out.
    """
    import orjson

    from index_service.csv_output import refuse_overwriting
    from index_service.database import open_database
    from index_service.store.ledger import note_records_shown

    refuse_overwriting(out, [])
    rows = 0
    told: set[RecordKey] = set()
    partial = out.with_name(out.name + ".partial")
    try:
        with open_database() as conn, partial.open("wb") as file:
            for entry, line in _exported(conn, after, fhir=fhir):
                file.write(orjson.dumps(line) + b"\n")
                rows += 1
                told |= entry.records()
            note_records_shown(conn, told, command="ledger", who=who_runs())
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    answer({"out": str(out), "rows": rows}, [f"{rows:,} rows of the ledger written to {out}."], as_json=as_json)


def _exported(conn: Connection, after: int, *, fhir: bool) -> Iterator[tuple[Entry, dict[str, object]]]:
    """Each row as it is written: plain with the notice that has to travel with it, or an AuditEvent with its labels."""
    from dataclasses import asdict

    from config.agreements import Agreement
    from config.purposes import load_purposes
    from index_service.disclosure.audit_events import audit_event
    from index_service.disclosure.notices import notices_for
    from index_service.store.ledger import agreement_documents, entries

    agreements = {name: Agreement.model_validate_json(text) for name, text in agreement_documents(conn).items()}
    purposes = load_purposes()
    for entry in entries(conn, after):
        if fhir:
            yield entry, audit_event(entry, agreements, purposes)
        else:
            yield entry, asdict(entry) | {"notices": notices_for(source for source, _ in entry.records())}
