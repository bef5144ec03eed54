"""The stewards' queue: tasks in their order, who works on which, and what a judgement does to its task."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any, Literal

from psycopg import sql
from psycopg.rows import class_row

from index_service.store.connection import Connection
from index_service.store.numbers import open_number
from index_service.store.reviewing import ANYBODY, Reviewer
from index_service.store.statements import statements
from linkage.doubts import DoubtKind
from linkage.record import PersonId, RecordKey

TaskStatus = Literal["open", "waiting", "decided", "closed"]
ClosedWhy = Literal[
    "decided", "decided_elsewhere", "now_one_person", "now_apart", "withdrawn", "no_longer_in_doubt", "relink_undone"
]

_sql = statements("stewardship")


@dataclass(frozen=True, slots=True)
class Task:
    """A question for a steward; the columns of `review_task`.

    left_person_id, right_person_id: the same where a part of one person may leave.
    left_records, right_records: record ids of the sides.
    weight_bits: that both sides are one person.
    fields: what raises the question. signs: what the sentinel has seen in the person.
    due_on: court day by which an answer is needed; due_why: what waits.
    before_version: of a question about one record, which stands on both sides: its last version before what is asked
        about; the other side is what the record says now.
    judgement_id: the decision, also one that waits for a second person.
    earlier_task_id: in which the same question was decided before the evidence changed.
    version: counts changes of the question and its state.
    """

    task_id: int
    kind: DoubtKind
    left_person_id: PersonId
    right_person_id: PersonId
    left_records: Sequence[int]
    right_records: Sequence[int]
    fields: Sequence[str]
    signs: Sequence[str]
    weight_bits: float
    pairs: int
    sources: Sequence[str]
    in_care: bool
    due_on: date | None
    due_why: str | None
    status: TaskStatus
    closed_at: datetime | None
    closed_why: ClosedWhy | None
    judgement_id: int | None
    earlier_task_id: int | None
    claimed_by: str | None
    claimed_until: datetime | None
    asked_senior: bool
    version: int
    run_id: int
    created_at: datetime
    before_version: int | None = None

    @property
    def one_person(self) -> bool:
        """It asks whether a part of one person should leave."""
        return self.left_person_id == self.right_person_id

    @property
    def one_record(self) -> bool:
        """It asks whether another person was written over a record."""
        return self.before_version is not None

    @property
    def of_two_parts(self) -> bool:
        """It asks about two parts of one person."""
        return self.one_person and not self.one_record

    @property
    def is_open(self) -> bool:
        return self.status in ("open", "waiting")

    def holder(self, now: datetime | None = None) -> str | None:
        """Who works on it now."""
        held = self.claimed_until is not None and self.claimed_until > (now or datetime.now(UTC))
        return self.claimed_by if held else None


_columns = sql.SQL(", ").join(sql.SQL("t.") + sql.Identifier(each.name) for each in fields(Task))


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tasks are asked for; None: any.

    source: a side has a record of it. county: a side has a number of this county, by the county's two digits: a court
    number, a case, a client of behavioral health. least_bits, most_bits: weight. opened_before: age. assignee: works on
    it now. unclaimed: nobody does. for_second: it waits for a second person, or one was asked for.
    for_steward: what may be handed to a steward of this name, who is senior or not: where a second one was asked for,
    to a senior who did not ask.
    """

    statuses: Sequence[TaskStatus] | None = ("open", "waiting")
    kinds: Sequence[DoubtKind] | None = None
    source: str | None = None
    county: str | None = None
    least_bits: float | None = None
    most_bits: float | None = None
    opened_before: datetime | None = None
    person_id: str | None = None
    assignee: str | None = None
    unclaimed: bool = False
    for_second: bool = False
    for_steward: tuple[str, bool] | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A record as a judgement names it, and where it stands."""

    record_id: int
    source: str
    source_record_id: str
    version: int
    withdrawn: bool
    person_id: PersonId | None

    @property
    def key(self) -> RecordKey:
        return (self.source, self.source_record_id)


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many tasks of a kind there are."""

    kind: DoubtKind
    open: int
    waiting: int
    claimed: int
    oldest: datetime
    first_due: date | None


@dataclass(frozen=True, slots=True)
class DayCount:
    """How many tasks were decided, or closed by themselves, on a day."""

    day: date
    status: TaskStatus
    tasks: int
    mean_open_s: float


def task(conn: Connection, task_id: int, *, lock: bool = False) -> Task | None:
    """A task by its number; `lock` keeps others from changing it until the commit."""
    statement = sql.SQL(_sql["lock_task" if lock else "task"]).format(columns=_columns)
    return conn.cursor(row_factory=class_row(Task)).execute(statement, {"task_id": task_id}).fetchone()


def tasks(
    conn: Connection,
    wanted: Filter = Filter(),
    *,
    limit: int | None = 50,
    skip: int = 0,
    reviewer: Reviewer | None = None,
) -> list[Task]:
    """The queue in its order, as far as a caller of the API may review it."""
    parameters = {
        "statuses": None if wanted.statuses is None else list(wanted.statuses),
        "kinds": None if wanted.kinds is None else list(wanted.kinds),
        "source": wanted.source,
        "county": wanted.county,
        "least_bits": wanted.least_bits,
        "most_bits": wanted.most_bits,
        "before": wanted.opened_before,
        "person": wanted.person_id,
        "assignee": wanted.assignee,
        "unclaimed": wanted.unclaimed,
        "asked_senior": wanted.for_second,
        "steward": wanted.for_steward and wanted.for_steward[0],
        "senior": wanted.for_steward is None or wanted.for_steward[1],
        "limit": limit,
        "skip": skip,
        **(reviewer.parameters if reviewer else ANYBODY),
    }
    statement = sql.SQL(_sql["tasks"]).format(columns=_columns)
    return conn.cursor(row_factory=class_row(Task)).execute(statement, parameters).fetchall()


