"""Who uses the client and for what purpose, as tokens and assertions say it: claims of IHE IUA and of UDAP.

IUA puts them under `extensions.ihe_iua`, UDAP under `extensions.hl7-b2b`; a plain `purpose_of_use` is read too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from config.purposes import Purposes

_LONGEST = 200
_MOST_ROLES = 20
_EXTENSIONS = ("ihe_iua", "hl7-b2b")


@dataclass(frozen=True, slots=True)
class User:
    """The human being for whom a client acts, as the issuer of the token, or the client itself, says.

    issuer: who vouches for it; a client's own statement carries the client's id here.
    """

    issuer: str
    subject: str
    name: str | None = None
    roles: tuple[str, ...] = ()
    organisation: str | None = None


def stated_purposes(claims: Mapping[str, Any], purposes: Purposes) -> frozenset[str] | None:
    """The purposes of use that claims name; None if they name none at all. Unknown ones are left out."""
    found = [claims["purpose_of_use"]] if "purpose_of_use" in claims else []
    found += [part["purpose_of_use"] for part in _extensions(claims) if "purpose_of_use" in part]
    if not found:
        return None
    return frozenset(code for each in found for code in _codes(each, purposes) if code)


def stated_user(claims: Mapping[str, Any], issuer: str, subject: str | None) -> User | None:
    """The human being whom claims name, if any.

    Args:
        subject: the token's subject where that is not the client.
    """
    said: dict[str, Any] = {}
    for part in _extensions(claims):
        said = {**part, **said}
    named = subject or _text(said.get("person_id")) or _text(said.get("subject_id"))
    name = _text(said.get("subject_name"))
    if named is None and name is None:
        return None
    organisation = _text(said.get("subject_organization")) or _text(said.get("organization_name"))
    return User(issuer, named or str(name), name, tuple(_roles(said.get("subject_role"))), organisation)


def iua_extension(purposes: Mapping[str, str], organisation: str, user: User | None) -> dict[str, Any]:
    """The claims of IUA for a token.

    Args:
        purposes: code to system.
    """
    extension: dict[str, Any] = {
        "subject_organization": organisation,
        "purpose_of_use": [{"system": system, "code": code} for code, system in sorted(purposes.items())],
    }
    if user is not None:
        extension["person_id"] = user.subject
        extension["subject_role"] = [{"code": role} for role in user.roles]
        if user.name:
            extension["subject_name"] = user.name
    return extension


def _extensions(claims: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    extensions = claims.get("extensions")
    if isinstance(extensions, dict):
        yield from (part for name in _EXTENSIONS if isinstance(part := extensions.get(name), dict))


def _codes(value: object, purposes: Purposes) -> Iterator[str | None]:
    """Codes from a text, a coding, or a list of either."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str):
            yield purposes.read(each)
        elif isinstance(each, dict):
            yield purposes.of_system(str(each.get("system", "")), str(each.get("code", "")))


def _roles(value: object) -> Iterator[str]:
    for each in (value if isinstance(value, list) else [value])[:_MOST_ROLES]:
        code = each.get("code") if isinstance(each, dict) else each
        if (role := _text(code)) is not None:
            yield role


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable() else None
