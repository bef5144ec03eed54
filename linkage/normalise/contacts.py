"""Telephone numbers and e-mail addresses."""

from __future__ import annotations

import re
from functools import lru_cache

from linkage.normalise.names import CACHE, fold

_EXTENSION = re.compile(r"(?:x|ext\.?|extension|#)\s*\d+\s*$", re.IGNORECASE)
_NO_DIGITS = re.compile(r"\D")


@lru_cache(maxsize=CACHE)
def phone(text: str) -> str | None:
    """Digits without extension, trunk and country prefix: "+1 (555) 010-0199 x4" -> "5550100199"."""
    digits = text.replace("-", "")
    if not (digits.isascii() and digits.isdigit()):
        digits = _NO_DIGITS.sub("", _EXTENSION.sub("", fold(text)))
    while len(digits) > 10 and digits[0] in "01":
        digits = digits[1:]
    if len(digits) < 7 or (len(set(digits)) <= 2 and len(set(digits[-7:])) == 1):
        return None
    return digits


@lru_cache(maxsize=CACHE)
def email(text: str) -> str | None:
    address = fold(text)
    name, at, host = address.partition("@")
    if not (name and at and "." in host) or name in {"none", "unknown", "noemail", "na", "test"}:
        return None
    return address
