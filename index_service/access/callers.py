"""Who makes a request: from its token to a caller with scopes and a purpose of use, or to a refusal."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from config.purposes import Purposes
from index_service.access.errors import (
    AccessRefused,
    InsufficientScope,
    PurposeMissing,
    PurposeRefused,
    Reason,
    TokenMissing,
    TokenRefused,
    TooManyRequests,
)
from index_service.access.key_sets import Clock
from index_service.access.limits import TokenBuckets
from index_service.access.scopes import covers
from index_service.access.statements_of_use import User
from index_service.access.tokens import TokenVerifier, VerifiedToken
from index_service.store.access import Client

CLIENT_LOOKED_AT_EVERY_S = 1.0
"""So long after a client was disabled its tokens may still be accepted."""

MOST_CLIENTS_KEPT = 1000
CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/=-]+)", re.IGNORECASE)

ReadClient = Callable[[str], Coroutine[Any, Any, Client | None]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, and what for.

    user: the human being for whom the client acts, if it or the identity provider says so.
    scopes: that the token carries and the client may still have.
    purposes: of use, that the caller may state; `purpose` is the one stated for this request.
    token_id: the token's `jti`.
    """

    client_id: str
    organisation: str
    user: User | None
    scopes: frozenset[str]
    purposes: frozenset[str]
    purpose: str
    token_id: str

    def require_scope(self, scope: str) -> None:
        """Raises InsufficientScope unless the caller has the scope."""
        if not covers(self.scopes, scope):
            raise InsufficientScope(scope)


class Clients:
    """Clients as they are now: read from the database, and kept for a second.

    Those who ask while one is being read wait for the same answer: many requests at once take one connection.
    """

    def __init__(self, read: ReadClient, clock: Clock = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._asked: OrderedDict[str, tuple[float, asyncio.Task[Client | None]]] = OrderedDict()

    async def get(self, client_id: str) -> Client | None:
        """The client of this id; None if there is none, or what is asked for is no id."""
        if not CLIENT_ID.fullmatch(client_id):
            return None
        asked_at, reading = self._asked.get(client_id, (-math.inf, None))
        if reading is None or _failed(reading) or self._clock() - asked_at >= CLIENT_LOOKED_AT_EVERY_S:
            reading = self._ask(client_id)
        if reading.done():
            return reading.result()
        return await asyncio.shield(reading)  # one who gives up does not break it off for the others

    def _ask(self, client_id: str) -> asyncio.Task[Client | None]:
        # in a context of its own: what is logged there belongs to no single request
        reading = asyncio.get_running_loop().create_task(self._read(client_id), context=Context())
        self._asked[client_id] = (self._clock(), reading)
        self._asked.move_to_end(client_id)
        if len(self._asked) > MOST_CLIENTS_KEPT:
            self._asked.popitem(last=False)
        return reading


def _failed(reading: asyncio.Task[Client | None]) -> bool:
    return reading.done() and (reading.cancelled() or reading.exception() is not None)


class Admission:
    """Lets requests in: token, client, limits, purpose of use."""

    def __init__(
        self, verifier: TokenVerifier, clients: Clients, purposes: Purposes, clock: Clock = time.monotonic
    ) -> None:
        self._verifier = verifier
        self._clients = clients
        self._purposes = purposes
        self._covered: Callable[[frozenset[str]], frozenset[str]] = lru_cache(MOST_CLIENTS_KEPT)(purposes.covered)
        self._requests = TokenBuckets(clock)
        self._not_found = TokenBuckets(clock)

    async def admit(self, authorization: Sequence[str], purpose_of_use: Sequence[str]) -> Caller:
        """The caller of a request.

        Args:
            authorization: the values of the header Authorization, however often it stands there.
            purpose_of_use: likewise of X-Purpose-Of-Use.

        Raises:
            TokenMissing, TokenRefused: who it is cannot be told.
            TooManyRequests: it has to wait; names the client.
            PurposeMissing, PurposeRefused: what for cannot be told, or is not allowed; names the client.
            KeysUnavailable: the keys of an outside issuer cannot be had now.
        """
        token = await self._verifier.verify(_bearer(authorization))
        client = _require_right_client(await self._clients.get(token.client_id), token)
        try:
            return self._caller(client, token, purpose_of_use)
        except AccessRefused as refused:
            refused.client_id, refused.user = client.client_id, token.user.subject if token.user else None
            raise

    def _caller(self, client: Client, token: VerifiedToken, purpose_of_use: Sequence[str]) -> Caller:
        self._require_patience(client)
        allowed = self._covered(frozenset(client.purposes))
        if token.purposes is not None:
            allowed &= self._covered(token.purposes)
        return Caller(
            client_id=client.client_id,
            organisation=client.organisation,
            user=token.user,
            scopes=frozenset(scope for scope in token.scopes if covers(client.scopes, scope)),
            purposes=allowed,
            purpose=self._purpose(purpose_of_use, allowed, token, client),
            token_id=token.token_id,
        )

    async def note_not_found(self, caller: Caller) -> None:
        """A look-up of this caller found nothing: after too many in a minute it has to wait."""
        client = await self._clients.get(caller.client_id)
        if client is not None:
            self._not_found.take(client.client_id, **_not_found_rate(client))

    def _require_patience(self, client: Client) -> None:
        limits = client.limits
        waiting_s = self._not_found.wait(client.client_id, **_not_found_rate(client))
        if waiting_s:
            raise TooManyRequests("Too many look-ups found nothing. Wait, then go on more slowly.", waiting_s)
        waiting_s = self._requests.take(
            client.client_id, per_second=limits.requests_per_second, at_most=float(limits.burst)
        )
        if waiting_s:
            raise TooManyRequests("Too many requests. Wait, then go on more slowly.", waiting_s)

    def _purpose(self, stated: Sequence[str], allowed: frozenset[str], token: VerifiedToken, client: Client) -> str:
        if len(stated) > 1:
            raise PurposeRefused("X-Purpose-Of-Use stands twice; one request has one purpose.")
        if stated:
            code = self._purposes.read(stated[0])
            if code not in allowed:
                raise PurposeRefused("This caller may not state this purpose of use.")
            return code
        bound = client.purposes if token.purposes is None else token.purposes
        if len(bound) != 1 or not allowed.issuperset(bound):
            raise PurposeMissing("State what for: a purpose of use in the header X-Purpose-Of-Use.")
        return next(iter(bound))


def _bearer(authorization: Sequence[str]) -> str:
    if not authorization:
        raise TokenMissing("This needs an access token: Authorization: Bearer <token>.")
    match = _BEARER.fullmatch(authorization[0].strip()) if len(authorization) == 1 else None
    if match is None:
        raise TokenRefused(Reason.MALFORMED)
    return match[1]


def _require_right_client(client: Client | None, token: VerifiedToken) -> Client:
    """The client, unless there is none, it uses another issuer, or it was disabled."""
    if client is None or client.issuer != token.issuer:
        raise TokenRefused(Reason.CLIENT)
    if client.status != "active":
        raise TokenRefused(Reason.DISABLED)
    return client


def _not_found_rate(client: Client) -> dict[str, float]:
    return {
        "per_second": client.limits.not_found_per_minute / 60,
        "at_most": float(client.limits.not_found_per_minute),
    }
