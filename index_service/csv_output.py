"""Write a CSV file that is whole or not there: beside its place first, and moved into it when complete."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from index_service.errors import OutputError, UsageError
from index_service.loading.rejects import cannot_write

WriteRow = Callable[[Sequence[object]], object]


@contextmanager
def csv_output(path: Path, columns: Sequence[str]) -> Iterator[WriteRow]:
    """Yield a function that writes one row. Cells are written as they are, since machines read them back.

    Raises:
        DiskFull, OutputError: it cannot be written; no part of it is left behind.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            yield writer.writerow
        partial.replace(path)
    except OSError as problem:
        partial.unlink(missing_ok=True)
        if problem.filename not in (None, str(partial), str(path)):  # of what is read, not of what is written
            raise
        raise cannot_write(path, problem) from None
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def refuse_overwriting(out: Path, inputs: Sequence[Path]) -> None:
    """Stop before the output of a command takes the place of one of its inputs, or has nowhere to go.

    Raises:
        UsageError, OutputError: where else it could be written.
    """
    if any(out.resolve() == path.resolve() for path in inputs):
        raise UsageError(f"{out} is an input of this command.", hint="Give another file after --out.")
    if out.is_dir() or not out.parent.is_dir():
        raise OutputError(
            f"{out} cannot be written: {'it is a folder' if out.is_dir() else 'its folder does not exist'}."
        )
