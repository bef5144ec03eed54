"""Which rows become source records, and why others do not."""

from __future__ import annotations

import pytest

from index_service.errors import BadHeader
from index_service.loading.quality import FieldQuality, QualityCount
from index_service.loading.records import Extract, ReadRecord, recognise_extract
from index_service.loading.rows import Reject, Row
from linkage.record import Finding, SourceRecord
from tests.index_service.loading.invented import SOURCE


def canonical(*columns: str) -> Extract:
    return recognise_extract("extract.csv", ("source_record_id", *columns), SOURCE)


def test_a_file_in_the_departments_layout_is_mapped() -> None:
    extract = recognise_extract("extract.csv", ("CLIENT", "FIRST", "BORN"), SOURCE)
    read = extract.read(Row(2, {"CLIENT": "a1", "FIRST": "Ana", "BORN": "3/4/2015"}))
    assert isinstance(read, ReadRecord)
    assert read.record == SourceRecord("shelter", "a1", {"first_name": "Ana", "birth_date": "2015-03-04"})
    assert extract.fields == {"source_record_id", "first_name", "birth_date"}


def test_a_list_of_names_from_parquet_or_json_is_read_like_a_cell() -> None:
    read = canonical("alias_names").read(Row(2, {"source_record_id": "a1", "alias_names": ("Ana Diaz", "Anita Vega")}))
    assert isinstance(read, ReadRecord)
    assert read.record.values["alias_names"] == ("Ana Diaz", "Anita Vega")


def test_a_file_of_neither_layout_is_refused() -> None:
    with pytest.raises(BadHeader, match="no column CLIENT"):
        recognise_extract("extract.csv", ("first_name",), SOURCE)


@pytest.mark.parametrize(
    ("record_id", "reason"),
    [
        (None, "the id is missing"),
        ("x" * 201, "longer than 200"),
        ("a\x07b", "control or invisible"),
        ("a\u200bb", "control or invisible"),
        ("a\nb", "control or invisible"),
    ],
)
def test_an_id_that_cannot_name_a_record_rejects_its_row(record_id: str | None, reason: str) -> None:
    cells = {"first_name": "Ana"} | ({"source_record_id": record_id} if record_id else {})
    rejected = canonical("first_name").read(Row(7, cells))
    assert isinstance(rejected, Reject)
    assert (rejected.line, rejected.field) == (7, "source_record_id")
    assert reason in rejected.reason
    assert rejected.source_record_id.isprintable()


@pytest.mark.parametrize("record_id", ["0", "0Ab", "=1+1", "a b/c?d", "Ärger-7", "x" * 200])
def test_any_other_id_is_kept_as_it_is(record_id: str) -> None:
    read = canonical("first_name").read(Row(2, {"source_record_id": record_id}))
    assert isinstance(read, ReadRecord)
    assert read.record.source_record_id == record_id


@pytest.mark.parametrize(("text", "deleted"), [("true", True), ("Y", True), ("0", False), ("", False)])
def test_deleted_says_whether_a_record_is_withdrawn(text: str, deleted: bool) -> None:
    read = canonical("deleted").read(Row(2, {"source_record_id": "a1", "deleted": text}))
    assert isinstance(read, ReadRecord)
    assert read.deleted is deleted


def test_a_row_that_may_or_may_not_be_withdrawn_is_rejected() -> None:
    rejected = canonical("deleted").read(Row(2, {"source_record_id": "a1", "deleted": "perhaps"}))
    assert isinstance(rejected, Reject)
    assert (rejected.source_record_id, rejected.field) == ("a1", "deleted")


def test_quality_counts_filled_placeholder_and_rejected_per_field() -> None:
    first, second = QualityCount(), QualityCount()
    first.add(SourceRecord("s", "1", {"ssn": "x", "sex": "F"}), [Finding("ssn", "placeholder", "")])
    second.add(SourceRecord("s", "2", {"sex": "F"}), [Finding("birth_date", "invalid", "")])
    second.add(SourceRecord("s", "3", {"sex": "F", "ssn": "y"}), [])
    first.merge(second)
    assert first.fields(["sex", "ssn"]) == [
        FieldQuality("sex", filled=3, placeholder=0, rejected=0, records=3),
        FieldQuality("ssn", filled=2, placeholder=1, rejected=0, records=3),
        FieldQuality("birth_date", filled=1, placeholder=0, rejected=1, records=3),
    ]
    usable, placeholder = first.shares(["ssn", "phone"])
    assert usable == {"ssn": pytest.approx(1 / 3), "phone": 0.0}
    assert placeholder == {"ssn": pytest.approx(1 / 3), "phone": 0.0}
