"""Access tokens: JWT of the type at+jwt (RFC 9068), issued by us or by an outside issuer that the settings name."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from joserfc import jwt

from config.purposes import Purposes
from index_service.access.errors import Reason, TokenRefused
from index_service.access.jose import TOKEN_ALGORITHMS, PublicKey, Unverified, take_apart, verify
from index_service.access.key_sets import KeysAtUrl, KeySet, KeysInFile
from index_service.access.scopes import split
from index_service.access.signing_keys import ALGORITHM, SigningKeys
from index_service.access.statements_of_use import User, iua_extension, stated_purposes, stated_user
from index_service.settings import OutsideIssuer
from index_service.store.access import Client

TOKEN_TYPE = "at+jwt"  # noqa: S105 - a type, no secret
TOKEN_LIFETIME_S = 300
LEEWAY_S = 10
MOST_CACHED = 10_000

WallClock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a token says that was verified.

    issuer: None for our own.
    purposes: that it is bound to; None: to none.
    expires_at: seconds since 1970, tolerance included.
    """

    client_id: str
    issuer: str | None
    token_id: str
    scopes: tuple[str, ...]
    purposes: frozenset[str] | None
    user: User | None
    expires_at: float


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """Whose tokens are accepted, signed how and of which type, for whom, and for how long at most."""

    issuer: str
    keys: KeySet
    audiences: frozenset[str]
    algorithms: frozenset[str]
    types: frozenset[str]
    longest_lifetime_s: int
    is_ours: bool = False


class OurKeys:
    """Our own signing keys, as a key set."""

    def __init__(self, keys: SigningKeys, clock: WallClock) -> None:
        self._keys = keys
        self._clock = clock

    async def find(self, kid: str | None) -> PublicKey | None:
        return self._keys.find(kid, datetime.fromtimestamp(self._clock(), UTC))


def ourselves(names: Collection[str], keys: SigningKeys, clock: WallClock) -> list[TrustedIssuer]:
    """The service as an issuer, under each of its names (base URLs)."""
    return [
        TrustedIssuer(
            issuer=name,
            keys=OurKeys(keys, clock),
            audiences=frozenset(names),
            algorithms=frozenset({ALGORITHM}),
            types=frozenset({TOKEN_TYPE}),
            longest_lifetime_s=TOKEN_LIFETIME_S,
            is_ours=True,
        )
        for name in names
    ]


