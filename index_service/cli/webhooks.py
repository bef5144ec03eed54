"""`person-index webhooks`: receivers to which events are posted."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer
from index_service.cli.whoever import who_runs
from index_service.errors import UsageError

if TYPE_CHECKING:
    from index_service.disclosure.sealing import Keyring
    from index_service.settings import Settings
    from index_service.store.webhooks import DeadLetter, Webhook
    from index_service.webhooks.sending import Sent

webhooks = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Tell clients of events by signed POSTs. The running service sends them; where none runs, a scheduler may.",
)
app.add_typer(
    webhooks,
    name="webhooks",
    epilog=examples(
        "person-index webhooks add my-app https://my-app.example/events --purpose TREAT --secret-file my-app.whsec",
        "person-index webhooks list",
        "person-index webhooks dead-letters",
        "person-index webhooks resend --webhook 1",
    ),
)

Number = Annotated[int, typer.Argument(metavar="WEBHOOK", help="Number of the webhook.", show_default=False)]
SecretFile = Annotated[
    Path, typer.Option("--secret-file", metavar="FILE", help="The secret goes to FILE, mode 600, for the receiver.")
]


@webhooks.command(
    epilog=examples(
        "person-index webhooks add my-app https://my-app.example/events --purpose TREAT --secret-file my-app.whsec",
        "person-index webhooks add my-app https://my-app.example/events --purpose TREAT --secret-file my-app.whsec \\",
        "    --from-beginning",
    )
)
def add(
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="Id of the client.", show_default=False)],
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to post: https.", show_default=False)],
    purpose: Annotated[str, typer.Option("--purpose", metavar="CODE", help="Purpose of use under which it is told.")],
    secret_file: SecretFile,
    after: Annotated[
        str | None, typer.Option("--after", metavar="POSITION", help="Go on after this position; default: from now on.")
    ] = None,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Tell all events that there were.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with it.")] = "added",
    as_json: AsJson = False,
) -> None:
    """Add a receiver of a client. What it is told is decided by the agreements, at every message anew."""
    from config.purposes import load_purposes
    from index_service.access.signing_keys import write_private
    from index_service.database import open_database
    from index_service.webhooks.administering import Wanted, add

    if after is not None and from_beginning:
        raise UsageError("--after and --from-beginning exclude each other.", hint="Give one of them.")
    _require_free(secret_file)
    wanted = Wanted(client, url, purpose, "" if from_beginning else after)
    with open_database() as conn, conn.transaction():
        number, secret = add(conn, _keyring(), wanted, load_purposes(), who=who_runs(), reason=reason)
        write_private(secret_file, secret + "\n")
    lines = [f"Webhook {number} is added.", f"Its secret is in {secret_file}; here it is kept sealed."]
    answer({"webhook": number, "client": client, "secret_file": str(secret_file)}, lines, as_json=as_json)


@webhooks.command("list", epilog=examples("person-index webhooks list --json"))
def list_webhooks(as_json: AsJson = False) -> None:
    """List the webhooks: whether they are on, how much was delivered, and what is in the way."""
    from index_service.database import open_database
    from index_service.store.webhooks import webhooks

    with open_database() as conn:
        found = webhooks(conn)
    lines = [line for each in found for line in _lines(each)] or ["There are no webhooks."]
    answer({"webhooks": [_figures(each) for each in found]}, lines, as_json=as_json)


@webhooks.command(epilog=examples("person-index webhooks disable 1 --reason 'the receiver moves'"))
def disable(
    number: Number, reason: Annotated[str, typer.Option("--reason", help="Why; kept with it.")], as_json: AsJson = False
) -> None:
    """Send nothing more; where it stands is kept, and nothing is lost by a pause."""
    _switch(number, is_on=False, reason=reason, as_json=as_json)


@webhooks.command(epilog=examples("person-index webhooks enable 1"))
def enable(
    number: Number,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with it.")] = "switched on",
    as_json: AsJson = False,
) -> None:
    """Send again, from where it stands; also where the service had switched it off."""
    _switch(number, is_on=True, reason=reason, as_json=as_json)


@webhooks.command(epilog=examples("person-index webhooks rotate 1 --secret-file my-app.new.whsec"))
def rotate(
    number: Number,
    secret_file: SecretFile,
    overlap_hours: Annotated[
        float, typer.Option("--overlap-hours", min=0, help="So long messages are signed with the old secret as well.")
    ] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Make a new secret. Messages bear signatures by both for a time, so that the receiver can change over."""
    from index_service.access.signing_keys import write_private
    from index_service.database import open_database
    from index_service.webhooks.administering import rotate

    _require_free(secret_file)
    with open_database() as conn, conn.transaction():
        overlap = timedelta(hours=overlap_hours)
        secret = rotate(conn, _keyring(), number, who=who_runs(), overlap=overlap)
        write_private(secret_file, secret + "\n")
    lines = [f"Webhook {number} has a new secret, in {secret_file}; the old one signs for {overlap_hours:g} hours."]
    answer({"webhook": number, "secret_file": str(secret_file)}, lines, as_json=as_json)


