"""Judgements last: through any sequence of decisions and undoings, relinks, other models and changing data."""

from __future__ import annotations

import os
import random
from typing import Literal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from index_service.ingesting import ingest
from index_service.relinking import RelinkOptions, relink
from index_service.stewardship.deciding import (
    Steward,
    agree,
    claim,
    decide,
    judge,
    preview,
    sides_of_person,
    undo,
)
from index_service.stewardship.errors import ContradictoryJudgement, ImpossibleChoice
from index_service.stewardship.saying import Decision, Sides
from index_service.store import stewardship as store
from index_service.store.connection import Connection, connect
from index_service.store.extract import read_constraints
from index_service.store.judgements import judgement, judgements
from linkage.model import ComparisonParameters, Model
from linkage.record import RecordKey, SourceRecord
from tests.conftest import NewDatabase
from tests.index_service.stewardship.adopted import ADOPTED, AFTER, BEFORE, BIRTH, is_apart, sealed
from tests.index_service.stewardship.invented import CONTEXT, SENIOR, open_tasks, persons, send, withdraw
from tests.index_service.test_sequence_neutrality import (
    from_scratch,
    invented_records,
    mixed,
    published,
    questions,
    write,
)

ANN = Steward("ann")
HISTORIES = int(os.environ.get("PERSON_INDEX_HISTORIES", "4"))
RELINKS = 30


def other_model(model: Model, number: int) -> Model:
    """A model that weighs otherwise: as if fitted on other data."""
    share = 0.7 + 0.01 * number

    def blurred(comparison: ComparisonParameters) -> ComparisonParameters:
        even = (1 - share) / len(comparison.levels)
        levels = [level.model_copy(update={"m": level.m * share + even}) for level in comparison.levels]
        return comparison.model_copy(update={"levels": type(comparison.levels)(levels), "frequencies": None})

    comparisons = type(model.comparisons)(map(blurred, model.comparisons))
    rules = model.blocking_rules[number % 3 :: 2]
    document = model.model_copy(update={"comparisons": comparisons, "blocking_rules": rules}).model_dump(
        exclude={"fingerprint"}
    )
    return Model.model_validate(document)


def is_honoured(conn: Connection) -> bool:
    """Whether what judgements in force demand holds for all records that are there."""
    now, constraints = persons(conn), read_constraints(conn)
    together = all(now[a] == now[b] for a, b in constraints.must_link if a in now and b in now)
    apart = all(now[a] != now[b] for a, b in constraints.cannot_link if a in now and b in now)
    return together and apart


def of_the_adopted_child(number: int) -> dict[RecordKey, dict[str, str]]:
    """Records of both times of a child, the first ones and others, some under other names."""
    news = {("ccsas", f"new-{number % 5}"): ADOPTED | {"first_name": ("Marisol", "Sol")[number % 2]}}
    old = {("ccsas", f"old-{number % 7}"): BIRTH | {"last_name": ("Quintanilla", "Quintana", "Ellery")[number % 3]}}
    return {**dict.fromkeys(BEFORE, BIRTH), **AFTER, **news, **old}


