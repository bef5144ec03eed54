"""Put the commands together; run one; end with 0 (fine), 1 (failed, or found something wrong) or 2 (called wrongly)."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.metadata import version
from typing import Annotated

import typer

from index_service.cli.failures import report_failure, report_stopped
from index_service.cli.output import stdout_for_json_only
from index_service.failures import stopped_by

app = typer.Typer(
    name="person-index",
    help="Master person index for child welfare: which records, in which systems, are one child, and how sure is that.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Begin with: person-index demo",
)


@app.callback()
def person_index(
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and stop.", callback=lambda on: _version(on), is_eager=True),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where in the program an error came from; also PERSON_INDEX_DEBUG=1.")
    ] = False,
) -> None:
    """Master person index for child welfare."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("foster-person-index"))
        raise typer.Exit


def main() -> None:
    """Entry point of the `person-index` program."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; every error ends as a message, never as a traceback.

    `--debug` may stand anywhere. With `--json`, standard output holds the JSON of the command and nothing else.
    """
    _register_commands()
    debug = "--debug" in arguments or os.environ.get("PERSON_INDEX_DEBUG", "") not in ("", "0")
    as_json = "--json" in arguments
    if not debug:
        _quieten_libraries()
    with stdout_for_json_only() if as_json else nullcontext():
        try:
            app(args=[word for word in arguments if word != "--debug"], prog_name="person-index")
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except Exception as error:
            stopped = stopped_by(error)
            if stopped is not None:
                return report_stopped(stopped)
            if debug:
                raise
            return report_failure(error, as_json=as_json)
    return 0


def _quieten_libraries() -> None:
    """What libraries have to say is for developers."""
    warnings.simplefilter("ignore")
    logging.getLogger("splink.internals").setLevel(logging.ERROR)


def _register_commands() -> None:
    """Import the commands when one is to run, each of them adding itself to `app`."""
    from index_service.cli import commands  # noqa: F401
