"""`person-index relink`: link what is loaded, see what that changes, publish it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, ModelFile, examples
from index_service.cli.output import answer
from index_service.cli.progress import progress_bars
from index_service.errors import UsageError

if TYPE_CHECKING:
    from index_service.relinking import RelinkOutcome

CHANGES = {
    "created": "new persons",
    "joined": "persons that others turned out to be",
    "split": "persons split off another",
    "moved": "records moved from one person to another",
    "retired": "person ids retired",
    "added": "records added",
    "removed": "records withdrawn",
}


class Engine(StrEnum):
    """What computes candidates and weights."""

    duckdb = "duckdb"
    spark = "spark"


@app.command(
    epilog=examples(
        "person-index relink --dry-run",
        "person-index relink --changed --json",
        "person-index relink --accept",
    )
)
def relink(
    full: Annotated[bool, typer.Option("--full", help="Link all records again (the default).")] = False,
    changed: Annotated[
        bool,
        typer.Option(
            "--changed",
            help="Only if a record is new, changed or withdrawn, a judgement new or undone, or the model another; "
            "then everything is linked again.",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; publish nothing.")] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Publish even if more persons change than the policy lets pass.")
    ] = False,
    engine: Annotated[Engine, typer.Option("--engine", help="What computes the weights.")] = Engine.duckdb,
    memory_gb: Annotated[
        float, typer.Option("--memory-gb", min=0.1, help="Memory of the engine, in GB, before it uses the disk.")
    ] = 4.0,
    model: ModelFile = None,
    as_json: AsJson = False,
) -> None:
    """Link the records that are loaded and publish who is who.

    Shows what changes: persons created, joined, split, retired; records moved; pairs for a steward to review. It is
    published whole or not at all. A run that would change more persons than the policy lets pass stops and asks to be
    run again with --accept. The model is the current one unless --model.
    """
    from config.policy import load_policy
    from index_service.database import open_database
    from index_service.models import model_in_use
    from index_service.relinking import RelinkOptions
    from index_service.relinking import relink as run

    if full and changed:
        raise UsageError("--full and --changed exclude each other.")
    if engine is Engine.spark:
        raise UsageError("The Spark engine is not part of this installation.", hint="Leave --engine out.")
    options = RelinkOptions("changed" if changed else "full", dry_run, accept, memory_gb)
    with open_database() as conn, progress_bars() as advance:
        outcome = run(conn, model_in_use(conn, model), load_policy(), options, advance)
    answer(figures(outcome, dry_run=dry_run), lines(outcome, dry_run=dry_run), as_json=as_json)


def figures(outcome: RelinkOutcome, *, dry_run: bool) -> dict[str, object]:
    """A relink's outcome for machines."""
    change = outcome.change
    return {
        "run_id": outcome.run_id,
        "published": outcome.publication is not None,
        "dry_run": dry_run,
        "nothing_to_do": outcome.run_id is None,
        "needs_accepting": outcome.needs_accepting,
        "model_fingerprint": outcome.model_fingerprint,
        "records": outcome.records,
        "persons": outcome.persons,
        "candidate_pairs": outcome.candidate_pairs,
        "changes": change.counts() if change else {},
        "share_of_persons_changed": change.share_of_persons_changed if change else 0.0,
        "to_review": outcome.reviews,
        "oversized_components": list(outcome.oversized_components),
        "timings_s": {stage: round(seconds, 3) for stage, seconds in outcome.timings_s.items()},
    }


def lines(outcome: RelinkOutcome, *, dry_run: bool) -> Iterator[str]:
    """A relink's outcome for people."""
    if outcome.run_id is None or outcome.change is None:
        yield "Nothing has changed since the last relink: nothing to do."
        return
    yield f"{outcome.records:,} records are {outcome.persons:,} persons ({outcome.candidate_pairs:,} pairs looked at)."
    counts = outcome.change.counts()
    if outcome.change.is_empty:
        yield "  nothing changes"
    for name, meaning in CHANGES.items():
        if counts[name]:
            yield f"  {counts[name]:>9,}  {name}: {meaning}"
    yield f"  {outcome.reviews:>9,}  to review: pairs of persons that may be one, for a steward"
    if outcome.oversized_components:
        yield f"  {len(outcome.oversized_components):>9,}  groups too large to be linked as one: cut at higher weights"
    yield _ending(outcome, dry_run=dry_run)


def _ending(outcome: RelinkOutcome, *, dry_run: bool) -> str:
    if not dry_run:
        return f"Published as run {outcome.run_id}."
    asks = (
        " It changes more persons than the policy lets pass, so it takes --accept." if outcome.needs_accepting else ""
    )
    return f"Dry run {outcome.run_id}: nothing was published.{asks}"
