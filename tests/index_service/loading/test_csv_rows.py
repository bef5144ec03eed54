"""How CSV files are read: a broken row costs that row; a broken file is refused with the place and a way out."""

from __future__ import annotations

import csv
import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index_service.errors import BadHeader, EmptyFile, UsageError, WrongEncoding
from index_service.loading.csv_rows import open_csv
from index_service.loading.rows import FIELD_LIMIT, LINE_LIMIT, Reject, Row


def write(folder: Path, content: str | bytes, name: str = "extract.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, **options: str) -> list[Row | Reject]:
    with open_csv(path, **options) as table:
        return list(table.rows)


def rejects(rows: list[Row | Reject]) -> dict[int, str]:
    return {row.line: row.reason for row in rows if isinstance(row, Reject)}


def values(rows: list[Row | Reject]) -> list[dict[str, object]]:
    return [dict(row.values) for row in rows if isinstance(row, Row)]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    with open_csv(write(tmp_path, b"\xef\xbb\xbfsource_record_id,first_name\n1,Ana\n")) as table:
        assert table.columns == ("source_record_id", "first_name")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(tmp_path: Path, delimiter: str) -> None:
    text = f"source_record_id{delimiter}first_name\n1{delimiter}Ana\n"
    assert values(read(write(tmp_path, text))) == [{"source_record_id": "1", "first_name": "Ana"}]


def test_the_likely_delimiter_wins_where_the_header_has_it(tmp_path: Path) -> None:
    with open_csv(write(tmp_path, "a|b,c,d\n"), delimiter="|") as table:
        assert table.columns == ("a", "b,c,d")


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_all_line_endings_are_read_and_counted(tmp_path: Path, ending: str) -> None:
    rows = read(write(tmp_path, ending.join(["id,name", "1,Ana", "", "2,Ben", ""])))
    assert [(row.line, row.values["name"]) for row in rows if isinstance(row, Row)] == [(2, "Ana"), (4, "Ben")]


def test_empty_and_blank_cells_are_left_out(tmp_path: Path) -> None:
    assert values(read(write(tmp_path, "id,name,city\n1,,  \n"))) == [{"id": "1"}]


def test_a_cell_that_looks_like_a_formula_is_data(tmp_path: Path) -> None:
    assert values(read(write(tmp_path, 'id,name\n=1+1,"@SUM(A1)"\n'))) == [{"id": "=1+1", "name": "@SUM(A1)"}]


def test_ragged_rows_are_rejected_one_by_one(tmp_path: Path) -> None:
    rows = read(write(tmp_path, "id,name\n1,Ana\n2\n3,Cy,extra\n4,Dee\n"))
    assert rejects(rows) == {
        3: "the line has 1 cells, the header has 2",
        4: "the line has 3 cells, the header has 2",
    }
    assert [row["id"] for row in values(rows)] == ["1", "4"]


def test_an_unclosed_quotation_mark_costs_its_line_and_no_other(tmp_path: Path) -> None:
    rows = read(write(tmp_path, 'id,name\n1,"Ana\n2,Ben\n3,"Cy, Jr"\n4,Dee\n'))
    assert list(rejects(rows)) == [2]
    assert [row["id"] for row in values(rows)] == ["2", "3", "4"]


def test_an_unclosed_quotation_mark_before_the_end_costs_its_line_and_no_other(tmp_path: Path) -> None:
    rows = read(write(tmp_path, 'id,name\n1,"Ana\n2,Ben\n3,Cy\n'))
    assert list(rejects(rows)) == [2]
    assert [row["id"] for row in values(rows)] == ["2", "3"]


def test_an_unclosed_quotation_mark_does_not_swallow_more_than_a_value_may_hold(tmp_path: Path) -> None:
    lines = ["id,name", '0,"open', *(f"{i},{'x' * 90}" for i in range(1, 2_000))]
    rows = read(write(tmp_path, "\n".join(lines)))
    assert list(rejects(rows)) == [2]
    assert len(values(rows)) == 1_999


def test_a_line_break_inside_quotation_marks_belongs_to_the_value(tmp_path: Path) -> None:
    rows = read(write(tmp_path, 'id,name\n1,"Ana\nMaria"\n2,Ben\n'))
    assert [(row.line, row.values["name"]) for row in rows if isinstance(row, Row)] == [(2, "Ana\nMaria"), (4, "Ben")]


def test_a_nul_rejects_its_line(tmp_path: Path) -> None:
    rows = read(write(tmp_path, "id,name\n1,A\0na\n2,Ben\n"))
    assert rejects(rows) == {2: "the line holds a NUL character"}


def test_a_value_longer_than_any_real_one_rejects_its_line(tmp_path: Path) -> None:
    rows = read(write(tmp_path, f"id,name\n1,{'x' * (FIELD_LIMIT + 1)}\n2,Ben\n"))
    assert rejects(rows) == {2: f"a value is longer than {FIELD_LIMIT:,} characters"}
    assert [row["id"] for row in values(rows)] == ["2"]


def test_a_field_of_ten_megabytes_is_rejected_without_being_held_in_memory(tmp_path: Path) -> None:
    path = write(tmp_path, "id,name\n1," + "x" * 10_000_000 + "\n2,Ben\n")
    tracemalloc.start()
    rows = read(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rejects(rows) == {2: f"the line is longer than {LINE_LIMIT:,} characters"}
    assert [row["id"] for row in values(rows)] == ["2"]
    assert peak_bytes < 8_000_000


def test_a_long_file_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    path = write(tmp_path, "id,name\n" + "".join(f"{i},Ana Maria\n" for i in range(100_000)))
    tracemalloc.start()
    with open_csv(path) as table:
        count = sum(1 for _ in table.rows)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 100_000
    assert peak_bytes < 4_000_000


@pytest.mark.parametrize("content", ["", "\n\n", "   \n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(EmptyFile, match="is empty"):
        open_csv(write(tmp_path, content))


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    assert read(write(tmp_path, "id,name\n")) == []


def test_the_wrong_encoding_is_refused_with_its_line_and_what_to_try(tmp_path: Path) -> None:
    content = "id,name\n1,Ana\n2,Jos\u00e9\n".encode("cp1252")
    with pytest.raises(WrongEncoding, match="line 3") as refused:
        open_csv(write(tmp_path, content))
    assert "--encoding cp1252" in refused.value.hint
    assert values(read(write(tmp_path, content), encoding="cp1252"))[1]["name"] == "Jos\u00e9"


def test_utf_16_is_recognised_by_its_mark_and_named(tmp_path: Path) -> None:
    path = write(tmp_path, "id,name\n1,Ana\n".encode("utf-16"))
    with pytest.raises(WrongEncoding) as refused:
        open_csv(path)
    assert "--encoding utf-16" in refused.value.hint
    assert values(read(path, encoding="utf-16")) == [{"id": "1", "name": "Ana"}]


def test_utf_16_without_a_mark_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises(BadHeader, match="NUL"):
        open_csv(write(tmp_path, "id,name\n1,Ana\n".encode("utf-16-le")))


def test_an_unknown_encoding_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no text encoding"):
        open_csv(write(tmp_path, "id\n"), encoding="klingon")


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(cells, cells, cells), max_size=8))
def test_whatever_a_csv_writer_writes_is_read_back(
    rows: list[tuple[str, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b", "c"), *rows])
    path = write(tmp_path_factory.mktemp("csv"), buffer.getvalue())
    expected = [
        {name: cell for name, cell in zip("abc", row, strict=True) if cell and not cell.isspace()} for row in rows
    ]
    assert values(read(path)) == expected


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=300))
def test_no_file_whatever_brings_the_reader_down(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = write(tmp_path_factory.mktemp("csv"), b"id,name\n" + content)
    try:
        rows = read(path)
    except WrongEncoding:
        return
    for row in rows:
        assert isinstance(row, Reject) or set(row.values) <= {"id", "name"}
