"""A relink over its budget waits and is published as it was found; a published one can be undone exactly."""

from __future__ import annotations

from typing import Literal

import pytest

from index_service.errors import TooMuchWouldChange
from index_service.ingesting import ingest
from index_service.relinking import RelinkOptions, RelinkWaits, accept, reject, relink
from index_service.stewardship.deciding import claim, decide
from index_service.stewardship.saying import Decision
from index_service.store.connection import Connection
from index_service.store.nights import faults
from index_service.store.proposals import NoSuchRun, NotInThisState
from index_service.store.runs import RunId
from index_service.undoing import undo_relink
from linkage.record import SourceRecord
from tests.index_service.faults import fail_first, tries
from tests.index_service.test_relinking_changed import CHANGED, CONTEXT, FULL, components, load
from tests.index_service.test_sequence_neutrality import (
    STEWARD,
    assert_a_relink_finds_nothing_to_change,
    from_scratch,
    invented_records,
    mixed,
    published,
    write,
)


def members(conn: Connection) -> dict[int, str]:
    return dict(conn.execute("SELECT record_id, person_id FROM membership WHERE to_at IS NULL").fetchall())


def living(conn: Connection) -> set[str]:
    return {person for (person,) in conn.execute("SELECT person_id FROM person WHERE retired_at IS NULL")}


def last_run(conn: Connection) -> RunId:
    row = conn.execute("SELECT max(run_id) FROM run").fetchone()
    assert row is not None
    return RunId(row[0])


def last_relink_run(conn: Connection) -> RunId:
    row = conn.execute("SELECT max(run_id) FROM run WHERE kind IN ('full', 'changed')").fetchone()
    assert row is not None
    return RunId(row[0])


@pytest.fixture
def records(any_conn: Connection) -> list[SourceRecord]:
    """Linked records; then some change so that persons are joined and split."""
    records = invented_records(12, seed=31)
    load(any_conn, records)
    relink(any_conn, CONTEXT.model, CONTEXT.policy, FULL)
    return records


def bridges(records: list[SourceRecord]) -> list[SourceRecord]:
    fields = ["first_name", "last_name", "birth_date", "sex", "ssn"]
    made = [mixed(a, b, fields) for a, b in zip(records[:8], records[30:38], strict=True)]
    return [SourceRecord(r.source, r.source_record_id, {**r.values, "record_date": "2030-01-01"}) for r in made]


def test_over_budget_it_waits_and_is_accepted_as_it_was_found(
    any_conn: Connection, records: list[SourceRecord]
) -> None:
    load(any_conn, bridges(records))
    before = members(any_conn)
    with pytest.raises(TooMuchWouldChange, match=r"Relink \d+ waits: .* persons .*would change; 1.0% may"):
        relink(any_conn, CONTEXT.model, CONTEXT.policy, RelinkOptions("changed"))
    run_id = last_run(any_conn)
    assert members(any_conn) == before
    row = any_conn.execute("SELECT status, counts -> 'examples' FROM run WHERE run_id = %s", [run_id]).fetchone()
    assert row is not None
    assert row[0] == "waiting"
    assert {example["kind"] for example in row[1]} & {"split", "moved", "joined"}
    ingest(any_conn, [write(record) for record in invented_records(3, seed=32)[:4]])
    accept(any_conn, run_id, who="operator")
    assert published(any_conn) == from_scratch(any_conn)[0]
    assert faults(any_conn) == {}
    assert any_conn.execute("SELECT count(*) FROM waiting_change").fetchone() == (0,)
    assert_a_relink_finds_nothing_to_change(any_conn)
    assert decision(any_conn, run_id) == ("published", "operator", True)
    with pytest.raises(NotInThisState):
        accept(any_conn, run_id, who="operator")


@pytest.mark.parametrize("table", ["identity_event", "run"])
@pytest.mark.parametrize("error", ["40P01", "40001"])
def test_conflicts_in_the_publication_and_in_settling_what_came_meanwhile_are_tried_again(
    any_conn: Connection, records: list[SourceRecord], table: str, error: str
) -> None:
    """The publication writes no run, and what is settled afterwards begins one."""
    load(any_conn, bridges(records))
    with pytest.raises(TooMuchWouldChange):
        relink(any_conn, CONTEXT.model, CONTEXT.policy, RelinkOptions("changed"))
    run_id = last_run(any_conn)
    ingest(any_conn, [write(record) for record in invented_records(3, seed=32)[:4]])
    fail_first(any_conn, table, error, times=3)
    accept(any_conn, run_id, who="operator")
    assert tries(any_conn) > 3
    assert published(any_conn) == from_scratch(any_conn)[0]


def decision(conn: Connection, run_id: RunId) -> tuple[object, ...]:
    """How a run ended, who decided, and whether what was over its budget, and examples, are kept with it."""
    return conn.execute(
        "SELECT status, decided_by, counts ?& '{over_budget,over_budget_figures,examples,candidate_pairs}' "
        "FROM run WHERE run_id = %s AND (decided_by IS NULL OR decided_at > started_at)",
        [run_id],
    ).fetchall()[0]


