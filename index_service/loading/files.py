"""Open an extract, whatever its format: CSV, Parquet or NDJSON, told by its name and else by how it begins."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from index_service.errors import MissingFile, UnreadableFile
from index_service.loading.csv_rows import open_csv
from index_service.loading.ndjson_rows import open_ndjson
from index_service.loading.rows import Table

FileFormat = Literal["csv", "parquet", "ndjson"]

_FORMATS: dict[str, FileFormat] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".psv": "csv",
    ".parquet": "parquet", ".pq": "parquet",
    ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson",
}  # fmt: skip

_FOREIGN = {
    b"PK\x03\x04": "a zip archive or a spreadsheet (.xlsx)",
    b"\x1f\x8b": "compressed with gzip",
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet (.xls)",
}


def open_table(path: Path, *, encoding: str | None = None, delimiter: str | None = None) -> Table:
    """Open a file and read its columns; rows follow one at a time, in constant memory.

    Args:
        encoding, delimiter: how a CSV file is likely written; Parquet and NDJSON say so themselves.

    Raises:
        MissingFile: no such file, a folder, or no right to read it.
        InputError: why this file cannot be read, and what to do.
    """
    match file_format(path):
        case "parquet":
            from index_service.loading.parquet_rows import open_parquet  # pyarrow takes a fifth of a second to import

            return open_parquet(path)
        case "ndjson":
            return open_ndjson(path)
        case "csv":
            return open_csv(path, encoding=encoding, delimiter=delimiter)


def file_format(path: Path) -> FileFormat:
    """Tell the format by the first bytes where they are plain, and by the ending of the name."""
    if not path.is_file():
        problem = "it is not a plain file" if path.exists() else "there is no such file"
        raise MissingFile(f"{path} cannot be read: {problem}.")
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise MissingFile(f"{path} cannot be read: {error.strerror or 'not a file'}.") from None
    if foreign := next((name for mark, name in _FOREIGN.items() if start.startswith(mark)), ""):
        raise UnreadableFile(f"{path.name} is {foreign}, which is not read here.", hint="Unpack it or save it as CSV.")
    if start.startswith(b"PAR1"):
        return "parquet"
    if named := _FORMATS.get(path.suffix.lower()):
        return named
    return "ndjson" if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") else "csv"
