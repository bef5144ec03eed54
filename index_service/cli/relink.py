"""`person-index relink`: link what is loaded, see what that changes, publish it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.cli.application import app
from index_service.cli.engine import Engine, EngineOption, SparkFolder, SparkMaster, spark_options
from index_service.cli.options import AsJson, MemoryGb, ModelFile, examples
from index_service.cli.output import answer
from index_service.cli.progress import progress_bars
from index_service.cli.whoever import who_runs
from index_service.errors import UsageError
from index_service.stages import StageByStage

if TYPE_CHECKING:
    from index_service.relinking import RelinkOutcome, Scope
    from index_service.sentinel import Screen, Watch
    from index_service.stages import Advance
    from index_service.store.connection import Connection

CHANGES = {
    "created": "new persons",
    "joined": "persons that others turned out to be",
    "split": "persons split off another",
    "moved": "records moved from one person to another",
    "retired": "person ids retired",
    "added": "records added",
    "removed": "records withdrawn",
}


class Action(StrEnum):
    """What a person decides about a relink."""

    accept = "accept"
    reject = "reject"
    undo = "undo"


@app.command(
    epilog=examples(
        "person-index relink --dry-run",
        "person-index relink --full --json",
        "person-index relink --review-keys --verify",
        "person-index relink accept 12",
        "person-index relink --engine spark --spark-master spark://cluster:7077 --spark-folder /shared/linking",
    )
)
def relink(
    action: Annotated[
        Action | None,
        typer.Argument(
            metavar="[accept|reject|undo]", help="Publish or drop a relink that waits, or undo one.", show_default=False
        ),
    ] = None,
    run_id: Annotated[
        int | None, typer.Argument(metavar="[RUN]", help="Number of that relink.", show_default=False)
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Link all records again, whatever changed.")] = False,
    changed: Annotated[
        bool,
        typer.Option(
            "--changed",
            help="Link what is new, changed or withdrawn, or judged since, and what it touches (the default); for the "
            "first time, or with another model or policy, everything.",
        ),
    ] = False,
    review_keys: Annotated[
        bool,
        typer.Option(
            "--review-keys",
            help="Link all records, and find out again which blocking keys too many records share: they make no "
            "candidates. Else those found with the model stay.",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; publish nothing.")] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Publish even if more persons change than the policy lets pass.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Link everything and compare with what is published; publish nothing. With "
            "--review-keys as if these were found anew.",
        ),
    ] = False,
    engine: EngineOption = Engine.duckdb,
    spark_master: SparkMaster = None,
    spark_folder: SparkFolder = None,
    memory_gb: MemoryGb = 4.0,
    model: ModelFile = None,
    as_json: AsJson = False,
) -> None:
    """Link what has changed since the last relink, or all records, and publish who is who.

    Shows what changes: persons created, joined, split, retired; records moved; pairs for a steward to review. It is
    published whole or not at all. A run that would change more than the policy lets pass waits: relink accept RUN
    publishes it, relink reject RUN drops it, --accept lets it pass at once. relink undo RUN restores what was before
    the latest. The model is the current one unless --model.
    """
    from config.policy import load_policy
    from index_service.database import open_database
    from index_service.models import model_in_use
    from index_service.relinking import RelinkOptions
    from index_service.relinking import relink as run

    if action is not None:
        _decide(action, run_id, as_json=as_json)
        return
    if full and changed:
        raise UsageError("--full and --changed exclude each other.")
    if review_keys and changed:
        raise UsageError("--review-keys takes a full relink; leave --changed out.")
    if verify:
        _refuse_spark(engine, "--verify")
        _verify(model, memory_gb, anew=review_keys, as_json=as_json)
        return
    spark = spark_options(engine, spark_master, spark_folder)
    scope: Scope = "full" if full or review_keys or (spark and not changed) else "changed"
    options = RelinkOptions(
        scope,
        dry_run,
        accept,
        who_runs(),
        memory_limit_gb=memory_gb,
        spark=spark,
        review_keys=review_keys,
    )
    with open_database() as conn, progress_bars(f"relink, {options.scope}") as advance:
        outcome = run(conn, model_in_use(conn, model), load_policy(), options, advance)
        began = time.perf_counter()
        seen = _look_for_several(conn, advance, outcome.screen) if outcome.publication is not None else None
        took = {**outcome.timings_s, "look for several": time.perf_counter() - began}
    told = figures(replace(outcome, timings_s=took), dry_run=dry_run)
    told |= {"sentinel": seen.figures() if seen else None}
    answer(told, [*lines(outcome, dry_run=dry_run), *_seen(seen)], as_json=as_json)


def _refuse_spark(engine: Engine, option: str) -> None:
    if engine is Engine.spark:
        raise UsageError(f"{option} is done in this process; leave --engine spark out.")


def _look_for_several(conn: Connection, advance: Advance, screen: Screen | None = None) -> Watch:
    """What the sentinel finds after a publication."""
    from config.nights import load_nights
    from config.policy import load_policy
    from config.sources import load_sources
    from index_service.models import model_in_use
    from index_service.sentinel import watch

    return watch(conn, model_in_use(conn), load_policy(), load_nights().sentinel, load_sources(), advance, screen)


def _seen(found: Watch | None) -> Iterator[str]:
    if found is not None and found.asked:
        signs = ", ".join(f"{count:,} {sign.replace('_', ' ')}" for sign, count in found.signs.items())
        yield f"Sentinel: {found.asked:,} persons may be several; stewards are asked ({signs})."


def _decide(action: Action, run_id: int | None, *, as_json: bool) -> None:
    from index_service.database import open_database
    from index_service.relinking import accept, reject
    from index_service.store.runs import RunId
    from index_service.undoing import undo_relink

    if run_id is None:
        raise UsageError(f"Which run? person-index relink {action} RUN")
    who, events = who_runs(), dict[str, int]()
    with open_database() as conn, progress_bars(f"relink {action}") as advance:
        progress = StageByStage(advance)
        progress(f"{action} run {run_id}")
        if action is Action.accept:
            events |= accept(conn, RunId(run_id), who=who).events
            progress.done()
            said = [f"Published run {run_id}.", *_seen(_look_for_several(conn, advance))]
        elif action is Action.reject:
            reject(conn, RunId(run_id), who=who)
            progress.done()
            said = [f"Run {run_id} is dropped. The records that it linked wait for the next relink."]
        else:
            undone = undo_relink(conn, RunId(run_id), who=who)
            events |= undone.publication.events
            progress.done()
            said = [f"Undid run {run_id}: {undone.restored:,} records went back to the persons they had."]
            if undone.left:
                said.append(
                    f"{undone.left:,} records of persons changed since were left, and wait for the next relink."
                )
    answer({"run_id": run_id, "action": action.value, "events": events}, said, as_json=as_json)


def _verify(model: Path | None, memory_gb: float, *, anew: bool, as_json: bool) -> None:
    from config.policy import load_policy
    from index_service.database import open_database
    from index_service.models import model_in_use
    from index_service.verifying import EXAMPLES, verify

    with open_database() as conn, progress_bars("relink, verify") as advance:
        found = verify(conn, model_in_use(conn, model), load_policy(), advance, anew=anew, memory_limit_gb=memory_gb)
    data = {
        "records": found.records,
        "waiting": found.waiting,
        "differences": [
            {"persons": list(each.persons), "records": each.records, "would_be": each.would_be}
            for each in found.differences
        ],
    }
    said = [
        f"{found.records:,} records linked anew: " + ("all persons are as published." if found.holds else "not so.")
    ]
    said += [
        f"  {', '.join(each.persons)}: {each.records:,} records, would be {each.would_be:,} persons"
        for each in found.differences[:EXAMPLES]
    ]
    answer(data, said, as_json=as_json)
    if not found.holds:
        raise typer.Exit(1)


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
        "scope": outcome.scope,
        "full_because": outcome.full_because,
        "records": outcome.records,
        "persons": outcome.persons,
        "candidate_pairs": outcome.candidate_pairs,
        "changes": change.counts() if change else {},
        "share_of_persons_changed": change.share_of_persons_changed if change else 0.0,
        "to_review": outcome.reviews,
        "oversized_keys": outcome.oversized_keys,
        "oversized_components": list(outcome.oversized_components),
        "put_off": outcome.put_off,
        "keys_have_grown": outcome.keys_have_grown,
        "timings_s": {stage: round(seconds, 3) for stage, seconds in outcome.timings_s.items()},
    }


def lines(outcome: RelinkOutcome, *, dry_run: bool) -> Iterator[str]:
    """A relink's outcome for people."""
    if outcome.run_id is None or outcome.change is None:
        yield "Nothing has changed since the last relink: nothing to do. All records are linked again by: --full"
        return
    if outcome.full_because:
        yield f"Everything was linked: {outcome.full_because}."
    yield f"{outcome.records:,} records are {outcome.persons:,} persons ({outcome.candidate_pairs:,} pairs looked at)."
    counts = outcome.change.counts()
    if outcome.change.is_empty:
        yield "  nothing changes"
    for name, meaning in CHANGES.items():
        if counts[name]:
            yield f"  {counts[name]:>9,}  {name}: {meaning}"
    yield f"  {outcome.reviews:>9,}  to review: questions for stewards"
    if outcome.oversized_keys:
        yield f"  {outcome.oversized_keys:>9,}  blocking keys left out: more records share them than is allowed"
    if outcome.oversized_components:
        yield f"  {len(outcome.oversized_components):>9,}  groups too large to be linked as one: cut at higher weights"
    if outcome.keys_have_grown:
        yield "  Frequent blocking keys have come since they were pinned with the model: see relink --review-keys."
    if outcome.put_off:
        yield f"  {outcome.put_off:>9,}  records that came meanwhile wait for the next relink: too many are touched"
    yield _ending(outcome, dry_run=dry_run)


def _ending(outcome: RelinkOutcome, *, dry_run: bool) -> str:
    if not dry_run:
        return f"Published as run {outcome.run_id}."
    asks = (
        " It changes more persons than the policy lets pass, so it takes --accept." if outcome.needs_accepting else ""
    )
    return f"Dry run {outcome.run_id}: nothing was published.{asks}"
