"""Find out before anything is loaded whether a text file is in the encoding it is to be read with."""

from __future__ import annotations

import codecs
from pathlib import Path

from index_service.errors import UsageError, WrongEncoding

DEFAULT_ENCODING = "utf-8-sig"

_CHUNK_BYTES = 1 << 20
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def resolve_encoding(name: str | None) -> str:
    """Return the codec to read with: UTF-8 with or without a byte-order mark unless another is named."""
    if name is None:
        return DEFAULT_ENCODING
    try:
        codec = codecs.lookup(name).name
        "".encode(codec)
    except LookupError:
        raise UsageError(
            f"There is no text encoding called {name!r}.", hint="Try utf-8, cp1252, latin-1 or utf-16."
        ) from None
    return DEFAULT_ENCODING if codec == "utf-8" else codec


def encoding_of(path: Path, asked: str | None, usual: str) -> str:
    """The encoding to read with: the one asked for; else UTF-8 where the file is marked as such; else the usual one."""
    if asked is not None:
        return asked
    with path.open("rb") as file:
        return "utf-8" if file.read(3) == codecs.BOM_UTF8 else usual


def check_encoding(path: Path, encoding: str) -> None:
    """Read the file through once and stop at the first byte that the encoding does not have.

    A megabyte at a time, about a second per gigabyte: a file in the wrong encoding is refused whole, instead of
    losing every name with an accent.

    Raises:
        WrongEncoding: names the line and the encoding to try.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    lines_before = 0
    with path.open("rb") as file:
        start = file.read(2)
        file.seek(0)
        try:
            while chunk := file.read(_CHUNK_BYTES):
                lines_before += decoder.decode(chunk).count("\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            line = lines_before + _newlines_before(error) + 1
            raise wrong_encoding(path, encoding, line, "utf-16" if start in _UTF16_MARKS else "") from None


def wrong_encoding(path: Path, encoding: str, line: int, likely: str = "") -> WrongEncoding:
    """Word the error: where reading stopped and what to try next."""
    likely = likely or ("cp1252" if encoding == DEFAULT_ENCODING else "utf-8")
    shown = "utf-8" if encoding == DEFAULT_ENCODING else encoding
    return WrongEncoding(
        f"{path.name}, line {line}: the text is not in the encoding {shown}.",
        hint=f"If the extract was written on Windows or by a spreadsheet, try --encoding {likely}.",
    )


def _newlines_before(error: UnicodeDecodeError) -> int:
    return error.object[: error.start].count(b"\n")
