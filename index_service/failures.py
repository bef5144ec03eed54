"""How an error is told: a message with what to do about it, and an exit code.

An error nobody foresaw becomes one line with an incident id. What the log keeps of it is where in the program it
happened: the kinds of errors and the lines of code, no message and no value, since these may be somebody's data.
"""

from __future__ import annotations

import json
import secrets
import signal
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from pydantic import ValidationError

from config.errors import ConfigError
from index_service.errors import DiskFull, IndexServiceError
from index_service.loading.rejects import cannot_write
from index_service.store.errors import DatabaseUnreachable, StoreError

FAILED = 1
INCIDENT_LOG = Path("var/incidents.log")

_ENGINE_HINT = "Give it more with --memory-gb, and room where TMPDIR says: there it puts what does not fit."
_MEMORY_HINT = "Close other programs, or work on fewer records at a time."
_SETTINGS = "Settings are environment variables PERSON_INDEX_<NAME>."
_DATABASE_AGAIN = "Run the same command again: committed batches are kept and nothing is half-published."


def stopped_by(error: BaseException | None) -> int | None:
    """The exit code, if what looks like an error is a signal that a library has wrapped up in one of its own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return 128 + signal.SIGINT
        if isinstance(error, SystemExit) and isinstance(error.code, int):
            return error.code
        error = error.__cause__ or error.__context__
    return None


def describe(error: Exception) -> tuple[str, str, str, int]:
    """Return kind, message, hint and exit code of an error, writing an incident for one that nobody foresaw."""
    kind = type(error).__name__
    match error:
        case IndexServiceError():
            return kind, error.message, error.hint, error.exit_code
        case StoreError() | ConfigError():
            return kind, str(error), "", FAILED
        case ValidationError():  # of the settings: fields and what is wrong with them, never what they hold
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
            return (
                "SettingsError",
                f"A setting is wrong: {wrong}.",
                "Settings are variables PERSON_INDEX_<NAME>.",
                FAILED,
            )
        case psycopg.errors.DiskFull():
            return DiskFull.__name__, "The database has no room left on its disk.", DiskFull.hint, FAILED
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return DatabaseUnreachable.__name__, "The database went away during the work.", _DATABASE_AGAIN, FAILED
        case OSError() if error.filename or cannot_write(Path(), error).__class__ is DiskFull:
            problem = cannot_write(Path(str(error.filename or "the output")), error)
            return type(problem).__name__, problem.message, problem.hint, FAILED
        case _ if (told := _engine_has_no_room(error)) is not None:
            return told
        case MemoryError():
            return "OutOfMemory", "There is not enough memory for this.", _MEMORY_HINT, FAILED
        case _ if type(error).__module__.startswith(("linkage.", "training.")) and str(error):
            return kind, str(error), "", FAILED
        case _:
            return _incident(error)


def in_a_sentence(error: Exception) -> str:
    """An error and what to do about it, for a report."""
    _, message, hint, _ = describe(error)
    return f"{message} {hint}".strip()


def _engine_has_no_room(error: BaseException | None) -> tuple[str, str, str, int] | None:
    """DuckDB tells by words alone whether memory or the disk is full; Splink wraps its errors in some of its own."""
    while error is not None and type(error).__module__ != "_duckdb":
        error = error.__cause__ or error.__context__
    if error is None:
        return None
    if "No space left" in str(error) or "max_temp_directory_size" in str(error):
        return DiskFull.__name__, "The engine has no room left on the disk that it spills to.", DiskFull.hint, FAILED
    if type(error).__name__ == "OutOfMemoryException":
        return "OutOfMemory", "The engine does not manage with the memory it may take.", _ENGINE_HINT, FAILED
    return None


def _incident(error: Exception) -> tuple[str, str, str, int]:
    incident = secrets.token_hex(4)
    where = _write_incident(incident, error)
    message = f"Something went wrong that was not foreseen ({type(error).__name__}, incident {incident})."
    return "Incident", message, f"Where it happened is logged, without values, in {where}; --debug shows it.", FAILED


def _write_incident(incident: str, error: Exception) -> Path:
    entry = json.dumps({"incident": incident, "at": datetime.now(UTC).isoformat(), "errors": _trace(error)})
    for path in (INCIDENT_LOG, Path(tempfile.gettempdir()) / "person-index-incidents.log"):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as log:
                log.write(entry + "\n")
        except OSError:
            continue
        return path
    return Path("nowhere, since no log could be written")


def _trace(error: BaseException | None) -> list[dict[str, object]]:
    """The error and what caused it: kind and places in the code."""
    if error is None:
        return []
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return [{"kind": type(error).__name__, "at": frames}, *_trace(error.__cause__ or error.__context__)]
