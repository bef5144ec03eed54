"""What follows from the facts can be thrown away: rebuilt from facts and judgements it is what it was."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from index_service.ingesting import ingest
from index_service.relinking import RelinkOptions, relink
from index_service.stewardship.deciding import agree, judge, undo
from index_service.stewardship.errors import ContradictoryJudgement
from index_service.stewardship.saying import Decision, Sides
from index_service.store.connection import Connection, connect
from index_service.store.extract import read_normalised
from index_service.store.records import rebuild_normalised
from linkage.normalise import normalise
from linkage.record import RecordKey, SourceRecord
from tests.conftest import NewDatabase
from tests.index_service.test_sequence_neutrality import (
    CONTEXT,
    HISTORIES,
    SENIOR,
    STEWARD,
    invented_records,
    mixed,
    published,
    questions,
    write,
)


def live_history(conn: Connection, seed: int) -> None:
    """Records arrive one after another; some are corrected into bridges, withdrawn, judged about, relinked."""
    chance = random.Random(seed)  # noqa: S311 - an order, no secret
    records = invented_records(8, seed=seed, twin_share=chance.choice([None, 0.7]))
    chance.shuffle(records)
    for record in records:
        ingest(conn, [write(record)])
    for one, other in zip(chance.sample(records, 4), records[: chance.randint(0, 4)], strict=False):
        ingest(conn, [write(mixed(one, other, ("first_name", "birth_date")))])
    if chance.random() < 0.5:
        relink(conn, CONTEXT.model, CONTEXT.policy, RelinkOptions(accept=True))
    for record in chance.sample(records, chance.randint(0, 4)):
        ingest(conn, [write(SourceRecord(*record.key, {}), deleted=True)])
    for _ in range(3):
        _judge(conn, chance)


def _judge(conn: Connection, chance: random.Random) -> None:
    left, *others = chance.sample(sorted(key for person in published(conn) for key in person), chance.randint(2, 3))
    sides = Sides(frozenset([left]), frozenset(others))
    try:
        judged = judge(conn, Decision(chance.choice(("same", "different")), "papers"), sides, STEWARD)
    except ContradictoryJudgement:
        return
    if judged.waits and chance.random() < 0.7:
        agree(conn, judged.judgement_id, SENIOR, agrees=True, reason="seen them too")
    elif chance.random() < 0.3:
        undo(conn, judged.judgement_id, SENIOR, reason="a mistake")


def keys(conn: Connection) -> list[tuple[object, ...]]:
    """The blocking keys of the records that persons hold."""
    return conn.execute("SELECT record_id, version, keys FROM record_key ORDER BY record_id").fetchall()


def persons_by_id(conn: Connection) -> dict[str, frozenset[RecordKey]]:
    held: dict[str, set[RecordKey]] = {}
    for person, *key in conn.execute(
        "SELECT person_id, source, source_record_id FROM membership JOIN source_record USING (record_id) "
        "WHERE to_at IS NULL"
    ):
        held.setdefault(person, set()).add((key[0], key[1]))
    return {person: frozenset(records) for person, records in held.items()}


def rebuild(conn: Connection) -> None:
    conn.execute("TRUNCATE task_before")  # what undoing a relink would restore
    conn.execute("DELETE FROM review_task WHERE status IN ('open', 'waiting')")
    rebuild_normalised(conn, lambda record: normalise(record)[0])
    relink(conn, CONTEXT.model, CONTEXT.policy, RelinkOptions(accept=True))


@settings(
    max_examples=max(1, HISTORIES // 5),  # each is linked three times over
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(1, 1_000_000))
def test_what_follows_from_the_facts_comes_back(new_database: NewDatabase, seed: int) -> None:
    """Persons keep their ids while their memberships are there; without these the same persons get new ones."""
    with connect(new_database()) as conn:
        live_history(conn, seed)
        normalised, before = read_normalised(conn), (published(conn), questions(conn), keys(conn))
        ids = persons_by_id(conn)
        conn.execute("TRUNCATE normalised_record, record_key")
        rebuild(conn)
        assert read_normalised(conn).equals(normalised)
        assert (published(conn), questions(conn), keys(conn)) == before
        assert persons_by_id(conn) == ids
        conn.execute("TRUNCATE normalised_record, record_key, membership, person_component")
        rebuild(conn)
        assert read_normalised(conn).equals(normalised)
        assert (published(conn), questions(conn), keys(conn)) == before
