"""An incremental relink publishes what a full one would: whatever came, changed, went or was decided in between."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Literal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from config.policy import LinkagePolicy
from index_service import relinking_changed
from index_service.ingesting import ingest
from index_service.linking_context import shipped
from index_service.relinking import RelinkOptions, RelinkOutcome, relink
from index_service.stewardship.deciding import agree, judge
from index_service.stewardship.errors import ContradictoryJudgement
from index_service.stewardship.saying import Decision, Sides
from index_service.store.connection import Connection, connect
from index_service.store.extract import count_records_to_link, read_constraints, read_snapshot
from index_service.store.judgements import undo_judgement
from index_service.store.records import begin_load, content_hash, copy_records, finish_load
from index_service.verifying import verify
from linkage.normalise import normalise
from linkage.pipeline import link
from linkage.record import RecordKey, SourceRecord
from tests.conftest import NewDatabase
from tests.index_service.bounds import policy_in_use
from tests.index_service.test_sequence_neutrality import (
    SENIOR,
    STEWARD,
    Persons,
    from_scratch,
    invented_records,
    mixed,
    published,
    questions,
    write,
)

CONTEXT = shipped()
HISTORIES = int(os.environ.get("PERSON_INDEX_HISTORIES", "3"))
FULL = RelinkOptions(accept=True)
CHANGED = RelinkOptions("changed", accept=True)


def load(conn: Connection, records: Iterable[SourceRecord], *, deleted: bool = False) -> None:
    """Load records source by source, as extracts are."""
    by_source: dict[str, list[SourceRecord]] = {}
    for record in records:
        by_source.setdefault(record.source, []).append(record)
    for source, its in sorted(by_source.items()):
        load_id = begin_load(conn, source, "extract.csv", "00")
        rows = [(r, normalise(r)[0], content_hash(r.values, deleted=deleted), deleted) for r in its]
        copy_records(conn, load_id, source, rows)
        finish_load(conn, load_id, {})


def relink_changed(conn: Connection, policy: LinkagePolicy = CONTEXT.policy) -> RelinkOutcome:
    return relink(conn, CONTEXT.model, policy, CHANGED)


def in_full(conn: Connection) -> Persons:
    """What the batch engine makes of all records."""
    snapshot = read_snapshot(conn)
    result = link(snapshot.records, CONTEXT.model, CONTEXT.policy, snapshot.constraints)
    clusters: dict[int, set[RecordKey]] = {}
    keys = zip(snapshot.records["source"].to_pylist(), snapshot.records["source_record_id"].to_pylist(), strict=True)
    for key, label in zip(keys, result.cluster.tolist(), strict=True):
        clusters.setdefault(label, set()).add(key)
    return frozenset(map(frozenset, clusters.values()))


def components(conn: Connection) -> set[frozenset[str]]:
    """Which persons share a component."""
    rows = conn.execute("SELECT array_agg(person_id) FROM person_component GROUP BY component_id")
    return {frozenset(persons) for (persons,) in rows}


class Nights(RuleBasedStateMachine):
    """By day records come one by one and stewards decide; by night extracts are loaded and what changed is relinked."""

    new_database: NewDatabase
    pool: list[SourceRecord]

    @initialize(seed=st.integers(0, 5), share=st.integers(1, 9), live_records=st.sampled_from([2, 5, 400]))
    def begin(self, seed: int, share: int, live_records: int) -> None:
        """With few `live_records` most of what comes by day is put off to the night."""
        self.bounds = ExitStack()
        self.bounds.enter_context(policy_in_use(max_live_records=live_records))
        self.conn = connect(self.new_database())
        self.pool = invented_records(8, seed=200 + seed)
        self.there = {record.key: record for record in self.pool[: len(self.pool) * share // 10 + 1]}
        self.decided: list[int] = []
        load(self.conn, self.there.values())
        relink(self.conn, CONTEXT.model, CONTEXT.policy, FULL)

    def teardown(self) -> None:
        if not hasattr(self, "conn"):
            return
        with self.bounds, self.conn:
            relink_changed(self.conn)
            together = components(self.conn)
            if not self.there:  # nothing to link
                return
            full = relink(self.conn, CONTEXT.model, CONTEXT.policy, FULL)
            assert full.change is not None and full.change.is_empty
            assert components(self.conn) == together

    @rule(data=st.data(), by_night=st.booleans())
    def records_come(self, data: st.DataObject, by_night: bool) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.pool), min_size=1, max_size=8, unique_by=lambda r: r.key))
        self._take_in(chosen, by_night=by_night)

    @precondition(lambda self: self.there)
    @rule(data=st.data(), by_night=st.booleans())
    def a_record_becomes_a_bridge(self, data: st.DataObject, by_night: bool) -> None:
        one = self.there[data.draw(st.sampled_from(sorted(self.there)))]
        other = data.draw(st.sampled_from(self.pool))
        names = sorted({*one.values, *other.values} - {"deleted", "record_date"})
        changed = mixed(one, other, data.draw(st.lists(st.sampled_from(names), max_size=6, unique=True)))
        values = {name: value for name, value in changed.values.items() if name != "record_date"}
        self._take_in([SourceRecord(*one.key, values)], by_night=by_night)

    @precondition(lambda self: len(self.there) > 2)
    @rule(data=st.data(), by_night=st.booleans())
    def records_go(self, data: st.DataObject, by_night: bool) -> None:
        keys = data.draw(st.lists(st.sampled_from(sorted(self.there)), min_size=1, max_size=3, unique=True))
        self._take_in([SourceRecord(*self.there[key].key, {}) for key in keys], by_night=by_night, deleted=True)

    @precondition(lambda self: len(self.there) > 1)
    @rule(data=st.data(), kind=st.sampled_from(["same", "different"]))
    def a_steward_decides(self, data: st.DataObject, kind: Literal["same", "different"]) -> None:
        linked = sorted(key for person in published(self.conn) for key in person)
        chosen = st.lists(st.sampled_from(linked), min_size=2, max_size=2, unique=True)
        left, right = data.draw(chosen)
        try:
            judged = judge(self.conn, Decision(kind, "seen"), Sides(frozenset({left}), frozenset({right})), STEWARD)
        except ContradictoryJudgement:
            return
        if judged.waits:
            agree(self.conn, judged.judgement_id, SENIOR, agrees=True, reason="seen them too")
        self.decided.append(judged.judgement_id)

    @precondition(lambda self: self.decided)
    @rule(data=st.data())
    def a_decision_is_undone_without_settling(self, data: st.DataObject) -> None:
        judgement_id = data.draw(st.sampled_from(self.decided))
        self.decided.remove(judgement_id)
        undo_judgement(self.conn, judgement_id, reason="a mistake", who="steward")

    @rule()
    def night_falls(self) -> None:
        outcome = relink_changed(self.conn)
        assert outcome.scope == "changed"
        persons, asked = from_scratch(self.conn)
        assert published(self.conn) == persons
        assert questions(self.conn) == asked
        assert count_records_to_link(self.conn) == 0

    def _take_in(self, records: list[SourceRecord], *, by_night: bool, deleted: bool = False) -> None:
        for record in records:
            self.there.pop(record.key, None)
        if not deleted:
            self.there |= {record.key: record for record in records}
        if by_night:
            load(self.conn, records, deleted=deleted)
        else:
            ingest(self.conn, [write(record, deleted=deleted) for record in records])


def test_any_days_and_nights(new_database: NewDatabase) -> None:
    class OnThisServer(Nights):
        pass

    OnThisServer.new_database = staticmethod(new_database)
    run_state_machine_as_test(
        OnThisServer,
        settings=settings(
            max_examples=HISTORIES, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_many_changes_at_once_on_both_servers(any_conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of the records changes; the batch engine finds what they touch."""
    monkeypatch.setattr(relinking_changed, "FEW_RECORDS", 0)
    records = invented_records(60, seed=71)
    chance = random.Random(5)  # noqa: S311 - an order, no secret
    chance.shuffle(records)
    load(any_conn, records[: len(records) * 3 // 4])
    relink(any_conn, CONTEXT.model, CONTEXT.policy, FULL)
    load(any_conn, records[len(records) * 3 // 4 :])
    bridges = [
        mixed(a, b, ["last_name", "birth_date", "ssn"]) for a, b in zip(records[:9], records[40:49], strict=True)
    ]
    load(any_conn, [SourceRecord(r.source, r.source_record_id, dict(r.values)) for r in bridges])
    outcome = relink_changed(any_conn)
    assert outcome.scope == "changed"
    assert 0 < outcome.records < len(records)
    assert published(any_conn) == in_full(any_conn)


def test_nothing_changed_is_nothing_to_do(conn: Connection) -> None:
    load(conn, invented_records(5, seed=72))
    relink(conn, CONTEXT.model, CONTEXT.policy, FULL)
    assert relink_changed(conn).run_id is None


def test_a_record_that_was_loaded_and_comes_again_by_day_is_found_by_those_after_it(conn: Connection) -> None:
    load(conn, invented_records(8, seed=204))
    relink(conn, CONTEXT.model, CONTEXT.policy, FULL)
    alone = invented_records(3, seed=74)[0]
    load(conn, [alone])
    ingest(conn, [write(alone)])
    again = SourceRecord(alone.source, "another", dict(alone.values))
    ingest(conn, [write(again)])
    assert published(conn) == in_full(conn)
    assert {alone.key, again.key} in published(conn)


def test_a_record_withdrawn_before_it_was_linked_waits_for_nothing(conn: Connection) -> None:
    records = invented_records(5, seed=73)
    load(conn, records[1:])
    relink(conn, CONTEXT.model, CONTEXT.policy, FULL)
    load(conn, records[:1], deleted=True)
    assert relink_changed(conn).run_id is None
    assert count_records_to_link(conn) == 0


def test_the_first_relink_is_a_full_one_and_says_why(conn: Connection) -> None:
    load(conn, invented_records(5, seed=74))
    outcome = relink_changed(conn)
    assert (outcome.scope, outcome.full_because) == ("full", "nothing was linked in full before")


def test_another_policy_takes_a_full_relink(conn: Connection) -> None:
    load(conn, invented_records(5, seed=75))
    relink(conn, CONTEXT.model, CONTEXT.policy, FULL)
    stricter = CONTEXT.policy.model_copy(update={"link_threshold_bits": 14.0})
    outcome = relink_changed(conn, stricter)
    assert (outcome.scope, outcome.full_because) == ("full", "the policy is another")
    assert relink_changed(conn, stricter).run_id is None


def test_what_a_policy_says_about_other_things_takes_none(conn: Connection) -> None:
    load(conn, invented_records(5, seed=76))
    relink(conn, CONTEXT.model, CONTEXT.policy, FULL)
    assert relink_changed(conn, CONTEXT.policy.model_copy(update={"max_share_of_persons_changed": 0.5})).run_id is None


def test_a_key_that_outgrew_its_bound_takes_a_full_relink(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relinking_changed, "FEW_RECORDS", 0)
    crowd = [
        SourceRecord("cws_cms", f"C{n}", {"first_name": "Aiko", "last_name": "Norwood", "birth_date": "2011-05-07"})
        for n in range(12)
    ]
    policy = CONTEXT.policy.model_copy(update={"max_block_records": 8, "hard_block_records": 8})
    load(conn, crowd[:6])
    relink(conn, CONTEXT.model, policy, FULL)
    load(conn, crowd[6:])
    outcome = relink_changed(conn, policy)
    assert outcome.full_because == "more records than the policy allows share a blocking key now"
    assert conn.execute("SELECT count(*) > 0 FROM oversized_key").fetchone() == (True,)
    assert read_constraints(conn).must_link == frozenset()


def test_verifying_names_persons_that_are_divided_differently(conn: Connection) -> None:
    load(conn, invented_records(12, seed=77))
    relink(conn, CONTEXT.model, CONTEXT.policy, FULL)
    assert verify(conn, CONTEXT.model, CONTEXT.policy).holds
    (kept, spoilt) = (
        person
        for (person,) in conn.execute("SELECT person_id FROM membership GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 2")
    )
    conn.execute("UPDATE membership SET person_id = %s WHERE person_id = %s", [kept, spoilt])
    (difference,) = verify(conn, CONTEXT.model, CONTEXT.policy).differences
    assert kept in difference.persons
    assert difference.would_be == len(difference.persons) + 1


def test_verifying_leaves_out_what_waiting_records_touch(conn: Connection) -> None:
    """A record that waits would join two persons: neither that nor the two are held against what is published."""
    load(conn, invented_records(12, seed=78))
    relink(conn, CONTEXT.model, CONTEXT.policy, FULL)
    source, source_record_id = conn.execute(
        "SELECT source, source_record_id FROM source_record JOIN membership USING (record_id) "
        "WHERE person_id = (SELECT person_id FROM membership GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1) LIMIT 1"
    ).fetchall()[0]
    load(conn, [SourceRecord(source, source_record_id, {"first_name": "Someone", "last_name": "Else"})])
    for anew in (False, True):
        found = verify(conn, CONTEXT.model, CONTEXT.policy, anew=anew)
        assert (found.waiting, found.differences) == (1, ())
    assert relink_changed(conn, CONTEXT.policy).scope == "changed"
    assert verify(conn, CONTEXT.model, CONTEXT.policy, anew=True).holds
