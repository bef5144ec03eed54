"""Signed tokens (JWS, compact form) taken apart with distrust, and public keys (JWK) that may verify them.

Before the signature is verified nothing of a token is believed; its parts only choose which of *our* keys to try.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from index_service.access.errors import Reason, TokenRefused

PublicKey = ECKey | RSAKey

CLIENT_ALGORITHMS = frozenset({"RS384", "ES384"})
"""What a client may sign its assertions with (SMART Backend Services)."""

TOKEN_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"})
"""What an outside issuer may sign access tokens with: asymmetric ones only."""

LONGEST_TOKEN = 8192
SMALLEST_RSA_BITS, LARGEST_RSA_BITS = 2048, 8192  # a larger one would make verifying a labour

_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_KNOWN_HEADER = {"alg", "typ", "kid", "cty", "x5t", "x5t#S256"}
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token taken apart. What it says is a claim, not a fact, until `verify` has passed."""

    text: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def alg(self) -> str:
        return str(self.header["alg"])

    @property
    def kid(self) -> str | None:
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) else None


def take_apart(text: str, algorithms: Iterable[str], *, also_in_header: frozenset[str] = frozenset()) -> Unverified:
    """Split a token into header and claims, refusing what no honest issuer would send.

    Args:
        also_in_header: header parameters beyond the usual that the caller of this function looks at himself.

    Raises:
        TokenRefused: it is too long, malformed, of an algorithm that is not listed, or its header names a key of its
            own (`jwk`, `jku`, `x5c`, `x5u`) or something that we would have to understand (`crit`, `b64`, …).
    """
    if len(text) > LONGEST_TOKEN:
        raise TokenRefused(Reason.TOO_LONG)
    if not _COMPACT.fullmatch(text):
        raise TokenRefused(Reason.MALFORMED)
    header, claims = (_json_object(part) for part in text.split(".")[:2])
    if header.get("alg") not in set(algorithms):
        raise TokenRefused(Reason.ALGORITHM)
    if not header.keys() <= _KNOWN_HEADER | also_in_header or not all(
        isinstance(value, str) for value in header.values()
    ):
        raise TokenRefused(Reason.HEADER)
    return Unverified(text, header, claims)


def verify(token: Unverified, key: PublicKey) -> None:
    """Raises TokenRefused unless the key, of the kind that the algorithm takes, made the signature."""
    if not fits(key, token.alg):
        raise TokenRefused(Reason.KEY)
    try:
        jws.deserialize_compact(token.text, key, registry=_registry(token.alg))
    except (JoseError, ValueError):
        raise TokenRefused(Reason.SIGNATURE) from None


def fits(key: PublicKey, alg: str) -> bool:
    """Whether a key is of the kind that the algorithm takes."""
    if key.get("use", "sig") != "sig" or key.get("alg", alg) != alg:
        return False
    if isinstance(key, ECKey):
        return bool(_CURVES.get(alg) == key.curve_name)
    return alg in TOKEN_ALGORITHMS and alg not in _CURVES


def public_key(document: Mapping[str, Any]) -> PublicKey:
    """Read a public key; what a private key has beyond that is dropped.

    Raises:
        ValueError: it is no EC or RSA key with a `kid`, or too small; the message says which, without the key.
    """
    kid = document.get("kid")
    if not isinstance(kid, str) or not 1 <= len(kid) <= 200 or not kid.isprintable():
        raise ValueError("a key needs a `kid` of 1 to 200 printable characters")
    kind: type[ECKey] | type[RSAKey] | None = {"EC": ECKey, "RSA": RSAKey}.get(str(document.get("kty")))  # type: ignore[assignment]
    if kind is None:
        raise ValueError("a key must be of kty EC or RSA")
    if kind is RSAKey and not SMALLEST_RSA_BITS <= _bits(document.get("n")) <= LARGEST_RSA_BITS:
        raise ValueError(f"an RSA key needs {SMALLEST_RSA_BITS} to {LARGEST_RSA_BITS} bits")
    try:
        key = kind.import_key(_only_public(document))
        key.public_key.key_size  # noqa: B018 - the key is built at first use, if its parts allow
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise ValueError("a key's parts do not make a key") from None
    return key


def public_keys(document: object) -> tuple[PublicKey, ...]:
    """Read a JWK Set, a list of its keys, or one key; keys of other kinds than EC and RSA are passed over.

    Raises:
        ValueError: it is no such thing, a key is broken, two keys have one `kid`, or no key is left.
    """
    found = document.get("keys", [document]) if isinstance(document, dict) else document
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ValueError("this is neither a JWK Set nor a JWK")
    keys = tuple(public_key(each) for each in found if each.get("kty") in ("EC", "RSA") and _signs(each))
    if not keys:
        raise ValueError("it holds no EC or RSA key that signs")
    if len({key.kid for key in keys}) < len(keys):
        raise ValueError("two keys have the same `kid`")
    return keys


def _signs(document: Mapping[str, Any]) -> bool:
    return str(document.get("use", "sig")) == "sig"


def _bits(modulus: object) -> int:
    """The size of an RSA modulus as JWK writes it; 0 if it is none."""
    try:
        return int.from_bytes(base64.urlsafe_b64decode(f"{modulus}==")).bit_length()
    except ValueError:
        return 0


def _only_public(document: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a public key; `key_ops` of a private one (sign) would forbid verifying."""
    return {
        name: document[name] for name in ("kty", "kid", "use", "alg", "crv", "x", "y", "n", "e") if name in document
    }


def _json_object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), parse_constant=_no_constant)
    except (ValueError, RecursionError, binascii.Error):
        raise TokenRefused(Reason.MALFORMED) from None
    if not isinstance(value, dict):
        raise TokenRefused(Reason.MALFORMED)
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _registry(alg: str) -> jws.JWSRegistry:
    registry = jws.JWSRegistry(algorithms=[alg])
    registry.max_header_length = LONGEST_TOKEN
    return registry
