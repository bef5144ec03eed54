"""How Parquet and NDJSON are read, and how a format is told."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index_service.errors import EmptyFile, MissingFile, UnreadableFile
from index_service.loading.files import file_format, open_table
from index_service.loading.ndjson_rows import cells_to_row
from index_service.loading.rows import FIELD_LIMIT, LINE_LIMIT, Reject, Row


def rows_of(path: Path) -> list[Row | Reject]:
    with open_table(path) as table:
        return list(table.rows)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def ndjson(folder: Path, *lines: object) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return written(folder / "extract.ndjson", "\n".join(texts).encode("utf-8", "surrogatepass"))


def test_typed_parquet_values_become_the_text_that_csv_would_have(tmp_path: Path) -> None:
    table = pa.table(
        {
            "source_record_id": pa.array([501, 502], pa.int64()),
            "zip": pa.array([95814.0, None], pa.float64()),
            "birth_date": pa.array([dt.date(2019, 5, 3), None]),
            "record_date": pa.array([dt.datetime(2024, 1, 31, 23, 59), None]),  # noqa: DTZ001 - as files have it
            "multiple_birth": pa.array([True, False]),
            "alias_names": pa.array([["Ana Diaz", ""], []]),
        }
    )
    pq.write_table(table, tmp_path / "extract.parquet")
    first, second = rows_of(tmp_path / "extract.parquet")
    assert first == Row(
        1,
        {
            "source_record_id": "501",
            "zip": "95814",
            "birth_date": "2019-05-03",
            "record_date": "2024-01-31",
            "multiple_birth": "true",
            "alias_names": ("Ana Diaz",),
        },
    )
    assert second == Row(2, {"source_record_id": "502", "multiple_birth": "false"})


def test_parquet_values_that_no_database_keeps_reject_their_row(tmp_path: Path) -> None:
    table = pa.table({"id": ["1", "2", "3"], "name": ["A\0na", "x" * 10_000_000, "Ben"]})
    pq.write_table(table, tmp_path / "extract.parquet")
    rows = rows_of(tmp_path / "extract.parquet")
    assert rows[:2] == [
        Reject(1, "", "name", "the value holds a NUL character"),
        Reject(2, "", "name", f"the value is longer than {FIELD_LIMIT:,} characters"),
    ]
    assert rows[2] == Row(3, {"id": "3", "name": "Ben"})


@pytest.mark.parametrize("content", [b"PAR1 and then nothing", b"id,name\n1,Ana\n"])
def test_what_only_calls_itself_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFile, match="cannot be read as Parquet"):
        open_table(written(tmp_path / "extract.parquet", content))


def test_a_parquet_file_cut_off_in_the_middle_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [str(i) for i in range(10_000)]}), tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()
    with pytest.raises(UnreadableFile):
        open_table(written(tmp_path / "cut.parquet", content[: len(content) // 2]))


def test_ndjson_columns_are_those_of_its_lines(tmp_path: Path) -> None:
    with open_table(ndjson(tmp_path, {"id": "1", "name": "Ana"}, {"id": "2", "zip": 95814})) as table:
        assert table.columns == ("id", "name", "zip")
        assert list(table.rows) == [Row(1, {"id": "1", "name": "Ana"}), Row(2, {"id": "2", "zip": "95814"})]


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        ("{oops", "", "not JSON"),
        ('{"id": NaN}', "", "not JSON"),
        ("17", "", "not a JSON object"),
        ('"text"', "", "not a JSON object"),
        ('{"id": "1", "name": {"first": "Ana"}}', "name", "neither text"),
        ('{"id": "1", "name": "A\\u0000na"}', "name", "NUL"),
        ('{"id": "1", "name": "' + "x" * (FIELD_LIMIT + 1) + '"}', "name", "longer than"),
        ('{"id": "1", "name": "' + "x" * LINE_LIMIT + '"}', "", "line is longer"),
        ('{"id": "1", "name": "\\ud800"}', "", "not JSON"),
    ],
)
def test_a_bad_ndjson_line_is_rejected_and_the_next_is_read(tmp_path: Path, line: str, field: str, reason: str) -> None:
    rejected, good = rows_of(ndjson(tmp_path, line, {"id": "2"}))
    assert isinstance(rejected, Reject)
    assert (rejected.line, rejected.field) == (1, field)
    assert reason in rejected.reason
    assert good == Row(2, {"id": "2"})


def test_blank_ndjson_lines_and_a_byte_order_mark_are_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path / "extract.ndjson", b'\xef\xbb\xbf{"id": "1"}\n\n  \n{"id": "2"}\n')
    assert [row.line for row in rows_of(path)] == [1, 4]


def test_one_json_array_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile) as refused:
        open_table(written(tmp_path / "extract.json", b'[{"id": 1}]'))
    assert "jq" in refused.value.hint


@pytest.mark.parametrize("name", ["extract.csv", "extract.parquet", "extract.ndjson"])
def test_an_empty_file_of_any_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(EmptyFile):
        open_table(written(tmp_path / name, b""))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"id,name\n", "csv"),
        ("a.TSV", b"id\tname\n", "csv"),
        ("a.dat", b"id|name\n", "csv"),
        ("a.jsonl", b'{"id": 1}\n', "ndjson"),
        ("a", b'  {"id": 1}\n', "ndjson"),
        ("a.csv", b"PAR1...", "parquet"),
    ],
)
def test_the_format_is_told_by_name_and_first_bytes(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    assert file_format(written(tmp_path / name, content)) == expected


@pytest.mark.parametrize(
    ("content", "what"), [(b"PK\x03\x04...", "spreadsheet"), (b"\x1f\x8b...", "gzip"), (b"%PDF-1.7", "PDF")]
)
def test_foreign_formats_are_named(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(UnreadableFile, match=what):
        file_format(written(tmp_path / "extract.csv", content))


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no such file"):
        open_table(tmp_path / "nowhere.csv")
    with pytest.raises(MissingFile, match="not a plain file"):
        open_table(tmp_path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.none() | st.sampled_from(["", " ", "\t", "é", "a\0b", "x" * 40_000, "Zoë Ã", "日本"]), max_size=6))
def test_rows_of_a_batch_read_together_are_those_read_one_by_one(tmp_path: Path, texts: list[str | None]) -> None:
    lists = [None if text is None else [text, "", "other"] for text in texts]
    columns = {"id": [str(i) for i in range(len(texts))], "name": texts, "aliases": lists, "n": list(range(len(texts)))}
    types = {"id": pa.string(), "name": pa.string(), "aliases": pa.list_(pa.string()), "n": pa.int64()}
    table = pa.table({name: pa.array(columns[name], kind) for name, kind in types.items()})
    pq.write_table(table, tmp_path / "extract.parquet")
    assert rows_of(tmp_path / "extract.parquet") == [
        cells_to_row(number, cells) for number, cells in enumerate(table.to_pylist(), start=1)
    ]
