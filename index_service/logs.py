"""Structured logs: which events there are, how lines are written. They carry ids, counts and durations, no values."""

from __future__ import annotations

import logging
import sys
import traceback
from enum import StrEnum
from types import TracebackType
from typing import Literal

import structlog

_log = structlog.get_logger()


class Event(StrEnum):
    """Every event that is logged."""

    SERVING = "serving"  # the service listens
    STOPPED = "stopped"  # the service has finished its requests and stops
    REQUEST = "request"  # a request was answered: method, route, status, milliseconds
    REQUEST_FAILED = "request_failed"  # an error nobody foresaw: its type and place, never its message
    DATABASE_UNREACHABLE = "database_unreachable"  # a request could not be answered for want of the database
    WORKER_ENDED = "worker_ended"  # a worker process ended unasked and is replaced
    TOKEN_GIVEN = "token_given"  # noqa: S105 - a client got an access token: its id, and the token's
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a client asked for an access token and got none: why
    CALLER_REFUSED = "caller_refused"  # a request came with an access token that is not accepted: why
    ACCESS_UNAVAILABLE = "access_unavailable"  # who calls cannot be found out: keys or database are not to be had
    GLASS_BROKEN = "glass_broken"  # a user passed over the conditions of an agreement: which, and whom to alert
    WEBHOOK_FAILED = "webhook_failed"  # a message could not be delivered: which webhook and request, why, how often
    WEBHOOK_OFF = "webhook_off"  # a webhook was switched off, for its receiver is gone or was away for days
    WEBHOOK_DEAD_LETTER = "webhook_dead_letter"  # a message was given up: which webhook and request, why
    WEBHOOKS_WAIT = "webhooks_wait"  # nothing can be sent at the moment, for want of the database or a key
    WRITE_FAILED = "write_failed"  # a write could not be taken in, after several attempts: the type of the error
    FOLLOWING_FAILED = "following_failed"  # segregated records could not be weighed again: the type of the error
    FORGETTING_FAILED = "forgetting_failed"  # answers older than a day are still kept: the type of the error
    LIBRARY = "library"  # a library has a warning


def configure_logs(style: Literal["json", "text"] = "json") -> None:
    """Write log lines to standard error; those of libraries from warnings upwards, in the same shape."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[LibraryLines()], level=logging.WARNING, force=True)


class LibraryLines(logging.Handler):
    """Passes on what libraries log: who speaks, from which line, and of which kind of error.

    Their words stay out: a message or a traceback may repeat what a caller sent or a record holds.
    """

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        _log.log(
            record.levelno,
            Event.LIBRARY,
            logger=record.name,
            said_at=f"{record.funcName}:{record.lineno}",
            error=type(error).__name__ if error else None,
            place=place_of(error.__traceback__) if error else None,
        )


def place_of(trace: TracebackType | None) -> str:
    """Where in the program an error arose, as function and line; its message could hold values."""
    frames = traceback.extract_tb(trace)
    return f"{frames[-1].name}:{frames[-1].lineno}" if frames else "unknown"
