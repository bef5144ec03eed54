"""PostgreSQL's text format for COPY … (NULL ''), written here: the driver adapts row by row at several times the cost.

There is no empty text in what we store, so that the empty field can mean null and most rows need no escaping.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

CopyValue = str | int | bool | tuple[str, ...] | None

_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def copy_line(values: Sequence[CopyValue]) -> str:
    """One row in COPY text format, with its line end; None and "" become null."""
    parts = [value if type(value) is str else "" if value is None else _TEXT[type(value)](value) for value in values]
    line = "\t".join(parts)
    if "\\" in line or "\n" in line or "\r" in line or line.count("\t") >= len(parts):
        line = "\t".join([part.translate(_ESCAPES) for part in parts])
    return line + "\n"


def escaped(json: str) -> str:
    """A JSON text as one field: only the backslash has to be escaped, since JSON escapes the rest itself."""
    return json.replace("\\", r"\\") if "\\" in json else json


def array_text(values: Sequence[str | bool | None]) -> str:
    """One-dimensional array in PostgreSQL's text format; None is NULL.

    The driver takes several times as long over a list.
    """
    parts = [_element(value) if type(value) is str else _UNQUOTED[value] for value in values]  # type: ignore[index]
    return "{" + ",".join(parts) + "}"


_UNQUOTED = {None: "NULL", True: "t", False: "f"}


def _element(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", r"\\").replace('"', r"\"")
    return f'"{value}"'


def _array(values: tuple[str, ...]) -> str:
    if not values:
        return "{}"
    text = "".join(values)
    if "\\" in text or '"' in text:
        values = tuple([value.replace("\\", r"\\").replace('"', r"\"") for value in values])
    return '{"' + '","'.join(values) + '"}'


_TEXT: Mapping[type, Callable[[Any], str]] = {int: str, bool: {True: "t", False: "f"}.__getitem__, tuple: _array}
