"""Publication: what becomes of persons, memberships, events and reviews when a relink is published."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import ClassVar

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index_service.store import lookup
from index_service.store.connection import AsyncConnection, Connection, connect
from index_service.store.errors import PublicationRefused, RelinkRunning
from index_service.store.extract import count_records_to_link, read_memberships
from index_service.store.publish import Assignment, Change, Question, publish_change
from index_service.store.runs import begin_run, current_model, finish_run, relinking, save_model
from linkage.doubts import DoubtKind
from tests.conftest import NewDatabase
from tests.index_service.store.partitions import SOURCE, assignment, current, load_ids, publish, replay


def all_events(url: str) -> list[lookup.IdentityEvent]:
    async def read() -> list[lookup.IdentityEvent]:
        async with await AsyncConnection.connect(url, autocommit=True) as conn:
            return await lookup.events(conn, 0, 10_000)

    return asyncio.run(read())


def person(url: str, person_id: str, as_of: datetime | None = None) -> lookup.Person | None:
    async def read() -> lookup.Person | None:
        async with await AsyncConnection.connect(url, autocommit=True) as conn:
            return await lookup.person(conn, person_id, as_of)

    return asyncio.run(read())


def members(url: str, person_id: str, as_of: datetime | None = None) -> list[str]:
    found = person(url, person_id, as_of)
    return [member.source_record_id for member in found.members] if found else []


def told(url: str, after: int = 0) -> list[tuple[str, str, list[str], list[str]]]:
    return [
        (event.kind, event.person_id, list(event.other_person_ids), [record_id for _, record_id in event.records])
        for event in all_events(url)
        if event.seq > after
    ]


class TestEvents:
    """Each kind of change is told in its own words."""

    @pytest.fixture
    def base(self, any_conn: Connection) -> Connection:
        """Persons A {1, 2}, B {3, 4} and C {5}; three events."""
        load_ids(any_conn, "12345")
        publish(any_conn, {"1": "A", "2": "A", "3": "B", "4": "B", "5": "C"})
        return any_conn

    def test_new_persons_are_created(self, base: Connection, any_database_url: str) -> None:
        assert told(any_database_url) == [
            ("created", "A", [], ["1", "2"]),
            ("created", "B", [], ["3", "4"]),
            ("created", "C", [], ["5"]),
        ]

    def test_the_same_partition_again_tells_nothing(self, base: Connection, any_database_url: str) -> None:
        publication = publish(base, {"1": "A", "2": "A", "3": "B", "4": "B", "5": "C"})
        assert publication.last_seq is None
        assert publication.records_changed == 0
        assert told(any_database_url, after=3) == []

    def test_persons_that_are_one_join_and_the_others_retire(self, base: Connection, any_database_url: str) -> None:
        publish(base, {"1": "A", "2": "A", "3": "A", "4": "A", "5": "A"})
        assert told(any_database_url, after=3) == [
            ("joined", "A", ["B", "C"], ["3", "4", "5"]),
            ("retired", "B", ["A"], []),
            ("retired", "C", ["A"], []),
        ]

    def test_a_part_that_is_someone_else_splits_off(self, base: Connection, any_database_url: str) -> None:
        publish(base, {"1": "A", "2": "D", "3": "B", "4": "B", "5": "C"})
        assert told(any_database_url, after=3) == [("split", "A", ["D"], ["2"])]

    def test_a_record_moves_between_persons_that_live_on(self, base: Connection, any_database_url: str) -> None:
        publish(base, {"1": "A", "2": "B", "3": "B", "4": "B", "5": "C"})
        assert told(any_database_url, after=3) == [("moved", "B", ["A"], ["2"])]

    def test_a_new_record_is_added_to_a_person(self, base: Connection, any_database_url: str) -> None:
        load_ids(base, "6")
        publish(base, {"1": "A", "2": "A", "3": "B", "4": "B", "5": "C", "6": "C"})
        assert told(any_database_url, after=3) == [("added", "C", [], ["6"])]

    def test_a_withdrawn_record_is_removed_and_its_empty_person_retires(
        self, base: Connection, any_database_url: str
    ) -> None:
        load_ids(base, "35", deleted=True)
        publish(base, {"1": "A", "2": "A", "4": "B"})
        assert told(any_database_url, after=3) == [
            ("removed", "B", [], ["3"]),
            ("removed", "C", [], ["5"]),
            ("retired", "C", [], []),
        ]
        gone = person(any_database_url, "C")
        assert gone is not None
        assert gone.is_retired
        assert gone.members == ()

    def test_a_person_whose_records_scatter_forwards_to_who_got_most(
        self, any_conn: Connection, any_database_url: str
    ) -> None:
        load_ids(any_conn, "12345")
        publish(any_conn, {"1": "A", "2": "A", "3": "A", "4": "B", "5": "C"})
        publish(any_conn, {"1": "B", "2": "C", "3": "C", "4": "B", "5": "C"})
        assert told(any_database_url, after=3) == [
            ("joined", "C", ["A"], ["2", "3"]),
            ("moved", "B", ["A"], ["1"]),
            ("retired", "A", ["C"], []),
        ]


class TestWriting:
    """Only what changes is written, all of it or nothing."""

    def test_an_unchanged_membership_is_not_touched(self, conn: Connection) -> None:
        load_ids(conn, "123")
        publish(conn, {"1": "A", "2": "A", "3": "B"})
        before = conn.execute("SELECT xmin, ctid, * FROM membership WHERE person_id = 'A'").fetchall()
        publish(conn, {"1": "A", "2": "A", "3": "C"})
        assert conn.execute("SELECT xmin, ctid, * FROM membership WHERE person_id = 'A'").fetchall() == before

    def test_a_record_that_changed_after_the_snapshot_is_left_alone_and_waits(self, conn: Connection) -> None:
        load_ids(conn, "12")
        publish(conn, {"1": "A", "2": "B"})
        read_before = assignment(conn, {"1": "A", "2": "A"})
        load_ids(conn, "2", first_name="zoe")
        load_ids(conn, "3")
        with relinking(conn, "full") as run_id:
            publication = publish_change(conn, run_id, Change(read_before))
        assert publication.records_left_alone == 1
        assert current(conn) == {"1": "A", "2": "B"}
        assert count_records_to_link(conn) == 2

    def test_a_publication_clears_the_records_it_has_seen(self, conn: Connection) -> None:
        load_ids(conn, "12")
        assert count_records_to_link(conn) == 2
        publish(conn, {"1": "A", "2": "A"})
        assert count_records_to_link(conn) == 0

    def test_a_new_person_of_records_left_alone_is_not_created(self, conn: Connection, database_url: str) -> None:
        load_ids(conn, "1")
        read_before = assignment(conn, {"1": "A"})
        load_ids(conn, "1", first_name="zoe")
        with relinking(conn, "full") as run_id:
            publish_change(conn, run_id, Change(read_before))
        assert person(database_url, "A") is None

    def test_a_retired_id_is_never_used_again(self, conn: Connection) -> None:
        load_ids(conn, "12")
        publish(conn, {"1": "A", "2": "B"})
        publish(conn, {"1": "A", "2": "A"})
        with pytest.raises(PublicationRefused, match="1 retired"):
            publish(conn, {"1": "A", "2": "B"})
        assert current(conn) == {"1": "A", "2": "A"}

    def test_a_withdrawn_record_is_nobodys(self, conn: Connection) -> None:
        load_ids(conn, "1")
        wanted = assignment(conn, {"1": "A"})
        load_ids(conn, "1", deleted=True)
        after = Assignment(wanted.record_ids, wanted.versions + np.int32(1), ["A"])
        with relinking(conn, "full") as run_id, pytest.raises(PublicationRefused, match="1 withdrawn"):
            publish_change(conn, run_id, Change(after))

    def test_a_refused_publication_leaves_a_failed_run_and_nothing_else(self, conn: Connection) -> None:
        load_ids(conn, "12")
        publish(conn, {"1": "A", "2": "B"})
        publish(conn, {"1": "A", "2": "A"})
        counted = "SELECT (SELECT count(*) FROM membership), (SELECT count(*) FROM identity_event)"
        before = conn.execute(counted).fetchone()
        with pytest.raises(PublicationRefused):
            publish(conn, {"1": "B", "2": "C"})
        assert conn.execute(counted).fetchone() == before
        assert conn.execute("SELECT status FROM run ORDER BY run_id DESC LIMIT 1").fetchone() == ("failed",)

    def test_a_clock_set_back_does_not_confuse_the_history(self, conn: Connection, database_url: str) -> None:
        load_ids(conn, "1")
        publish(conn, {"1": "A"})
        conn.execute("ALTER TABLE identity_event DISABLE TRIGGER append_only")
        ahead = "clock_timestamp() + interval '1 day'"
        conn.execute(f"UPDATE identity_event SET at = {ahead}")
        conn.execute("UPDATE membership SET from_at = (SELECT at FROM identity_event)")
        first = all_events(database_url)[0].at
        assert publish(conn, {"1": "B"}).at > first

    def test_ids_with_commas_quotes_and_line_ends_come_through(self, conn: Connection, database_url: str) -> None:
        strange = ['a,"b', "c\nd", "É/%2F ", "\\N"]
        load_ids(conn, strange)
        publish(conn, dict.fromkeys(strange, "A"))
        assert sorted(members(database_url, "A")) == sorted(strange)

    def test_reasons_are_kept_per_record_or_for_all(self, conn: Connection, database_url: str) -> None:
        load_ids(conn, "12")
        wanted = assignment(conn, {"1": "A", "2": "A"})
        reasons = Assignment(wanted.record_ids, wanted.versions, wanted.person_ids, reasons=["same CIN", "judgement 7"])
        with relinking(conn, "full") as run_id:
            publish_change(conn, run_id, Change(reasons))
        found = person(database_url, "A")
        assert found is not None
        assert sorted(str(member.reason) for member in found.members) == ["judgement 7", "same CIN"]


ALL = {"1": "A", "2": "B", "3": "C"}


class TestQuestions:
    """Questions for stewards are asked once, kept up to date, and closed with a reason when they no longer arise."""

    def queue(self, conn: Connection) -> list[tuple[str, str, float, str, str | None]]:
        return conn.execute(
            "SELECT left_person_id, right_person_id, weight_bits, status, closed_why FROM review_task ORDER BY task_id"
        ).fetchall()

    @pytest.fixture
    def asked(self, conn: Connection) -> Connection:
        load_ids(conn, "123")
        publish(conn, ALL, [("1", "2", 3.5, 1), ("2", "3", 1.0, 1)])
        return conn

    def test_they_are_open(self, asked: Connection) -> None:
        assert self.queue(asked) == [("A", "B", 3.5, "open", None), ("B", "C", 1.0, "open", None)]

    def test_asked_again_it_is_brought_up_to_date(self, asked: Connection) -> None:
        publish(asked, ALL, [("1", "2", 4.0, 2), ("2", "3", 1.0, 1)])
        assert self.queue(asked) == [("A", "B", 4.0, "open", None), ("B", "C", 1.0, "open", None)]
        assert asked.execute("SELECT version FROM review_task ORDER BY task_id").fetchall() == [(2,), (1,)]

    def test_not_asked_again_it_is_closed(self, asked: Connection) -> None:
        publish(asked, ALL, [("1", "2", 3.5, 1)])
        assert self.queue(asked) == [("A", "B", 3.5, "open", None), ("B", "C", 1.0, "closed", "no_longer_in_doubt")]

    def test_a_run_that_looked_at_neither_person_leaves_the_question(self, asked: Connection) -> None:
        publish(asked, {"1": "A"}, [("1", "2", 3.5, 1)])
        assert self.queue(asked) == [("A", "B", 3.5, "open", None), ("B", "C", 1.0, "open", None)]

    def test_of_two_that_became_one_person_it_is_closed(self, asked: Connection) -> None:
        publish(asked, {"1": "A", "2": "B", "3": "B"}, [("1", "2", 3.5, 1)])
        assert self.queue(asked) == [("A", "B", 3.5, "open", None), ("B", "C", 1.0, "closed", "now_one_person")]

    def test_of_a_withdrawn_record_it_is_closed(self, asked: Connection) -> None:
        load_ids(asked, "3", deleted=True)
        publish(asked, {"1": "A", "2": "B"}, [("1", "2", 3.5, 1)])
        assert self.queue(asked) == [("A", "B", 3.5, "open", None), ("B", "C", 1.0, "closed", "withdrawn")]

    def test_another_id_of_the_person_is_the_same_question(self, asked: Connection) -> None:
        publish(asked, {"1": "A", "2": "B", "3": "D"}, [("1", "2", 3.5, 1), ("2", "3", 1.0, 1)])
        assert self.queue(asked) == [("A", "B", 3.5, "open", None), ("B", "D", 1.0, "open", None)]


class TestSidesNameTheQuestion:
    """The sides of a question are what it is: kind, oldest record and ids may change, and a decision is found again."""

    PERSONS: ClassVar = {"1": "A", "2": "A", "3": "A", "4": "B", "5": "B", "6": "C"}

    def ask(
        self, conn: Connection, *asked: tuple[str, str, float], kind: DoubtKind = "possible_duplicate", fields: str = ""
    ) -> None:
        """Publish questions between records, named by their ids."""
        rows = conn.execute("SELECT source_record_id, record_id FROM source_record")
        number: dict[str, int] = dict(rows.fetchall())
        questions = [
            Question(
                kind,
                self.PERSONS[left[0]],
                self.PERSONS[right[0]],
                tuple(number[i] for i in left),
                tuple(number[i] for i in right),
                bits,
                1,
                tuple(fields.split()),
            )
            for left, right, bits in asked
        ]
        with relinking(conn, "full") as run_id:
            change = Change(assignment(conn, self.PERSONS), questions, material_change_bits=3.0)
            publish_change(conn, run_id, change)

    def open(self, conn: Connection) -> list[tuple[int, str, int | None]]:
        return conn.execute(
            "SELECT task_id, kind, earlier_task_id FROM review_task WHERE status = 'open' ORDER BY task_id"
        ).fetchall()

    @pytest.fixture
    def index(self, conn: Connection) -> Connection:
        load_ids(conn, "123456")
        publish(conn, self.PERSONS)
        return conn

    @pytest.mark.parametrize(
        ("left", "right"), [("123", "45"), ("23", "45"), ("3", "5"), ("45", "123"), ("5", "3"), ("12", "456")]
    )
    def test_an_open_question_stays_the_same_task(self, index: Connection, left: str, right: str) -> None:
        self.ask(index, ("123", "45", 4.0))
        before = self.open(index)
        index.execute("UPDATE review_task SET claimed_by = 'ann', claimed_until = 'infinity'")
        self.ask(index, (left, right, 1.0), kind="twin_or_sibling_alert")
        ((number, kind, _),) = self.open(index)
        assert (number, kind) == (before[0][0], "twin_or_sibling_alert")
        assert index.execute("SELECT claimed_by FROM review_task WHERE status = 'open'").fetchall() == [("ann",)]

    def test_each_of_several_questions_keeps_its_own_task(self, index: Connection) -> None:
        self.ask(index, ("123", "45", 4.0), ("123", "6", 5.0))
        before = self.open(index)
        self.ask(index, ("23", "6", 5.0), ("23", "45", 4.0))
        assert self.open(index) == before
        held = index.execute("SELECT weight_bits FROM review_task WHERE status = 'open' ORDER BY task_id").fetchall()
        assert held == [(4.0,), (5.0,)]

    @pytest.mark.parametrize(
        ("left", "right", "bits", "fields", "again"),
        [
            ("123", "45", 4.0, "", False),
            ("123", "45", 7.0, "", False),
            ("123", "45", 7.1, "", True),
            ("123", "45", 0.9, "", True),
            ("123", "45", 4.0, "ssn", True),
            ("23", "5", 4.0, "", False),
            ("45", "123", 4.0, "", False),
            ("123", "456", 4.0, "", False),
            ("1", "45", 4.0, "", False),
            ("123", "6", 4.0, "", True),
        ],
    )
    def test_a_decided_question_comes_back_only_with_news(
        self, index: Connection, left: str, right: str, bits: float, fields: str, again: bool
    ) -> None:
        self.ask(index, ("123", "45", 4.0))
        ((number, _, _),) = self.open(index)
        index.execute("UPDATE review_task SET status = 'decided', closed_at = now(), closed_why = 'decided'")
        self.ask(index, (left, right, bits), fields=fields)
        found = self.open(index)
        assert bool(found) is again
        assert all(earlier == (None if right == "6" else number) for _, _, earlier in found)


class TestAtOnce:
    """One relink at a time; the second says so."""

    def test_the_second_relink_says_that_and_since_when_another_runs(self, conn: Connection, database_url: str) -> None:
        with relinking(conn, "full") as run_id, connect(database_url) as other:
            message = rf"run {run_id}, since {datetime.now(UTC):%Y}"
            with pytest.raises(RelinkRunning, match=message), relinking(other, "full"):
                pytest.fail("two relinks ran at once")
            with pytest.raises(RelinkRunning):
                publish_change(other, begin_run(other, "changed"), Change(assignment(other, {})))
            finish_run(conn, run_id, "dry_run")
        with connect(database_url) as other, relinking(other, "full") as next_run:
            finish_run(other, next_run, "dry_run")

    def test_two_publications_at_once_do_not_mix(self, conn: Connection, database_url: str) -> None:
        """Each thread tries until it gets through; in the end one partition holds, and the sequence has no gap."""
        load_ids(conn, "1234")
        partitions = [dict.fromkeys("1234", f"together{n}") for n in range(3)]
        failures: list[Exception] = []

        def publish_soon(persons: dict[str, str]) -> None:
            with connect(database_url) as own:
                while True:
                    try:
                        publish(own, persons)
                    except RelinkRunning:
                        continue
                    except Exception as error:
                        failures.append(error)
                    return

        threads = [threading.Thread(target=publish_soon, args=(persons,)) for persons in partitions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert current(conn) in partitions
        assert [event.seq for event in all_events(database_url)] == list(range(1, len(all_events(database_url)) + 1))

    def test_loading_and_publishing_at_once_wait_for_each_other_without_deadlock(
        self, conn: Connection, database_url: str
    ) -> None:
        ids = [str(number) for number in range(50)]
        load_ids(conn, ids)
        failures: list[Exception] = []

        def load_changes() -> None:
            try:
                with connect(database_url) as own:
                    for number in range(10):
                        load_ids(own, reversed(ids), first_name=f"name{number}")
            except Exception as error:
                failures.append(error)

        loading = threading.Thread(target=load_changes)
        loading.start()
        number = 0
        while loading.is_alive():
            number += 1
            publish(conn, dict.fromkeys(ids, f"person{number}"))
        loading.join()
        assert failures == []
        publish(conn, dict.fromkeys(ids, "last"))
        assert set(current(conn).values()) == {"last"}
        assert count_records_to_link(conn) == 0

    def test_the_run_of_a_process_that_died_is_failed_by_the_next(self, conn: Connection) -> None:
        dead = begin_run(conn, "full")
        publish(conn, {})
        assert conn.execute("SELECT status FROM run WHERE run_id = %s", [dead]).fetchone() == ("failed",)

    def test_a_run_whose_connection_breaks_does_not_hide_the_reason(self, database_url: str) -> None:
        with connect(database_url) as own, pytest.raises(psycopg.OperationalError), relinking(own, "full"):
            own.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_the_model_of_a_published_run_becomes_current(conn: Connection) -> None:
    for fingerprint in ("one", "two"):
        save_model(conn, fingerprint, '{"b": 1.50, "a": 2}')
        with relinking(conn, "full", model_fingerprint=fingerprint) as run_id:
            publish_change(conn, run_id, Change(assignment(conn, {})), model_fingerprint=fingerprint)
    assert current_model(conn) == ("two", '{"b": 1.50, "a": 2}')


RECORDS = "abcdef"
partition = st.lists(st.integers(0, 3), min_size=len(RECORDS), max_size=len(RECORDS))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(partitions=st.lists(partition, min_size=1, max_size=5))
def test_whatever_is_published_the_history_stays_true(new_database: NewDatabase, partitions: list[list[int]]) -> None:
    """Any sequence of partitions: the present is the last, the past is as it was, and the events tell all of it."""
    url = new_database()
    with opened(url) as conn:
        load_ids(conn, RECORDS)
        published: list[tuple[datetime, dict[str, str]]] = []
        for number, labels in enumerate(partitions):
            wanted = inherit(published[-1][1] if published else {}, labels, number)
            publication = publish(conn, wanted)
            published.append((publication.at, wanted))
        assert current(conn) == published[-1][1]
        retired = conn.execute("SELECT person_id FROM person WHERE retired_at IS NOT NULL").fetchall()
        times = read_memberships(conn).to_pylist()
    events = all_events(url)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert {record_id: person_id for (_, record_id), person_id in replay(events).items()} == published[-1][1]
    assert len(times) == len(RECORDS)
    for at, believed in published:
        assert believed_then(url, set(believed.values()), at) == believed
    for (person_id,) in retired:
        survivor = person(url, person_id)
        assert survivor is not None
        assert survivor.asked_retired_at is not None
        assert not survivor.is_retired
        assert survivor.members


def inherit(before: dict[str, str], labels: list[int], number: int) -> dict[str, str]:
    """Person ids for a partition: a cluster keeps an id that one of its records bore, if no other took it first."""
    given_to: dict[int, str] = {}
    for record, label in zip(RECORDS, labels, strict=True):
        old = before.get(record)
        if label not in given_to and old is not None and old not in given_to.values():
            given_to[label] = old
    return {
        record: given_to.setdefault(label, f"{number}-{label}") for record, label in zip(RECORDS, labels, strict=True)
    }


def believed_then(url: str, persons: set[str], at: datetime) -> dict[str, str]:
    return {record_id: person_id for person_id in persons for record_id in members(url, person_id, at)}


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    with connect(url) as conn:
        yield conn


def test_source_is_part_of_the_key(conn: Connection, database_url: str) -> None:
    load_ids(conn, "1")
    load_ids(conn, "1", source="meds")
    publish(conn, {"1": "A"})
    found = person(database_url, "A")
    assert found is not None
    assert [(member.source, member.source_record_id) for member in found.members] == [(SOURCE, "1"), ("meds", "1")]
