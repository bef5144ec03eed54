"""`person-index demo`: everything on invented data, ending in a summary and the running service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer, note
from index_service.cli.progress import progress_bars

if TYPE_CHECKING:
    from index_service.cli.demonstration import Demonstration, LookUp
    from index_service.settings import Settings
    from training.evaluation.partitions import PairScores

DEMO = Path("var/demo")


@app.command(epilog=examples("person-index demo", "person-index demo --no-serve --json"))
def demo(
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End after the summary.")] = False,
    children: Annotated[int, typer.Option("--children", min=20, help="How many children to invent.")] = 5_000,
    seed: Annotated[int, typer.Option("--seed", help="Another seed invents other people.")] = 1,
    folder: Annotated[Path, typer.Option("--folder", help="Where extracts, database and reports go.")] = DEMO,
    as_json: AsJson = False,
) -> None:
    """Everything on invented data: extracts of eleven departments, load, train, relink, evaluate, look up, serve.

    Takes a minute or two for 5,000 children. The demo has a database of its own; yours is not touched. No person in it
    exists.
    """
    from index_service.cli.demonstration import demo_settings, demonstrate

    with progress_bars("demo") as advance:
        shown = demonstrate(children, seed, folder, advance)
    for load in shown.loads:
        for text in load.notes:
            note(f"Note: {load.file}: {text}")
    answer(figures(shown), summary(shown), as_json=as_json)
    if not no_serve:
        _serve(demo_settings(folder), shown)


def _sign_in(shown: Demonstration) -> str:
    """How to open the workbench; told on the terminal only, for who serves the demo."""
    if shown.accounts is None:
        return ""
    names = ", ".join(f"{name} ({what_for})" for name, what_for in shown.accounts.names.items())
    return f"sign in as {names}, each with the password {shown.accounts.password}"


def _serve(settings: Settings, shown: Demonstration) -> None:
    from index_service.http.serve import CannotListen, serve

    def announce(url: str) -> None:
        note(f"The service runs at {url} (documentation: {url}/docs). Ctrl-C stops it.")
        note(f"The workbench opens on the queue at {url}/workbench/queue: {_sign_in(shown)}.")
        if shown.client and shown.look_ups:
            for line in shown.client.how_to_ask(url, shown.look_ups[0].asked):
                note(line)

    try:
        serve(settings, announce)
    except CannotListen:  # something else has the usual port; any other will do for a demo
        serve(settings.model_copy(update={"port": 0}), announce)


# --- for machines -----------------------------------------------------------------------------------------------------


def figures(shown: Demonstration) -> dict[str, object]:
    """The demo's outcome for machines; names are left out although nobody bears them."""
    from index_service.cli.load import figures as load_figures
    from index_service.cli.relink import figures as relink_figures

    evaluation, outcome = shown.evaluation, shown.outcome
    return {
        "children": shown.children,
        "records": shown.records,
        "loads": [load_figures(load) for load in shown.loads],
        "model_fingerprint": shown.fitted.model.fingerprint if shown.fitted else None,
        "relink": relink_figures(outcome, dry_run=False) if outcome else {},
        "quality": {name: _scores(scores) for name, _, scores in _groups(shown)},
        "twins_kept_apart": evaluation.twins.share.value if evaluation and evaluation.twins else None,
        "siblings_kept_apart": evaluation.siblings.share.value if evaluation and evaluation.siblings else None,
        "queue": _queue_figures(shown),
        "look_ups": [_look_up_figures(look_up) for look_up in shown.look_ups],
        "reports": [str(path) for path in shown.reports],
        "timings_s": shown.timings_s,
        "elapsed_s": round(sum(shown.timings_s.values()), 2),
    }


def _queue_figures(shown: Demonstration) -> dict[str, object]:
    if shown.queue is None:
        return {}
    return {
        "arrived": shown.queue.arrived,
        "open": shown.queue.open,
        "cases": [{"case": title, "task_id": number, "kind": kind} for title, number, kind in shown.queue.cases],
    }


def _scores(scores: PairScores) -> dict[str, object]:
    return {
        "precision": scores.precision.value,
        "recall": scores.recall.value,
        "f1": scores.f1.value,
        "false_links": scores.counts.fp,
        "missed_links": scores.counts.fn,
    }


def _look_up_figures(look_up: LookUp) -> dict[str, object]:
    return {
        "case": look_up.case,
        "asked": look_up.asked,
        "person_id": look_up.person_id,
        "records": [key for key, _ in look_up.records],
        "matched": look_up.matched,
        "weight_bits": round(look_up.why.weight, 3),
        "probability": look_up.why.probability,
        "reasons": [
            {"comparison": reason.comparison, "level": reason.level, "bits": round(reason.bits, 3)}
            for reason in look_up.why.reasons
        ],
    }


