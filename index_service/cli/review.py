"""`person-index review`: the stewards' queue from the command line; everything that the workbench's pages do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples, record_named
from index_service.cli.output import answer
from index_service.cli.whoever import who_runs
from index_service.errors import UsageError

if TYPE_CHECKING:
    from index_service.side_by_side import SidePart
    from index_service.stewardship.deciding import Decided, Steward
    from index_service.stewardship.effects import Effect
    from index_service.stewardship.files import Imported
    from index_service.stewardship.saying import Decision
    from index_service.store.stewardship import Task

review = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What stewards are asked, and what they decide.")
app.add_typer(
    review,
    name="review",
    epilog=examples(
        "person-index review list --kind possible_duplicate",
        "person-index review decide 17 same --reason 'birth certificates compared' --dry-run",
        "person-index review undo 4 --reason 'another child of that name'",
    ),
)

TaskNumber = Annotated[int, typer.Argument(metavar="TASK", help="Number of the task.", show_default=False)]
JudgementNumber = Annotated[
    int, typer.Argument(metavar="JUDGEMENT", help="Number of the judgement.", show_default=False)
]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept for ever.")]
DecisionKind = Annotated[
    str,
    typer.Argument(
        metavar="DECISION",
        help="same, different, split, move, detach, cannot_tell, generic, note or ask_second.",
        show_default=False,
    ),
]
Chosen = Annotated[
    list[str] | None,
    typer.Option("--record", metavar="SOURCE:ID", help="A record that leaves, or whose value is generic."),
]
GenericField = Annotated[str | None, typer.Option("--field", help="For generic: the field, as phone.")]
Missing = Annotated[str | None, typer.Option("--missing", help="What would be needed to tell.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it would do, and keep nothing.")]


@review.command(
    "list",
    epilog=examples(
        "person-index review list",
        "person-index review list --kind possible_split --source meds --json",
        "person-index review list --older-than-days 7 --least-weight -3 --most-weight 3 --unclaimed",
    ),
)
def list_tasks(
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="KIND", help="Kind of question; repeatable.")
    ] = None,
    source: Annotated[str | None, typer.Option("--source", metavar="SOURCE", help="A side has a record of it.")] = None,
    county: Annotated[
        str | None,
        typer.Option("--county", metavar="CODE", help="A side has a number of this county, by its two digits."),
    ] = None,
    least_weight: Annotated[float | None, typer.Option("--least-weight", metavar="BITS", help="No lighter.")] = None,
    most_weight: Annotated[float | None, typer.Option("--most-weight", metavar="BITS", help="No heavier.")] = None,
    older_than_days: Annotated[
        float | None, typer.Option("--older-than-days", min=0, max=36_500, help="Asked before so many days.")
    ] = None,
    assignee: Annotated[str | None, typer.Option("--assignee", metavar="NAME", help="Who works on it now.")] = None,
    unclaimed: Annotated[bool, typer.Option("--unclaimed", help="Only what nobody works on.")] = False,
    person: Annotated[str | None, typer.Option("--person", metavar="PERSON", help="About this person.")] = None,
    closed: Annotated[bool, typer.Option("--closed", help="Decided and closed tasks instead of open ones.")] = False,
    for_second: Annotated[bool, typer.Option("--for-second", help="Only what a second person is asked for.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List tasks: what a court waits for first, then children in care, then what concerns most systems.

    Entered into the ledger, for the persons that have the records asked about.
    """
    from datetime import UTC, datetime, timedelta
    from typing import get_args

    from config.counties import COUNTIES
    from index_service.database import open_database
    from index_service.store.ledger import note_records_shown
    from index_service.store.stewardship import Filter, counts, records_by_id, tasks
    from linkage.doubts import DoubtKind

    for each in kind or ():
        if each not in get_args(DoubtKind):
            raise UsageError(f"There is no kind {each!r}.", hint=f"Kinds are {', '.join(get_args(DoubtKind))}.")
    if county is not None and county not in COUNTIES:
        raise UsageError(f"There is no county {county!r}.", hint="Counties are 01 (Alameda) to 58 (Yuba).")
    wanted = Filter(
        statuses=("decided", "closed") if closed else ("open", "waiting"),
        kinds=kind or None,  # type: ignore[arg-type]  # checked above
        source=source,
        county=county,
        least_bits=least_weight,
        most_bits=most_weight,
        opened_before=None if older_than_days is None else datetime.now(UTC) - timedelta(days=older_than_days),
        assignee=assignee,
        unclaimed=unclaimed,
        person_id=person,
        for_second=for_second,
    )
    with open_database() as conn, conn.transaction():
        found, kinds = tasks(conn, wanted, limit=limit), counts(conn)
        asked = {number for each in found for number in (*each.left_records, *each.right_records)}
        named = [record.key for record in records_by_id(conn, sorted(asked))]
        note_records_shown(conn, named, command="review", who=who_runs())
    totals = {each.kind: each.open + each.waiting for each in kinds}
    lines = [_line(task) for task in found] or ["No task."]
    answer({"reviews": [_figures(task) for task in found], "open": totals}, lines, as_json=as_json)


