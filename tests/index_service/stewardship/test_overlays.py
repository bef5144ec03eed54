"""A record that shows another person than before raises a question, the same whichever way its versions came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index_service.relinking import RelinkOptions, relink
from index_service.stewardship import deciding
from index_service.stewardship.deciding import Steward
from index_service.stewardship.errors import ImpossibleChoice
from index_service.stewardship.saying import Decision
from index_service.store.connection import Connection, connect
from index_service.store.stewardship import Filter, Task, tasks
from linkage.record import RecordKey, SourceRecord
from tests.conftest import NewDatabase
from tests.index_service.stewardship.invented import ANN, CONTEXT, MARIA, OTHER, TWIN, persons, send, withdraw
from tests.index_service.test_bulk_and_live import load

RECORD, BESIDE, OTHERS = ("cws_cms", "0000000001"), ("meds", "91234567A"), ("csi", "43:77")
Values = Mapping[str, str]
WITH_PHONE = {**OTHER, "phone": "7075550100"}


def night(conn: Connection, *records: tuple[RecordKey, Values]) -> None:
    """A file of each source, and the relink that follows."""
    load(conn, [SourceRecord(*key, dict(values)) for key, values in records])
    relink(conn, CONTEXT.model, CONTEXT.policy, RelinkOptions("changed", accept=True))


def asked(conn: Connection) -> list[Task]:
    """The open questions about one record."""
    return [task for task in tasks(conn) if task.one_record]


def decided(conn: Connection, task: Task, kind: Any, who: Steward = ANN) -> int:
    deciding.claim(conn, task.task_id, who)
    return deciding.decide(conn, task.task_id, Decision(kind, "The source was asked."), who).judgement_id


def test_a_record_that_is_written_over_is_asked_about(conn: Connection) -> None:
    send(conn, {RECORD: MARIA, BESIDE: MARIA, OTHERS: OTHER})
    send(conn, {RECORD: OTHER})
    (task,) = asked(conn)
    assert (task.kind, task.before_version, task.in_care) == ("possible_overlay", 1, True)
    assert set(task.fields) >= {"first_name", "birth_date", "sex"}
    assert task.left_records == task.right_records
    assert task.left_person_id == task.right_person_id == persons(conn)[RECORD] == persons(conn)[OTHERS]
    assert task.weight_bits < 0


def test_it_stays_while_the_record_is_touched_up_and_goes_with_it(conn: Connection) -> None:
    send(conn, {RECORD: MARIA})
    send(conn, {RECORD: OTHER})
    (first,) = asked(conn)
    send(conn, {RECORD: WITH_PHONE})
    send(conn, {OTHERS: OTHER})
    (task,) = asked(conn)
    assert task.task_id == first.task_id
    assert task.left_person_id == persons(conn)[OTHERS]


@pytest.mark.parametrize(("mended", "why"), [(True, "no_longer_in_doubt"), (False, "withdrawn")])
def test_it_closes_by_itself_and_says_why(conn: Connection, mended: bool, why: str) -> None:
    send(conn, {RECORD: MARIA})
    send(conn, {RECORD: OTHER})
    if mended:
        send(conn, {RECORD: MARIA})
    else:
        withdraw(conn, RECORD)
    assert asked(conn) == []
    (task,) = tasks(conn, Filter(statuses=["closed"]))
    assert (task.closed_why, task.before_version) == (why, 1)


@pytest.mark.parametrize("kind", ["same", "different", "cannot_tell"])
def test_decided_it_moves_nothing_and_comes_back_only_with_a_third_person(conn: Connection, kind: str) -> None:
    send(conn, {RECORD: MARIA, BESIDE: MARIA})
    send(conn, {RECORD: OTHER})
    before = persons(conn)
    (task,) = asked(conn)
    judgement_id = decided(conn, task, kind)
    assert persons(conn) == before
    send(conn, {RECORD: WITH_PHONE})
    night(conn, (RECORD, {**WITH_PHONE, "city": "Arcata"}))
    assert asked(conn) == []
    send(conn, {RECORD: {**TWIN, "birth_date": "1999-07-21", "first_name": "Bartholomew", "sex": "female"}})
    (again,) = asked(conn)
    assert again.earlier_task_id == task.task_id
    assert again.before_version == 4
    seen = conn.execute("SELECT evidence FROM judgement WHERE judgement_id = %s", (judgement_id,)).fetchone()
    assert seen is not None and seen[0]["before_version"] == 1


def test_undone_it_is_open_again(conn: Connection) -> None:
    send(conn, {RECORD: MARIA})
    send(conn, {RECORD: OTHER})
    (task,) = asked(conn)
    deciding.undo(conn, decided(conn, task, "same"), ANN, reason="The other file was meant.")
    assert [each.task_id for each in asked(conn)] == [task.task_id]


@pytest.mark.parametrize("kind", ["split", "move", "detach"])
def test_one_record_cannot_be_parted(conn: Connection, kind: Any) -> None:
    send(conn, {RECORD: MARIA})
    send(conn, {RECORD: OTHER})
    (task,) = asked(conn)
    deciding.claim(conn, task.task_id, ANN)
    with pytest.raises(ImpossibleChoice, match="One record is asked about"):
        deciding.decide(conn, task.task_id, Decision(kind, "Away.", frozenset({RECORD})), ANN)
    assert deciding.preview(conn, task.task_id, Decision("different", "What then?"), ANN).events == ()


@pytest.mark.parametrize(
    "changed",
    [{"first_name": "Grace", "last_name": "Oyelaran", "mother_first_name": "Adaeze"}, {"birth_date": "2014-03-19"}],
    ids=["adopted", "a typing error"],
)
def test_what_a_source_rightly_changes_is_not_asked(conn: Connection, changed: Values) -> None:
    send(conn, {RECORD: {**MARIA, "first_name": "Baby Girl"}})
    send(conn, {RECORD: MARIA})
    night(conn, (RECORD, {**MARIA, **changed}))
    assert asked(conn) == []


VERSIONS: Sequence[Values] = (MARIA, {**MARIA, "first_name": "Grace"}, OTHER, WITH_PHONE, TWIN)
files = st.lists(
    st.dictionaries(st.sampled_from([RECORD, BESIDE, OTHERS]), st.sampled_from(VERSIONS), min_size=2),
    min_size=3,
    max_size=4,
)


def _questions(conn: Connection) -> set[tuple[str, int | None, tuple[str, ...], float]]:
    source: dict[int, str] = dict(conn.execute("SELECT record_id, source FROM source_record").fetchall())
    return {(source[t.left_records[0]], t.before_version, tuple(t.fields), t.weight_bits) for t in asked(conn)}


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files)
def test_by_day_and_by_night_the_same_is_asked(
    new_database: NewDatabase, history: list[dict[RecordKey, Values]]
) -> None:
    """One by one over the API; in files, each linked in its night; and now so, now so, two files in one night."""
    with connect(new_database()) as by_day, connect(new_database()) as by_night, connect(new_database()) as either:
        for number, file in enumerate(history):
            send(by_day, file)
            night(by_night, *file.items())
            if number % 2:
                send(either, file)
            else:
                load(either, [SourceRecord(*key, dict(values)) for key, values in file.items()])
        night(either)
        assert _questions(by_day) == _questions(by_night) == _questions(either)
