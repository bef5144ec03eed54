"""Why a caller is turned away. `reason` is for the log; the message is what the caller is told, and holds no secret."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from index_service.errors import IndexServiceError, UsageError


class Reason(StrEnum):
    """Why a token or a client assertion was refused; logged, and told only where it can help no attacker."""

    TOO_LONG = "too_long"  # longer than any token of ours
    MALFORMED = "malformed"  # not three parts of base64url around JSON objects
    ALGORITHM = "algorithm"  # an algorithm that is not on the list
    HEADER = "header"  # a header parameter that would name a key to trust, or that we must understand and do not
    TYPE = "type"  # a token of another kind
    ISSUER = "issuer"  # nobody whom we trust
    KEY = "key"  # no key of this id, or one of another kind
    SIGNATURE = "signature"  # not signed by that key
    CLAIMS = "claims"  # a claim is missing or of the wrong form
    AUDIENCE = "audience"  # meant for somebody else
    EXPIRED = "expired"  # too old
    NOT_YET_VALID = "not_yet_valid"  # of the future
    LIFETIME = "lifetime"  # valid for longer than is allowed
    CLIENT = "client"  # no such client, or it is another issuer's
    DISABLED = "disabled"  # the client was disabled
    REPLAY = "replay"  # the assertion was used before


class AccessRefused(Exception):
    """The caller is turned away. client_id, user: who it is, where that is known."""

    client_id: str | None = None
    user: str | None = None


class TokenMissing(AccessRefused):
    """This needs an access token."""


class TokenRefused(AccessRefused):
    """The access token is not accepted."""

    def __init__(self, reason: Reason, told: str = "The access token is not accepted.") -> None:
        super().__init__(told)
        self.reason = reason


class InsufficientScope(AccessRefused):
    """The token does not carry the scope that this needs."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"This needs the scope {scope}.")
        self.scope = scope


class PurposeMissing(AccessRefused):
    """No purpose of use is stated."""


class PurposeRefused(AccessRefused):
    """The purpose of use is not one that this caller may state."""


class TooManyRequests(AccessRefused):
    """The caller has to wait. `retry_after_s`: whole seconds, at least one."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TokenRequestRefused(AccessRefused):
    """No token is given. `error` is the code of RFC 6749 §5.2; `reason` is for the log."""

    status: ClassVar[int] = 400

    def __init__(self, error: str, told: str, reason: Reason | None = None) -> None:
        super().__init__(told)
        self.error = error
        self.reason = reason


class ClientNotAuthenticated(TokenRequestRefused):
    """The client could not show who it is."""

    status = 401

    def __init__(self, reason: Reason, told: str = "The client assertion is not accepted.") -> None:
        super().__init__("invalid_client", told, reason)


class KeysUnavailable(Exception):
    """Public keys could not be had from where they are published."""


class UnknownClient(UsageError):
    """There is no client of this id."""

    hint = "person-index clients list names them."


class ClientRefused(UsageError):
    """A client cannot be registered like this."""


class KeyFileUnusable(IndexServiceError):
    """A file of keys cannot be used."""
