"""Read NDJSON: one JSON object per line; a line that is none costs that line and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import orjson

from index_service.errors import EmptyFile, UnreadableFile
from index_service.loading.rows import LINE_LIMIT, CellValue, Reject, Row, Table, unusable_text

_HEAD_LINES = 1_000
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def open_ndjson(path: Path) -> Table:
    """Open an NDJSON file; its columns are the keys of its first thousand lines.

    Raises:
        EmptyFile: nothing in it.
        UnreadableFile: it is one JSON array instead of one object per line.
    """
    size = path.stat().st_size
    file = path.open("rb")
    if not size:
        file.close()
        raise EmptyFile(f"{path.name} is empty.")
    _refuse_array(path, file)
    rows = _rows(file)
    head = [row for row, _ in zip(rows, range(_HEAD_LINES), strict=False)]
    columns = dict.fromkeys(name for row in head if isinstance(row, Row) for name in row.values)
    return Table(
        columns=tuple(columns),
        rows=chain(head, rows),
        size=size,
        position=lambda: size if file.closed else file.tell(),
        close=file.close,
    )


def _refuse_array(path: Path, file: BinaryIO) -> None:
    if file.read(3) != _BYTE_ORDER_MARK:
        file.seek(0)
    begin = file.tell()
    if file.read(64).lstrip().startswith(b"["):
        file.close()
        raise UnreadableFile(
            f"{path.name} is one JSON array, not one object per line.",
            hint="Write one object per line, for instance with: jq -c '.[]' file.json > file.ndjson",
        )
    file.seek(begin)


def _rows(file: BinaryIO) -> Iterator[Row | Reject]:
    number = 0
    with file:
        while line := file.readline(LINE_LIMIT):
            number += 1
            if len(line) == LINE_LIMIT and not line.endswith(b"\n"):
                _skip_rest_of_line(file)
                yield Reject(number, "", "", f"the line is longer than {LINE_LIMIT:,} bytes")
            elif not line.isspace():
                yield _row(number, line)


def _skip_rest_of_line(file: BinaryIO) -> None:
    while (rest := file.readline(LINE_LIMIT)) and not rest.endswith(b"\n"):
        pass


def _row(number: int, line: bytes) -> Row | Reject:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return Reject(number, "", "", "the line is not JSON in UTF-8")
    if not isinstance(found, dict):
        return Reject(number, "", "", "the line is not a JSON object")
    return cells_to_row(number, found)


def cells_to_row(number: int, cells: Mapping[str, object]) -> Row | Reject:
    """Turn typed values (JSON or Parquet) into text; a value of an unknown kind rejects the row."""
    values: dict[str, CellValue] = {}
    for name, value in cells.items():
        if value is None or value == "" or value != value:  # NaN is how data frames write a gap
            continue
        text = as_text(value)
        if text is None:
            return Reject(number, "", name, "the value is neither text, number, date, yes/no nor a list of texts")
        if reason := next(filter(None, map(unusable_text, (text,) if isinstance(text, str) else text)), ""):
            return Reject(number, "", name, reason)
        if text and not (isinstance(text, str) and text.isspace()):
            values[name] = text
    return Row(number, values)


def as_text(value: object) -> CellValue | None:
    """A typed value as the text that a CSV file would have; None where no text stands for it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):  # 501.0 is a number column with a gap in it, as data frames write it
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(item for item in value if item and not item.isspace())
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat())[:10] if isoformat else None
