"""Scopes: what a token allows to be called. Which data are shown is for the data-sharing agreements to say.

Two kinds: SMART on FHIR's own (`system/Patient.rs`) for the FHIR interface, and ours (`index/…`) for the rest.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

OURS: Final = {
    "index/read": "look up persons by id or by a source's record, and their history",
    "index/resolve": "ask who somebody is by name, birth date and numbers, and compare records",
    "index/write": "send and withdraw source records",
    "index/events": "read identity events and subscribe to them",
    "index/review": "read and decide reviews",
    "index/pmap": "resolve a child for the psychotropic-medication process",
    "index/counts": "read how many persons there are; small counts are withheld",
    "index/ledger": "read the ledger of disclosures",
    "index/metrics": "read the metrics of the service",
}
"""Our scopes, each with what it allows."""

_SMART = re.compile(
    r"(?P<context>system|user|patient)/(?P<resource>[A-Z][A-Za-z]{1,63}|\*)\.(?P<rights>\*|read|write|c?r?u?d?s?)"
)
_V1_RIGHTS = {"read": "rs", "write": "cud", "*": "cruds"}


def is_scope(text: str) -> bool:
    """Whether this is a scope that can be granted."""
    return text in OURS or _smart(text) is not None


def covers(granted: Collection[str], wanted: str) -> bool:
    """Whether scopes that were granted allow another: the same, or a SMART scope that includes it."""
    if wanted in granted:
        return True
    asked = _smart(wanted)
    return asked is not None and any(_includes(held, asked) for held in map(_smart, granted) if held)


def split(text: str) -> tuple[str, ...]:
    """The scopes of a space-separated list, each once, in their order."""
    return tuple(dict.fromkeys(text.split()))


def _smart(text: str) -> tuple[str, str, frozenset[str]] | None:
    """Context, resource and rights of a SMART scope."""
    match = _SMART.fullmatch(text)
    if match is None or not match["rights"]:
        return None
    return match["context"], match["resource"], frozenset(_V1_RIGHTS.get(match["rights"], match["rights"]))


def _includes(held: tuple[str, str, frozenset[str]], asked: tuple[str, str, frozenset[str]]) -> bool:
    return held[0] == asked[0] and held[1] in ("*", asked[1]) and held[2] >= asked[2]
