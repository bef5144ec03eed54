"""The partition follows from records, model and judgements alone: not from the order or manner in which they came."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from index_service.ingesting import Answered, Write, Written, ingest
from index_service.linking_context import shipped
from index_service.relinking import RelinkOptions, relink
from index_service.stewardship.deciding import Steward, agree, judge, undo
from index_service.stewardship.errors import ContradictoryJudgement
from index_service.stewardship.questions import doubts_of
from index_service.stewardship.saying import Decision, Sides
from index_service.store.arrivals import Arrival
from index_service.store.connection import Connection, connect
from index_service.store.extract import count_records_to_link, read_constraints, read_snapshot
from index_service.store.neighbourhood import normalised_of
from index_service.store.numbers import opened_values
from linkage.normalise import normalise
from linkage.pipeline import link_few
from linkage.record import COLUMNS, RecordKey, SourceRecord
from tests.conftest import NewDatabase
from training.population import generate
from training.population.parameters import PopulationParameters

Values = dict[str, Any]
Persons = frozenset[frozenset[RecordKey]]
CONTEXT = shipped()
STEWARD, SENIOR = Steward("steward"), Steward("senior steward", senior=True)
HISTORIES = int(os.environ.get("PERSON_INDEX_HISTORIES", "10"))
"""Generated histories; `make prove-sequence` runs hundreds."""


def invented_records(children: int, seed: int, *, twin_share: float | None = None) -> list[SourceRecord]:
    """A population with siblings, twins, mothers and bad records, as eleven departments know it.

    twin_share: of the children; as many as are born by default.
    """
    parameters = PopulationParameters() if twin_share is None else PopulationParameters(twin_share=twin_share)
    found = []
    for row in generate(children, seed=seed, parameters=parameters).records.to_pylist():
        source, record_id = row.pop("source"), row.pop("source_record_id")
        found.append(SourceRecord(source, record_id, {name: value for name, value in row.items() if value}))
    return found


def write(record: SourceRecord, *, deleted: bool = False) -> Write:
    return Write(Arrival.of(record, normalise(record)[0], deleted=deleted))


def published(conn: Connection) -> Persons:
    """Which records belong together, as the memberships say."""
    persons: dict[str, set[RecordKey]] = {}
    for member in read_snapshot(conn).memberships.to_pylist():
        persons.setdefault(member["person_id"], set()).add((member["source"], member["source_record_id"]))
    return frozenset(map(frozenset, persons.values()))


Questions = set[tuple[str, frozenset[RecordKey], frozenset[RecordKey]]]


def questions(conn: Connection) -> Questions:
    """What stewards are asked, by the records of either side; what was decided stays decided."""
    key = {
        row[0]: (row[1], row[2])
        for row in conn.execute("SELECT record_id, source, source_record_id FROM source_record")
    }
    asked = conn.execute(
        "SELECT kind, left_records, right_records FROM review_task WHERE status = 'open' AND before_version IS NULL"
    )
    return {(kind, frozenset(key[i] for i in left), frozenset(key[i] for i in right)) for kind, left, right in asked}


def from_scratch(conn: Connection) -> tuple[Persons, Questions]:
    """What linking everything at once makes of the records that are there now: persons and questions."""
    records = [
        normalised_of(list(row.values())) for row in read_snapshot(conn).records.select(list(COLUMNS)).to_pylist()
    ]
    keys, constraints = [record.key for record in records], read_constraints(conn)
    result = link_few(records, CONTEXT.compiled, CONTEXT.policy, constraints)
    clusters: dict[int, set[RecordKey]] = {}
    for record, label in zip(records, result.cluster.tolist(), strict=True):
        clusters.setdefault(label, set()).add(record.key)
    doubts = doubts_of(result, keys, constraints, CONTEXT.compiled.names, CONTEXT.policy)
    return (
        frozenset(map(frozenset, clusters.values())),
        {(d.kind, frozenset(keys[i] for i in d.left), frozenset(keys[i] for i in d.right)) for d in doubts},
    )


def assert_a_relink_finds_nothing_to_change(conn: Connection) -> None:
    events = conn.execute("SELECT max(seq) FROM identity_event").fetchone()
    outcome = relink(conn, CONTEXT.model, CONTEXT.policy, RelinkOptions(accept=True))
    assert outcome.change is not None and outcome.change.is_empty
    assert conn.execute("SELECT max(seq) FROM identity_event").fetchone() == events


@pytest.mark.parametrize("at_once", [1, 7, 50])
def test_however_many_come_at_once_they_become_the_persons_of_a_relink(conn: Connection, at_once: int) -> None:
    records = invented_records(30, seed=at_once)
    random.Random(at_once).shuffle(records)  # noqa: S311 - an order, no secret
    for start in range(0, len(records), at_once):
        ingest(conn, [write(record) for record in records[start : start + at_once]])
    persons, asked = from_scratch(conn)
    assert published(conn) == persons
    assert questions(conn) == asked
    assert count_records_to_link(conn) == 0
    assert_a_relink_finds_nothing_to_change(conn)
    assert questions(conn) == asked


def mixed(one: SourceRecord, other: SourceRecord, fields: Sequence[str]) -> SourceRecord:
    """The record with some of another's values: a bridge between two people."""
    values = dict(one.values)
    for name in fields:
        values.pop(name, None)
        if name in other.values:
            values[name] = other.values[name]
    return SourceRecord(one.source, one.source_record_id, values)


