"""How an error ends: a message with what to do about it, and an exit code.

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
from index_service.cli.output import note, print_json
from index_service.errors import DiskFull, IndexServiceError, OutputError
from index_service.loading.rejects import cannot_write
from index_service.store.errors import DatabaseUnreachable, StoreError

FAILED = 1
INCIDENT_LOG = Path("var/incidents.log")

_MEMORY_HINT = "Close other programs, or work on fewer records at a time."
_SETTINGS = "Settings are environment variables PERSON_INDEX_<NAME>."
_DATABASE_AGAIN = "Run the same command again: committed batches are kept and nothing is half-published."


def report_failure(error: Exception, *, as_json: bool) -> int:
    """Say what went wrong, on standard error and with `as_json` also as JSON; return the exit code."""
    kind, message, hint, code = describe(error)
    note(f"Error: {message}")
    if hint:
        note(f"  {hint}")
    if as_json:
        print_json({"error": {"kind": kind, "message": message, "hint": hint}})
    return code


def stopped_by(error: BaseException | None) -> int | None:
    """The exit code, if what looks like an error is a signal that a library has wrapped up in one of its own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return 128 + signal.SIGINT
        if isinstance(error, SystemExit) and isinstance(error.code, int):
            return error.code
        error = error.__cause__ or error.__context__
    return None


def report_stopped(code: int) -> int:
    note("Stopped. Nothing is half-published; run the same command again to go on.")
    return code


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
        case MemoryError():
            return "OutOfMemory", "There is not enough memory for this.", _MEMORY_HINT, FAILED
        case _ if type(error).__module__.startswith(("linkage.", "training.")) and str(error):
            return kind, str(error), "", FAILED
        case _:
            return _incident(error)


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


__all__ = ["OutputError", "describe", "report_failure"]
