"""The sentinel asks stewards about persons that may be several, once, and tells who was told of them."""

from __future__ import annotations

from typing import Any

import pytest

from config.nights import load_nights
from config.sources import load_sources
from index_service import sentinel
from index_service.ingesting import ingest
from index_service.linking_context import shipped
from index_service.relinking import RelinkOptions, RelinkWaits, accept, relink
from index_service.sentinel import Watch, reach_of, watch
from index_service.stewardship.deciding import Steward, claim, decide
from index_service.stewardship.saying import Decision
from index_service.store import sentinel as store
from index_service.store.connection import Connection, connect
from index_service.store.judgements import JudgementKind
from index_service.store.ledger import note_shown
from index_service.store.stewardship import Task, task
from linkage.record import SourceRecord
from tests.index_service.test_relinking_changed import load
from tests.index_service.test_sequence_neutrality import invented_records, write

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


def test_the_task_and_its_claim_stand_through_a_relink_and_a_record_that_joins(
    one_with_another_sex: Connection,
) -> None:
    conn = one_with_another_sex
    look(conn)
    before = claim(conn, only_task(conn).task_id, STEWARD)
    link(conn, FULL)
    assert only_task(conn) == before
    ingest(conn, [write(child("calpads", 4))])
    assert only_task(conn) == before
    assert look(conn).asked == 1
    after = only_task(conn)
    assert (after.task_id, after.created_at, after.claimed_by) == (before.task_id, before.created_at, before.claimed_by)
    assert len(after.left_records) + len(after.right_records) == 4


def test_a_task_whose_person_fell_apart_is_closed(one_with_another_sex: Connection) -> None:
    conn = one_with_another_sex
    look(conn)
    number = only_task(conn).task_id
    ingest(conn, [write(SourceRecord("cair2", "cair2-3", BALTHASAR))])
    closed = task(conn, number)
    assert closed is not None and closed.closed_why == "now_apart"


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


def test_a_person_too_large_to_be_weighed_is_told_of_by_its_size(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentinel, "LARGEST", 3)
    load(conn, [child(source, 1) for source in ("cws_cms", "meds", "cair2", "dds", "ccsas")])
    link(conn)
    assert look(conn).signs == {"many_records": 1}
    asked = only_task(conn)
    assert (asked.kind, asked.signs) == ("possible_split", ["many_records"])
    assert (len(asked.left_records), len(asked.right_records)) == (3, 2)
    assert max(asked.left_records) < min(asked.right_records)


def test_what_a_load_commits_after_a_pass_that_it_began_before_is_looked_at(
    conn: Connection, database_url: str
) -> None:
    load(conn, [child("cws_cms", 1), child("meds", 2), child("cair2", 3)])
    link(conn)
    look(conn)
    with connect(database_url) as other:
        with other.transaction():
            load(other, [child("cair2", 3, sex="male")])
            assert look(conn).asked == 0, "nothing of it is seen yet"
        link(conn)
        assert look(conn).signs == {"two_sexes": 1}


def test_after_a_full_relink_that_began_before_a_pass_everybody_is_looked_at(
    one_with_another_sex: Connection,
) -> None:
    conn = one_with_another_sex
    waiting = CONTEXT.policy.model_copy(update={"max_share_of_persons_changed": 0.0})
    load(conn, [SourceRecord("cair2", "cair2-3", BALTHASAR)])
    with pytest.raises(RelinkWaits) as waits:
        relink(conn, CONTEXT.model, waiting, RelinkOptions())
    look(conn)
    assert waits.value.outcome.run_id is not None
    accept(conn, waits.value.outcome.run_id, who="operator")
    before = store.last_pass(conn)
    assert before is not None and before.relinked_in_full


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


BALTHASAR = {"first_name": "Balthasar", "last_name": "Invention", "birth_date": "2009-11-30", "sex": "male"}
CIN = {"cin": "90000017A"}


