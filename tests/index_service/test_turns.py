"""Writes that were given up while they waited do no harm to those behind them."""

from __future__ import annotations

from index_service.arriving import withdrawal
from index_service.ingesting import Write
from index_service.satellites.ingesting import forget_satellite_answers, ingest_satellites
from index_service.store.arrivals import RememberedAnswer, answered_before, remember_answer
from index_service.store.connection import connect
from index_service.store.satellites import segregated_partition
from index_service.turns import Turns


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
    satellites = Turns(database_url, ingest_satellites, forget=forget_satellite_answers)
    for source, turns in {"meds": Turns(database_url), "csi": satellites}.items():
        turns.start()
        (write,) = turns.submit([Write(withdrawal(source, "1"))])
        write.result(timeout=20)
        turns.stop()
    with connect(database_url) as conn:
        for partition in (conn.transaction, lambda: segregated_partition(conn)):
            with conn.transaction(), partition():
                assert (answered_before(conn, "old"), answered_before(conn, "new")) == (None, answer)
