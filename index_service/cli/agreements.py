"""`person-index agreements`: which client may learn what, as data."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer
from index_service.cli.whoever import who_runs
from index_service.errors import IndexServiceError

if TYPE_CHECKING:
    from config.agreements import Agreement
    from index_service.disclosure.clauses import Clause

agreements = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Which client may learn what, as data.")
app.add_typer(
    agreements,
    name="agreements",
    epilog=examples(
        "person-index agreements check",
        "person-index agreements diff",
        "person-index agreements apply --reason 'signed on 2 March'",
        "person-index agreements explain K7Q2-MX9T-4RWA --client pmap --purpose COURT",
    ),
)

Folder = Annotated[
    Path | None,
    typer.Option("--folder", metavar="FOLDER", help="Folder of agreement files; default: the shipped examples."),
]


class NoSuchPerson(IndexServiceError):
    """There is no person of this id."""


@agreements.command(epilog=examples("person-index agreements check --folder agreements"))
def check(folder: Folder = None, as_json: AsJson = False) -> None:
    """Read the agreement files and say what is wrong with them; changes nothing."""
    found = _load(folder)
    lines = [f"{each.reference}: {len(each.grants)} grants, {len(each.denials)} denials" for each in found]
    answer({"agreements": [each.reference for each in found]}, [*lines, "All can be used."], as_json=as_json)


@agreements.command(epilog=examples("person-index agreements diff --folder agreements --json"))
def diff(folder: Folder = None, as_json: AsJson = False) -> None:
    """Show what applying the files would change: agreements that come, go, or have another text.

    Ends with 1 if there is a difference.
    """
    from index_service.database import open_database
    from index_service.store.agreements import applied_agreements

    with open_database() as conn:
        before = {each.id: each for each in applied_agreements(conn)}
    after = {each.id: each for each in _load(folder)}
    changes = {name: _changed_lines(before.get(name), after.get(name)) for name in sorted(before.keys() | after.keys())}
    changes = {name: lines for name, lines in changes.items() if lines}
    told = [line for name, lines in changes.items() for line in (f"{name}:", *lines)]
    answer({"changes": changes}, told or ["The files are what was applied."], as_json=as_json)
    if changes:
        raise typer.Exit(1)


@agreements.command(epilog=examples("person-index agreements apply --reason 'signed on 2 March'"))
def apply(
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the application.")],
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Let the agreements of the files hold from this moment, and no others. What no file grants is denied."""
    from index_service.database import open_database
    from index_service.store.agreements import apply_agreements

    found = _load(folder)
    with open_database() as conn:
        applied = apply_agreements(conn, found, _clauses(found), reason=reason, who=who_runs())
    figures = {"application": applied.number, "agreements": list(applied.references)}
    lines = [f"Application {applied.number}: {', '.join(applied.references) or 'none; everything is denied'}"]
    answer(figures, lines, as_json=as_json)


@agreements.command(
    epilog=examples(
        "person-index agreements explain K7Q2-MX9T-4RWA --client pmap --purpose COURT",
        "person-index agreements explain K7Q2-MX9T-4RWA --client cws_worker --user ann --purpose BTG --json",
    )
)
def explain(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Id of a person.", show_default=False)],
    client: Annotated[str, typer.Option("--client", help="Client id of who would ask.")],
    purpose: Annotated[str, typer.Option("--purpose", help="Purpose of use, as COURT.")],
    user: Annotated[str | None, typer.Option("--user", help="The human user who would ask.")] = None,
    action: Annotated[str, typer.Option("--action", help="What would be done, as pointers or history.")] = "pointers",
    as_json: AsJson = False,
) -> None:
    """Say what a client would see of a person for a purpose, and by which clause; what not, and what is lacking.

    Shows you all records of the person, and enters into the ledger that it did.
    """
    from dataclasses import asdict

    from index_service.database import open_database
    from index_service.disclosure.explain import Asked
    from index_service.disclosure.explain import explain as explained
    from index_service.disclosure.on_file import Caller
    from index_service.store.agreements import applied_agreements
    from index_service.store.ledger import note_shown
    from index_service.store.on_file import answering_person, members, on_file

    with open_database() as conn, conn.transaction():
        person_id = answering_person(conn, person)
        if person_id is None:
            raise NoSuchPerson
        records = members(conn, person_id)
        clauses = _clauses(applied_agreements(conn))
        asked = Asked(Caller(client, user), purpose, action, datetime.now(UTC))
        found = explained(clauses, asked, records, on_file(conn, person_id))
        note_shown(conn, person_id, records, command="explain", who=who_runs())
    head = f"{client} asking for {purpose} ({action}) of person {person_id}:"
    figures = {"person_id": person_id, "records": [{**asdict(each), "words": each.words} for each in found]}
    answer(figures, [head, *(each.words for each in found)], as_json=as_json)


def _load(folder: Path | None) -> Sequence[Agreement]:
    from config.agreements import load_agreements
    from config.purposes import load_purposes
    from config.sources import load_sources
    from index_service.errors import MissingFile

    if folder is not None and not folder.is_dir():
        raise MissingFile(f"{folder} is no folder.")
    return load_agreements(load_sources(), load_purposes(), folder)


def _clauses(found: Sequence[Agreement]) -> Sequence[Clause]:
    from config.purposes import load_purposes
    from config.sources import load_sources
    from index_service.disclosure.clauses import clauses_of

    return clauses_of(found, load_sources(), load_purposes())


def _changed_lines(before: Agreement | None, after: Agreement | None) -> list[str]:
    """The lines of the texts that differ, each with + or -; a changed text under an old version says so first."""
    lines = list(difflib.unified_diff(_text(before), _text(after), lineterm="", n=0))[2:]
    lines = [line for line in lines if not line.startswith("@@")]
    if lines and before is not None and after is not None and before.version >= after.version:
        return [f"! the text differs and version {after.version} is not above {before.version}: raise it", *lines]
    return lines


def _text(agreement: Agreement | None) -> list[str]:
    if agreement is None:
        return []
    document = agreement.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(document, indent=2, ensure_ascii=False).splitlines()