@review.command(epilog=examples("person-index review show 17 --json"))
def show(number: TaskNumber, as_json: AsJson = False) -> None:
    """Show a task with the records of both sides, what each comparison is worth, and what was decided about it.

    Entered into the ledger, for the persons that have these records.
    """
    from index_service.database import open_database
    from index_service.linking_context import current
    from index_service.side_by_side import weigh_sides
    from index_service.stewardship.errors import UnknownTask
    from index_service.stewardship.overlays import record_as_it_was
    from index_service.store.judgements import judgements
    from index_service.store.ledger import note_records_shown
    from index_service.store.stewardship import records_by_id, task
    from index_service.store.workbench import normalised_by_key

    with open_database() as conn, conn.transaction():
        found = task(conn, number)
        if found is None:
            raise UnknownTask(f"There is no task {number}.")
        names = {r.record_id: r.key for r in records_by_id(conn, (*found.left_records, *found.right_records))}
        said, known = judgements(conn, task_id=number), normalised_by_key(conn, list(names.values()))
        note_records_shown(conn, names.values(), command="review", who=who_runs())
        sides = {
            "left": [names[i] for i in found.left_records if i in names],
            "right": [names[i] for i in found.right_records if i in names],
        }
        left, right = ([known[key] for key in sides[side] if key in known] for side in ("left", "right"))
        if found.one_record:
            left = record_as_it_was(conn, found)
        weighed = weigh_sides(left, right, current(conn)) if left and right else None
    evidence = [] if weighed is None else [_evidence_figures(part) for part in weighed.parts if part.level >= 0]
    lines = [_line(found)]
    for side, person in (("left", found.left_person_id), ("right", found.right_person_id)):
        lines.append(f"  {side}: {person}")
        lines += [f"    {source} {record_id}" for source, record_id in sides[side]]
    lines += ["  bits against a stranger, against a sibling or twin:"] if evidence else []
    lines += [
        f"  {each['against_stranger_bits']:>+6.1f} {each['against_sibling_bits']:>+6.1f}"
        f"  {each['comparison']}: {each['agreement']}"
        for each in evidence
    ]
    lines += [
        f"  judgement {made.judgement_id}: {made.kind} by {made.who}, {made.at:%Y-%m-%d %H:%M}: {made.reason}"
        + ("" if made.in_force else " (waits)" if made.waits else " (not in force)")
        for made in said
    ]
    decided = [{"judgement_id": m.judgement_id, "kind": m.kind, "who": m.who, "in_force": m.in_force} for m in said]
    answer({**_figures(found), **sides, "evidence": evidence, "judgements": decided}, lines, as_json=as_json)


@review.command(epilog=examples("person-index review claim 17"))
def claim(number: TaskNumber, as_json: AsJson = False) -> None:
    """Keep a task for yourself, or keep it longer: nobody else decides it meanwhile."""
    from index_service.database import open_database
    from index_service.stewardship import deciding

    with open_database() as conn:
        kept = deciding.claim(conn, number, _who())
    answer(_figures(kept), [f"Task {number} is yours until {kept.claimed_until:%Y-%m-%d %H:%M %Z}."], as_json=as_json)