def _groups(shown: Demonstration) -> Iterator[tuple[str, int, PairScores]]:
    """Name, persons and scores: overall, then the subgroups of the summary."""
    from index_service.cli.demonstration import SUBGROUPS

    if shown.evaluation is None:
        return
    yield "overall", shown.evaluation.clusters.true, shown.evaluation.pairs
    by_name = {group.name: group for group in shown.evaluation.subgroups}
    for column, name in SUBGROUPS.items():
        if column in by_name:
            yield name, by_name[column].persons, by_name[column].pairs


# --- for people -------------------------------------------------------------------------------------------------------


def summary(shown: Demonstration) -> Iterator[object]:
    """What was loaded, linked, sent to review; how good it is; three look-ups."""
    from index_service.cli.relink import lines

    families = f"{shown.children:,} invented children and their families"
    yield f"{families}: {shown.records:,} records in {len(shown.loads)} systems."
    yield ""
    yield _loads(shown)
    yield ""
    if shown.outcome:
        yield from lines(shown.outcome, dry_run=False)
    yield ""
    yield _quality(shown)
    yield from _kept_apart(shown)
    for look_up in shown.look_ups:
        yield ""
        yield from _told(look_up)
    yield ""
    yield from _asked(shown)
    yield ""
    times = ", ".join(f"{step} {seconds:.1f}" for step, seconds in shown.timings_s.items())
    yield f"Seconds: {times}."
    yield f"Reports to open in a browser: {', '.join(str(path) for path in shown.reports)}."


def _grid(*columns: str) -> Table:
    table = Table(columns[0], box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def _loads(shown: Demonstration) -> Table:
    table = _grid("loaded from", "records", "rejected", "values unusable")
    for load in shown.loads:
        table.add_row(load.source, f"{load.rows:,}", f"{load.rows_rejected:,}", f"{load.values_rejected:,}")
    return table


def _quality(shown: Demonstration) -> Table:
    table = _grid("linked automatically", "persons", "precision", "recall", "false links", "missed links")
    for name, persons, scores in _groups(shown):
        table.add_row(
            name,
            f"{persons:,}",
            _percent(scores.precision.value),
            _percent(scores.recall.value),
            f"{scores.counts.fp:,}",
            f"{scores.counts.fn:,}",
        )
    return table


def _asked(shown: Demonstration) -> Iterator[object]:
    from index_service.http.workbench.task_words import KINDS

    if shown.queue is None:
        return
    yield f"{shown.queue.arrived} records arrived afterwards, one by one. What stewards are asked now:"
    table = _grid("kind", "open")
    for kind, count in shown.queue.open.items():
        table.add_row(KINDS[kind].label, f"{count:,}")
    yield table
    yield "Cases to begin with:"
    for title, number, kind in shown.queue.cases:
        yield f"    task {number}: {title} ({KINDS[kind].label})"


def _percent(share: float | None) -> str:
    from training.evaluation.text import percent

    return percent(share)


def _kept_apart(shown: Demonstration) -> Iterable[str]:
    evaluation = shown.evaluation
    if evaluation and evaluation.twins and evaluation.siblings:
        yield (
            f"Twins kept apart: {evaluation.twins.apart:,} of {evaluation.twins.pairs:,} pairs; "
            f"siblings: {evaluation.siblings.apart:,} of {evaluation.siblings.pairs:,}."
        )


def _told(look_up: LookUp) -> Iterator[str]:
    asked = f"{' '.join(look_up.asked)} ({look_up.asked_name})"
    yield f"Look-up of {look_up.case}: {asked} is person {look_up.person_id}, known as"
    for (member_source, member_id), name in look_up.records[:8]:
        yield f"    {member_source:<16} {member_id:<24} {name}"
    if len(look_up.records) > 8:
        yield f"    and {len(look_up.records) - 8} more records"
    why = look_up.why
    yield (
        f"  matched with {' '.join(look_up.matched)}: weight {why.weight:+.1f} bits, "
        f"probability {_percent(why.probability)}; {why.against_stranger:+.1f} against a stranger, "
        f"{why.against_sibling:+.1f} against a sibling or twin"
    )
    for reason in why.reasons[:5]:
        yield f"    {reason.bits:+6.1f}  {reason.comparison.replace('_', ' ')}: {reason.level}"
    yield f"  {look_up.note}"
