"""Who runs a command: the account of the operating system, which nobody chooses by setting a variable."""

from __future__ import annotations

import os


def who_runs() -> str:
    """The name of the account that this process belongs to, or its number where it has no name.

    `getpass.getuser` believes LOGNAME, so that one person could be two by setting it.
    """
    import pwd

    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"account {number}"
