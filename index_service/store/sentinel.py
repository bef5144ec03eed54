"""What the sentinel reads of persons, and how its questions come to stand beside those of the linking."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from index_service.store.connection import Connection
from index_service.store.numbers import open_number
from index_service.store.statements import statements
from linkage.record import PersonId

_sql = statements("sentinel")


@dataclass(frozen=True, slots=True)
class PassBefore:
    """The latest pass: up to which event it looked, when it began, and whether all records were linked anew since."""

    up_to_seq: int
    at: datetime
    relinked_in_full: bool


@dataclass(frozen=True, slots=True)
class SentinelQuestion:
    """A person that looks like several, or two that bear one number: the columns of `review_task` that say so."""

    person_id: PersonId
    other_person_id: PersonId
    kind: str
    signs: Sequence[str]
    left_records: Sequence[int]
    right_records: Sequence[int]
    weight_bits: float
    pairs: int
    fields: Sequence[str]
    sources: Sequence[str]
    in_care: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What a client was told of a person while both sides of a doubtful link were one.

    times: answers that told of the person. of_the_part: of these, that told a record of the part that may leave.
    """

    client_id: str
    times: int
    of_the_part: int
    first_at: datetime
    last_at: datetime
    purposes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """An open question that shows signs."""

    task_id: int
    person_id: PersonId
    signs: tuple[str, ...]
    left_records: tuple[int, ...]
    right_records: tuple[int, ...]


def last_pass(conn: Connection) -> PassBefore | None:
    """The latest pass, if there was one."""
    row = conn.execute(_sql["last_pass"]).fetchone()
    return None if row is None else PassBefore(*row)


@dataclass(frozen=True, slots=True)
class UpTo:
    """What a pass sees: everything up to an event, a run and a moment."""

    seq: int
    run_id: int
    at: datetime


def newest(conn: Connection) -> UpTo:
    """Numbers of the newest event and the newest run, and the moment."""
    return UpTo(*conn.execute(_sql["newest"]).fetchall()[0])


def add_pass(conn: Connection, up_to: UpTo, persons: int, findings: Mapping[str, object]) -> None:
    """Note what a pass found; `up_to`: what was there when it began."""
    parameters = {
        "up_to_seq": up_to.seq,
        "run_id": up_to.run_id,
        "at": up_to.at,
        "persons": persons,
        "findings": Jsonb(dict(findings)),
    }
    conn.execute(_sql["add_pass"], parameters)


def usual_size(conn: Connection) -> int:
    """How many records 999 of 1,000 persons have at most."""
    return int(_one(conn, "usual_size"))


def numbers_of_many(conn: Connection, most_persons: int) -> dict[tuple[str, str], str]:
    """Column and value of identifiers on the records of more persons than that, to the text as stored. Not for logs."""
    rows = conn.execute(_sql["numbers_of_many"], {"most_persons": most_persons})
    return {(name, (open_number(text) or "") if name == "ssn" else text): text for name, text, _ in rows}


def sharing_persons(conn: Connection, most_persons: int) -> list[tuple[PersonId, PersonId, str, str]]:
    """Two persons of different components, column and value of an identifier that both bear. Not for logs."""
    rows = conn.execute(_sql["sharing_persons"], {"most_persons": most_persons})
    return [
        (PersonId(one), PersonId(other), name, (open_number(text) or "") if name == "ssn" else text)
        for one, other, name, text in rows
    ]


def bearers(conn: Connection, stored: Collection[tuple[str, str]]) -> set[PersonId]:
    """The persons of whom several records bear one of these identifiers: column and text as stored."""
    if not stored:
        return set()
    parameters = {"fields": [name for name, _ in stored], "values": [text for _, text in stored]}
    return {PersonId(person) for (person,) in conn.execute(_sql["bearers"], parameters)}


def suspects(conn: Connection, asked: Mapping[str, object]) -> list[PersonId]:
    """The persons that one has to look into; `asked`: the parameters of the statement."""
    return [PersonId(person) for (person,) in conn.execute(_sql["suspects"], asked)]


