"""`person-index consents`: consents, court orders and refusals on file."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer
from index_service.cli.whoever import who_runs
from index_service.errors import UsageError

consents = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Consents, court orders and refusals on file.")
app.add_typer(
    consents,
    name="consents",
    epilog=examples(
        "person-index consents add consent cws_cms 0Ab3 --covers csi --client pmap --document 'file 17'",
        "person-index consents revoke 4 --reason 'withdrawn by the child'",
        "person-index consents list --person K7Q2-MX9T-4RWA",
    ),
)


class Kind(StrEnum):
    """What is put on file."""

    consent = "consent"
    court_order = "court_order"
    refusal = "refusal"


Source = Annotated[str, typer.Argument(metavar="SOURCE", help="Source of a record of the child.", show_default=False)]
RecordId = Annotated[str, typer.Argument(metavar="ID", help="Its id in that source.", show_default=False)]
FromDay = Annotated[
    str | None, typer.Option("--from", metavar="DATE", help="First day, as 2026-03-01; default: from this moment.")
]
UntilDay = Annotated[
    str | None, typer.Option("--until", metavar="DATE", help="Last day, as 2026-08-31; default: no end.")
]


@consents.command(
    epilog=examples(
        "person-index consents add court_order juvenile_court 19:77 --covers csi --document 'order of 2 May'"
    )
)
def add(
    kind: Annotated[Kind, typer.Argument(help="A refusal forbids, whatever an agreement grants.", show_default=False)],
    source: Source,
    record_id: RecordId,
    covers: Annotated[list[str], typer.Option("--covers", metavar="SOURCE", help="Covers its records; repeatable.")],
    document: Annotated[str, typer.Option("--document", help="Where the signed document is to be found.")],
    client: Annotated[
        list[str] | None, typer.Option("--client", metavar="CLIENT", help="Recipient; repeatable. Default: any.")
    ] = None,
    purpose: Annotated[
        list[str] | None, typer.Option("--purpose", metavar="CODE", help="Purpose; repeatable. Default: any.")
    ] = None,
    from_day: FromDay = None,
    until_day: UntilDay = None,
    record_only: Annotated[
        bool, typer.Option("--record-only", help="Covers this record alone, not all of the person's.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put a consent, court order or refusal on file; effective at once. It stays with the child of the record."""
    from config.purposes import load_purposes
    from config.record_ids import record_key
    from config.sources import load_sources
    from index_service.database import open_database
    from index_service.store.on_file import add_consent

    known = load_sources()
    purposes = load_purposes()
    _refuse_unknown("source", [source, *covers], known)
    _refuse_unknown("purpose", purpose or [], purposes.by_code)
    begin, end = span(from_day, until_day)
    with open_database() as conn:
        number = add_consent(
            conn,
            kind.value,
            record_key(source, record_id),
            sources=covers,
            clients=client or [],
            purposes=purposes.covered(purpose or []),
            from_at=begin,
            until_at=end,
            document=document,
            record_only=record_only,
            who=who_runs(),
        )
    answer({"consent_id": number}, [f"{kind.value} {number} is on file."], as_json=as_json)


@consents.command(epilog=examples("person-index consents revoke 4 --reason 'withdrawn by the child'"))
def revoke(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the consent.", show_default=False)],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the revocation.")],
    as_json: AsJson = False,
) -> None:
    """End a consent, court order or refusal; effective at once, kept for ever."""
    from index_service.database import open_database
    from index_service.store.on_file import revoke_consent

    with open_database() as conn:
        revoke_consent(conn, number, reason=reason, who=who_runs())
    answer({"consent_id": number, "revoked": True}, [f"{number} holds no more."], as_json=as_json)


@consents.command("list", epilog=examples("person-index consents list --person K7Q2-MX9T-4RWA --json"))
def list_consents(
    person: Annotated[str | None, typer.Option("--person", metavar="PERSON", help="Of this person only.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what is on file, revoked and ended ones too."""
    from dataclasses import asdict

    from index_service.database import open_database
    from index_service.store.on_file import answering_person
    from index_service.store.on_file import consents as on_file

    with open_database() as conn:
        found = on_file(conn, (answering_person(conn, person) or person) if person else None)
    now = datetime.now(UTC)
    lines = [
        f"{each.consent_id} {each.kind} for {each.record[0]} {each.record[1]} ({each.covers}): "
        f"{', '.join(sorted(each.sources))} to {', '.join(sorted(each.clients)) or 'anybody'} "
        f"for {', '.join(sorted(each.purposes)) or 'any purpose'}; "
        f"{'holds' if each.is_in_force(now) else 'does not hold'}; {each.document}"
        for each in found
    ]
    figures = [
        asdict(each)
        | {name: sorted(getattr(each, name)) for name in ("sources", "clients", "purposes")}
        | {"holds": each.is_in_force(now)}
        for each in found
    ]
    answer({"consents": figures}, lines or ["Nothing is on file."], as_json=as_json)


def span(from_day: str | None, until_day: str | None) -> tuple[datetime, datetime | None]:
    """The moments of a first and a last day, in the time zone of the agreements."""
    from config.agreements import ZONE

    begin = datetime.combine(_day("--from", from_day), time(), ZONE) if from_day else datetime.now(UTC)
    end = datetime.combine(_day("--until", until_day) + timedelta(days=1), time(), ZONE) if until_day else None
    if end is not None and end <= begin:
        raise UsageError("--until lies before the beginning.")
    return begin, end


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} is no date.", hint="Write it as 2026-03-01.") from None


def _refuse_unknown(what: str, names: list[str], known: object) -> None:
    for name in names:
        if name not in known:  # type: ignore[operator]
            raise UsageError(f"There is no {what} {name!r}.")
