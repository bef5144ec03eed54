"""The sentinel asks stewards about persons that may be several, once, and tells who was told of them."""

from __future__ import annotations

import pytest

from config.nights import load_nights
from config.sources import load_sources
from index_service.linking_context import shipped
from index_service.relinking import RelinkOptions, relink
from index_service.sentinel import Watch, reach_of, watch
from index_service.stewardship.deciding import Steward, claim, decide
from index_service.stewardship.saying import Decision
from index_service.store.connection import Connection
from index_service.store.ledger import note_shown
from index_service.store.stewardship import Task, task
from linkage.record import SourceRecord
from tests.index_service.test_relinking_changed import load
from tests.index_service.test_sequence_neutrality import invented_records

CONTEXT = shipped()
CONFIG, SOURCES = load_nights().sentinel, load_sources()
STEWARD = Steward("steward", senior=True)
FULL, CHANGED = RelinkOptions(accept=True), RelinkOptions("changed", accept=True)
CHILD = {
    "first_name": "Orsolya", "last_name": "Quillfeather", "birth_date": "2012-03-04", "sex": "female",
    "address_line": "77 Invented Row", "zip": "95899", "city": "Nowhere", "phone": "916-555-0123",
    "mother_first_name": "Petronella", "mother_last_name": "Quillfeather",
}  # fmt: skip


def child(source: str, number: int, **values: str) -> SourceRecord:
    return SourceRecord(source, f"{source}-{number}", {**CHILD, **values})


def look(conn: Connection) -> Watch:
    return watch(conn, CONTEXT.model, CONTEXT.policy, CONFIG, SOURCES)


def link(conn: Connection, options: RelinkOptions = CHANGED) -> None:
    relink(conn, CONTEXT.model, CONTEXT.policy, options)


def only_task(conn: Connection) -> Task:
    rows = conn.execute("SELECT task_id FROM review_task WHERE by_sentinel AND status = 'open'").fetchall()
    (found,) = [task(conn, number) for (number,) in rows]
    assert found is not None
    return found


@pytest.fixture
def one_with_another_sex(conn: Connection) -> Connection:
    """One person of three records, of which the last says another sex."""
    load(conn, [child("cws_cms", 1), child("meds", 2), child("cair2", 3, sex="male")])
    link(conn)
    assert conn.execute("SELECT count(DISTINCT person_id) FROM membership WHERE to_at IS NULL").fetchone() == (1,)
    return conn


def test_a_person_that_shows_a_sign_becomes_a_task_with_a_proposed_split(one_with_another_sex: Connection) -> None:
    conn = one_with_another_sex
    found = look(conn)
    assert (found.persons, found.asked, found.open, found.signs) == (1, 1, 1, {"two_sexes": 1})
    asked = only_task(conn)
    assert (asked.kind, asked.fields, asked.one_person, asked.in_care) == ("possible_overlay", ["sex"], True, True)
    leaving = conn.execute(
        "SELECT source FROM source_record WHERE record_id = ANY (%s)", [asked.right_records]
    ).fetchall()
    assert leaving == [("cair2",)]
    again = look(conn)
    assert (again.persons, again.asked, again.open) == (0, 0, 1), "what has not changed is not looked at again"


def test_the_same_task_stands_after_a_relink_that_closed_it(one_with_another_sex: Connection) -> None:
    conn = one_with_another_sex
    look(conn)
    before = only_task(conn)
    link(conn, FULL)
    assert conn.execute("SELECT count(*) FROM review_task WHERE by_sentinel AND status = 'open'").fetchone() == (0,)
    assert look(conn).asked == 1
    after = only_task(conn)
    assert (after.task_id, after.created_at, after.closed_why) == (before.task_id, before.created_at, None)


def test_what_a_steward_has_decided_is_not_asked_again(one_with_another_sex: Connection) -> None:
    conn = one_with_another_sex
    look(conn)
    number = only_task(conn).task_id
    claim(conn, number, STEWARD)
    decide(conn, number, Decision("same", "papers compared"), STEWARD)
    link(conn, FULL)
    assert (look(conn).asked, look(conn).open) == (0, 0)


def test_a_sign_that_is_mended_closes_the_task(one_with_another_sex: Connection) -> None:
    conn = one_with_another_sex
    look(conn)
    load(conn, [child("cair2", 3)])
    link(conn)
    assert (look(conn).asked, look(conn).open) == (0, 0)


@pytest.mark.parametrize("field", ["cin", "ssn"])
def test_a_number_that_many_persons_bear_is_told_of_without_its_value(conn: Connection, field: str) -> None:
    number = next(str(r.values[field]) for r in invented_records(9, seed=3) if field in r.values)
    same = {field: number}
    others = [
        SourceRecord("meds", name, {"first_name": name, "last_name": f"{name}son", "birth_date": born, field: number})
        for name, born in (("Balthasar", "2011-01-11"), ("Ludmilla", "2014-02-11"), ("Thaddeus", "2017-03-11"))
    ]
    load(conn, [*others, child("cws_cms", 1, **same), child("meds", 2, **same), child("cair2", 3, **same)])
    link(conn)
    found = look(conn)
    assert (found.numbers, found.signs) == ({field: 1}, {"number_of_many": 1})
    assert number not in str(found.figures())
    assert only_task(conn).kind == "identifier_conflict"


def test_who_was_told_of_the_person_since_the_link_is_read_from_the_ledger(one_with_another_sex: Connection) -> None:
    conn = one_with_another_sex
    look(conn)
    asked = only_task(conn)
    assert reach_of(conn, asked.left_records, asked.right_records).told == ()
    for records in ([("cair2", "cair2-3")], [("meds", "meds-2")]):
        note_shown(conn, asked.left_person_id, records, command="export", who="operator")
    reach = reach_of(conn, asked.left_records, asked.right_records)
    (told,) = reach.told
    assert (told.client_id, told.times, told.of_the_part, told.purposes) == ("person-index", 2, 1, ("HSYSADMIN",))
    assert reach.since is not None and reach.since <= told.first_at
    load(conn, [child("dds", 4)])
    link(conn)
    found = look(conn)
    assert found.told == {"person-index": 1}
    assert found.examples[0]["clients"] == reach.figures()["clients"]
