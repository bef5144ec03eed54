"""The token endpoint: a signed assertion of a client against an access token (SMART Backend Services, RFC 7523).

What is wrong with an assertion is told as long as it is wrong by itself. Whether there is such a client, with such a
key, is told to nobody: unknown client, unknown key, wrong signature, disabled and used before read alike.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from config.purposes import Purposes
from index_service.access.callers import CLIENT_ID, ReadClient
from index_service.access.errors import (
    ClientNotAuthenticated,
    KeysUnavailable,
    Reason,
    TokenRefused,
    TokenRequestRefused,
)
from index_service.access.jose import CLIENT_ALGORITHMS, PublicKey, Unverified, public_key, take_apart, verify
from index_service.access.key_sets import KeysAtUrl
from index_service.access.scopes import covers, is_scope, split
from index_service.access.signing_keys import SigningKeys
from index_service.access.statements_of_use import stated_purposes, stated_user
from index_service.access.tokens import IssuedToken, WallClock, issue
from index_service.store.access import Client

GRANT_TYPE = "client_credentials"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_ASSERTION_S = 300
LEEWAY_S = 10
LONGEST_JTI = 200

UseAssertion = Callable[[str, str, datetime, datetime], Awaitable[bool]]
"""Client id, jti, now, and when it may be forgotten -> whether this is the first use."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A token was given: to whom, and what."""

    client_id: str
    token: IssuedToken