@review.command(epilog=examples("person-index review release 17"))
def release(number: TaskNumber, as_json: AsJson = False) -> None:
    """Give a task back that you keep."""
    from index_service.database import open_database
    from index_service.stewardship import deciding

    with open_database() as conn:
        deciding.release(conn, number, _who())
    answer({"review_id": number, "claimed_by": None}, [f"Task {number} is free again."], as_json=as_json)


@review.command(epilog=examples("person-index review reach 17", "person-index review reach 17 --json"))
def reach(number: TaskNumber, as_json: AsJson = False) -> None:
    """Show which clients were told of a person since both sides of a task have been one: whom a wrong link misled."""
    from index_service.database import open_database
    from index_service.sentinel import reach_of
    from index_service.stewardship.errors import UnknownTask
    from index_service.store.stewardship import task

    with open_database() as conn:
        found = task(conn, number)
        if found is None:
            raise UnknownTask(f"There is no task {number}.")
        told = reach_of(conn, found.left_records, found.right_records)
    since = f"one person since {told.since:%Y-%m-%d %H:%M}" if told.since else "not one person now"
    lines = [f"Task {number}: the sides are {since}."]
    lines += [
        f"  {each.client_id}: told {each.times:,} times, {each.of_the_part:,} of the part that may leave; "
        f"{each.first_at:%Y-%m-%d} to {each.last_at:%Y-%m-%d}, for {', '.join(each.purposes)}"
        for each in told.told
    ]
    lines += [] if told.told else ["  Nobody was told of it since."]
    answer({"task_id": number, **told.figures()}, lines, as_json=as_json)


