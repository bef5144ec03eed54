"""What every file format is read into: a table of named columns whose rows come one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

FIELD_LIMIT = 32_768
"""Longest value taken, in characters; as much as a spreadsheet cell holds. A longer one is a broken row."""

LINE_LIMIT = 1_000_000
"""Longest line taken, in characters; keeps the memory constant whatever the file holds."""

CellValue = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One record as the file has it: column name -> text, filled cells only; `line` counts from 1."""

    line: int
    values: Mapping[str, CellValue]


@dataclass(frozen=True, slots=True)
class Reject:
    """A row, or one field of it, that could not be used: where, which field, and why. Never the value.

    `field` is empty when the row as a whole is meant.
    """

    line: int
    source_record_id: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    """An opened file, to be used in a `with`. `position` tells how many of `size` units (bytes or rows) are read."""

    columns: tuple[str, ...]
    rows: Iterator[Row | Reject]
    size: int
    position: Callable[[], int]
    close: Callable[[], None]

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def unusable_text(text: str) -> str:
    """Say why a value cannot be kept in any database, or return "" if it can."""
    if len(text) > FIELD_LIMIT:
        return f"the value is longer than {FIELD_LIMIT:,} characters"
    if "\0" in text:
        return "the value holds a NUL character"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "the value holds half a character (a lone surrogate)"
    return ""
