"""`person-index keys`: the service's own keys, which sign access tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer

if TYPE_CHECKING:
    from index_service.access.signing_keys import SigningKey

keys = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The keys with which access tokens are signed.")
app.add_typer(keys, name="keys", epilog=examples("person-index keys rotate", "person-index keys list"))


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


def _answer(held: list[SigningKey], *, as_json: bool) -> None:
    lines = [_line(key) for key in held] or ["There is no key yet: the service makes one when it first needs it."]
    answer({"keys": [_figures(key) for key in held]}, lines, as_json=as_json)


def _line(key: SigningKey) -> str:
    until = f"verifies until {key.gone_at:%Y-%m-%d %H:%M} UTC" if key.gone_at else "until it is rotated"
    return f"key {key.kid}: signs from {key.signs_from:%Y-%m-%d %H:%M} UTC, {until}"


def _figures(key: SigningKey) -> Mapping[str, object]:
    return {"kid": key.kid, "signs_from": key.signs_from, "gone_at": key.gone_at}
