"""Positions in the events as they are told: sealed for one client, so that nobody can count what is not told."""

from __future__ import annotations

import base64
import binascii

from index_service.disclosure.sealing import CannotUnseal, Keyring
from index_service.store.releasing import Place


class NoPosition(ValueError):
    """It is no position that this client was told."""


def position(keyring: Keyring, client_id: str, place: Place) -> str:
    """A place as it is told to a client; another text each time, of one length always."""
    text = f"{place.seq:020} {place.segregated_seq:020} {client_id}"
    sealed = keyring.seal(text.encode(), "event position")
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def place(keyring: Keyring, client_id: str, told: str) -> Place:
    """The place that a client was told.

    Raises:
        NoPosition: it was not told that.
    """
    try:
        sealed = base64.b64decode(told + "=" * (-len(told) % 4), altchars=b"-_", validate=True)
        text = keyring.unseal(sealed, "event position").decode()
    except (CannotUnseal, binascii.Error, ValueError):
        raise NoPosition from None
    seq, *segregated, whose = text.split(" ")  # those told by an earlier version had one number
    if whose != client_id:
        raise NoPosition
    return Place(int(seq), int(segregated[0]) if segregated else 0)
