"""What lies in the drop folder: a folder per source, its files by name, each told from the others by content."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from index_service.errors import MissingFile

ENDINGS = frozenset({".csv", ".tsv", ".txt", ".psv", ".parquet", ".pq", ".ndjson", ".jsonl", ".json"})
TEXT_ENDINGS = frozenset({".csv", ".tsv", ".txt", ".psv"})
TAIL_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """A file that arrived for a source."""

    source: str
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class DropFolder:
    """The files by source, and what else lies there, a sentence each."""

    files: tuple[DroppedFile, ...]
    strange: tuple[str, ...]


def read_drop_folder(folder: Path, sources: Collection[str]) -> DropFolder:
    """List the files to look at. A hidden file, or one that is being written (.part, .tmp), is not there yet.

    Raises:
        MissingFile: there is no such folder.
    """
    if not folder.is_dir():
        raise MissingFile(f"{folder} is not a folder.", hint="Name the folder that holds a folder per source.")
    files, strange = [], []
    for place in sorted(folder.iterdir()):
        if place.name.startswith("."):
            continue
        if not place.is_dir():
            strange.append(f"{place.name} lies outside of the sources' folders: it was left alone.")
        elif place.name not in sources:
            strange.append(f"There is no source called {place.name}: its folder was left alone.")
        else:
            files += [
                DroppedFile(place.name, path, _sha256(path))
                for path in sorted(place.iterdir())
                if path.is_file() and not path.name.startswith(".") and path.suffix.lower() in ENDINGS
            ]
    return DropFolder(tuple(files), tuple(strange))


def ends_in_line_break(path: Path) -> bool | None:
    """Whether a text file does; None for other files, and empty ones."""
    if path.suffix.lower() not in TEXT_ENDINGS or not path.stat().st_size:
        return None
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() in (b"\n", b"\r")


def truncated(path: Path, separator: str | None = None) -> str:
    """Say that a text file ends in the middle of a row, or return ""."""
    if path.suffix.lower() not in TEXT_ENDINGS or not path.stat().st_size:
        return ""
    with path.open("rb") as file:
        head = file.readline(TAIL_BYTES).decode("utf-8", "replace").rstrip("\r\n")
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        tail = file.read().decode("utf-8", "replace")
    last = tail.rpartition("\n")[2]
    if not last or last == head:
        return ""
    mark = separator or max(",;\t|", key=head.count)
    wanted, found = (len(next(csv.reader([line], delimiter=mark))) for line in (head, last))
    return f"It ends in the middle of a row: the last has {found} of {wanted} values." if found < wanted else ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
