"""Read CSV one row at a time, so that one broken row costs that row and nothing else."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from index_service.errors import BadHeader, EmptyFile
from index_service.loading.encodings import check_encoding, resolve_encoding, wrong_encoding
from index_service.loading.rows import FIELD_LIMIT, LINE_LIMIT, Reject, Row, Table

DELIMITERS = (",", ";", "\t", "|")


class _LineTooLong(Exception):
    """The line goes on past the limit; the rest of it has been skipped."""


class _Lines:
    """Hands lines to the csv reader, remembers those of the current row, and can take them back."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._returned: deque[str | None] = deque()
        self.of_row: list[str | None] = []
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else self._read()
        if line:
            self.number += 1
            self.of_row.append(line)
            return line
        if line == "":
            raise StopIteration
        self.number += 1
        self.of_row.append(line)
        raise _LineTooLong

    def begin_row(self) -> int:
        self.of_row = []
        return self.number + 1

    def take_back_all_but_first(self) -> None:
        """The first line of the row is given up; the others are read again as rows of their own."""
        rest = self.of_row[1:]
        self._returned.extendleft(reversed(rest))
        self.number -= len(rest)

    def _read(self) -> str | None:
        """The next line; "" at the end; None for one that is too long."""
        line = self._file.readline(LINE_LIMIT)
        if len(line) < LINE_LIMIT or line.endswith(("\n", "\r")):
            return line
        while len(rest := self._file.readline(LINE_LIMIT)) == LINE_LIMIT and not rest.endswith(("\n", "\r")):
            pass
        return None


def open_csv(path: Path, *, encoding: str | None = None, delimiter: str | None = None) -> Table:
    """Open a CSV file: its header is read and checked, its rows are not read yet.

    Args:
        encoding: UTF-8 with or without a byte-order mark unless another is named.
        delimiter: the likely one; where the header line does not have it, the commonest there of , ; tab |.

    Raises:
        EmptyFile, WrongEncoding, BadHeader: nothing can be read from this file as it stands.
    """
    codec = resolve_encoding(encoding)
    check_encoding(path, codec)
    csv.field_size_limit(FIELD_LIMIT)
    size = path.stat().st_size
    binary = path.open("rb")
    file = TextIOWrapper(binary, encoding=codec, newline="")
    lines = _Lines(file)
    try:
        columns, reader = _read_header(path, lines, delimiter)
    except BaseException:
        file.close()
        raise
    return Table(
        columns=columns,
        rows=_rows(path, codec, file, lines, reader, columns),
        size=size,
        position=lambda: size if file.closed else binary.tell(),
        close=file.close,
    )


def _read_header(path: Path, lines: _Lines, delimiter: str | None) -> tuple[tuple[str, ...], Iterator[list[str]]]:
    """Read the first line that is not blank and name the columns by it; a column without a name is kept as ""."""
    try:
        first = next((line for line in lines if line.strip()), None)
    except _LineTooLong:
        raise BadHeader(
            f"{path.name}, line {lines.number}: the line that should name the columns goes on for more than "
            f"{LINE_LIMIT:,} characters."
        ) from None
    if first is None:
        raise EmptyFile(f"{path.name} is empty.")
    if "\0" in first:
        raise BadHeader(
            f"{path.name}, line {lines.number}: the first line holds NUL characters, so this is not plain text.",
            hint="If it was written as UTF-16, use --encoding utf-16; a spreadsheet must be saved as CSV first.",
        )
    separator = delimiter if delimiter and delimiter in first else _sniff_delimiter(first)
    try:
        cells = next(csv.reader([first], delimiter=separator, strict=True))
    except csv.Error:
        raise BadHeader(
            f"{path.name}, line {lines.number}: the first line cannot be read as column names.",
            hint="It must name the columns, each once, on one line; a name with a quotation mark in it must be quoted.",
        ) from None
    return tuple(cell.strip() for cell in cells), csv.reader(lines, delimiter=separator, strict=True)


def _sniff_delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)


def _rows(
    path: Path, encoding: str, file: TextIO, lines: _Lines, reader: Iterator[list[str]], columns: Sequence[str]
) -> Iterator[Row | Reject]:
    with file:
        while True:
            line = lines.begin_row()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _LineTooLong) as error:
                yield _give_up_first_line(lines, line, error)
                continue
            except UnicodeDecodeError:
                raise wrong_encoding(path, encoding, line) from None
            if cells:
                yield _row(lines, line, cells, columns)


def _give_up_first_line(lines: _Lines, line: int, error: Exception) -> Reject:
    """Reject the line where the row began; an unclosed quotation mark must not swallow the rows after it."""
    several = len(lines.of_row) > 1
    lines.take_back_all_but_first()
    if isinstance(error, _LineTooLong) and not several:
        return Reject(line, "", "", f"the line is longer than {LINE_LIMIT:,} characters")
    if "field larger than field limit" in str(error) and not several:
        return Reject(line, "", "", f"a value is longer than {FIELD_LIMIT:,} characters")
    if several or "unexpected end of data" in str(error):
        return Reject(line, "", "", "a quotation mark is opened and not closed properly")
    return Reject(line, "", "", "quotation marks are not used as CSV has them")


def _row(lines: _Lines, line: int, cells: list[str], columns: Sequence[str]) -> Row | Reject:
    if "\0" in (lines.of_row[0] or "") or (
        len(lines.of_row) > 1 and any("\0" in (text or "") for text in lines.of_row[1:])
    ):
        return Reject(line, "", "", "the line holds a NUL character")
    if len(cells) != len(columns):
        return Reject(line, "", "", f"the line has {len(cells)} cells, the header has {len(columns)}")
    return Row(line, {name: cell for name, cell in zip(columns, cells, strict=True) if cell and not cell.isspace()})