@pytest.fixture
def one_number_on_two_people(conn: Connection) -> Connection:
    """Two persons with nothing in common but a number, which one of them has on one of two records."""
    load(conn, [child("cws_cms", 1, **CIN), child("meds", 2), SourceRecord("meds", "other", BALTHASAR | CIN)])
    link(conn)
    assert conn.execute("SELECT count(*), count(DISTINCT component_id) FROM person_component").fetchone() == (0, 0)
    assert conn.execute("SELECT count(*) FROM review_task").fetchone() == (0,)
    return conn


def test_a_number_on_two_persons_of_different_components_is_asked_about_once(
    one_number_on_two_people: Connection,
) -> None:
    conn = one_number_on_two_people
    found = look(conn)
    assert (found.asked, found.signs) == (1, {"number_of_another": 1})
    asked = only_task(conn)
    assert (asked.kind, asked.fields, asked.one_person, asked.pairs) == ("identifier_conflict", ["cin"], False, 2)
    assert asked.weight_bits < 0 and asked.in_care
    link(conn, FULL)
    assert only_task(conn) == asked, "a relink that finds the same persons leaves it"
    assert (look(conn).asked, only_task(conn).task_id) == (1, asked.task_id)


def test_a_number_of_another_that_is_mended_closes_the_task(one_number_on_two_people: Connection) -> None:
    conn = one_number_on_two_people
    look(conn)
    asked = only_task(conn)
    load(conn, [SourceRecord("meds", "other", BALTHASAR | {"cin": "90000018B"})])
    link(conn)
    found = look(conn)
    assert (found.asked, found.open) == (0, 0)
    closed = task(conn, asked.task_id)
    assert closed is not None and closed.closed_why == "no_longer_in_doubt"


@pytest.mark.parametrize("decision", ["different", "cannot_tell"])
def test_a_number_of_another_that_was_decided_is_not_asked_again(
    one_number_on_two_people: Connection, decision: JudgementKind
) -> None:
    conn = one_number_on_two_people
    look(conn)
    number = only_task(conn).task_id
    claim(conn, number, STEWARD)
    decide(conn, number, Decision(decision, "a slip of the keyboard"), STEWARD)
    load(conn, [child("calpads", 3)])
    link(conn, FULL)
    assert (look(conn).asked, look(conn).open) == (0, 0)


def test_a_number_of_another_is_asked_about_when_the_second_person_comes(conn: Connection) -> None:
    load(conn, [child("cws_cms", 1, **CIN)])
    link(conn)
    assert look(conn).asked == 0
    ingest(conn, [write(SourceRecord("meds", "other", BALTHASAR | CIN))])
    assert look(conn).signs == {"number_of_another": 1}


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


def asked_of_everybody(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT kind, signs, fields, left_records, right_records, weight_bits, by_sentinel FROM review_task "
        "WHERE signs <> '{}' ORDER BY left_records, right_records"
    ).fetchall()


@pytest.mark.parametrize("options", [FULL, CHANGED])
def test_what_a_relink_says_of_its_persons_leaves_no_question_out(conn: Connection, options: RelinkOptions) -> None:
    records = invented_records(400, seed=11)
    load(conn, records[::2])
    link(conn, FULL)
    if options is CHANGED:
        look(conn)
    load(conn, records[1::2])
    linked = relink(conn, CONTEXT.model, CONTEXT.policy, options)
    ingest(conn, [write(child("cws_cms", 1)), write(child("cair2", 3, sex="male"))])
    with conn.transaction(force_rollback=True):
        weighed = watch(conn, CONTEXT.model, CONTEXT.policy, CONFIG, SOURCES, screen=linked.screen).weighed
        with_screen = asked_of_everybody(conn)
    assert look(conn).weighed > weighed
    assert asked_of_everybody(conn) == with_screen
    assert {sign for row in with_screen for sign in row[1]} >= {"two_sexes", "two_birth_dates", "number_of_another"}
