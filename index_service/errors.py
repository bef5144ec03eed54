"""Everything that can go wrong outside the store and has a name: what happened, and what to do about it.

Messages carry field names, line numbers, counts and ids of loads; never a value of a record.
The command line prints them and exits with `exit_code`; a server maps the classes to statuses in one table.
"""

from __future__ import annotations

from typing import ClassVar


class IndexServiceError(Exception):
    """The person index could not do this."""

    hint: str = ""
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])
        if hint:
            self.hint = hint

    @property
    def message(self) -> str:
        return str(self)


class UsageError(IndexServiceError):
    """The command was called in a way that it cannot carry out."""

    exit_code = 2


class UnknownSource(UsageError):
    """There is no source system of this name."""


class MissingFile(UsageError):
    """The file does not exist or is not a readable file."""


class InputError(IndexServiceError):
    """A file cannot be read as it stands; nothing after the named place was taken from it."""


class EmptyFile(InputError):
    """The file is empty."""

    hint = "Check that the extract was written completely; the first line must name the columns."


class WrongEncoding(InputError):
    """The file is not in the encoding it was read with."""


class UnreadableFile(InputError):
    """The file is not what its name says."""


class BadHeader(InputError):
    """The columns of the file do not allow reading it."""


class OutputError(IndexServiceError):
    """A result could not be written."""


class DiskFull(OutputError):
    """There is no room left to write."""

    hint = "Free some space, then run the same command again: what was finished before is kept and not done twice."


class TooMuchWouldChange(IndexServiceError):
    """The relink would change more persons than the policy allows without a look; nothing was published."""

    hint = "Look at the change set with --dry-run; if it is right, run again with --accept."


class NothingLoaded(IndexServiceError):
    """There are no records to work on."""

    hint = "Load some first: person-index load SOURCE FILE"
