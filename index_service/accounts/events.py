"""What can happen to an account: the kinds of rows in the append-only table of account events."""

from __future__ import annotations

from enum import StrEnum


class AccountEvent(StrEnum):
    """Every kind of event, in the words that the account page shows after the date."""

    ACCOUNT_ADDED = "account_added"
    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    LOCKED_OUT = "locked_out"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGNED_OUT = "signed_out"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"
    SESSION_ENDED = "session_ended"
    SESSION_TIMED_OUT = "session_timed_out"
    PASSWORD_SET = "password_set"  # noqa: S105
    PASSWORD_CHANGE_FAILED = "password_change_failed"  # noqa: S105
    ROLES_SET = "roles_set"
    DISABLED = "disabled"
    ENABLED = "enabled"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    AccountEvent.ACCOUNT_ADDED: "Account added",
    AccountEvent.SIGNED_IN: "Signed in",
    AccountEvent.SIGN_IN_FAILED: "Attempt to sign in failed",
    AccountEvent.LOCKED_OUT: "Too many attempts: sign-in held for a while",
    AccountEvent.SIGN_IN_REFUSED: "Sign-in refused",
    AccountEvent.SIGNED_OUT: "Signed out",
    AccountEvent.SIGNED_OUT_EVERYWHERE: "Signed out everywhere",
    AccountEvent.SESSION_ENDED: "A session was ended from another",
    AccountEvent.SESSION_TIMED_OUT: "A session timed out",
    AccountEvent.PASSWORD_SET: "Password set",
    AccountEvent.PASSWORD_CHANGE_FAILED: "Password not changed: the present one was wrong",
    AccountEvent.ROLES_SET: "Roles set",
    AccountEvent.DISABLED: "Account disabled",
    AccountEvent.ENABLED: "Account enabled",
}
