"""Segregated records follow persons that are formed without them; nothing of the index can tell that they are there."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from index_service.conditions import ONLY_IF_NEW
from index_service.ingesting import Write, Written, ingest
from index_service.linking_context import current
from index_service.loading.load import LoadOptions, load_file
from index_service.satellites.following import follow_index
from index_service.satellites.ingesting import ingest_satellites
from index_service.store.connection import Connection, connect
from index_service.store.satellites import InTheOtherPartition, partition_of
from linkage.record import SourceRecord
from tests.conftest import NewDatabase
from tests.index_service.faults import fail_first, tries
from tests.index_service.satellites.invented import (
    LEO,
    MARISOL,
    SOURCES,
    SUD,
    come,
    everything_in_the_index,
    load,
    person_of,
    record,
    relink_all,
    seen,
    write,
)
from tests.index_service.test_sequence_neutrality import invented_records

DIFFERENCES = int(os.environ.get("PERSON_INDEX_DIFFERENCES", "1"))
"""Populations; `make prove-disclosure` compares dozens."""


def put(conn: Connection, each: SourceRecord, *, deleted: bool = False) -> Written:
    (answer,) = ingest_satellites(conn, [write(each, deleted=deleted)])
    assert isinstance(answer, Written)
    return answer


def events(conn: Connection) -> list[tuple[str, str, list[str]]]:
    return [
        (kind, person, others)
        for kind, person, others in conn.execute(
            "SELECT kind, person_id, other_person_ids FROM segregated.event ORDER BY seq"
        )
    ]


def test_a_record_is_attached_to_the_person_that_the_evidence_names(conn: Connection) -> None:
    come(conn, [record("meds", "1", **MARISOL), record("meds", "2", **LEO)])
    told = put(conn, record(SUD, "s", **MARISOL))
    marisol = person_of(conn, ("meds", "1"))
    assert (told.outcome, told.person_id, told.version) == ("joined", marisol, 1)
    assert events(conn) == [("added", marisol, [])]


def test_a_record_of_nobody_known_stands_alone_under_an_id_of_its_own_and_joins_when_the_person_comes(
    conn: Connection,
) -> None:
    told = put(conn, record(SUD, "s", **MARISOL))
    assert told.outcome == "created"
    assert conn.execute("SELECT count(*) FROM person").fetchone() == (0,)
    come(conn, [record("meds", "1", **MARISOL)])
    follow_index(conn)
    marisol = person_of(conn, ("meds", "1"))
    assert person_of(conn, (SUD, "s")) == marisol
    assert events(conn) == [("created", told.person_id, []), ("joined", marisol, [told.person_id])]


@pytest.mark.parametrize("table", ["segregated.attached_as_of", "segregated.event"])
def test_conflicts_while_following_are_tried_again(conn: Connection, table: str) -> None:
    put(conn, record(SUD, "s", **MARISOL))
    come(conn, [record("meds", "1", **MARISOL)])
    fail_first(conn, table, "40P01", times=3)
    follow_index(conn)
    assert tries(conn) == 4
    assert person_of(conn, (SUD, "s")) == person_of(conn, ("meds", "1"))


def test_when_the_person_goes_the_record_stands_alone_under_the_same_id_as_before(conn: Connection) -> None:
    alone = put(conn, record(SUD, "s", **MARISOL)).person_id
    come(conn, [record("meds", "1", **MARISOL)])
    follow_index(conn)
    ingest(conn, [write(record("meds", "1", **MARISOL), deleted=True)])
    follow_index(conn)
    assert person_of(conn, (SUD, "s")) == alone


def test_a_record_that_changes_goes_where_it_now_belongs_and_one_that_is_withdrawn_belongs_to_nobody(
    conn: Connection,
) -> None:
    come(conn, [record("meds", "1", **MARISOL), record("meds", "2", **LEO)])
    put(conn, record(SUD, "s", **MARISOL))
    assert put(conn, record(SUD, "s", **LEO)).outcome == "moved"
    assert person_of(conn, (SUD, "s")) == person_of(conn, ("meds", "2"))
    assert put(conn, record(SUD, "s", **LEO)).outcome == "unchanged"
    assert put(conn, record(SUD, "s"), deleted=True).outcome == "withdrawn"
    assert person_of(conn, (SUD, "s")) is None
    assert put(conn, record(SUD, "never"), deleted=True).outcome == "unknown"


def test_what_two_persons_may_claim_is_asked_and_attached_to_neither(conn: Connection) -> None:
    """Two children of whom all is known alike but the number: the record without it may be either's."""
    twin = MARISOL | {"first_name": "Marisela", "cin": "93456789A"}
    come(conn, [record("meds", "1", **MARISOL), record("meds", "2", **twin)])
    told = put(conn, record(SUD, "s", **(MARISOL | {"first_name": "Mari", "cin": ""})))
    assert told.outcome == "created"
    found = seen(conn)
    assert found.attached["s"] == frozenset()
    assert found.asked["s"] == {frozenset({("meds", "1")}), frozenset({("meds", "2")})}