def test_thirty_relinks_with_other_models_and_changing_data_honour_every_judgement_and_seal(conn: Connection) -> None:
    send(conn, {**BEFORE, **AFTER})
    led_to_nothing = set(sealed(conn).retired)
    pool = invented_records(10, seed=77)
    chance = random.Random(7)  # noqa: S311 - a choice of examples, no secret
    ingest(conn, [write(record) for record in pool])
    known = {record.key: record for record in pool}
    by_person: dict[str, list[RecordKey]] = {}
    for key, person in sorted(persons(conn).items()):
        if key in known:
            by_person.setdefault(person, []).append(key)
    several = [person for person, keys in sorted(by_person.items()) if len(keys) > 2]
    made = [
        judge(conn, Decision("split", "two", frozenset(by_person[p][:2])), sides_of_person(conn, p), SENIOR)
        for p in several[:2]
    ]
    alone = several[2:6]
    sides = [
        Sides(frozenset(by_person[a]), frozenset(by_person[b])) for a, b in zip(alone[::2], alone[1::2], strict=True)
    ]
    made += [judge(conn, Decision("same", "one", frozenset()), each, SENIOR) for each in sides]
    detached = Decision("detach", "not", frozenset(by_person[several[6]][:1]))
    made.append(judge(conn, detached, sides_of_person(conn, several[6]), SENIOR))
    others = [person for person in sorted(by_person) if person not in several[:8]]
    giver, taker, one, other = (frozenset(by_person[person]) for person in (several[7], *others[:3]))
    moved = Decision("move", "hers", frozenset(sorted(giver)[:1]))
    made.append(judge(conn, moved, Sides(giver, taker), SENIOR))
    made.append(judge(conn, Decision("different", "two", frozenset()), Sides(one, other), SENIOR))
    for each in made:
        if each.waits:
            agree(conn, each.judgement_id, Steward("second", senior=True), agrees=True, reason="seen")
    assert all(judgement(conn, each.judgement_id).in_force for each in made)
    assert {judgement(conn, each.judgement_id).kind for each in made} == {
        "split",
        "same",
        "detach",
        "move",
        "different",
    }
    assert len({persons(conn)[key] for key in moved.chosen | taker}) == 1
    assert persons(conn)[min(giver)] not in {persons(conn)[key] for key in giver - moved.chosen}
    ids = set()
    for number in range(RELINKS):
        gone = [key for key in known if chance.random() < 0.1]
        ingest(conn, [write(SourceRecord(*key, {}), deleted=True) for key in gone])
        back = [record for key, record in known.items() if key not in gone and chance.random() < 0.2]
        there = [mixed(record, chance.choice(pool), [chance.choice(sorted(record.values))]) for record in back]
        ingest(
            conn,
            [write(SourceRecord(*r.key, {k: v for k, v in r.values.items() if k != "record_date"})) for r in there],
        )
        assert is_honoured(conn)
        child = of_the_adopted_child(number)
        withdraw(conn, *(key for key in child if key in persons(conn) and chance.random() < 0.5))
        send(conn, {key: values for key, values in child.items() if chance.random() < 0.8})
        model = other_model(CONTEXT.model, number)
        outcome = relink(conn, model, CONTEXT.policy, RelinkOptions(accept=True))
        ids.add(outcome.model_fingerprint)
        assert is_honoured(conn)
        assert is_apart(conn)
        assert led_to_nothing.isdisjoint(persons(conn).values())
    assert len(ids) == RELINKS
    ingest(conn, [write(record) for record in pool])
    assert is_honoured(conn)


