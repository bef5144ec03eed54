"""The command line `person-index`: each command calls the functions that the service calls, then prints the outcome."""

from __future__ import annotations

from index_service.cli import commands  # first: the help lists them as they are imported, whoever asks for one of them
from index_service.cli.application import main, run

__all__ = ["commands", "main", "run"]
