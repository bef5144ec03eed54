"""`person-index seal`: seal the time before an adoption, or open a seal by a court's order; two persons each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples, record_named
from index_service.cli.output import answer
from index_service.cli.whoever import who_runs
from index_service.errors import UsageError

if TYPE_CHECKING:
    from index_service.stewardship.adoptions import Sealed
    from index_service.stewardship.deciding import Steward
    from index_service.store.adoptions import Seal

seal = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Seal the time before an adoption, with a second person."
)
app.add_typer(
    seal,
    name="seal",
    epilog=examples(
        "person-index seal propose K7Q2-MX9T-4RWA --after calpads:9000000001 --reason 'order of adoption, file 12'",
        "person-index seal agree 3 --reason 'seen the order'",
    ),
)

SealNumber = Annotated[int, typer.Argument(metavar="SEAL", help="Number of the seal.", show_default=False)]
Reason = Annotated[str, typer.Option("--reason", help="Why, without names; kept for ever.")]


@seal.command(
    epilog=examples(
        "person-index seal propose K7Q2-MX9T-4RWA --after calpads:9000000001 --after meds:0Ab3 --reason 'file 12'"
    )
)
def propose(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="The person of the time before.", show_default=False)],
    after: Annotated[
        list[str],
        typer.Option("--after", metavar="SOURCE:ID", help="A record of the time after the adoption; repeatable."),
    ],
    reason: Reason,
    keeps_name: Annotated[bool, typer.Option("--keeps-name", help="The child keeps its name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask that a person be sealed. It takes effect when a second person agrees."""
    from index_service.database import open_database
    from index_service.stewardship.adoptions import propose_seal

    with open_database() as conn:
        done = propose_seal(
            conn, person, set(map(record_named, after)), _who(reason), reason=reason, keeps_name=keeps_name
        )
    _tell(done, as_json=as_json)


@seal.command(epilog=examples("person-index seal agree 3 --reason 'seen the order'"))
def agree(
    number: SealNumber,
    reason: Reason,
    refuse: Annotated[bool, typer.Option("--refuse", help="Say no.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say as the second person whether a seal, or its opening, takes effect."""
    from index_service.database import open_database
    from index_service.stewardship import adoptions

    with open_database() as conn:
        done = adoptions.agree(conn, number, _who(reason), agrees=not refuse, reason=reason)
    _tell(done, as_json=as_json)


@seal.command("open", epilog=examples("person-index seal open 3 --reason 'order of the court of 4 May'"))
def open_seal(number: SealNumber, reason: Reason, as_json: AsJson = False) -> None:
    """Ask that a seal be opened by the court order on file. It takes effect when a second person agrees."""
    from index_service.database import open_database
    from index_service.stewardship.adoptions import propose_unsealing

    with open_database() as conn:
        done = propose_unsealing(conn, number, _who(reason), reason=reason)
    _tell(done, as_json=as_json)


@seal.command("list", epilog=examples("person-index seal list", "person-index seal list --record meds:0Ab3 --json"))
def list_seals(
    record: Annotated[str | None, typer.Option("--record", metavar="SOURCE:ID", help="That name this record.")] = None,
    as_json: AsJson = False,
) -> None:
    """List seals with what became of them. Whom they concern is not told."""
    from index_service.database import open_database
    from index_service.store.adoptions import seals

    with open_database() as conn:
        found = seals(conn, None if record is None else record_named(record))
    answer(
        {"seals": [_figures(each) for each in found]}, [_line(each) for each in found] or ["No seal."], as_json=as_json
    )


def _who(reason: str) -> Steward:
    """Whoever may run commands on the database may do what a supervisor does."""
    from index_service.stewardship.deciding import Steward

    if not reason.strip():
        raise UsageError("--reason is empty.", hint="Say why: it is kept with the seal.")
    return Steward(f"{who_runs()} (command line)", supervisor=True)


def _tell(done: Sealed, *, as_json: bool) -> None:
    lines = [_line(done.seal)]
    lines += [f"The child is now {', '.join(done.persons)}."] if done.persons else []
    lines += [f"Lead to nothing from now on: {', '.join(done.retired)}."] if done.retired else []
    figures = _figures(done.seal) | {"persons": list(done.persons), "retired": list(done.retired)}
    answer(figures, lines, as_json=as_json)


def _line(each: Seal) -> str:
    return (
        f"{each.seal_id:>5} {each.state.replace('_', ' '):<9} asked for by {each.who} on {each.at:%Y-%m-%d}; records: "
        f"{each.before:,} before, {each.after:,} after, {each.apart:,} that show both times"
    )


def _figures(each: Seal) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(each) | {"state": each.state}
