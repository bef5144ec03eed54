"""What an administrator does with accounts, from the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from index_service.accounts.errors import AccountError, BadName, NameTaken, NoPasswordHere, NoSuchAccount
from index_service.accounts.events import AccountEvent
from index_service.accounts.passwords import hash_password, require_good_password
from index_service.accounts.roles import Role, parse_roles
from index_service.accounts.signing_in import name_hash
from index_service.store import accounts as store
from index_service.store.accounts import AccountRow
from index_service.store.connection import Connection

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")  # no @: names of a provider's people hold one
_LONGEST_DISPLAY_NAME = 100


def add_account(
    conn: Connection, name: str, *, display_name: str, roles: Iterable[str | Role], password: str
) -> AccountRow:
    """A new local account, ready to sign in to.

    Raises:
        BadName, UnknownRole, RolesNotTogether, WeakPassword: as they say.
        NameTaken: there is one of this name.
    """
    name = parse_name(name)
    display_name = parse_display_name(display_name or name)
    wanted = parse_roles(roles)
    require_good_password(password, name, display_name)
    password_hash = hash_password(password)
    with conn.transaction():
        account_id = store.add_account(
            conn, name=name, display_name=display_name, roles=wanted, password_hash=password_hash
        )
        if account_id is None:
            raise NameTaken
        store.add_event(conn, AccountEvent.ACCOUNT_ADDED, account_id, detail={"roles": list(wanted)})
    return _account(conn, name)


def set_password(conn: Connection, name: str, password: str) -> AccountRow:
    """Another password for a local account; its sessions end, and failed attempts no longer count.

    Raises:
        NoSuchAccount, NoPasswordHere, WeakPassword: as they say.
    """
    account = _account(conn, name)
    if account.issuer is not None:
        raise NoPasswordHere
    require_good_password(password, account.name, account.display_name)
    password_hash = hash_password(password)
    with conn.transaction():
        store.set_password_hash(conn, account.account_id, password_hash)
        store.end_sessions(conn, account.account_id, "password_changed")
        store.clear_attempts(conn, name_hash(account.name))
        store.add_event(conn, AccountEvent.PASSWORD_SET, account.account_id, detail={"by": "command line"})
    return _account(conn, account.name)


def set_roles(conn: Connection, name: str, roles: Iterable[str | Role]) -> AccountRow:
    """Other roles, from the next page on. A provider's person gets the provider's at the next sign-in.

    Raises:
        NoSuchAccount, UnknownRole, RolesNotTogether: as they say.
    """
    account = _account(conn, name)
    wanted = parse_roles(roles)
    with conn.transaction():
        if store.set_roles(conn, account.account_id, wanted):
            store.add_event(conn, AccountEvent.ROLES_SET, account.account_id, detail={"roles": list(wanted)})
    return _account(conn, account.name)


def disable(conn: Connection, name: str) -> AccountRow:
    """Nobody can sign in to the account; its sessions end at once.

    Raises:
        NoSuchAccount: there is none of this name.
    """
    account = _account(conn, name)
    with conn.transaction():
        if store.disable(conn, account.account_id):
            ended = store.end_sessions(conn, account.account_id, "disabled")
            store.add_event(conn, AccountEvent.DISABLED, account.account_id, detail={"sessions": ended})
    return _account(conn, account.name)


def enable(conn: Connection, name: str) -> AccountRow:
    """Its person can sign in again.

    Raises:
        NoSuchAccount: there is none of this name.
    """
    account = _account(conn, name)
    with conn.transaction():
        if store.enable(conn, account.account_id):
            store.add_event(conn, AccountEvent.ENABLED, account.account_id)
    return _account(conn, account.name)


def parse_name(name: str) -> str:
    """A name to sign in with; raises BadName."""
    name = name.strip().lower()
    if not _NAME.fullmatch(name):
        raise BadName
    return name


def parse_display_name(text: str) -> str:
    """What a person is called on the pages, on one line; raises AccountError where nothing of it can be shown."""
    shown = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    if not shown:
        raise AccountError("The display name is empty.", hint="Write what the person is called, as --display-name.")
    return shown[:_LONGEST_DISPLAY_NAME]


def _account(conn: Connection, name: str) -> AccountRow:
    account = store.account_by_name(conn, name.strip().lower())
    if account is None:
        raise NoSuchAccount
    return account
