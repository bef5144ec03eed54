"""The headers If-Match and If-None-Match (RFC 9110): entity tags in lists, weak ones too, or `*` for whatever is there.

The tag of a record is its version in quotes. Tags that are none of ours are no error: they match nothing.
"""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header

from index_service.conditions import Condition, Versions

_TAG = r'(?:W/)?"[\x21\x23-\x7e]*"'
_TAGS = rf"^(?:\*|{_TAG}(?:[ \t]*,[ \t]*{_TAG})*)$"
_OURS = re.compile(r'(W/)?"([1-9]\d{0,8})"')
_MOST_CHARACTERS = 1_000

IfMatch = Annotated[
    str | None,
    Header(
        pattern=_TAGS,
        max_length=_MOST_CHARACTERS,
        description="Write only if one of these versions of the record holds, ETags of earlier answers; `*`: any does.",
        examples=['"3"'],
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        pattern=_TAGS,
        max_length=_MOST_CHARACTERS,
        description="Write only if none of these versions holds; `*`: only if the record is new.",
        examples=["*"],
    ),
]


def condition_of(if_match: str | None, if_none_match: str | None = None) -> Condition | None:
    """What the headers of a write demand; None where they demand nothing."""
    if if_match is None and if_none_match is None:
        return None
    return Condition(_versions(if_match, weak=False), _versions(if_none_match, weak=True))


def etag(version: int) -> dict[str, str]:
    """The header that names a version of a record."""
    return {"ETag": f'"{version}"'}


def _versions(tags: str | None, *, weak: bool) -> Versions | None:
    """Args: `weak`: whether weak tags count too; a write that is to replace a version names it by a strong one."""
    if tags is None:
        return None
    if tags == "*":
        return Versions(any_at_all=True)
    return Versions(frozenset(int(number) for is_weak, number in _OURS.findall(tags) if weak or not is_weak))
