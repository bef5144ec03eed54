"""How a failed or stopped command ends: what is said, and the exit code."""

from __future__ import annotations

from index_service.cli.output import note, print_json
from index_service.failures import describe


def report_failure(error: Exception, *, as_json: bool) -> int:
    """Say what went wrong, on standard error and with `as_json` also as JSON; return the exit code."""
    kind, message, hint, code = describe(error)
    note(f"Error: {message}")
    if hint:
        note(f"  {hint}")
    if as_json:
        print_json({"error": {"kind": kind, "message": message, "hint": hint}})
    return code


def report_stopped(code: int) -> int:
    note("Stopped. Nothing is half-published; run the same command again to go on.")
    return code
