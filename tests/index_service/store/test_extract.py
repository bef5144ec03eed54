"""What a relink reads: all records and memberships of one moment, in Arrow columns."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pytest

from index_service.store import extract
from index_service.store.connection import Connection, connect
from index_service.store.extract import (
    copy_normalised_csv,
    read_constraints,
    read_normalised,
    read_snapshot,
    records_to_link,
)
from index_service.store.judgements import AlreadyUndone, NewJudgement, add_judgement, undo_judgement
from index_service.store.records import begin_load, content_hash, copy_records
from linkage.judged import Part
from linkage.record import COLUMNS, NormalisedRecord, SourceRecord
from tests.index_service.store.partitions import load_ids, publish

FULL = NormalisedRecord(
    "cws_cms",
    'a,"b',
    first_name="zoe",
    first_alternatives=("zoe", "zoey"),
    last_tokens=(),
    birth_date="2015-03-01",
    birth_year=2015,
    birth_estimated=False,
    multiple_birth=True,
    identifiers=("ssid:1,2", 'x:"y"'),
)


def load(conn: Connection, *records: NormalisedRecord) -> None:
    load_id = begin_load(conn, "cws_cms", "extract.csv", "00")
    rows = [(SourceRecord(n.source, n.source_record_id, {}), n, content_hash({"n": str(n)}), False) for n in records]
    copy_records(conn, load_id, "cws_cms", rows)


def test_records_come_out_as_they_went_in(any_conn: Connection) -> None:
    bare = NormalisedRecord("cws_cms", "bare")
    load(any_conn, FULL, bare)
    rows = {row["source_record_id"]: row for row in read_normalised(any_conn).to_pylist()}
    for record in (FULL, bare):
        row = rows.pop(record.source_record_id)
        expected = {name: getattr(record, name) for name in COLUMNS}
        assert {name: tuple(row[name]) if COLUMNS[name] == "text[]" else row[name] for name in COLUMNS} == expected
        assert row["version"] == 1


@pytest.mark.parametrize("records", [(), (FULL,)])
def test_the_columns_have_their_types_even_where_there_is_nothing(
    conn: Connection, records: tuple[NormalisedRecord, ...]
) -> None:
    load(conn, *records)
    schema = read_normalised(conn).schema
    assert schema.names == ["record_id", "version", *COLUMNS]
    assert schema.field("record_id").type == pa.int64()
    assert schema.field("last_tokens").type == pa.list_(pa.string())
    assert schema.field("birth_year").type == pa.int32()
    assert schema.field("multiple_birth").type == pa.bool_()


def test_many_records_keep_their_lists_across_blocks(conn: Connection) -> None:
    """More than one block of the reader: list offsets start anew in each."""
    records = [
        NormalisedRecord("cws_cms", str(n), address="x" * 400, last_tokens=(str(n),) * (n % 3)) for n in range(15_000)
    ]
    load(conn, *records)
    table = read_normalised(conn)
    assert table["last_tokens"].num_chunks > 1
    assert table["last_tokens"].to_pylist() == [list(record.last_tokens) for record in records]


def test_a_snapshot_is_of_one_moment(conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load_ids(conn, "1")
    publish(conn, {"1": "A"})
    plain = extract.read_memberships

    def read_after_a_change(own: Connection) -> pa.Table:
        monkeypatch.undo()
        with connect(database_url) as other:
            load_ids(other, "2")
            publish(other, {"1": "A", "2": "A"})
        return plain(own)

    monkeypatch.setattr(extract, "read_memberships", read_after_a_change)
    snapshot = read_snapshot(conn)
    assert snapshot.memberships["source_record_id"].to_pylist() == ["1"]


def test_memberships_come_in_the_order_of_records_however_many_share_a_row(
    any_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [str(n) for n in range(40)]
    load_ids(any_conn, ids)
    publish(any_conn, {number: f"P{int(number) % 7}" for number in ids})
    at_once = read_snapshot(any_conn)
    monkeypatch.setattr(extract, "RECORDS_A_ROW", 7)
    in_parts = read_snapshot(any_conn)
    assert in_parts.memberships.num_rows == 40
    assert in_parts.memberships.to_pylist() == at_once.memberships.to_pylist()
    record_ids = in_parts.memberships["record_id"].to_pylist()
    assert record_ids == sorted(record_ids)
    created = any_conn.execute("SELECT person_id, created_at FROM person").fetchall()
    told = in_parts.memberships.select(["person_id", "person_created_at"]).to_pylist()
    assert {(row["person_id"], row["person_created_at"]) for row in told} == set(created)


def test_memberships_of_withdrawn_records_are_there_to_be_ended(conn: Connection) -> None:
    load_ids(conn, "12")
    publish(conn, {"1": "A", "2": "A"})
    load_ids(conn, "2", deleted=True)
    snapshot = read_snapshot(conn)
    assert snapshot.records["source_record_id"].to_pylist() == ["1"]
    rows = snapshot.memberships.select(["source_record_id", "version", "withdrawn", "person_id"]).to_pylist()
    assert {tuple(row.values()) for row in rows} == {("1", 1, False, "A"), ("2", 2, True, "A")}


def test_judgements_in_force_become_constraints(any_conn: Connection) -> None:
    one, two, three = ("cws_cms", "1"), ("cws_cms", "a"), ("meds", "B")
    add_judgement(any_conn, NewJudgement("same", "same CIN", "steward", (Part(frozenset({two, one}), held=True),)))
    sides = (Part(frozenset({one})), Part(frozenset({three})))
    different = add_judgement(any_conn, NewJudgement("different", "twins", "steward", sides))
    constraints = read_constraints(any_conn)
    assert constraints.must_link == {(one, two)}
    assert constraints.cannot_link == {(one, three)}
    undo_judgement(any_conn, different, reason="mistaken", who="steward")
    assert read_constraints(any_conn).cannot_link == frozenset()
    with pytest.raises(AlreadyUndone):
        undo_judgement(any_conn, different, reason="mistaken", who="steward")


def test_a_record_is_not_judged_against_itself(conn: Connection) -> None:
    with pytest.raises(ValueError, match="itself"):
        one = Part(frozenset({("meds", "1")}))
        add_judgement(conn, NewJudgement("different", "", "steward", (one, one)))


def test_the_csv_file_has_a_header_and_lists_as_json(conn: Connection, tmp_path: Path) -> None:
    load(conn, FULL)
    path = tmp_path / "records.csv"
    assert copy_normalised_csv(conn, path) == path.stat().st_size
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == ["record_id", "version", *COLUMNS]
    assert row["first_alternatives"] == '["zoe","zoey"]'
    assert row["source_record_id"] == 'a,"b'


def test_records_to_link_are_those_that_no_relink_has_seen(conn: Connection) -> None:
    load_ids(conn, "12")
    publish(conn, {"1": "A", "2": "A"})
    load_ids(conn, "3")
    load_ids(conn, "1", first_name="zoe")
    assert records_to_link(conn) == sorted(
        record_id
        for (record_id,) in conn.execute("SELECT record_id FROM source_record WHERE source_record_id IN ('1', '3')")
    )
