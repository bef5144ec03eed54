"""Messages signed as Standard Webhooks has it: HMAC-SHA256 over id, time and body, verified by many libraries.

The header lists a signature by each secret that holds, so that a receiver can change to a new one without losing any.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32
_ID_BYTES = 16


def new_secret() -> str:
    """A secret as the receiver configures it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature_headers(message_id: str, body: bytes, timestamp: int, signed_with: Sequence[str]) -> dict[str, str]:
    """The three headers of a message.

    Args:
        timestamp: of the attempt, in seconds since 1970.
        signed_with: secrets as `new_secret` makes them, the newest first.
    """
    content = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{_signature(secret, content)}" for secret in signed_with),
    }


def message_id(key: bytes, *parts: object) -> str:
    """An id that is the same whenever the same is sent, and tells nothing of the parts to who has not the key."""
    digest = hmac.digest(key, " ".join(map(str, parts)).encode(), "sha256")
    return "msg_" + base64.b32encode(digest[:_ID_BYTES]).decode().rstrip("=").lower()


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.digest(key, content, "sha256")).decode()
