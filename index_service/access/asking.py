"""The client's side: a signed assertion against an access token. For trying it out; real clients do it themselves."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from index_service.access.errors import KeyFileUnusable
from index_service.access.signing_keys import require_private
from index_service.access.token_requests import ASSERTION_TYPE, GRANT_TYPE
from index_service.errors import IndexServiceError

ASSERTION_LIFETIME_S = 60


class NoToken(IndexServiceError):
    """The service gave no token."""


def ask_for_token(base_url: str, client_id: str, key_file: Path, scopes: Iterable[str]) -> Mapping[str, Any]:
    """Get an access token from a running service.

    Raises:
        KeyFileUnusable: the file holds no private key, or is open to others.
        NoToken: the service does not answer, or refuses.
    """
    token_url = f"{base_url.rstrip('/')}/oauth/token"
    form = {
        "grant_type": GRANT_TYPE,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion(client_id, token_url, read_private_key(key_file)),
        "scope": " ".join(scopes),
    }
    try:
        answer = httpx.post(token_url, data=form, timeout=10)
        body = answer.json()
    except httpx.HTTPError:
        raise NoToken(
            f"Nobody answers at {token_url}.", hint="Start it with person-index serve, or say --url."
        ) from None
    except ValueError:
        raise NoToken(f"What answers at {token_url} is not a token endpoint.", hint="Look at --url.") from None
    if answer.status_code != httpx.codes.OK:
        raise NoToken(f"No token: {body.get('error_description') or body.get('detail') or answer.status_code}")
    return dict(body)


def assertion(client_id: str, token_url: str, key: ECKey | RSAKey, **claims: object) -> str:
    """Sign a client assertion (RFC 7523): who I am, for whom, once, for a minute."""
    alg = "ES384" if isinstance(key, ECKey) else "RS384"
    now = int(time.time())
    said = {"iss": client_id, "sub": client_id, "aud": token_url, "iat": now, "exp": now + ASSERTION_LIFETIME_S}
    said["jti"] = secrets.token_urlsafe(16)
    return jwt.encode({"alg": alg, "kid": str(key.kid)}, {**said, **claims}, key, algorithms=[alg])


def read_private_key(file: Path) -> ECKey | RSAKey:
    """The private key of a file (JWK).

    Raises:
        KeyFileUnusable: it holds none, or is open to others.
    """
    require_private(file)
    try:
        document = json.loads(file.read_bytes())
        key = (ECKey if document["kty"] == "EC" else RSAKey).import_key(document)
    except (ValueError, KeyError, TypeError, RecursionError, JoseError):
        raise KeyFileUnusable(f"{file} holds no private key (JWK of kty EC or RSA).") from None
    if not key.is_private:
        raise KeyFileUnusable(f"{file} holds a public key only.", hint="Assertions are signed with the private one.")
    return key
