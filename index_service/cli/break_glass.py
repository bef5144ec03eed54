"""`person-index break-glass`: what users passed over in an emergency, and its review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer
from index_service.cli.whoever import who_runs
from index_service.errors import UsageError

if TYPE_CHECKING:
    from index_service.store.on_file import GlassCase

break_glass = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Review where users broke the glass in an emergency."
)
app.add_typer(
    break_glass,
    name="break-glass",
    epilog=examples(
        "person-index break-glass list",
        "person-index break-glass review 5 --justified --remark 'called the worker: a child at the door'",
    ),
)


@break_glass.command("list", epilog=examples("person-index break-glass list --all --json"))
def list_cases(
    everything: Annotated[bool, typer.Option("--all", help="Those reviewed, too.")] = False, as_json: AsJson = False
) -> None:
    """List broken glass that waits for its review, the most urgent first."""
    from index_service.database import open_database
    from index_service.store.on_file import glass_cases

    with open_database() as conn:
        cases = glass_cases(conn, reviewed_too=everything)
    lines = [_line(case) for case in cases] or ["Nothing waits for a review."]
    answer({"cases": [_figures(case) for case in cases]}, lines, as_json=as_json)


@break_glass.command(
    epilog=examples("person-index break-glass review 5 --not-justified --remark 'no emergency; told the supervisor'")
)
def review(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the case.", show_default=False)],
    remark: Annotated[str, typer.Option("--remark", help="What was found; kept for ever.")],
    justified: Annotated[
        bool, typer.Option("--justified/--not-justified", help="Whether it was right to break it.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Say what the review of a case found."""
    from index_service.database import open_database
    from index_service.disclosure.reviewing_glass import review_glass

    if not remark.strip():
        raise UsageError("--remark is empty.", hint="Say what was found: it is kept with the case.")
    user = who_runs()
    with open_database() as conn:
        review_glass(conn, number, who=f"{user} (command line)", subject=user, was_justified=justified, remark=remark)
    answer({"broken_glass_id": number, "was_justified": justified}, [f"Case {number} is reviewed."], as_json=as_json)


def _line(case: GlassCase) -> str:
    from datetime import UTC, datetime

    glass = case.glass
    state = "overdue" if case.is_overdue(datetime.now(UTC)) else "waits"
    if case.review is not None:
        state = "justified" if case.review.was_justified else "not justified"
    return (
        f"{glass.broken_glass_id:>5} {state:<13} {glass.user} through {glass.client} for {glass.person_id}, "
        f"{glass.broken_at:%Y-%m-%d %H:%M}, {case.answers:,} answers, review by {glass.review_by:%Y-%m-%d %H:%M}: "
        f"{glass.reason}"
    )


def _figures(case: GlassCase) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(case.glass), "answers": case.answers, "review": asdict(case.review) if case.review else None}