def test_what_was_accepted_beforehand_and_what_was_rejected_name_who_did(
    any_conn: Connection, records: list[SourceRecord]
) -> None:
    load(any_conn, bridges(records))
    before = members(any_conn)
    with pytest.raises(RelinkWaits) as waits:
        relink(any_conn, CONTEXT.model, CONTEXT.policy, RelinkOptions("changed"))
    run_id = waits.value.outcome.run_id
    assert run_id is not None
    reject(any_conn, run_id, who="operator")
    assert decision(any_conn, run_id) == ("rejected", "operator", True)
    assert members(any_conn) == before
    assert any_conn.execute("SELECT count(*) FROM waiting_change").fetchone() == (0,)
    relink(any_conn, CONTEXT.model, CONTEXT.policy, RelinkOptions("changed", accept=True, who="chief"))
    assert decision(any_conn, last_relink_run(any_conn)) == ("published", "chief", True)
    assert members(any_conn) != before


def test_a_later_relink_takes_the_place_of_one_that_waits(any_conn: Connection, records: list[SourceRecord]) -> None:
    load(any_conn, bridges(records))
    with pytest.raises(TooMuchWouldChange):
        relink(any_conn, CONTEXT.model, CONTEXT.policy, RelinkOptions("changed"))
    run_id = last_run(any_conn)
    relink(any_conn, CONTEXT.model, CONTEXT.policy, CHANGED)
    with pytest.raises(NotInThisState, match="is replaced, not waiting"):
        accept(any_conn, run_id, who="operator")


def state(conn: Connection) -> dict[str, object]:
    """All that a relink publishes, as it holds; a task's version counts on, and who holds it has to look again."""

    def rows(query: str) -> list[object]:
        return list(conn.execute(query).fetchall())

    return {
        "members": members(conn),
        "living": living(conn),
        "components": components(conn),
        "model": rows("SELECT fingerprint FROM model WHERE is_current"),
        "pinned keys": rows("SELECT key, rule, records FROM oversized_key ORDER BY 1"),
        "waiting": rows("SELECT * FROM record_to_link ORDER BY 1"),
        "questions": rows(
            "SELECT to_jsonb(t) - '{version,claimed_by,claimed_until}'::text[] FROM review_task t "
            "WHERE status IN ('open', 'waiting') ORDER BY task_id"
        ),
    }


@pytest.mark.parametrize("scope", ["full", "changed"])
def test_undoing_restores_the_state_before_exactly(
    any_conn: Connection, records: list[SourceRecord], scope: Literal["full", "changed"]
) -> None:
    load(any_conn, [*bridges(records), *invented_records(2, seed=33)])
    before = state(any_conn)
    rules = {"blocking_rules": CONTEXT.model.blocking_rules[:-1]}
    model = type(CONTEXT.model).model_validate(CONTEXT.model.model_dump() | rules)
    policy = CONTEXT.policy
    if scope == "full":
        policy = policy.model_copy(update={"max_block_records": 3, "split_review_bits": 30.0})
    relink(any_conn, model if scope == "full" else CONTEXT.model, policy, RelinkOptions(scope, accept=True))
    run_id, after, made = last_run(any_conn), state(any_conn), published(any_conn)
    changed = {name for name in before if before[name] != after[name]}
    assert changed >= {"members", "components", "waiting", "questions"} | (
        {"model", "pinned keys"} if scope == "full" else set()
    )
    undone = undo_relink(any_conn, run_id, who="operator")
    assert undone.left == 0
    assert state(any_conn) == before
    assert faults(any_conn) == {}
    again = relink(any_conn, CONTEXT.model, CONTEXT.policy, CHANGED)
    assert again.full_because == "", "the full relink before the one undone is in force again"
    assert published(any_conn) == from_scratch(any_conn)[0]
    assert scope == "full" or published(any_conn) == made
    assert faults(any_conn) == {}


def test_a_question_that_a_steward_has_decided_since_stays_decided(
    any_conn: Connection, records: list[SourceRecord]
) -> None:
    load(any_conn, bridges(records))
    relink(any_conn, CONTEXT.model, CONTEXT.policy, CHANGED)
    row = any_conn.execute(
        "SELECT task_id FROM task_before JOIN review_task t USING (task_id) WHERE t.status = 'open' ORDER BY 1 LIMIT 1"
    ).fetchone()
    assert row is not None
    claim(any_conn, row[0], STEWARD)
    decide(any_conn, row[0], Decision("cannot_tell", "no papers"), STEWARD)
    undo_relink(any_conn, last_relink_run(any_conn), who="operator")
    assert any_conn.execute("SELECT status FROM review_task WHERE task_id = %s", row).fetchone() == ("decided",)


def test_what_has_changed_since_is_left_and_waits(any_conn: Connection, records: list[SourceRecord]) -> None:
    changed = bridges(records)
    load(any_conn, changed)
    relink(any_conn, CONTEXT.model, CONTEXT.policy, CHANGED)
    run_id = last_run(any_conn)
    ingest(any_conn, [write(SourceRecord("calpads", "new-one", changed[0].values))])
    undone = undo_relink(any_conn, run_id, who="operator")
    assert faults(any_conn) == {}
    assert undone.restored
    relink(any_conn, CONTEXT.model, CONTEXT.policy, CHANGED)
    assert published(any_conn) == from_scratch(any_conn)[0]


def test_only_the_latest_relink_can_be_undone(any_conn: Connection, records: list[SourceRecord]) -> None:
    first = last_run(any_conn)
    load(any_conn, bridges(records))
    relink(any_conn, CONTEXT.model, CONTEXT.policy, CHANGED)
    with pytest.raises(NotInThisState, match=r"Relink \d+ was published after run"):
        undo_relink(any_conn, first, who="operator")
    with pytest.raises(NoSuchRun):
        undo_relink(any_conn, RunId(99_999), who="operator")
