"""What a command prints: its answer on standard output, for people or as JSON; everything else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from typing import TextIO

import orjson
from rich.console import Console

WIDTH_OF_FILES = 160
"""Characters that a table may take where no terminal says how wide it is."""

_machine: ContextVar[TextIO | None] = ContextVar("machine", default=None)


@contextmanager
def stdout_for_json_only() -> Iterator[None]:
    """Inside, whatever prints goes to standard error; only `answer` reaches standard output."""
    token = _machine.set(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _machine.reset(token)


def answer(data: Mapping[str, object], lines: Iterable[object], *, as_json: bool) -> None:
    """Print the answer of a command: `data` as one JSON document, or `lines` (text or rich tables) for people."""
    if as_json:
        print_json(data)
        return
    width = None if sys.stdout.isatty() else WIDTH_OF_FILES
    console = Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False, soft_wrap=True)
    for line in lines:
        console.print(line)


def print_json(data: Mapping[str, object]) -> None:
    """Write one JSON document to the real standard output."""
    out = _machine.get() or sys.stdout
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    out.write(orjson.dumps(data, option=options, default=str).decode() + "\n")
    out.flush()


def note(text: str) -> None:
    """Tell the person at the terminal something beside the answer."""
    print(text, file=sys.stderr)  # noqa: T201
