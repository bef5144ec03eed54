"""Writes wait for what they must and for nothing else; what is in their way for a moment is not told to the caller."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import pytest

from index_service import turns as turns_module
from index_service.arriving import withdrawal
from index_service.ingesting import Answered, Write, Written, ingest_at_once
from index_service.satellites.ingesting import forget_satellite_answers, ingest_satellites
from index_service.store.arrivals import RememberedAnswer, answered_before, lock_sources, remember_answer
from index_service.store.connection import Connection, connect
from index_service.store.publish import lock_publication
from index_service.store.satellites import segregated_partition
from index_service.turns import Turns
from linkage.record import SourceRecord
from tests.index_service.faults import fail_first, tries
from tests.index_service.test_sequence_neutrality import write


def test_a_write_given_up_while_it_waits_is_not_done_and_the_others_are(database_url: str) -> None:
    turns = Turns(database_url)
    given_up, kept = turns.submit([Write(withdrawal("cws_cms", "1")), Write(withdrawal("cws_cms", "2"))])
    assert given_up.cancel()
    turns.start()
    try:
        kept.result(timeout=20)
        (after,) = turns.submit([Write(withdrawal("cws_cms", "3"))])
        after.result(timeout=20)
    finally:
        turns.stop()
    assert given_up.cancelled()


def test_a_write_that_is_under_way_is_not_given_up(database_url: str) -> None:
    turns = Turns(database_url)
    (waiting,) = turns.submit([Write(withdrawal("cws_cms", "1"))])
    (begun,) = turns._next_turn()
    assert not begun.answer.cancel()
    assert waiting is begun.answer


def test_answers_older_than_a_day_are_forgotten_between_turns_in_either_partition(database_url: str) -> None:
    answer = RememberedAnswer(b"hash", 200, {})
    with connect(database_url) as conn:
        for partition in (conn.transaction, lambda: segregated_partition(conn)):
            with conn.transaction(), partition():
                remember_answer(conn, "old", answer)
                remember_answer(conn, "new", answer)
                conn.execute(
                    "UPDATE answered_write SET answered_at = answered_at - interval '25 hours' "
                    "WHERE idempotency_key = 'old'"
                )
    satellites = Turns(database_url, ingest_satellites, after_load=None, forget=forget_satellite_answers)
    for source, turns in {"meds": Turns(database_url), "csi": satellites}.items():
        turns.start()
        (write,) = turns.submit([Write(withdrawal(source, "1"))])
        write.result(timeout=20)
        turns.stop()
    with connect(database_url) as conn:
        for partition in (conn.transaction, lambda: segregated_partition(conn)):
            with conn.transaction(), partition():
                assert (answered_before(conn, "old"), answered_before(conn, "new")) == (None, answer)


@contextmanager
def started(turns: Turns) -> Iterator[Turns]:
    turns.start()
    try:
        yield turns
    finally:
        turns.stop()


def record(source: str, name: str, **values: str) -> Write:
    return write(SourceRecord(source, name, {"first_name": "Ada", "last_name": "Testvogel", "zip": "95814"} | values))


def test_while_a_source_is_loaded_its_writes_wait_in_order_and_those_of_other_sources_do_not(
    database_url: str, conn: Connection
) -> None:
    with started(Turns(database_url)) as turns, connect(database_url) as loading:
        with loading.transaction():
            lock_sources(loading, ["meds"])
            waits, goes_on = turns.submit([record("meds", "a"), record("calpads", "b")])
            assert isinstance(goes_on.result(timeout=20), Written)
            (later,) = turns.submit([record("meds", "a", zip="95815")])
            (other,) = turns.submit([record("calsaws", "c")])
            assert isinstance(other.result(timeout=20), Written)
            with conn.transaction():
                conn.execute("SET LOCAL lock_timeout = '2s'")
                lock_publication(conn)  # a judgement, or another process's write
            assert not waits.done()
            assert not later.done()
            assert turns.waiting <= 1
        answers = [future.result(timeout=20) for future in (waits, later)]
        assert [each.version for each in answers if isinstance(each, Written)] == [1, 2]
        (after,) = turns.submit([record("meds", "a", zip="95816")])
        last = after.result(timeout=20)
        assert isinstance(last, Written)
        assert last.version == 3


@pytest.mark.parametrize("error", ["40P01", "40001"])
def test_a_conflict_with_another_transaction_is_not_told(database_url: str, conn: Connection, error: str) -> None:
    fail_first(conn, "source_record", error, times=3)
    with started(Turns(database_url)) as turns:
        (answer,) = turns.submit([record("meds", "a")])
        assert isinstance(answer.result(timeout=30), Written)
    assert tries(conn) == 4


def test_a_write_whose_statement_takes_too_long_is_tried_twice_and_the_others_are_taken_in(
    database_url: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns_module, "STATEMENT_TIMEOUT_MS", 1_500)
    fail_first(conn, "source_record", "sleep", times=99, only="slow")
    turns = Turns(database_url)
    first, slow, last = turns.submit([record("meds", "a"), record("meds", "slow"), record("calpads", "b")])
    with started(turns):
        with pytest.raises(psycopg.errors.QueryCanceled):
            slow.result(timeout=30)
        assert isinstance(first.result(timeout=30), Written)
        assert isinstance(last.result(timeout=30), Written)
    assert tries(conn) == 2, "with the others, and alone"


def test_where_a_lock_does_not_come_free_all_are_told_at_once(
    database_url: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns_module, "LOCK_TIMEOUT_MS", 500)
    turns = Turns(database_url)
    waiting = turns.submit([record("meds", f"{n}") for n in range(12)])
    with conn.transaction():
        lock_publication(conn)
        began = time.monotonic()
        with started(turns):
            for each in waiting:
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    each.result(timeout=30)
        assert time.monotonic() - began < 12 * 0.5, "not one after the other"


def test_a_restart_of_the_connection_is_not_told(database_url: str, conn: Connection) -> None:
    with started(Turns(database_url)) as turns:
        (first,) = turns.submit([record("meds", "a")])
        first.result(timeout=20)
        ended = conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
        assert ended
        (second,) = turns.submit([record("meds", "b")])
        assert isinstance(second.result(timeout=20), Written)


def test_writers_who_come_back_at_once_share_turns(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn waits for those whom the last one answered, and for those who came while it ran."""
    monkeypatch.setattr(turns_module, "GATHERING_S", 1.0)
    writers, rounds = 8, 5
    sizes: list[int] = []

    def noting(conn: Connection, writes: Sequence[Write]) -> list[Answered]:
        sizes.append(len(writes))
        return ingest_at_once(conn, writes)

    def keep_writing(turns: Turns, writer: int) -> None:
        for n in range(rounds):
            (answer,) = turns.submit([Write(withdrawal("meds", f"{writer}-{n}"))])
            answer.result(timeout=60)

    with started(Turns(database_url, noting)) as turns:
        threads = [threading.Thread(target=keep_writing, args=(turns, writer)) for writer in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert sizes[1:rounds] == [writers] * (rounds - 1)
    assert sum(sizes) == writers * rounds


def test_who_writes_alone_waits_for_nobody(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "GATHERING_S", 60.0)
    with started(Turns(database_url)) as turns:
        for n in range(5):
            (answer,) = turns.submit([Write(withdrawal("meds", str(n)))])
            answer.result(timeout=20)