class Decisions(RuleBasedStateMachine):
    """Records come, change and go; stewards decide, are agreed with, and undo in any order."""

    new_database: NewDatabase
    pool: list[SourceRecord]

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed: int) -> None:
        self.conn = connect(self.new_database())
        self.pool = invented_records(4, seed=300 + seed)
        ingest(self.conn, [write(record) for record in self.pool])
        self.last: int | None = None
        self.before: object = None

    def teardown(self) -> None:
        if hasattr(self, "conn"):
            self.conn.close()

    def _state(self) -> object:
        return persons(self.conn), open_tasks(self.conn)

    def _judge(self, decision: Decision, sides: Sides) -> None:
        state = self._state()
        try:
            made = judge(self.conn, decision, sides, ANN)
        except (ContradictoryJudgement, ImpossibleChoice):
            assert self._state() == state
            return
        if made.waits:
            assert self._state() == state
            agree(self.conn, made.judgement_id, SENIOR, agrees=True, reason="seen")
        self.last, self.before = made.judgement_id, state

    @rule(data=st.data(), kind=st.sampled_from(["same", "different"]))
    def two_persons_are_judged(self, data: st.DataObject, kind: Literal["same", "different"]) -> None:
        people = published(self.conn)
        chosen = (
            data.draw(st.lists(st.sampled_from(sorted(map(sorted, people))), min_size=2, max_size=2, unique_by=str))
            if len(people) > 1
            else None
        )
        if chosen:
            self._judge(Decision(kind, "seen"), Sides(frozenset(chosen[0]), frozenset(chosen[1])))

    @rule(data=st.data(), kind=st.sampled_from(["split", "detach"]))
    def a_person_is_taken_apart(self, data: st.DataObject, kind: Literal["split", "detach"]) -> None:
        larger = sorted(sorted(person) for person in published(self.conn) if len(person) > 1)
        if larger:
            person = data.draw(st.sampled_from(larger))
            chosen = data.draw(st.lists(st.sampled_from(person), min_size=1, max_size=len(person) - 1, unique=True))
            self._judge(Decision(kind, "seen", frozenset(chosen)), Sides(frozenset(person), one_person=True))

    @rule(data=st.data())
    def a_record_is_moved(self, data: st.DataObject) -> None:
        people = sorted(sorted(person) for person in published(self.conn))
        larger = [person for person in people if len(person) > 1]
        if larger and len(people) > 1:
            source = data.draw(st.sampled_from(larger))
            target = data.draw(st.sampled_from([person for person in people if person != source]))
            chosen = frozenset({data.draw(st.sampled_from(source))})
            self._judge(Decision("move", "seen", chosen), Sides(frozenset(source), frozenset(target)))

    @rule(data=st.data(), kind=st.sampled_from(["same", "different", "cannot_tell", "split"]))
    def a_task_is_decided(
        self, data: st.DataObject, kind: Literal["same", "different", "cannot_tell", "split"]
    ) -> None:
        waiting = store.tasks(self.conn)
        if not waiting:
            return
        task = data.draw(st.sampled_from(waiting))
        state = self._state()
        claim(self.conn, task.task_id, ANN)
        try:
            told = preview(self.conn, task.task_id, Decision(kind, "seen"), ANN)
            made = decide(self.conn, task.task_id, Decision(kind, "seen"), ANN, seen_version=task.version)
        except (ContradictoryJudgement, ImpossibleChoice):
            assert self._state() == state
            return
        if made.waits:
            made = agree(self.conn, made.judgement_id, SENIOR, agrees=True, reason="seen")
        if made.effect is not None:
            assert (made.effect.retired, made.effect.events) == (told.retired, told.events)
        self.last, self.before = made.judgement_id, state

    @precondition(lambda self: self.last is not None)
    @rule()
    def the_last_decision_is_undone(self) -> None:
        assert self.last is not None
        undo(self.conn, self.last, SENIOR, reason="a mistake")
        assert self._state() == self.before
        self.last = None

    @rule(data=st.data())
    def any_decision_is_undone(self, data: st.DataObject) -> None:
        holding = [made.judgement_id for made in judgements(self.conn) if made.in_force]
        if holding:
            undo(self.conn, data.draw(st.sampled_from(holding)), SENIOR, reason="a mistake")
            self.last = None

    @rule(data=st.data())
    def records_come_change_and_go(self, data: st.DataObject) -> None:
        one, other = data.draw(st.sampled_from(self.pool)), data.draw(st.sampled_from(self.pool))
        name = data.draw(st.sampled_from(sorted(set(one.values) - {"record_date"})))
        values = {k: v for k, v in mixed(one, other, [name]).values.items() if k != "record_date"}
        ingest(self.conn, [write(SourceRecord(*one.key, values), deleted=data.draw(st.booleans()))])
        self.last = None

    @invariant()
    def persons_follow_from_the_facts(self) -> None:
        if hasattr(self, "conn"):
            expected, asked = from_scratch(self.conn)
            assert published(self.conn) == expected
            assert questions(self.conn) <= asked  # what was decided is not asked again
            assert is_honoured(self.conn)
            living = set(persons(self.conn).values())
            retired = {p for (p,) in self.conn.execute("SELECT person_id FROM person WHERE retired_at IS NOT NULL")}
            assert living.isdisjoint(retired)


def test_any_sequence_of_decisions_and_undoings(new_database: NewDatabase) -> None:
    class OnThisServer(Decisions):
        pass

    OnThisServer.new_database = staticmethod(new_database)
    run_machine(
        OnThisServer,
        settings=settings(
            max_examples=HISTORIES, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
