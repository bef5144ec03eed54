"""Eight connections write and judge at once: what is left follows from records, model and judgements alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from index_service.ingesting import ingest
from index_service.stewardship.deciding import agree, judge, undo
from index_service.stewardship.errors import ContradictoryJudgement, UnknownRecord
from index_service.stewardship.saying import Decision, Sides
from index_service.store.connection import connect
from index_service.store.extract import count_records_to_link
from linkage.record import SourceRecord
from tests.index_service.test_sequence_neutrality import (
    SENIOR,
    STEWARD,
    assert_a_relink_finds_nothing_to_change,
    from_scratch,
    invented_records,
    mixed,
    published,
    questions,
    write,
)

CONNECTIONS = 8
STEPS = 25


class Hand:
    """One connection's part of the history: it sends, corrects, withdraws, judges and undoes, by its own chance."""

    def __init__(self, url: str, pool: list[SourceRecord], seed: int) -> None:
        self._url, self._pool = url, pool
        self._chance = random.Random(seed)  # noqa: S311 - an order, no secret
        self._said: list[int] = []

    def work(self) -> dict[str, int]:
        """Returns how often each kind of step was taken."""
        steps: list[Callable[[], None]] = [self._send] * 4 + [self._correct, self._withdraw, self._judge, self._undo]
        taken: dict[str, int] = {}
        with connect(self._url) as self._conn:
            for _ in range(STEPS):
                step = self._chance.choice(steps)
                step()
                taken[step.__name__] = taken.get(step.__name__, 0) + 1
        return taken

    def _send(self) -> None:
        chosen = {record.key: record for record in self._chance.sample(self._pool, 4)}
        ingest(self._conn, [write(record) for record in chosen.values()])

    def _correct(self) -> None:
        one, other = self._chance.sample(self._pool, 2)
        changed = mixed(one, other, self._chance.sample(["first_name", "last_name", "birth_date", "ssn", "zip"], 3))
        values = {name: value for name, value in changed.values.items() if name != "record_date"}
        ingest(self._conn, [write(SourceRecord(*one.key, values))])

    def _withdraw(self) -> None:
        ingest(self._conn, [write(SourceRecord(*self._chance.choice(self._pool).key, {}), deleted=True)])

    def _judge(self) -> None:
        one, other = self._chance.sample(self._pool, 2)
        sides = Sides(frozenset({one.key}), frozenset({other.key}))
        decision = Decision(self._chance.choice(("same", "different")), "seen the birth certificates")
        try:
            judged = judge(self._conn, decision, sides, STEWARD)
            if judged.waits:
                agree(self._conn, judged.judgement_id, SENIOR, agrees=True, reason="seen them too")
        except (ContradictoryJudgement, UnknownRecord):
            return
        self._said.append(judged.judgement_id)

    def _undo(self) -> None:
        if self._said:
            undo(self._conn, self._said.pop(), SENIOR, reason="a mistake")


@pytest.mark.parametrize("seed", [1, 2])
def test_eight_connections_at_once_leave_what_linking_from_scratch_gives(database_url: str, seed: int) -> None:
    pool = invented_records(12, seed=300 + seed, twin_share=0.5)
    hands = [Hand(database_url, pool, seed * 100 + number) for number in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        taken = [future.result(timeout=240) for future in [threads.submit(hand.work) for hand in hands]]
    assert sum(sum(each.values()) for each in taken) == CONNECTIONS * STEPS
    with connect(database_url) as conn:
        assert (published(conn), questions(conn)) == from_scratch(conn)
        assert count_records_to_link(conn) == 0
        assert_a_relink_finds_nothing_to_change(conn)
