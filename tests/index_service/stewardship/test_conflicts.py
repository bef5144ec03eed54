"""A steward is not told that another transaction was in the way."""

from __future__ import annotations

import threading
import time

import pytest

from index_service.ingesting import ingest
from index_service.stewardship.deciding import judge
from index_service.stewardship.saying import Decision, Sides
from index_service.store.connection import Connection, connect
from index_service.store.judgements import said_in_force
from index_service.store.publish import lock_publication
from linkage.record import SourceRecord
from tests.index_service.faults import fail_first, tries
from tests.index_service.test_sequence_neutrality import STEWARD, published, write

TWO = [SourceRecord("meds", name, {"first_name": name, "last_name": "Testvogel"}) for name in ("Ada", "Noor")]
SIDES = Sides(frozenset({TWO[0].key}), frozenset({TWO[1].key}))
SAME = Decision("same", "seen the birth certificates")


@pytest.mark.parametrize("error", ["40P01", "40001"])
def test_a_judgement_is_made_once_after_conflicts(conn: Connection, error: str) -> None:
    ingest(conn, [write(record) for record in TWO])
    fail_first(conn, "judgement", error, times=3)
    judge(conn, SAME, SIDES, STEWARD)
    assert tries(conn) == 4
    assert len(said_in_force(conn)) == 1
    assert published(conn) == {frozenset(record.key for record in TWO)}


def test_a_conflict_that_lasts_is_told(conn: Connection) -> None:
    ingest(conn, [write(record) for record in TWO])
    fail_first(conn, "judgement", "40P01", times=99)
    with pytest.raises(Exception, match="made for a test"):
        judge(conn, SAME, SIDES, STEWARD)
    assert tries(conn) == 5
    assert said_in_force(conn) == []


def test_of_two_that_wait_for_each_other_neither_is_told(conn: Connection, database_url: str) -> None:
    """A real deadlock: the judgement has the lock of publications and wants the table that the other has, who wants
    the lock of publications."""
    ingest(conn, [write(record) for record in TWO])
    with connect(database_url) as other, connect(database_url) as watching:
        conn.execute("SET deadlock_timeout = '5s'")
        other.execute("SET deadlock_timeout = '200s'")
        judging = threading.Thread(target=judge, args=(conn, SAME, SIDES, STEWARD))
        with other.transaction():
            other.execute("LOCK TABLE judgement IN SHARE ROW EXCLUSIVE MODE")
            judging.start()
            until = time.monotonic() + 30
            while not waits_for_table(watching) and time.monotonic() < until:
                time.sleep(0.01)
            lock_publication(other)  # comes free when the server has ended the judgement's transaction
        judging.join(60)
    assert len(said_in_force(conn)) == 1
    deadlocks = conn.execute(
        "SELECT pg_stat_get_db_deadlocks(oid) FROM pg_database WHERE datname = current_database()"
    ).fetchone()
    assert deadlocks is not None
    assert deadlocks[0] >= 1


def waits_for_table(conn: Connection) -> bool:
    row = conn.execute(
        "SELECT count(*) FROM pg_locks WHERE relation = 'judgement'::regclass AND NOT granted"
    ).fetchone()
    return row is not None and row[0] > 0
