"""What can go wrong with accounts. No message holds a password, a token, or what somebody typed as a name."""

from __future__ import annotations

from index_service.errors import IndexServiceError, UsageError


class AccountError(IndexServiceError):
    """The account does not allow this."""


class UnknownRole(AccountError, UsageError):
    """There is no such role."""

    exit_code = 2


class RolesNotTogether(AccountError, UsageError):
    """An auditor has no other role: who decides does not audit."""

    exit_code = 2
    hint = "Give the person a second account if both are needed."


class BadName(AccountError, UsageError):
    """A name to sign in with is 2 to 64 characters: a-z, 0-9, dot, hyphen, underscore; a letter or digit first."""

    exit_code = 2


class NameTaken(AccountError):
    """There is an account of this name already."""

    hint = "Choose another name, or change the account: person-index accounts roles, set-password."


class NoSuchAccount(AccountError, UsageError):
    """There is no account of this name."""

    exit_code = 2
    hint = "See the names with: person-index accounts list"


class NoPasswordHere(AccountError):
    """This account is signed in to at the identity provider; its password is kept there."""


class WeakPassword(AccountError):
    """The password is too easy to guess."""


class WrongPassword(AccountError):
    """The password is not right."""


class SignInFailed(AccountError):
    """The name or the password is not right, or the account is disabled."""


class SignInHeld(AccountError):
    """Too many attempts failed under this name; for a while none is looked at.

    seconds: how long still.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class TooManyAtOnce(AccountError):
    """Too many people, or a program, are signing in at this moment."""

    hint = "Wait a few seconds and try again; the attempt does not count as failed."


class ProviderError(AccountError):
    """The identity provider's answer cannot be used."""

    hint = "Try again; if it stays so, tell who runs the index."


class ProviderUnreachable(ProviderError):
    """The identity provider does not answer."""


class ProviderRefused(ProviderError):
    """The identity provider did not sign the person in."""


class NotTheSameBrowser(ProviderError):
    """The answer of the identity provider does not belong to a sign-in that this browser has begun."""

    hint = "Begin again from the sign-in page. A sign-in must be finished within ten minutes, in the same browser."


class NoRoleGiven(AccountError):
    """Your organisation's sign-in knows you, but gives you no role in the person index."""

    hint = "Ask your supervisor, or who administers your organisation's accounts, for the role that your work needs."


class AccountDisabled(AccountError):
    """Your account is disabled in the person index."""

    hint = "Ask who administers the index, or your supervisor."