class Histories(RuleBasedStateMachine):
    """Records come, change, become bridges and go; stewards decide and undo; at the end everything is relinked."""

    new_database: NewDatabase
    pool: list[SourceRecord]

    @initialize(seed=st.integers(0, 5), twin_share=st.sampled_from([None, 0.7]))
    def begin(self, seed: int, twin_share: float | None) -> None:
        self.conn = connect(self.new_database())
        self.pool = invented_records(6, seed=100 + seed, twin_share=twin_share)
        self.there: dict[RecordKey, SourceRecord] = {}
        self.decided: dict[int, tuple[RecordKey, RecordKey]] = {}

    def teardown(self) -> None:
        if not hasattr(self, "conn"):
            return
        with self.conn:
            if self.there:
                assert_a_relink_finds_nothing_to_change(self.conn)

    def _send(self, records: Sequence[SourceRecord], *, deleted: bool = False) -> list[Answered]:
        return ingest(self.conn, [write(record, deleted=deleted) for record in {r.key: r for r in records}.values()])

    @rule(data=st.data())
    def records_come(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.pool), min_size=1, max_size=6, unique_by=lambda r: r.key))
        self._send(chosen)
        self.there |= {record.key: record for record in chosen}

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def a_record_is_corrected_into_a_bridge(self, data: st.DataObject) -> None:
        one = self.there[data.draw(st.sampled_from(sorted(self.there)))]
        other = data.draw(st.sampled_from(self.pool))
        names = sorted({*one.values, *other.values} - {"deleted", "record_date"})
        changed = mixed(one, other, data.draw(st.lists(st.sampled_from(names), max_size=5, unique=True)))
        self._send([SourceRecord(*one.key, {k: v for k, v in changed.values.items() if k != "record_date"})])
        self.there[one.key] = changed

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def records_go(self, data: st.DataObject) -> None:
        keys = data.draw(st.lists(st.sampled_from(sorted(self.there)), min_size=1, max_size=3, unique=True))
        gone = [self.there.pop(key) for key in keys]
        self._send([SourceRecord(*record.key, {}) for record in gone], deleted=True)

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def the_same_comes_again(self, data: st.DataObject) -> None:
        before = published(self.conn)
        key = data.draw(st.sampled_from(sorted(self.there)))
        held = self.conn.execute(
            "SELECT v.source_values FROM source_record h JOIN source_record_version v "
            "ON v.record_id = h.record_id AND v.version = h.current_version "
            "WHERE h.source = %s AND h.source_record_id = %s",
            key,
        ).fetchone()
        assert held is not None
        (answer,) = self._send([SourceRecord(*key, opened_values(held[0]))])
        assert isinstance(answer, Written) and answer.outcome == "unchanged"
        assert published(self.conn) == before

    @precondition(lambda self: len(self.there) > 1)
    @rule(data=st.data(), kind=st.sampled_from(["same", "different"]))
    def a_steward_decides(self, data: st.DataObject, kind: Literal["same", "different"]) -> None:
        chosen = st.lists(st.sampled_from(sorted(self.there)), min_size=2, max_size=2, unique=True)
        left, right = data.draw(chosen)
        before = published(self.conn)
        try:
            sides = Sides(frozenset({left}), frozenset({right}))
            judged = judge(self.conn, Decision(kind, "seen the birth certificates"), sides, STEWARD)
        except ContradictoryJudgement:
            assert published(self.conn) == before
            return
        if judged.waits:
            agree(self.conn, judged.judgement_id, SENIOR, agrees=True, reason="seen them too")
        self.decided[judged.judgement_id] = (left, right)
        together = any({left, right} <= person for person in published(self.conn))
        assert together == (kind == "same")

    @precondition(lambda self: self.decided)
    @rule(data=st.data())
    def a_decision_is_undone(self, data: st.DataObject) -> None:
        judgement_id = data.draw(st.sampled_from(sorted(self.decided)))
        undo(self.conn, judgement_id, SENIOR, reason="a mistake")
        del self.decided[judgement_id]

    @invariant()
    def it_is_what_linking_everything_at_once_gives(self) -> None:
        if not hasattr(self, "conn") or not self.there:
            return
        persons, asked = from_scratch(self.conn)
        assert published(self.conn) == persons
        assert questions(self.conn) == asked


def test_any_history_of_writes(new_database: NewDatabase) -> None:
    class OnThisServer(Histories):
        pass

    OnThisServer.new_database = staticmethod(new_database)
    run_state_machine_as_test(
        OnThisServer,
        settings=settings(
            max_examples=HISTORIES, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
