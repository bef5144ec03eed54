"""The reject file: what could not be used, where and why, so that the sending system can mend it. Never the values."""

from __future__ import annotations

import csv
import errno
from pathlib import Path
from types import TracebackType
from typing import TextIO

from index_service.errors import DiskFull, OutputError
from index_service.loading.rows import Reject
from index_service.spreadsheet_cells import neutralise

COLUMNS = ("line", "source_record_id", "field", "reason")


class RejectFile:
    """A CSV file that comes into being with its first reject, so that a clean load leaves none behind.

    Formula-like ids are neutralised: people open this file in a spreadsheet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: TextIO | None = None

    def __enter__(self) -> RejectFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._guarded_close(quietly=error is not None)

    def write(self, reject: Reject) -> None:
        """Add one line.

        Raises:
            DiskFull, OutputError: it cannot be written; without its reject file a load stops.
        """
        try:
            self._writer().writerow(
                (reject.line, neutralise(reject.source_record_id), neutralise(reject.field), reject.reason)
            )
        except OSError as problem:
            raise cannot_write(self.path, problem) from None
        self.count += 1

    def flush(self) -> None:
        """Put on disk what has been written so far; called before the batch it belongs to is committed."""
        try:
            if self._file is not None:
                self._file.flush()
        except OSError as problem:
            raise cannot_write(self.path, problem) from None

    def _writer(self) -> csv._writer:  # type: ignore[name-defined]
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8", newline="")
            csv.writer(self._file, lineterminator="\n").writerow(COLUMNS)
        return csv.writer(self._file, lineterminator="\n")

    def _guarded_close(self, *, quietly: bool) -> None:
        try:
            if self._file is not None:
                self._file.close()
        except OSError as problem:
            if not quietly:
                raise cannot_write(self.path, problem) from None


def cannot_write(path: Path, problem: OSError) -> OutputError:
    """Word a failed write: a full disk is told from a missing right or folder."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull(f"There is no room left to write {path}.")
    return OutputError(f"{path} cannot be written: {problem.strerror or 'unknown reason'}.")
