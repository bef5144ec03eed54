"""What the sentinel reads of persons, and how its questions come to stand beside those of the linking."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from psycopg.types.json import Jsonb

from index_service.store.changes import sharing_keys
from index_service.store.connection import Connection
from index_service.store.ledger import WORKBENCH
from index_service.store.numbers import open_number
from index_service.store.statements import statements
from linkage.blocking import identifier_key
from linkage.record import PersonId

_sql = statements("sentinel")


@dataclass(frozen=True, slots=True)
class PassBefore:
    """The latest pass: up to which event and moment it looked, and whether all records were linked anew since."""

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
    """Numbers of the newest event and the newest run, and the moment up to which everything is committed."""
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


@dataclass(frozen=True, slots=True)
class Shared:
    """An identifier that several persons bear. Not for logs.

    column, value: as in a normalised record. persons: each, to how many of its records bear it.
    """

    column: str
    value: str
    persons: Mapping[PersonId, int]

    @property
    def number(self) -> tuple[str, str]:
        return self.column, self.value


def numbers_of_several(conn: Connection, record_ids: Collection[int] | None = None) -> list[Shared]:
    """The identifiers that several persons bear, on any record or on some."""
    rows = conn.execute(_sql["numbers_of_several"], {"record_ids": None if record_ids is None else sorted(record_ids)})
    return [
        Shared(column, _opened(column, text), dict(zip(map(PersonId, persons), records, strict=True)))
        for column, text, persons, records in rows
    ]


def numbers_of_several_on(conn: Connection, persons: Collection[str]) -> list[Shared]:
    """The identifiers that some persons bear, and others too."""
    asked = _numbers_of(conn, persons)
    return [each for each in numbers_of_several(conn, _bearing(conn, persons, asked)) if each.number in asked]


def bearers_beside(conn: Connection, persons: Collection[str]) -> set[int]:
    """The records of some persons, and all others that bear one of their identifiers."""
    return _bearing(conn, persons, _numbers_of(conn, persons))


def _bearing(conn: Connection, persons: Collection[str], numbers: Collection[tuple[str, str]]) -> set[int]:
    keys = sorted({identifier_key(*number) for number in numbers})
    own = conn.execute(_sql["records_of"], {"persons": list(persons)})
    return {*(record_id for (record_id,) in own), *sharing_keys(conn, np.array(keys, dtype=np.int64)).tolist()}


def _numbers_of(conn: Connection, persons: Collection[str]) -> set[tuple[str, str]]:
    """Column and value of the identifiers on the records of persons."""
    rows = conn.execute(_sql["numbers_of"], {"persons": list(persons)})
    return {(column, _opened(column, text)) for column, text in rows}


def _opened(column: str, text: str) -> str:
    return (open_number(text) or "") if column == "ssn" else text


def sealed_away(conn: Connection, persons: Collection[PersonId]) -> set[PersonId]:
    """Of some persons, those that a seal hides."""
    return {PersonId(person) for (person,) in conn.execute(_sql["sealed_away"], {"persons": list(persons)})}


def suspects(conn: Connection, asked: Mapping[str, object]) -> list[PersonId]:
    """The persons that one has to look into; `asked`: the parameters of the statement."""
    return [PersonId(person) for (person,) in conn.execute(_sql["suspects"], asked)]


def changed_persons(conn: Connection, after_event: int, after: datetime, known_run: int | None = None) -> list[str]:
    """The persons that changed after an event, or whose records did after a moment; by another run than one known."""
    parameters = {"after_seq": after_event, "after": after, "known_run": known_run}
    return [person for (person,) in conn.execute(_sql["changed_persons"], parameters)]


def count_persons_with_several_records(conn: Connection) -> int:
    """How many persons there are that could be several."""
    return int(_one(conn, "count_persons"))


def ask(
    conn: Connection, run_id: int, questions: Sequence[SentinelQuestion], material_change_bits: float
) -> dict[int, SentinelQuestion]:
    """Let questions stand: on those that are open about the same, or as the sentinel's own.

    Must run in a transaction with `lock_publication`. Returns task to question; a question is left out where its
    persons are no longer as they were when they were looked at, or where a steward has decided the same before and
    nothing is new.
    """
    persons = sorted({person for each in questions for person in (each.person_id, each.other_person_id)})
    held: dict[str, list[int]] = dict(conn.execute(_sql["records_held"], {"persons": persons}).fetchall())
    is_open: dict[frozenset[str], Sequence[Any]] = {}
    for task_id, left, right, *said in conn.execute(_sql["open_about"], {"persons": persons}):
        is_open.setdefault(frozenset((left, right)), (task_id, *said))
    standing: dict[int, SentinelQuestion] = {}
    for question in questions:
        if _stands_as_seen(question, held):
            about = is_open.get(frozenset((question.person_id, question.other_person_id)))
            task_id = _ask(conn, run_id, question, about, material_change_bits)
            if task_id is not None:
                standing[task_id] = question
    return standing


def _ask(
    conn: Connection, run_id: int, question: SentinelQuestion, about: Sequence[Any] | None, material_change_bits: float
) -> int | None:
    """`about`: number of the open task about the same persons, if there is one, and what the sentinel said in it."""
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
    if about is not None:
        task_id, by_sentinel, signs, *sides = about
        if signs != asked["signs"] or (
            by_sentinel and sides != [asked["left_records"], asked["right_records"], question.weight_bits]
        ):
            conn.execute(_sql["attach"], {**asked, "task_id": task_id})
        return int(task_id)
    decided = conn.execute(_sql["decided"], asked).fetchone()
    if decided is not None and _says_the_same(decided, question, material_change_bits):
        return None
    found = _one(conn, "ask_again", asked) or _one(conn, "ask", asked)
    return None if found is None else int(found)


def _stands_as_seen(question: SentinelQuestion, held: Mapping[str, Sequence[int]]) -> bool:
    """Whether the persons hold the records that the question names, neither more nor less."""
    if question.person_id == question.other_person_id:
        return held.get(question.person_id) == sorted([*question.left_records, *question.right_records])
    seen = {question.person_id: question.left_records, question.other_person_id: question.right_records}
    return all(held.get(person) == sorted(records) for person, records in seen.items())


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
    rows = conn.execute(_sql["told_since"], parameters | {"workbench": WORKBENCH})
    return [
        Told(client, times, of_part, first, last, tuple(purposes))
        for client, times, of_part, first, last, purposes in rows
    ]


def told_by_client(conn: Connection, task_ids: Collection[int]) -> dict[str, int]:
    """Client to how many of these questions are about a person that it was told of since both sides have been one."""
    return dict(conn.execute(_sql["told_by_client"], {"task_ids": list(task_ids), "workbench": WORKBENCH}).fetchall())


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
