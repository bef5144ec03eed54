"""`person-index satellites`: records of segregated sources, beside the persons that are formed without them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer
from index_service.cli.whoever import who_runs

if TYPE_CHECKING:
    from index_service.satellites.judging import Judged

satellites = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Records of segregated sources (42 CFR Part 2), attached to persons that are formed without them.",
)
app.add_typer(
    satellites,
    name="satellites",
    epilog=examples(
        "person-index satellites status",
        "person-index satellites questions",
        "person-index satellites decide same sud_treatment 77 K7Q2-MX9T-4RWA --reason 'intake papers compared'",
    ),
)


class Kind(StrEnum):
    """What is said of a record and a person."""

    same = "same"
    different = "different"


Reason = Annotated[str, typer.Option("--reason", help="Why; kept for ever.")]


@satellites.command(epilog=examples("person-index satellites status --json"))
def status(as_json: AsJson = False) -> None:
    """Say how many records of each segregated source are attached to a person, stand alone, or wait."""
    from dataclasses import asdict

    from index_service.database import open_database
    from index_service.store.satellites import attachments

    with open_database() as conn:
        found = attachments(conn)
    lines = [
        f"{each.source}: {each.records:,} records, {each.attached:,} attached to a person, {each.alone:,} alone, "
        f"{each.waiting:,} waiting"
        for each in found
    ]
    answer({"sources": [asdict(each) for each in found]}, lines or ["No segregated records."], as_json=as_json)


@satellites.command(epilog=examples("person-index satellites follow"))
def follow(as_json: AsJson = False) -> None:
    """Weigh again what the index's changes concern. A relink and the service do it by themselves."""
    from index_service.database import open_database
    from index_service.satellites.following import follow_index

    with open_database() as conn:
        weighed = follow_index(conn)
    answer({"weighed": weighed}, [f"{weighed:,} segregated records weighed."], as_json=as_json)


@satellites.command(epilog=examples("person-index satellites questions --json"))
def questions(as_json: AsJson = False) -> None:
    """List the records that may be of one person or another; until it is decided they stand alone."""
    from dataclasses import asdict

    from index_service.database import open_database
    from index_service.store.satellites import known_sources, open_questions

    with open_database() as conn:
        found = open_questions(conn, known_sources(conn))
    lines = [
        f"{asked.question_id} {asked.record[0]} {asked.record[1]}: "
        + ", ".join(
            f"{person} ({bits:+.1f} bits)" for person, bits in zip(asked.persons, asked.weights_bits, strict=True)
        )
        for asked in found
    ]
    answer({"questions": [asdict(each) for each in found]}, lines or ["No question."], as_json=as_json)


@satellites.command(
    epilog=examples("person-index satellites decide different sud_treatment 77 K7Q2-MX9T-4RWA --reason 'other mother'")
)
def decide(
    kind: Annotated[Kind, typer.Argument(help="Whether the record is of this person.", show_default=False)],
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Segregated source.", show_default=False)],
    record_id: Annotated[str, typer.Argument(metavar="ID", help="The record's id in it.", show_default=False)],
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Id of the person.", show_default=False)],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Say that a segregated record is, or is not, of a person; effective at once. Nothing else is moved by it."""
    from config.record_ids import record_key
    from index_service.database import open_database
    from index_service.satellites.judging import judge_satellite
    from index_service.store.satellites import known_sources

    with open_database() as conn:
        judged = judge_satellite(
            conn,
            kind.value,
            record_key(source, record_id),
            person,
            sources=known_sources(conn),
            reason=reason,
            who=who_runs(),
        )
    _answer(judged, as_json=as_json)


@satellites.command(epilog=examples("person-index satellites undo 4 --reason 'another child of that name'"))
def undo(
    number: Annotated[int, typer.Argument(metavar="JUDGEMENT", help="Number of the judgement.", show_default=False)],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """End a judgement; the record is where the evidence puts it."""
    from index_service.database import open_database
    from index_service.satellites.judging import undo_satellite_judgement
    from index_service.store.satellites import known_sources

    with open_database() as conn:
        judged = undo_satellite_judgement(conn, number, sources=known_sources(conn), reason=reason, who=who_runs())
    _answer(judged, as_json=as_json)


def _answer(judged: Judged, *, as_json: bool) -> None:
    from dataclasses import asdict

    where = "stands alone as" if judged.is_alone else "belongs to"
    line = f"Judgement {judged.judgement_id}: the record {where} {judged.person_id or 'nobody'}."
    answer(asdict(judged), [line], as_json=as_json)