def changed_persons(conn: Connection, before: PassBefore) -> list[str]:
    """The persons that changed since a pass, or whose records did."""
    parameters = {"after_seq": before.up_to_seq, "after": before.at}
    return [person for (person,) in conn.execute(_sql["changed_persons"], parameters)]


def count_persons_with_several_records(conn: Connection) -> int:
    """How many persons there are that could be several."""
    return int(_one(conn, "count_persons"))


def ask(conn: Connection, run_id: int, question: SentinelQuestion, material_change_bits: float) -> int | None:
    """Let a question stand: on the one that is open about the same, or as the sentinel's own.

    Must run in a transaction with `lock_publication`. Returns the task; None where the persons are no longer as they
    were when they were looked at, or where a steward has decided the same before and nothing is new.
    """
    asked: dict[str, Any] = {
        "person_id": question.person_id,
        "other_person_id": question.other_person_id,
        "kind": question.kind,
        "signs": list(question.signs),
        "left_record": question.left_records[0],
        "right_record": question.right_records[0],
        "left_records": list(question.left_records),
        "right_records": list(question.right_records),
        "weight_bits": question.weight_bits,
        "pairs": question.pairs,
        "fields": list(question.fields),
        "sources": list(question.sources),
        "in_care": question.in_care,
        "run_id": run_id,
    }
    if not _stand_as_seen(conn, question, asked):
        return None
    if (task_id := _one(conn, "open_about", asked)) is not None:
        conn.execute(_sql["attach"], {**asked, "task_id": task_id})
        return int(task_id)
    decided = conn.execute(_sql["decided"], asked).fetchone()
    if decided is not None and _says_the_same(decided, question, material_change_bits):
        return None
    found = _one(conn, "ask_again", asked) or _one(conn, "ask", asked)
    return None if found is None else int(found)


def _stand_as_seen(conn: Connection, question: SentinelQuestion, asked: Mapping[str, Any]) -> bool:
    held: dict[str, list[int]] = dict(conn.execute(_sql["records_held"], asked).fetchall())
    if question.person_id == question.other_person_id:
        return held.get(question.person_id) == sorted([*question.left_records, *question.right_records])
    seen = {question.person_id: question.left_records, question.other_person_id: question.right_records}
    return held == {person: sorted(records) for person, records in seen.items()}


def _says_the_same(decided: Sequence[Any], question: SentinelQuestion, material_change_bits: float) -> bool:
    """What linking asked shows no signs: who decided it has seen the same values."""
    bits, signs = decided
    return abs(bits - question.weight_bits) <= material_change_bits and (not signs or {*question.signs} <= {*signs})


def settle_others(conn: Connection, standing: Collection[int], persons: Collection[str] | None) -> None:
    """Questions of signs that are not among these stand no longer: about these persons, or about anybody (None)."""
    parameters = {"standing": list(standing), "persons": None if persons is None else list(persons)}
    conn.execute(_sql["settle_others"], parameters)


def told_since(conn: Connection, left_records: Sequence[int], right_records: Sequence[int]) -> list[Told]:
    """Which clients were told of a person while both sides were one: the reach of a wrong link, from the ledger."""
    parameters = {"left_records": list(left_records), "right_records": list(right_records)}
    rows = conn.execute(_sql["told_since"], parameters)
    return [
        Told(client, times, of_part, first, last, tuple(purposes))
        for client, times, of_part, first, last, purposes in rows
    ]


def together_since(conn: Connection, left_records: Sequence[int], right_records: Sequence[int]) -> datetime | None:
    """Since when both sides have been one person; None if they are not."""
    parameters = {"left_records": list(left_records), "right_records": list(right_records)}
    found: datetime | None = _one(conn, "together_since", parameters)
    return found


def standing(conn: Connection) -> list[Standing]:
    """The open questions that show signs."""
    return [
        Standing(task_id, PersonId(person), tuple(signs), tuple(left), tuple(right))
        for task_id, person, signs, left, right in conn.execute(_sql["standing"])
    ]


def _one(conn: Connection, name: str, parameters: Mapping[str, object] | None = None) -> Any:
    row = conn.execute(_sql[name], parameters).fetchone()
    return row[0] if row else None
