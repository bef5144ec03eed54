"""One attempt to deliver: the POST, and what its answer means."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

import httpx

from index_service.http.loopback import is_loopback

TIMEOUT_S = 20.0
"""For all of an attempt: a receiver that stores the message and answers needs far less."""

LONGEST_WAIT_S = 24 * 3600.0


class Verdict(StrEnum):
    """What an attempt came to."""

    DELIVERED = "delivered"  # the receiver has confirmed it
    REFUSED = "refused"  # the receiver has answered, and does not take this message
    AWAY = "away"  # nobody received: not there, not now, or not at this address
    GONE = "gone"  # the receiver wants no more, ever


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to; `problem` is a status or a kind of error, no word of the receiver.

    wait_s: how long the receiver asks to be left alone.
    """

    verdict: Verdict
    problem: str = ""
    wait_s: float = 0.0


_AWAY = frozenset({401, 403, 404, 405, 407, 408, 425, 429, 502, 503, 504})
"""Statuses that say nothing against the message: it was not let in, or shall come later."""


async def post(client: httpx.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
    """Post a message once; what the receiver answers is not read beyond its head."""
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            client.stream("POST", url, content=body, headers=dict(headers), follow_redirects=False) as answer,
        ):
            return meaning(answer.status_code, answer.headers.get("retry-after", ""))
    except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
        return Outcome(Verdict.AWAY, type(error).__name__)


def meaning(status: int, retry_after: str = "") -> Outcome:
    """What a status means. A redirect is not followed: the address was checked, another one was not."""
    problem = f"HTTP {status}"
    if 200 <= status < 300:
        return Outcome(Verdict.DELIVERED)
    if status == httpx.codes.GONE:
        return Outcome(Verdict.GONE, problem)
    if status in _AWAY or 300 <= status < 400:
        return Outcome(Verdict.AWAY, problem, _seconds(retry_after))
    return Outcome(Verdict.REFUSED, problem, _seconds(retry_after))


def is_safe_url(url: str) -> bool:
    """Whether messages may be posted there: https, or http to this machine; without a user and a fragment."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or port == 0 or parts.username is not None or parts.fragment or not url.isascii() or " " in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def _seconds(retry_after: str) -> float:
    """Retry-After in seconds; a date is passed over, for our own pauses are long enough."""
    return min(float(retry_after), LONGEST_WAIT_S) if retry_after.isdecimal() and retry_after.isascii() else 0.0
