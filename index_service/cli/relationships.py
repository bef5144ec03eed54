"""`person-index relationships`: who stands how to a child, where an agreement asks for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from index_service.cli.application import app
from index_service.cli.consents import FromDay, RecordId, Source, span
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer
from index_service.cli.whoever import who_runs
from index_service.errors import UsageError

relationships = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who stands how to a child.")
app.add_typer(
    relationships,
    name="relationships",
    epilog=examples(
        "person-index relationships add assigned_worker cws_cms 0Ab3 --client cws_worker --user ann",
        "person-index relationships end 3 --reason 'case transferred'",
    ),
)


@relationships.command(
    epilog=examples(
        "person-index relationships add assigned_worker cws_cms 0Ab3 --client cws_worker --user ann",
        "person-index relationships add legal_responsibility cws_cms 0Ab3 --client cws_worker --until 2027-01-31",
    )
)
def add(
    kind: Annotated[str, typer.Argument(help="As agreements name it, or legal_responsibility.", show_default=False)],
    source: Source,
    record_id: RecordId,
    client: Annotated[str, typer.Option("--client", help="The client, or agency, that stands in it.")],
    user: Annotated[str | None, typer.Option("--user", help="The user who does; default: every one.")] = None,
    from_day: FromDay = None,
    until_day: Annotated[str | None, typer.Option("--until", metavar="DATE", help="Last day; default: no end.")] = None,
    as_json: AsJson = False,
) -> None:
    """Note how somebody stands to the child of a record; effective at once."""
    from config.agreements import RELATIONSHIPS
    from config.record_ids import record_key
    from index_service.database import open_database
    from index_service.disclosure.on_file import LEGAL_RESPONSIBILITY
    from index_service.store.on_file import add_relationship

    if kind not in (*RELATIONSHIPS, LEGAL_RESPONSIBILITY):
        known = ", ".join((*RELATIONSHIPS, LEGAL_RESPONSIBILITY))
        raise UsageError(f"There is no relationship {kind!r}.", hint=f"There are: {known}.")
    begin, end = span(from_day, until_day)
    with open_database() as conn:
        number = add_relationship(
            conn,
            kind,
            record_key(source, record_id),
            client=client,
            user=user,
            from_at=begin,
            until_at=end,
            who=who_runs(),
        )
    answer({"relationship_id": number}, [f"Relationship {number} is on file."], as_json=as_json)


@relationships.command(epilog=examples("person-index relationships end 3 --reason 'case transferred'"))
def end(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the relationship.", show_default=False)],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with it.")],
    as_json: AsJson = False,
) -> None:
    """End a relationship; effective at once, kept for ever."""
    from index_service.database import open_database
    from index_service.store.on_file import end_relationship

    with open_database() as conn:
        end_relationship(conn, number, reason=reason, who=who_runs())
    answer({"relationship_id": number, "ended": True}, [f"{number} holds no more."], as_json=as_json)


@relationships.command("list", epilog=examples("person-index relationships list --person K7Q2-MX9T-4RWA"))
def list_relationships(
    person: Annotated[str | None, typer.Option("--person", metavar="PERSON", help="To this person only.")] = None,
    as_json: AsJson = False,
) -> None:
    """List who stands how to whom, ended ones too."""
    from dataclasses import asdict

    from index_service.database import open_database
    from index_service.store.on_file import answering_person, relations

    with open_database() as conn:
        found = relations(conn, (answering_person(conn, person) or person) if person else None)
    now = datetime.now(UTC)
    lines = [
        f"{each.relationship_id} {each.client}{' ' + each.user if each.user else ''}: {each.kind} of "
        f"{each.record[0]} {each.record[1]}; {'holds' if each.is_in_force(now) else 'does not hold'}"
        for each in found
    ]
    figures = [asdict(each) | {"holds": each.is_in_force(now)} for each in found]
    answer({"relationships": figures}, lines or ["Nothing is on file."], as_json=as_json)
