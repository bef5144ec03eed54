"""Structured logs: which events there are, how lines are written. They carry ids, counts and durations, no values."""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from typing import Literal

import structlog


class Event(StrEnum):
    """Every event that is logged."""

    SERVING = "serving"  # the service listens
    STOPPED = "stopped"  # the service has finished its requests and stops
    REQUEST = "request"  # a request was answered: method, route, status, milliseconds
    REQUEST_FAILED = "request_failed"  # an error nobody foresaw: its type and place, never its message
    DATABASE_UNREACHABLE = "database_unreachable"  # a request could not be answered for want of the database


def configure_logs(style: Literal["json", "text"] = "json") -> None:
    """Write log lines to standard error; those of libraries from warnings upwards."""
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
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
