"""What can go wrong in the store: the docstring is the message, the hint what to do about it."""

from __future__ import annotations

from index_service.errors import IndexServiceError


class StoreError(IndexServiceError):
    """The store could not do what was asked."""


class DatabaseUnreachable(StoreError):
    """The database does not answer."""

    hint = (
        "Check that it runs and that PERSON_INDEX_DATABASE_URL is right, then run the same command again: "
        "committed batches are kept, nothing is half-published."
    )


class ServerDidNotStart(StoreError):
    """The embedded database did not start."""

    hint = "Look at server.log in the data folder, or set PERSON_INDEX_DATABASE_URL to another PostgreSQL."


class DatabaseFolderUnusable(StoreError):
    """The database folder cannot be used."""

    hint = "Set PERSON_INDEX_DATA to a folder of its own that you may write to."


class SchemaNotCurrent(StoreError):
    """The database lacks migrations that this version needs."""

    hint = "Run `person-index check`, or any command that writes: it brings the schema up to date."


class SchemaTooNew(StoreError):
    """The database was migrated by a newer version of this program."""

    hint = "Upgrade the program; migrations only go forward."


class MigrationChanged(StoreError):
    """A migration differs from the one that was applied to this database."""

    hint = "Migrations are never edited: restore the file and add a new one."


class RelinkRunning(StoreError):
    """Another relink is running on this database."""

    hint = "Wait until it has finished; nothing was changed by this call."


class PublicationRefused(StoreError):
    """The change set contradicts the database; nothing was published."""

    hint = "Relink again from the present state."