class TokenEndpoint:
    """Gives tokens to clients that show who they are."""

    def __init__(
        self,
        *,
        base_urls: Sequence[str],
        keys: SigningKeys,
        purposes: Purposes,
        read_client: ReadClient,
        use_assertion: UseAssertion,
        clock: WallClock = time.time,
    ) -> None:
        self._issuer = base_urls[0]
        self._audiences = frozenset(f"{url}/oauth/token" for url in base_urls)
        self._keys = keys
        self._purposes = purposes
        self._read_client = read_client
        self._use_assertion = use_assertion
        self._clock = clock
        self._published: dict[str, KeysAtUrl] = {}

    async def grant(self, form: Mapping[str, str]) -> Grant:
        """Answer a token request, whose parameters each stand once.

        Raises:
            TokenRequestRefused: no token is given; says which error of RFC 6749 it is.
        """
        assertion, claims = self._read(form)
        client = await self._authenticate(assertion, claims)
        scopes = _granted_scopes(form.get("scope", ""), client)
        token = issue(
            client,
            issuer=self._issuer,
            keys=self._keys,
            scopes=scopes,
            purposes={code: self._purposes.system_of(code) for code in self._bound_purposes(claims, client)},
            user=stated_user(claims, f"client:{client.client_id}", None),
            now=self._clock(),
        )
        return Grant(client.client_id, token)

    def _read(self, form: Mapping[str, str]) -> tuple[Unverified, Mapping[str, Any]]:
        """The assertion, as far as it can be judged by itself."""
        for name in ("grant_type", "client_assertion_type", "client_assertion"):
            if not form.get(name):
                raise TokenRequestRefused("invalid_request", f"The parameter {name} is missing.")
        if form["grant_type"] != GRANT_TYPE:
            raise TokenRequestRefused("unsupported_grant_type", f"grant_type must be {GRANT_TYPE}.")
        if form["client_assertion_type"] != ASSERTION_TYPE:
            raise TokenRequestRefused("invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}.")
        try:
            token = take_apart(form["client_assertion"], CLIENT_ALGORITHMS, also_in_header=frozenset({"jku"}))
        except TokenRefused as refused:
            told = "The assertion must be a JWT signed with RS384 or ES384, without keys or extensions in its header."
            raise ClientNotAuthenticated(refused.reason, told) from None
        self._check_claims(token, form)
        return token, token.claims

    def _check_claims(self, token: Unverified, form: Mapping[str, str]) -> None:
        claims = token.claims
        if token.kid is None or str(token.header.get("typ", "JWT")).upper() != "JWT":
            raise ClientNotAuthenticated(Reason.HEADER, "The assertion's header needs a kid, and typ JWT.")
        client_id = claims.get("iss")
        if not isinstance(client_id, str) or not CLIENT_ID.fullmatch(client_id) or claims.get("sub") != client_id:
            raise ClientNotAuthenticated(Reason.CLAIMS, "iss and sub must both be the client id.")
        if form.get("client_id", client_id) != client_id:
            raise ClientNotAuthenticated(Reason.CLAIMS, "client_id differs from the assertion's iss.")
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 1 <= len(jti) <= LONGEST_JTI:
            raise ClientNotAuthenticated(Reason.CLAIMS, f"jti must be a text of 1 to {LONGEST_JTI} characters.")
        audience = claims.get("aud")
        single = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
        if not isinstance(single, str) or single not in self._audiences:
            raise ClientNotAuthenticated(Reason.AUDIENCE, f"aud must be {self._issuer}/oauth/token.")
        _check_times(claims, self._clock())

    async def _authenticate(self, token: Unverified, claims: Mapping[str, Any]) -> Client:
        """The client that signed the assertion, which is used up by this.

        Raises:
            ClientNotAuthenticated: for a reason that is not told.
        """
        client = await self._read_client(claims["iss"])
        if client is None or client.issuer is not None:
            raise ClientNotAuthenticated(Reason.CLIENT)
        if "jku" in token.header and token.header["jku"] != client.jwks_url:
            raise ClientNotAuthenticated(Reason.HEADER)
        try:
            key = await self._key(client, str(token.kid))
            if key is None:
                raise ClientNotAuthenticated(Reason.KEY)
            verify(token, key)
        except TokenRefused as refused:
            raise ClientNotAuthenticated(refused.reason) from None
        except KeysUnavailable:
            raise ClientNotAuthenticated(Reason.KEY) from None
        if client.status != "active":
            raise ClientNotAuthenticated(Reason.DISABLED)
        now = datetime.fromtimestamp(self._clock(), UTC)
        forget_at = datetime.fromtimestamp(float(claims["exp"]), UTC) + timedelta(seconds=LEEWAY_S + 60)
        if not await self._use_assertion(client.client_id, claims["jti"], now, forget_at):
            raise ClientNotAuthenticated(Reason.REPLAY)
        return client

    async def _key(self, client: Client, kid: str) -> PublicKey | None:
        if client.jwks_url is not None:
            return await self._published.setdefault(client.jwks_url, KeysAtUrl(client.jwks_url)).find(kid)
        now = datetime.fromtimestamp(self._clock(), UTC)
        held = (key for key in client.keys if key.kid == kid and key.holds_at(now))
        return next((public_key(key.jwk) for key in held), None)

    def _bound_purposes(self, claims: Mapping[str, Any], client: Client) -> Collection[str]:
        """What the token is bound to: what the assertion states, else all that the client may state."""
        stated = stated_purposes(claims, self._purposes)
        if stated is None:
            return client.purposes
        if not stated or not all(self._purposes.covers(client.purposes, code) for code in stated):
            raise TokenRequestRefused("invalid_scope", "A stated purpose of use is not one that this client may state.")
        return stated


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    moments = {name: claims.get(name) for name in ("exp", "nbf", "iat")}
    for name, value in moments.items():
        if isinstance(value, bool) or not isinstance(value, int | float | None) or not 0 <= (value or 0) < 1 << 40:
            raise ClientNotAuthenticated(Reason.CLAIMS, f"{name} must be a number of seconds since 1970.")
    expires = moments["exp"]
    if expires is None:
        raise ClientNotAuthenticated(Reason.CLAIMS, "exp is missing.")
    if expires + LEEWAY_S <= now:
        raise ClientNotAuthenticated(Reason.EXPIRED, "The assertion has expired; check the clock.")
    if expires > now + LONGEST_ASSERTION_S + LEEWAY_S:
        raise ClientNotAuthenticated(Reason.LIFETIME, f"exp must be at most {LONGEST_ASSERTION_S} s ahead.")
    if max(moments["nbf"] or 0, moments["iat"] or 0) > now + LEEWAY_S:
        raise ClientNotAuthenticated(Reason.NOT_YET_VALID, "The assertion is of the future; check the clock.")


def _granted_scopes(asked: str, client: Client) -> tuple[str, ...]:
    """The scopes asked for, all of which the client must be allowed."""
    scopes = split(asked)
    if not scopes:
        raise TokenRequestRefused("invalid_scope", "Name the scopes that the token is for.")
    if not all(is_scope(scope) and covers(client.scopes, scope) for scope in scopes):
        raise TokenRequestRefused("invalid_scope", "A scope is unknown, or not one that this client may ask for.")
    return scopes
