"""Writes that were given up while they waited do no harm to those behind them."""

from __future__ import annotations

from index_service.arriving import withdrawal
from index_service.ingesting import Write
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
