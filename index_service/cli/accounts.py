"""`person-index accounts`: the people who sign in to the workbench. Passwords come from the keyboard or a pipe."""

from __future__ import annotations

import getpass
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer
from index_service.errors import UsageError

if TYPE_CHECKING:
    from index_service.store.accounts import AccountRow

accounts = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The people who sign in to the workbench: add, list, change."
)
app.add_typer(accounts, name="accounts", epilog=examples("person-index accounts add ana.lopez --role steward"))

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name to sign in with.", show_default=False)]
Roles = Annotated[
    list[str],
    typer.Option(
        "--role", metavar="ROLE", help="steward, senior_steward, supervisor or auditor; may be given several times."
    ),
]


class NoPasswordGiven(UsageError):
    """No password was given."""

    hint = "Type it when asked, or send it as one line to standard input; never as an argument, which others can see."


@accounts.command(
    epilog=examples(
        "person-index accounts add ana.lopez --display-name 'Ana López' --role steward",
        "person-index accounts add kim.tran --role senior_steward --role supervisor < password.txt",
    )
)
def add(
    name: Name,
    role: Roles,
    display_name: Annotated[
        str, typer.Option("--display-name", metavar="TEXT", help="What the person is called; default NAME.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Add a local account. The password is asked for, or read from standard input; at least 15 characters."""
    from index_service.accounts.administering import add_account, parse_name
    from index_service.accounts.roles import parse_roles
    from index_service.database import open_database

    name, roles = parse_name(name), parse_roles(role)  # before the password is asked for
    password = _password()
    with open_database() as conn:
        account = add_account(conn, name, display_name=display_name, roles=roles, password=password)
    _answer(account, f"{account.name} can sign in, as {_roles(account)}.", as_json=as_json)


@accounts.command("list", epilog=examples("person-index accounts list", "person-index accounts list --json"))
def list_accounts(as_json: AsJson = False) -> None:
    """List all accounts: name, roles, how they are signed in to, when last."""
    from rich.table import Table

    from index_service.database import open_database
    from index_service.store.accounts import accounts as read_accounts

    with open_database() as conn:
        found = read_accounts(conn)
    table = Table("name", "called", "roles", "signs in", "last", "state", box=None)
    for account in found:
        last = _moment(account.last_signed_in_at)
        table.add_row(account.name, account.display_name, _roles(account), _way(account), last, _state(account))
    nobody = "Nobody can sign in yet: person-index accounts add NAME --role steward"
    answer({"accounts": [_figures(account) for account in found]}, [table if found else nobody], as_json=as_json)


@accounts.command(epilog=examples("person-index accounts disable ana.lopez"))
def disable(name: Name, as_json: AsJson = False) -> None:
    """Let nobody sign in to an account any more; its sessions end at once. What it decided stays."""
    from index_service.accounts.administering import disable as disable_account
    from index_service.database import open_database

    with open_database() as conn:
        account = disable_account(conn, name)
    _answer(account, f"{account.name} is disabled and signed out everywhere.", as_json=as_json)


@accounts.command(epilog=examples("person-index accounts enable ana.lopez"))
def enable(name: Name, as_json: AsJson = False) -> None:
    """Let the person of a disabled account sign in again."""
    from index_service.accounts.administering import enable as enable_account
    from index_service.database import open_database

    with open_database() as conn:
        account = enable_account(conn, name)
    _answer(account, f"{account.name} can sign in, as {_roles(account)}.", as_json=as_json)


@accounts.command(
    "set-password",
    epilog=examples("person-index accounts set-password ana.lopez", "… | person-index accounts set-password ana.lopez"),
)
def set_password(name: Name, as_json: AsJson = False) -> None:
    """Set another password for a local account, asked for or read from standard input; its sessions end."""
    from index_service.accounts.administering import set_password as set_account_password
    from index_service.database import open_database

    password = _password()
    with open_database() as conn:
        account = set_account_password(conn, name, password)
    _answer(account, f"{account.name} has another password and is signed out everywhere.", as_json=as_json)


@accounts.command(
    epilog=examples(
        "person-index accounts roles ana.lopez --role senior_steward",
        "person-index accounts roles kim.tran --role steward --role supervisor",
    )
)
def roles(name: Name, role: Roles, as_json: AsJson = False) -> None:
    """Set what a person may do; the roles named replace all former ones, from the next page on."""
    from index_service.accounts.administering import set_roles
    from index_service.accounts.roles import parse_roles
    from index_service.database import open_database

    wanted = parse_roles(role)
    with open_database() as conn:
        account = set_roles(conn, name, wanted)
    _answer(account, f"{account.name} is now {_roles(account)}.", as_json=as_json)


def _password() -> str:
    """From the keyboard, unseen and twice; or the first line of what is piped in."""
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise NoPasswordGiven
        return password
    password = getpass.getpass("Password (15 characters or more): ")
    if getpass.getpass("The same again: ") != password:
        raise UsageError("The two passwords differ.", hint="Run the command again.")
    return password


def _answer(account: AccountRow, line: str, *, as_json: bool) -> None:
    answer(_figures(account), [line], as_json=as_json)


def _figures(account: AccountRow) -> dict[str, object]:
    return {
        "name": account.name,
        "display_name": account.display_name,
        "roles": list(account.roles),
        "signs_in": _way(account),
        "disabled": account.disabled_at is not None,
        "created_at": account.created_at.isoformat(),
        "last_signed_in_at": account.last_signed_in_at and account.last_signed_in_at.isoformat(),
    }


def _roles(account: AccountRow) -> str:
    return ", ".join(account.roles)


def _way(account: AccountRow) -> str:
    return "by password" if account.issuer is None else "at the identity provider"


def _state(account: AccountRow) -> str:
    return "disabled" if account.disabled_at else "active"


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}" if at else "never"