def outside(settings: OutsideIssuer) -> TrustedIssuer:
    """An issuer that the settings name."""
    keys: KeySet = KeysInFile(Path(settings.jwks_file)) if settings.jwks_file else KeysAtUrl(str(settings.jwks_url))
    return TrustedIssuer(
        issuer=settings.issuer,
        keys=keys,
        audiences=frozenset({settings.audience}),
        algorithms=frozenset(settings.algorithms) & TOKEN_ALGORITHMS,
        types=frozenset(each.lower() for each in settings.types),
        longest_lifetime_s=settings.longest_lifetime_s,
    )


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token for a client. `token_id` names it in logs and ledger."""

    text: str
    token_id: str
    scopes: tuple[str, ...]
    expires_in_s: int


def issue(
    client: Client,
    *,
    issuer: str,
    keys: SigningKeys,
    scopes: tuple[str, ...],
    purposes: Mapping[str, str],
    user: User | None,
    now: float,
) -> IssuedToken:
    """Sign a token for a client.

    Args:
        purposes: that the token is bound to, code to system.
        user: for whom the client says that it acts.
        now: seconds since 1970.
    """
    key = keys.signing(datetime.fromtimestamp(now, UTC))
    token_id = secrets.token_urlsafe(16)
    claims = {
        "iss": issuer,
        "sub": client.client_id,
        "client_id": client.client_id,
        "aud": issuer,
        "iat": int(now),
        "exp": int(now) + TOKEN_LIFETIME_S,
        "jti": token_id,
        "scope": " ".join(scopes),
        "extensions": {"ihe_iua": iua_extension(purposes, client.organisation, user)},
    }
    text = jwt.encode({"alg": ALGORITHM, "kid": key.kid, "typ": TOKEN_TYPE}, claims, key, algorithms=[ALGORITHM])
    return IssuedToken(text, token_id, scopes, TOKEN_LIFETIME_S)


class TokenVerifier:
    """Verifies access tokens; a token that passed is remembered, by its hash, until it expires."""

    def __init__(
        self,
        issuers: Iterable[TrustedIssuer],
        purposes: Purposes,
        clock: WallClock = time.time,
        room: int = MOST_CACHED,
    ) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._algorithms = frozenset(alg for issuer in self._issuers.values() for alg in issuer.algorithms)
        self._purposes = purposes
        self._clock = clock
        self._room = room
        self._verified: OrderedDict[bytes, VerifiedToken] = OrderedDict()

    async def verify(self, text: str) -> VerifiedToken:
        """What the token says.

        Raises:
            TokenRefused: it is not accepted.
            KeysUnavailable: an outside issuer's keys cannot be had now.
        """
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        found = self._verified.get(digest)
        if found is None:
            found = await self._verify(text)
            self._remember(digest, found)
        elif found.expires_at <= self._clock():
            del self._verified[digest]
            raise _expired()
        return found

    async def _verify(self, text: str) -> VerifiedToken:
        token = take_apart(text, self._algorithms)
        stated = token.claims.get("iss")
        issuer = self._issuers.get(stated) if isinstance(stated, str) else None
        if issuer is None:
            raise TokenRefused(Reason.ISSUER)
        if token.alg not in issuer.algorithms:
            raise TokenRefused(Reason.ALGORITHM)
        if _type(token) not in issuer.types:
            raise TokenRefused(Reason.TYPE)
        key = await issuer.keys.find(token.kid)
        if key is None:
            raise TokenRefused(Reason.KEY)
        verify(token, key)
        return self._read(token, issuer)

    def _read(self, token: Unverified, issuer: TrustedIssuer) -> VerifiedToken:
        """Look at the claims of a token whose signature is good: from here on its owner may be told what is wrong."""
        claims = token.claims
        expires_at = _check_times(claims, issuer.longest_lifetime_s, self._clock())
        audience = claims.get("aud")
        if not issuer.audiences & set(_texts(audience)):
            raise TokenRefused(Reason.AUDIENCE, "The access token is meant for another service.")
        client_id = claims.get("client_id", None if issuer.is_ours else claims.get("azp"))
        token_id = claims.get("jti", None if issuer.is_ours else hashlib.sha256(token.text.encode()).hexdigest()[:32])
        scope = claims.get("scope", "")
        if not isinstance(client_id, str) or not isinstance(token_id, str) or not isinstance(scope, str):
            raise TokenRefused(Reason.CLAIMS, "The access token lacks client_id, jti or scope.")
        subject = claims.get("sub")
        is_user = isinstance(subject, str) and subject != client_id
        vouched_by = f"client:{client_id}" if issuer.is_ours else issuer.issuer
        return VerifiedToken(
            client_id=client_id,
            issuer=None if issuer.is_ours else issuer.issuer,
            token_id=token_id,
            scopes=split(scope),
            purposes=stated_purposes(claims, self._purposes),
            user=stated_user(claims, vouched_by, str(subject) if is_user else None),
            expires_at=expires_at,
        )

    def _remember(self, digest: bytes, token: VerifiedToken) -> None:
        self._verified[digest] = token
        while len(self._verified) > self._room:
            self._verified.popitem(last=False)


def _check_times(claims: Mapping[str, Any], longest_lifetime_s: int, now: float) -> float:
    """Returns until when the token is accepted."""
    expires, begins, issued = (_seconds(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is None:
        raise TokenRefused(Reason.CLAIMS, "The access token has no exp.")
    if expires + LEEWAY_S <= now:
        raise _expired()
    if max(begins or 0, issued or 0) > now + LEEWAY_S:
        raise TokenRefused(Reason.NOT_YET_VALID, "The access token is not valid yet.")
    if expires - min(issued if issued is not None else now, now) > longest_lifetime_s + LEEWAY_S:
        raise TokenRefused(Reason.LIFETIME, "The access token is valid for too long.")
    return expires + LEEWAY_S


def _expired() -> TokenRefused:
    return TokenRefused(Reason.EXPIRED, "The access token has expired.")


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    """A moment in seconds since 1970; None if there is none."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 40:
        raise TokenRefused(Reason.CLAIMS, f"The access token's {name} is no moment.")
    return float(value)


def _type(token: Unverified) -> str:
    return str(token.header.get("typ", "")).lower().removeprefix("application/")


def _texts(value: object) -> list[str]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]