def claim_task(conn: Connection, task_id: int, *, who: str, minutes: int) -> datetime | None:
    """Keep a task for a steward; returns until when, or None where another has it or it is closed."""
    row = conn.execute(_sql["claim"], {"task_id": task_id, "who": who, "minutes": minutes}).fetchone()
    return row[0] if row else None


def release_task(conn: Connection, task_id: int, *, who: str) -> bool:
    """Give a task back; whether it was this steward's."""
    return conn.execute(_sql["release"], {"task_id": task_id, "who": who}).rowcount == 1


def set_status(
    conn: Connection, task_id: int, status: TaskStatus, judgement_id: int | None, *, asked_senior: bool = False
) -> None:
    """What a judgement does to its task; the claim ends."""
    parameters = {
        "task_id": task_id,
        "status": status,
        "judgement_id": judgement_id,
        "asked_senior": asked_senior,
    }
    conn.execute(_sql["set_status"], parameters)


def reopen_task_of(conn: Connection, judgement_id: int) -> None:
    """The task that a judgement decided is open again."""
    conn.execute(_sql["reopen"], {"judgement_id": judgement_id})
    conn.execute(_sql["forget_decision"], {"judgement_id": judgement_id})


def records_by_id(conn: Connection, record_ids: Collection[int]) -> list[Named]:
    """Records by number, in its order."""
    rows = conn.execute(_sql["records"], {"record_ids": list(record_ids)})
    return [Named(*row) for row in rows]


def records_by_key(conn: Connection, keys: Collection[RecordKey]) -> list[Named]:
    """Records by key; one that never came is left out."""
    parameters = {"sources": [source for source, _ in keys], "ids": [record_id for _, record_id in keys]}
    return [Named(*row) for row in conn.execute(_sql["records_named"], parameters)]


def records_of_persons(conn: Connection, persons: Collection[str]) -> list[Named]:
    """The records of persons, the oldest first."""
    return [Named(*row) for row in conn.execute(_sql["records_of_persons"], {"persons": list(persons)})]


def value_of(conn: Connection, record_id: int, field_name: str) -> Any:
    """What a record says in a column of the normalised record; None if nothing."""
    row = conn.execute(_sql["value_of"], {"record_id": record_id, "field": field_name}).fetchone()
    value = row[0] if row else None
    return open_number(value) if field_name == "ssn" else value


def events_of_run(conn: Connection, run_id: int) -> list[tuple[str, PersonId, Sequence[PersonId]]]:
    """What a run told of persons: kind, person, persons on the other side."""
    rows = conn.execute(_sql["events_of_run"], {"run_id": run_id}).fetchall()
    return [(kind, person, others) for kind, person, others in rows]


def changes_of_run(
    conn: Connection, run_id: int, record_ids: Collection[int]
) -> list[tuple[RecordKey, PersonId | None, PersonId | None]]:
    """What a run did to records: from whom to whom."""
    rows = conn.execute(_sql["changes_of_run"], {"run_id": run_id, "record_ids": list(record_ids)})
    return [((source, record_id), old, new) for source, record_id, old, new in rows]


def counts(conn: Connection, sources: Collection[str] | None = None) -> list[KindCount]:
    """Open tasks by kind; if sources are given, those about no other."""
    among = None if sources is None else sorted(sources)
    return [KindCount(*row) for row in conn.execute(_sql["counts"], {"sources": among})]


def holders(conn: Connection) -> list[str]:
    """The stewards who work on tasks now, by name."""
    return [name for (name,) in conn.execute(_sql["holders"])]


def throughput(conn: Connection, days: int = 30, sources: Collection[str] | None = None) -> list[DayCount]:
    """Tasks closed in the last days; if sources are given, those about no other."""
    among = None if sources is None else sorted(sources)
    return [DayCount(*row) for row in conn.execute(_sql["throughput"], {"days": days, "sources": among})]


def note_court_question(conn: Connection, record: RecordKey, *, matter: str, due_on: date, who: str) -> int:
    """Note that a court waits to know who a child is: tasks about the child come first. Returns its number."""
    asked = {"source": record[0], "source_record_id": record[1], "matter": matter, "due_on": due_on, "who": who}
    with conn.transaction():
        row = conn.execute(_sql["add_court_question"], asked).fetchone()
        conn.execute(_sql["hasten_tasks"], asked)
    return int(row[0]) if row else 0


def answer_court_question(conn: Connection, court_question_id: int) -> bool:
    """Note that a court no longer waits; whether it did."""
    with conn.transaction():
        row = conn.execute(_sql["answer_court_question"], {"court_question_id": court_question_id}).fetchone()
        if row is None:
            return False
        record = {"source": row[0], "source_record_id": row[1]}
        due_on, matter = conn.execute(_sql["pending_day"], record).fetchone() or (None, None)
        conn.execute(_sql["relax_tasks"], {**record, "due_on": due_on, "matter": matter})
    return True