@review.command(
    epilog=examples(
        "person-index review decide 17 same --reason 'birth certificates compared' --dry-run",
        "person-index review decide 18 split --record meds:0Ab3 --reason 'two children'",
        "person-index review decide 19 cannot_tell --reason 'no papers' --missing 'a birth certificate'",
    )
)
def decide(
    number: TaskNumber,
    kind: DecisionKind,
    reason: Reason,
    record: Chosen = None,
    field: GenericField = None,
    missing: Missing = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Decide a task. It takes effect at once, unless the policy wants a second person."""
    from index_service.database import open_database
    from index_service.stewardship import deciding

    decision, who = _decision(kind, reason, record, field, missing), _who()
    with open_database() as conn:
        if dry_run:
            _tell_effect(deciding.preview(conn, number, decision, who), as_json=as_json)
            return
        with conn.transaction():
            task = deciding.claim(conn, number, who)
            done = deciding.decide(conn, number, decision, who, seen_version=task.version)
            if kind in ("note", "generic"):
                deciding.release(conn, number, who)
    _tell(done, as_json=as_json)


@review.command(
    epilog=examples(
        "person-index review judge split --person K7Q2-MX9T-4RWA --record meds:0Ab3 --reason 'two children' --dry-run",
        "person-index review judge same --left meds:0Ab3 --right cws_cms:17 --reason 'birth certificates compared'",
        "person-index review judge generic --record meds:0Ab3 --field phone --reason 'telephone of the office'",
    )
)
def judge(
    kind: DecisionKind,
    reason: Reason,
    person: Annotated[
        str | None, typer.Option("--person", metavar="PERSON", help="Whose records they are of which some leave.")
    ] = None,
    left: Annotated[
        list[str] | None, typer.Option("--left", metavar="SOURCE:ID", help="A record of one side; repeatable.")
    ] = None,
    right: Annotated[
        list[str] | None, typer.Option("--right", metavar="SOURCE:ID", help="A record of the other; repeatable.")
    ] = None,
    record: Chosen = None,
    field: GenericField = None,
    missing: Missing = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Decide about records without a task: of a person, of which some leave, or of two sides.

    Entered into the ledger, for the persons whose records move.
    """
    from index_service.database import open_database
    from index_service.satellites.judging import NoSuchPerson
    from index_service.stewardship import deciding
    from index_service.stewardship.saying import Sides
    from index_service.store.ledger import note_records_shown

    if person is not None and (left or right):
        raise UsageError("--person was given beside --left or --right.", hint="Name a person, or the records of sides.")
    decision, who = _decision(kind, reason, record, field, missing), _who()
    with open_database() as conn, conn.transaction():
        if person is None:
            sides = Sides(frozenset(map(record_named, left or ())), frozenset(map(record_named, right or ())))
        else:
            sides = deciding.sides_of_person(conn, person)
            if not sides.left:
                raise NoSuchPerson
        done = None if dry_run else deciding.judge(conn, decision, sides, who)
        effect = deciding.preview_judgement(conn, decision, sides, who) if done is None else done.effect
        moved = () if effect is None else effect.moved
        note_records_shown(conn, (key for key, _, _ in moved), command="review", who=who_runs())
    if done is not None:
        _tell(done, as_json=as_json)
    elif effect is not None:
        _tell_effect(effect, as_json=as_json)


@review.command("counts", epilog=examples("person-index review counts", "person-index review counts --days 7 --json"))
def count_tasks(
    days: Annotated[int, typer.Option("--days", min=1, max=3_650, help="Look back so many days.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Count what waits and how old it is, by kind, and what was done day by day."""
    from dataclasses import asdict

    from index_service.database import open_database
    from index_service.store.stewardship import counts, throughput

    with open_database() as conn:
        kinds, done = counts(conn), throughput(conn, days)
    lines = [
        f"{each.kind:<22} {each.open:>6,} open, {each.claimed:,} of them worked on, {each.waiting:,} for a second "
        f"person; the oldest of {each.oldest:%Y-%m-%d}" + (f", first due {each.first_due}" if each.first_due else "")
        for each in kinds
    ] or ["Nothing waits."]
    lines += [
        f"{each.day} {each.tasks:>6,} {each.status}, after {each.mean_open_s / 3600:,.1f} hours on average"
        for each in done
    ]
    answer({"kinds": [asdict(each) for each in kinds], "days": [asdict(each) for each in done]}, lines, as_json=as_json)


@review.command(epilog=examples("person-index review agree 4 --reason 'seen the papers too'"))
def agree(
    number: JudgementNumber,
    reason: Reason,
    refuse: Annotated[bool, typer.Option("--refuse", help="Say no: the question is open again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say as the second person whether a decision that waits shall take effect."""
    from index_service.database import open_database
    from index_service.stewardship import deciding

    with open_database() as conn:
        _tell(deciding.agree(conn, number, _who(), agrees=not refuse, reason=reason), as_json=as_json)


@review.command(epilog=examples("person-index review undo 4 --reason 'another child of that name'"))
def undo(number: JudgementNumber, reason: Reason, as_json: AsJson = False) -> None:
    """Undo a judgement: persons and ids are as before; both facts stay in the history."""
    from index_service.database import open_database
    from index_service.stewardship import deciding

    with open_database() as conn:
        _tell(deciding.undo(conn, number, _who(), reason=reason), as_json=as_json)


@review.command("import", epilog=examples("person-index review import corrections.csv --dry-run"))
def import_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, as `review export` writes it.", show_default=False)
    ],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make the judgements of a file, all or none; those that are in force already are left out."""
    from index_service.database import open_database
    from index_service.errors import MissingFile
    from index_service.stewardship.files import MalformedJudgements, import_judgements, read_judgements

    if not file.is_file():
        raise MissingFile(f"{file} does not exist or is no file.")
    try:
        written = read_judgements(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise MalformedJudgements(f"{file.name} is not UTF-8.") from None
    with open_database() as conn:
        done = import_judgements(conn, written, _who(), dry_run=dry_run)
    figures = [
        {
            "judgement": each.written.name,
            "line": each.written.line,
            "already_in_force": each.decided is None,
            "waits_for_second": each.decided is not None and each.decided.waits,
            "effect": None if each.decided is None else _effect_figures(each.would or each.decided.effect),
        }
        for each in done
    ]
    new = [each.decided for each in done if each.decided is not None]
    lines = [f"{len(new):,} of {len(done):,} judgements {'would be' if dry_run else 'are'} new."]
    lines += [f"  line {e.written.line}, {e.written.kind}: {_imported_text(e)}" for e in done if e.decided]
    answer({"dry_run": dry_run, "judgements": figures}, lines, as_json=as_json)


@review.command("export", epilog=examples("person-index review export --out judgements.csv"))
def export_file(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="CSV file to write.")], as_json: AsJson = False
) -> None:
    """Write the judgements in force as CSV: one row for each record of each part.

    Entered into the ledger, for the persons that have these records.
    """
    from index_service.csv_output import csv_output, refuse_overwriting
    from index_service.database import open_database
    from index_service.stewardship.files import COLUMNS, export_judgements
    from index_service.store.ledger import note_records_shown

    refuse_overwriting(out, [])
    with open_database() as conn, conn.transaction():
        rows = list(export_judgements(conn))
        note_records_shown(conn, ((row.source, row.source_record_id) for row in rows), command="export", who=who_runs())
    with csv_output(out, COLUMNS) as write_row:
        for row in rows:
            write_row(row)
    numbers = len({row.judgement for row in rows})
    answer({"out": str(out), "judgements": numbers}, [f"{numbers:,} judgements written to {out}."], as_json=as_json)


def _who() -> Steward:
    """Whoever may run commands on the database may do what a senior steward does."""
    from index_service.stewardship.deciding import Steward

    return Steward(f"{who_runs()} (command line)", senior=True)


def _decision(kind: str, reason: str, records: list[str] | None, field: str | None, missing: str | None) -> Decision:
    from typing import get_args

    from index_service.stewardship.saying import Decision
    from index_service.store.judgements import JudgementKind

    if kind not in get_args(JudgementKind):
        raise UsageError(f"There is no decision {kind!r}.", hint=f"Decisions are {', '.join(get_args(JudgementKind))}.")
    if not reason.strip():
        raise UsageError("--reason is empty.", hint="Say why: it is kept with the decision.")
    return Decision(kind, reason, frozenset(map(record_named, records or ())), field, missing)  # type: ignore[arg-type]


def _line(task: Task) -> str:
    persons = task.left_person_id if task.one_person else f"{task.left_person_id} {task.right_person_id}"
    marks = [*(["in care"] if task.in_care else []), *([f"due {task.due_on}"] if task.due_on else [])]
    marks += [task.status if task.closed_why is None else task.closed_why] if task.status != "open" else []
    marks += [f"claimed by {holder}"] if (holder := task.holder()) else []
    about = f"  ({', '.join(marks)})" if marks else ""
    return f"{task.task_id:>6} {task.kind:<22} {persons:<30} {task.weight_bits:>7.1f} bits{about}"


def _evidence_figures(part: SidePart) -> dict[str, Any]:
    return {
        "comparison": part.comparison,
        "layer": part.layer,
        "agreement": part.level_label,
        "against_stranger_bits": part.against_stranger_bits,
        "against_sibling_bits": part.against_sibling_bits,
    }


def _figures(task: Task) -> dict[str, Any]:
    from dataclasses import asdict

    figures = asdict(task)
    figures["review_id"] = figures.pop("task_id")
    return {name: value for name, value in figures.items() if name not in ("left_records", "right_records")}


def _tell(done: Decided, *, as_json: bool) -> None:
    figures = {
        "judgement_id": done.judgement_id,
        "waits_for_second": done.waits,
        "effect": _effect_figures(done.effect),
    }
    answer(figures, [f"Judgement {done.judgement_id}: {_effect_text(done)}"], as_json=as_json)


def _tell_effect(effect: Effect, *, as_json: bool) -> None:
    answer({"effect": _effect_figures(effect)}, [f"Would be so: {_told(effect)}"], as_json=as_json)


def _effect_text(done: Decided) -> str:
    if done.waits:
        return "waits for a second person."
    return "noted." if done.effect is None else _told(done.effect)


def _imported_text(imported: Imported) -> str:
    if imported.would is not None:
        return f"waits for a second person; then {_told(imported.would)}"
    return "" if imported.decided is None else _effect_text(imported.decided)


def _told(effect: Effect) -> str:
    told = [f"{person} retires" + (f" into {heir}" if heir else "") for person, heir in effect.retired]
    told += [f"{person} lives again" for person in effect.revived]
    told += [f"{len(effect.created)} new person(s)"] if effect.created else []
    told += [f"{len(effect.moved)} record(s) move"] if effect.moved else []
    told += ["the next relink does it"] if effect.waits else []
    return ("; ".join(told) or "nobody changes") + "."


def _effect_figures(effect: Effect | None) -> dict[str, Any] | None:
    from dataclasses import asdict

    return None if effect is None else asdict(effect) | {"events": dict(effect.events)}