@webhooks.command("dead-letters", epilog=examples("person-index webhooks dead-letters --all --json"))
def list_dead_letters(
    webhook: Annotated[int | None, typer.Option("--webhook", metavar="WEBHOOK", help="Of this webhook only.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those settled, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List messages that their receiver refused until they were given up. The ones after them were sent."""
    from dataclasses import asdict

    from index_service.database import open_database
    from index_service.store.webhooks import dead_letters

    with open_database() as conn:
        found = dead_letters(conn, webhook, settled_too=everything)
    lines = [_letter_line(letter) for letter in found] or ["No message was given up."]
    answer({"dead_letters": [asdict(letter) for letter in found]}, lines, as_json=as_json)


@webhooks.command(
    epilog=examples("person-index webhooks resend 4 5", "person-index webhooks resend --webhook 1"),
)
def resend(
    letters: Annotated[
        list[int] | None, typer.Argument(metavar="LETTER...", help="Numbers of dead letters.", show_default=False)
    ] = None,
    webhook: Annotated[int | None, typer.Option("--webhook", metavar="WEBHOOK", help="All of this webhook.")] = None,
    as_json: AsJson = False,
) -> None:
    """Have dead letters sent again, as far as the agreements still allow it. One that is refused again is back here."""
    from index_service.database import open_database
    from index_service.store.webhooks import dead_letters
    from index_service.webhooks.administering import resend

    if bool(letters) == (webhook is not None):
        raise UsageError("Which ones is not clear.", hint="Give numbers of dead letters, or --webhook WEBHOOK.")
    with open_database() as conn:
        chosen = letters or [letter.letter_id for letter in dead_letters(conn, webhook)]
        asked = resend(conn, chosen, who=who_runs())
    answer({"asked": asked}, [f"{len(asked):,} dead letters are sent again."], as_json=as_json)


@webhooks.command(epilog=examples("person-index webhooks send --once"))
def send(
    once: Annotated[
        bool, typer.Option("--once", help="Send what there is to send now, then end; for schedulers.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send messages where no service runs that does. Of several that send, one does at a time."""
    from dataclasses import asdict

    from index_service.settings import Settings

    if not once:
        raise UsageError("The running service sends by itself.", hint="Give --once to send from a scheduler.")
    sent = asyncio.run(_send(Settings()))
    if sent is None:
        lines = ["Another process sends: the service, or a scheduler."]
        answer({"sends": False}, lines, as_json=as_json)
        return
    line = (
        f"{sent.delivered:,} messages delivered, {sent.failed:,} attempts in vain, "
        f"{sent.dead_letters:,} new dead letters."
    )
    answer({"sends": True, **asdict(sent)}, [line], as_json=as_json)


async def _send(settings: Settings) -> Sent | None:
    """What was sent; None where another process sends."""
    from index_service.disclosure.keep_sealed import seal_now
    from index_service.http.answering import Answering
    from index_service.store.connection import connect
    from index_service.store.migrate import migrate
    from index_service.store.numbers import master_keys_in
    from index_service.store.roles import AnsweringLogin, prepare_answering
    from index_service.store.server import running_database
    from index_service.webhooks.sending import Sender

    with master_keys_in(settings.sealing_keys), running_database(settings) as url:
        with connect(url) as conn:
            migrate(conn)
            prepare_answering(conn, AnsweringLogin.of(url, settings))
        answering = Answering(url, settings)
        await answering.pool.open()
        sender = Sender(url, answering.connections, settings.sealing_keys)
        try:
            ours = await sender.send_all()
        finally:
            await sender.close()
            await answering.pool.close()
            seal_now(answering.url, answering.seals)
    return sender.sent if ours else None


def _switch(number: int, *, is_on: bool, reason: str, as_json: bool) -> None:
    from index_service.database import open_database
    from index_service.webhooks.administering import switch

    with open_database() as conn:
        switch(conn, number, is_on=is_on, reason=reason, who=who_runs())
    answer(
        {"webhook": number, "is_on": is_on},
        [f"Webhook {number} is switched {'on' if is_on else 'off'}."],
        as_json=as_json,
    )


def _keyring() -> Keyring:
    from index_service.disclosure.sealing import load_keyring
    from index_service.settings import Settings

    return load_keyring(Settings().sealing_keys)


def _require_free(file: Path) -> None:
    if file.exists():
        raise UsageError(f"{file} is there already.", hint="Name another file, or move that one away.")


def _lines(each: Webhook) -> list[str]:
    state = "on" if each.is_on else f"off since {each.switched_at:%Y-%m-%d %H:%M} by {each.switched_by} ({each.why})"
    lines = [
        f"{each.webhook_id}. {each.client_id} for {each.purpose} at {each.url}: {state}",
        f"   {each.delivered:,} delivered"
        + (f", the last {each.delivered_at:%Y-%m-%d %H:%M}" if each.delivered_at else "")
        + f"; {each.waiting_letters:,} dead letters",
    ]
    if each.problem:
        again = f", tried again {each.next_attempt_at:%Y-%m-%d %H:%M}" if each.next_attempt_at else ""
        lines.append(f"   in the way: {each.problem}, {each.attempts:,} attempts{again}")
    return lines


def _letter_line(letter: DeadLetter) -> str:
    state = f"{letter.settled_how} {letter.settled_at:%Y-%m-%d %H:%M}" if letter.settled_at else letter.problem
    waits = ", sent again soon" if letter.asked_by and not letter.settled_at else ""
    return (
        f"{letter.letter_id:>5} webhook {letter.webhook_id} ({letter.client_id}) {letter.message_id} "
        f"{letter.dead_at:%Y-%m-%d %H:%M}, {letter.attempts} attempts: {state}{waits}"
    )


def _figures(each: Webhook) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(each)
