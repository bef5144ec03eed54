"""Adding webhooks, changing their secrets, switching them, and having dead letters sent again."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from config.purposes import Purposes
from index_service.access.errors import UnknownClient
from index_service.access.scopes import covers
from index_service.disclosure.positions import NoPosition, place
from index_service.disclosure.sealing import Keyring
from index_service.errors import UsageError
from index_service.store import access
from index_service.store import webhooks as store
from index_service.store.connection import Connection
from index_service.store.releasing import BEGINNING, Place
from index_service.store.webhooks import NewWebhook, Webhook
from index_service.webhooks.posting import is_safe_url
from index_service.webhooks.signing import new_secret

SCOPE = "index/events"
USUAL_OVERLAP = timedelta(days=1)
_KEY_BYTES = 32


class WebhookRefused(UsageError):
    """A webhook cannot be added like this."""


class NoSuchWebhook(UsageError):
    """There is no webhook of this number."""

    hint = "person-index webhooks list shows them."


class NoSuchLetter(UsageError):
    """There is no dead letter of this number that waits."""

    hint = "person-index webhooks dead-letters shows them."


@dataclass(frozen=True, slots=True)
class Wanted:
    """A webhook to be added.

    after: a position that the client was told, to go on from; empty: from the beginning; None: from now on.
    """

    client_id: str
    url: str
    purpose: str
    after: str | None = None


def add(
    conn: Connection, keyring: Keyring, wanted: Wanted, purposes: Purposes, *, who: str, reason: str
) -> tuple[int, str]:
    """Add a webhook; returns its number and its secret, which is nowhere else in clear.

    Raises:
        UnknownClient: there is no such client.
        WebhookRefused: the client may not be told for the purpose, or messages may not be posted there.
    """
    version = access.client(conn, wanted.client_id)
    if version is None:
        raise UnknownClient
    if not covers(version.client.scopes, SCOPE):
        hint = f"person-index clients change {wanted.client_id} --scope {SCOPE}, beside those that it has."
        raise WebhookRefused(f"The client {wanted.client_id} lacks the scope {SCOPE}.", hint=hint)
    if wanted.purpose not in purposes.covered(frozenset(version.client.purposes)):
        hint = f"It may state {', '.join(version.client.purposes)} and what these include."
        raise WebhookRefused(f"The client may not state the purpose {wanted.purpose}.", hint=hint)
    if not is_safe_url(wanted.url):
        raise WebhookRefused(
            "Messages are not posted to this address.",
            hint="Give an https URL without a user and a fragment; http is for this machine alone.",
        )
    secret = new_secret()
    new = NewWebhook(
        wanted.client_id,
        wanted.purpose,
        wanted.url,
        keyring.seal(secrets.token_bytes(_KEY_BYTES), "webhook secret"),
        keyring.seal(secret.encode(), "webhook secret"),
        _place(keyring, wanted),
    )
    return store.add_webhook(conn, new, who=who, reason=reason, now=datetime.now(UTC)), secret


def rotate(conn: Connection, keyring: Keyring, webhook_id: int, *, who: str, overlap: timedelta = USUAL_OVERLAP) -> str:
    """Give a webhook a new secret; messages bear signatures by both for the overlap. Raises NoSuchWebhook."""
    _require(conn, webhook_id)
    secret = new_secret()
    sealed = keyring.seal(secret.encode(), "webhook secret")
    store.add_secret(conn, webhook_id, sealed, former_until=datetime.now(UTC) + overlap, who=who)
    return secret


def switch(conn: Connection, webhook_id: int, *, is_on: bool, reason: str, who: str) -> None:
    """Switch a webhook on, to go on where it stands, or off. Raises NoSuchWebhook."""
    _require(conn, webhook_id)
    store.switch(conn, webhook_id, is_on=is_on, reason=reason, who=who)


def resend(conn: Connection, letters: Collection[int], *, who: str) -> list[int]:
    """Have dead letters sent again, as far as they may be told. Raises NoSuchLetter for one that does not wait."""
    with conn.transaction():
        asked = store.ask_again(conn, letters, who=who)
        missing = sorted(set(letters) - set(asked))
        if missing:
            raise NoSuchLetter(f"No dead letter {missing[0]} waits; nothing was asked for.")
    return asked


def _require(conn: Connection, webhook_id: int) -> Webhook:
    for found in store.webhooks(conn):
        if found.webhook_id == webhook_id:
            return found
    raise NoSuchWebhook


def _place(keyring: Keyring, wanted: Wanted) -> Place | None:
    if not wanted.after:
        return None if wanted.after is None else BEGINNING
    try:
        return place(keyring, wanted.client_id, wanted.after)
    except NoPosition:
        raise WebhookRefused(
            "This is no position in the events of the client.",
            hint="Take `next_after` of its last answer, or the `position` of an event.",
        ) from None
