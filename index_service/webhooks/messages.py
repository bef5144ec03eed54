"""What a message says: one event, in the words of `GET /v1/events`, with an id that stays when it is sent again."""

from __future__ import annotations

import time
from dataclasses import dataclass

import orjson

from index_service.disclosure.positions import position
from index_service.disclosure.sealing import Keyring
from index_service.http.answers import EventAnswer
from index_service.store.releasing import Page, Place, ToldEvent
from index_service.store.webhooks import DueWebhook, EventNumber
from index_service.webhooks.signing import message_id, signature_headers

BEYOND_ALL = 2**62
"""A number after every event: where only those of segregated records are wanted."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to a receiver.

    place: where the receiver stands when it has had it.
    """

    message_id: str
    event: EventNumber
    place: Place
    body: bytes


@dataclass(frozen=True, slots=True)
class OpenedWebhook:
    """A webhook with its key and secrets open."""

    due: DueWebhook
    key: bytes
    secrets: tuple[str, ...]
    keyring: Keyring

    @classmethod
    def of(cls, due: DueWebhook, keyring: Keyring) -> OpenedWebhook:
        """Raises CannotUnseal where the keyring lacks the key."""
        opened = [keyring.unseal(sealed, "webhook secret") for sealed in (due.sealed_key, *due.sealed_secrets)]
        return cls(due, opened[0], tuple(secret.decode() for secret in opened[1:]), keyring)

    def message(self, page: Page, after: Place) -> Message | None:
        """The message about the event of a page of one; None where it has none.

        after: what the page was asked with.
        """
        if not page.events:
            return None
        event = page.events[0]
        number = _number(event, after)
        told = EventAnswer.of(event, lambda place: position(self.keyring, self.due.client_id, place))
        body = {
            "type": f"person.{told.kind}",
            "timestamp": told.at.isoformat(),
            "data": told.model_dump(mode="json"),
        }
        identity = message_id(self.key, number.is_segregated, number.seq)
        return Message(identity, number, page.place, orjson.dumps(body))

    def headers(self, message: Message, request_id: str) -> dict[str, str]:
        """The headers of an attempt made now."""
        return {
            "content-type": "application/json",
            "user-agent": "person-index",
            "x-request-id": request_id,
            **signature_headers(message.message_id, message.body, int(time.time()), self.secrets),
        }


def just_before(event: EventNumber) -> Place:
    """The place after which this event is the first, of those that may be told."""
    return Place(BEYOND_ALL, event.seq - 1) if event.is_segregated else Place(event.seq - 1, BEYOND_ALL)


def _number(event: ToldEvent, after: Place) -> EventNumber:
    """Events of segregated records are told after the others, and alone move the second number."""
    if event.segregated_seq > after.segregated_seq:
        return EventNumber(True, event.segregated_seq)
    return EventNumber(False, event.seq)