def test_writes_keep_their_conditions(conn: Connection) -> None:
    put(conn, record(SUD, "s", **MARISOL))
    new = write(record(SUD, "s", **LEO))
    (refused,) = ingest_satellites(conn, [Write(new.arrival, condition=ONLY_IF_NEW)])
    assert not isinstance(refused, Written)


def with_satellites(seed: int) -> tuple[list[SourceRecord], list[SourceRecord]]:
    """Records of a small population, and segregated ones of some of the same people, with other people's faults."""
    chance = random.Random(seed)  # noqa: S311 - invented people
    core = invented_records(6, seed=300 + seed)
    satellites = []
    for number, each in enumerate(chance.sample(core, 10)):
        other = chance.choice(core)
        values = {name: v for name, v in each.values.items() if chance.random() < 0.9}
        if chance.random() < 0.4:
            for name in chance.sample(("first_name", "last_name", "birth_date", "cin", "zip"), 2):
                if name in other.values:
                    values[name] = other.values[name]
        satellites.append(SourceRecord(SUD, f"s{number}", values))
    stranger = invented_records(1, seed=900 + seed)[0]  # of nobody in the index: one at least stands alone
    satellites.append(SourceRecord(SUD, "stranger", stranger.values))
    return core, satellites


@pytest.mark.parametrize("seed", range(DIFFERENCES))
def test_batch_equals_online_in_any_order_and_the_index_is_as_without_them(
    new_database: NewDatabase, seed: int
) -> None:
    core, satellites = with_satellites(seed)
    batch, online, without = new_database(), new_database(), new_database()
    with connect(batch) as conn:
        load(conn, [*core, *satellites])
        relink_all(conn)
        in_batch = seen(conn)
        assert any(in_batch.attached.values()) and not all(in_batch.attached.values())
        index = everything_in_the_index(conn)
    with connect(without) as conn:
        load(conn, core)
        relink_all(conn)
        assert everything_in_the_index(conn) == index
    with connect(online) as conn:
        mixed = [*core, *satellites]
        random.Random(seed).shuffle(mixed)  # noqa: S311 - an order, no secret
        for place, each in enumerate(mixed):
            come(conn, [each])
            if place % 7 == seed % 7:
                follow_index(conn)
        follow_index(conn)
        assert seen(conn) == in_batch
        relink_all(conn)
        assert seen(conn) == in_batch


def test_they_follow_a_join_a_split_and_a_changed_record(conn: Connection) -> None:
    """Whatever moves in the index, in the end every segregated record is where a fresh look would put it."""
    core, satellites = with_satellites(7)
    come(conn, [*core, *satellites])
    chance = random.Random(7)  # noqa: S311 - invented people
    for step in range(6):
        one, other = chance.sample(core, 2)
        values = dict(one.values) | {
            n: other.values[n] for n in ("first_name", "birth_date", "cin") if n in other.values
        }
        come(conn, [SourceRecord(one.source, one.source_record_id, values if step % 2 else dict(one.values))])
        follow_index(conn)
        followed = seen(conn)
        conn.execute("DELETE FROM segregated.attached_as_of")  # weigh all again
        follow_index(conn)
        assert seen(conn) == followed


def test_a_source_is_segregated_before_its_first_record_or_never(conn: Connection) -> None:
    come(conn, [record("csi", "1", **MARISOL), record(SUD, "s", **MARISOL)])
    with pytest.raises(InTheOtherPartition), partition_of(conn, "csi", segregated=True):
        pass
    with pytest.raises(InTheOtherPartition), partition_of(conn, SUD, segregated=False):
        pass


def test_where_nothing_changed_nothing_is_weighed(conn: Connection) -> None:
    come(conn, [record("meds", "1", **MARISOL), record(SUD, "s", **MARISOL)])
    follow_index(conn)
    assert follow_index(conn) == 0
    assert current(conn).fingerprint


def test_a_file_of_a_segregated_source_is_loaded_apart_and_attached_by_the_next_relink(
    conn: Connection, tmp_path: Path
) -> None:
    load(conn, [record("meds", "1", **MARISOL)])
    file = tmp_path / "treatment.csv"
    names = ("source_record_id", *MARISOL, "minor_consent")
    rows = [["s", *MARISOL.values(), ""], ["alone", *MARISOL.values(), "true"]]
    file.write_text("\n".join(",".join(row) for row in (names, *rows)))
    summary = load_file(conn, SOURCES[SUD], file, LoadOptions(rejects=tmp_path / "rejects.csv"))
    assert (summary.taken.new, summary.refused) == (1, 1)
    assert conn.execute("SELECT count(*) FROM source_record WHERE source = %s", [SUD]).fetchone() == (0,)
    assert person_of(conn, (SUD, "s")) is None
    relink_all(conn)
    assert person_of(conn, (SUD, "s")) == person_of(conn, ("meds", "1"))
    again = load_file(conn, SOURCES[SUD], file, LoadOptions(rejects=tmp_path / "rejects.csv"))
    assert again.loaded_before
