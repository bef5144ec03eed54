"""Public keys of others, where they publish them: a file that may be replaced, or a URL that is asked now and then.

Keys from a URL are kept as long as its answer allows, five minutes if it says nothing, an hour at most. An unknown key
id asks again at once, for the owner may have changed keys; but not more often than every half minute, or a stranger
with invented key ids could make us flood the owner.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from index_service.access.errors import KeysUnavailable
from index_service.access.jose import PublicKey, public_keys
from index_service.http.loopback import is_loopback

LEAST_BETWEEN_FETCHES_S = 30.0
USUAL_AGE_S, LEAST_AGE_S, GREATEST_AGE_S = 300.0, 10.0, 3600.0
LARGEST_DOCUMENT = 64 * 1024
FETCH_TIMEOUT_S = 5.0
FILE_LOOKED_AT_EVERY_S = 1.0

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})")

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document, and for how many seconds it may be kept."""

    body: bytes
    age_s: float


Fetch = Callable[[str], Awaitable[Fetched]]


class KeySet(Protocol):
    """Somebody's public keys."""

    async def find(self, kid: str | None) -> PublicKey | None:
        """The key of this id; the only key, if no id is given and there is one only; else None.

        Raises:
            KeysUnavailable: the keys cannot be had now.
        """


class FixedKeys:
    """Keys that were given once."""

    def __init__(self, keys: tuple[PublicKey, ...]) -> None:
        self._keys = keys

    async def find(self, kid: str | None) -> PublicKey | None:
        return _choose(self._keys, kid)


class KeysInFile:
    """The keys of a JWKS file; read again when the file was replaced."""

    def __init__(self, path: Path, clock: Clock = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked_at = -float("inf")
        self._stamp: tuple[int, int] | None = None
        self._keys: tuple[PublicKey, ...] = ()

    async def find(self, kid: str | None) -> PublicKey | None:
        if self._clock() - self._looked_at >= FILE_LOOKED_AT_EVERY_S:
            self._read_if_replaced()
            self._looked_at = self._clock()
        return _choose(self._keys, kid)

    def _read_if_replaced(self) -> None:
        try:
            state = self._path.stat()
            stamp = (state.st_mtime_ns, state.st_size)
            if stamp != self._stamp:
                self._keys = public_keys(json.loads(self._path.read_bytes()))
                self._stamp = stamp
        except (OSError, ValueError, RecursionError):
            raise KeysUnavailable(f"the key file {self._path.name} cannot be used") from None


class KeysAtUrl:
    """The keys that a URL publishes. One request at a time; nothing is asked more often than needed."""

    def __init__(self, url: str, fetch: Fetch | None = None, clock: Clock = time.monotonic) -> None:
        self._url = url
        self._fetch = fetch or fetch_document
        self._clock = clock
        self._asking = asyncio.Lock()
        self._asked_at = -float("inf")
        self._fresh_until = -float("inf")
        self._keys: tuple[PublicKey, ...] = ()

    async def find(self, kid: str | None) -> PublicKey | None:
        if (found := self._fresh(kid)) is not None:
            return found
        async with self._asking:
            if (found := self._fresh(kid)) is not None:  # another request has asked meanwhile
                return found
            is_stale = self._clock() >= self._fresh_until
            if self._clock() - self._asked_at >= (LEAST_AGE_S if is_stale else LEAST_BETWEEN_FETCHES_S):
                await self._ask()
            elif is_stale:
                raise KeysUnavailable("the keys could not be fetched a moment ago")
        return self._fresh(kid)

    def _fresh(self, kid: str | None) -> PublicKey | None:
        return _choose(self._keys, kid) if self._clock() < self._fresh_until else None

    async def _ask(self) -> None:
        self._asked_at = self._clock()
        try:
            fetched = await self._fetch(self._url)
            self._keys = public_keys(json.loads(fetched.body))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            raise KeysUnavailable(f"the keys cannot be fetched ({type(error).__name__})") from None
        self._fresh_until = self._asked_at + min(max(fetched.age_s, LEAST_AGE_S), GREATEST_AGE_S)


async def fetch_document(url: str) -> Fetched:
    """Fetch a document of limited size; redirects are not followed.

    Raises:
        httpx.HTTPError: it cannot be fetched.
        ValueError: the URL is not one that may be asked, or the document is too large.
    """
    require_safe_url(url)
    async with (
        httpx.AsyncClient(timeout=FETCH_TIMEOUT_S, follow_redirects=False) as client,
        client.stream("GET", url, headers={"Accept": "application/jwk-set+json, application/json"}) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise ValueError("the answer is not 200")
        body = b""
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > LARGEST_DOCUMENT:
                raise ValueError("the document is too large")
    return Fetched(body, _allowed_age(answer.headers.get("cache-control", "")))


def require_safe_url(url: str) -> None:
    """Raises ValueError unless the URL is https, or http to this machine, without a user and a fragment."""
    parts = urlsplit(url)
    if parts.username is not None or parts.fragment or not parts.hostname:
        raise ValueError("a URL of keys names a host, no user and no fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("a URL of keys must be https (http on this machine only)")


def _allowed_age(cache_control: str) -> float:
    directives = cache_control.lower()
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    stated = _MAX_AGE.search(directives)
    return float(stated[1]) if stated else USUAL_AGE_S


def _choose(keys: tuple[PublicKey, ...], kid: str | None) -> PublicKey | None:
    if kid is None:
        return keys[0] if len(keys) == 1 else None
    return next((key for key in keys if key.kid == kid), None)
