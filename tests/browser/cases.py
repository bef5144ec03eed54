"""A database in which every page has something to show: questions of every kind in every state, seals, broken glass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from psycopg.types.json import Jsonb

from index_service.cli.demo_arrivals import keep_watch, let_a_court_wait, let_arrive, questions
from index_service.disclosure.on_file import BrokenGlass
from index_service.disclosure.reviewing_glass import review_glass
from index_service.linking_context import shipped
from index_service.relinking import RelinkOptions, relink
from index_service.stewardship.adoptions import propose_seal
from index_service.stewardship.deciding import Decided, Steward, claim, decide
from index_service.stewardship.saying import Decision
from index_service.store.connection import Connection, connect
from index_service.store.embedded import EmbeddedServer
from index_service.store.judgements import JudgementKind
from index_service.store.on_file import break_glass
from tests.index_service.stewardship.adopted import AFTER, BEFORE, SUPERVISOR, sealed
from tests.index_service.stewardship.invented import send, withdraw
from tests.stewards_cases import ALEXA, copy_of, person_of_record, put, task_about, template

ANA = Steward("ana.lopez")


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled database, and what there is in it to look at. tasks: what it shows -> its number."""

    name: str
    tasks: dict[str, int]
    person: str
    retired: str
    to_seal: str


@contextmanager
def filled_database(server: EmbeddedServer) -> Iterator[Filled]:
    """The database, as a template to copy."""
    with template(server, children=0) as name, connect(server.url(name)) as conn:
        filled = _fill(conn, name)
        conn.close()
        yield filled


def _fill(conn: Connection, name: str) -> Filled:
    let_arrive(conn)
    withdraw(conn, ("calpads", "alex-4"))
    put(conn, ("juvenile_court", "alex-9", ALEXA))
    relink(conn, shipped().model, shipped().policy, RelinkOptions(accept=True))
    keep_watch(conn, shipped().model)
    let_a_court_wait(conn, date(2026, 3, 2))
    retired = person_of_record(conn, "cair2", "demo-adopted-3")
    found = {
        case.about[1].split("-")[1]: task.task_id for case, task in questions(conn) if "adopted" not in case.about[1]
    }
    found["closed"] = _decided(conn, ("cair2", "demo-adopted-3"), "same")
    found["waiting"] = _decided(conn, ("juvenile_court", "alex-9"), "same")
    found["vanished"] = task_about(conn, "cair2", "newborn-7")
    conn.execute("UPDATE source_record SET withdrawn = true WHERE source_record_id = 'newborn-7'")
    to_seal = person_of_record(conn, "meds", "jonah-2")
    send(conn, {**BEFORE, **AFTER})
    sealed(conn)
    propose_seal(conn, to_seal, {("meds", "jonah-2")}, SUPERVISOR, reason="order of adoption, file 12")
    _break_glass(conn, to_seal)
    _let_a_run_wait(conn, to_seal, retired)
    return Filled(name, found, person_of_record(conn, "calsaws", "alex-1"), retired, to_seal)


def _decided(conn: Connection, record: tuple[str, str], kind: JudgementKind) -> int:
    task = task_about(conn, *record)
    claim(conn, task, ANA)
    made: Decided = decide(conn, task, Decision(kind, "The month is a slip; all else agrees."), ANA)
    assert made.judgement_id
    return task


def _break_glass(conn: Connection, person_id: str) -> None:
    now = datetime.now(UTC)
    for number, days in enumerate((9, 1, 5)):
        glass = BrokenGlass(
            broken_glass_id=0,
            agreement="cws_worker/1",
            client="cws_worker",
            user=f"worker.{number}",
            person_id=person_id,
            reason="a child at the door at night, nobody of the caseload to be reached",
            alerts=("privacy_officer",),
            broken_at=now - timedelta(days=days),
            expires_at=now - timedelta(days=days) + timedelta(hours=1),
            review_by=now - timedelta(days=days) + timedelta(days=3),
        )
        done = break_glass(conn, glass)
    review_glass(conn, done, who="ruth.okafor", subject="ruth.okafor", was_justified=False, remark="Could have waited.")


def _let_a_run_wait(conn: Connection, *persons: str) -> None:
    counts = {
        "joined": 1,
        "over_budget": ["2 of 7 persons (28.6%) would be joined into others; 1.0% may"],
        "examples": [{"kind": "joined", "persons": list(persons), "records": 2}],
    }
    conn.execute(
        "INSERT INTO run (kind, status, counts, finished_at) VALUES ('full', 'waiting', %s, now())", (Jsonb(counts),)
    )


__all__ = ["ANA", "Filled", "copy_of", "filled_database"]
