"""`person-index keys`: the installation's own keys: those that sign access tokens, and those that seal numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer

if TYPE_CHECKING:
    from index_service.access.signing_keys import SigningKey

keys = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Keys that sign access tokens; keys that seal numbers."
)
app.add_typer(
    keys,
    name="keys",
    epilog=examples("person-index keys rotate", "person-index keys list", "person-index keys rotate-numbers"),
)


@keys.command(epilog=examples("person-index keys rotate", "person-index keys rotate --at-once"))
def rotate(
    at_once: Annotated[
        bool,
        typer.Option("--at-once", help="The present key is known to others: end it, and every token that it signed."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a new key. It is published now, signs from ten minutes on, and the old one ends when its tokens have.

    A running service notices by itself.
    """
    from index_service.access.signing_keys import now_utc, rotate
    from index_service.settings import Settings

    held = rotate(Settings().signing_keys, now_utc(), at_once=at_once)
    _answer(held, as_json=as_json)


@keys.command("list", epilog=examples("person-index keys list --json"))
def list_keys(as_json: AsJson = False) -> None:
    """List the keys: since when each signs, and until when it verifies."""
    from index_service.access.signing_keys import read_keys
    from index_service.settings import Settings

    _answer(list(read_keys(Settings().signing_keys)), as_json=as_json)


@keys.command("rotate-numbers", epilog=examples("person-index keys rotate-numbers"))
def rotate_numbers(as_json: AsJson = False) -> None:
    """Make a new master key, and seal with it the keys by which social security numbers are sealed.

    The numbers themselves stay as they are, and a running service goes on. Keep a backup of the file that
    PERSON_INDEX_SEALING_KEYS names: without it the numbers are lost. The old master key stays in it, for the questions
    in the ledger that it sealed.
    """
    from index_service.database import open_database
    from index_service.settings import Settings
    from index_service.store.numbers import rotate_master_key

    path = Settings().sealing_keys
    with open_database() as conn:
        number, sealed = rotate_master_key(conn, path)
    answer(
        {"master_key": number, "data_keys": sealed, "file": str(path)},
        [f"Master key {number} seals {sealed} data key(s) from now on; it is in {path}."],
        as_json=as_json,
    )


@keys.command("seal-numbers", epilog=examples("person-index keys seal-numbers"))
def seal_numbers(as_json: AsJson = False) -> None:
    """Seal the social security numbers that an earlier version stored in clear. Relink everything afterwards.

    Stop the service first. Old copies of the database, its backups and its write-ahead log still hold them in clear.
    """
    from index_service.database import open_database
    from index_service.store.sealing_numbers import seal_stored_numbers

    with open_database() as conn:
        sealed = seal_stored_numbers(conn)
    answer(
        {"facts": sealed.facts, "records": sealed.records},
        [f"{sealed.facts:,} versions and {sealed.records:,} records sealed. Now: person-index relink --full"],
        as_json=as_json,
    )


def _answer(held: list[SigningKey], *, as_json: bool) -> None:
    lines = [_line(key) for key in held] or ["There is no key yet: the service makes one when it first needs it."]
    answer({"keys": [_figures(key) for key in held]}, lines, as_json=as_json)


def _line(key: SigningKey) -> str:
    until = f"verifies until {key.gone_at:%Y-%m-%d %H:%M} UTC" if key.gone_at else "until it is rotated"
    return f"key {key.kid}: signs from {key.signs_from:%Y-%m-%d %H:%M} UTC, {until}"


def _figures(key: SigningKey) -> Mapping[str, object]:
    return {"kid": key.kid, "signs_from": key.signs_from, "gone_at": key.gone_at}
