"""Tokens that no honest library would make."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping

from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry


def encoded(document: object) -> str:
    """A part of a token."""
    return encoded_bytes(json.dumps(document).encode())


def encoded_bytes(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def forged(header: Mapping[str, object], claims: object, key: ECKey | RSAKey | bytes | None) -> str:
    """A token with any header and claims, signed by the header's algorithm: with a key, a secret, or not at all."""
    body = claims if isinstance(claims, str) else encoded(claims)
    head = f"{encoded(header)}.{body}"
    if key is None:
        made = b"\0"
    elif isinstance(key, bytes):
        made = hmac.digest(key, head.encode(), f"sha{str(header['alg'])[2:]}")
    else:
        made = JWSRegistry.algorithms[str(header["alg"])].sign(head.encode(), key)
    return f"{head}.{encoded_bytes(made)}"


def public_key_as_secret(key: ECKey | RSAKey) -> bytes:
    """A public key as anybody may have it, to be taken for a shared secret."""
    return key.as_pem(private=False)


def claims_of(token: str) -> dict[str, object]:
    """The claims of a token, not verified."""
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))
