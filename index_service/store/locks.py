"""The advisory locks of the database, in one place so that no two meanings share a number."""

from __future__ import annotations

from enum import IntEnum

_OURS = 0x70657273 << 32  # "pers": keeps away from what other programs lock on a shared server


class AdvisoryLock(IntEnum):
    """What is locked."""

    MIGRATION = _OURS + 1  # the schema is being changed
    RELINK = _OURS + 2  # a relink runs, from reading the records to publishing
    PUBLICATION = _OURS + 3  # memberships change and events get their numbers
    LOADING = _OURS + 4  # a batch of records is written (shared by all records of one source)
    NIGHT = _OURS + 5  # a night job is under way
    SATELLITES = _OURS + 6  # segregated records are attached to persons
    WEBHOOKS = _OURS + 7  # events are posted to the receivers of clients
    DISCLOSING = _OURS + 33  # the ledger is written (shared by all writers; alone: how far is it complete)
    SEALING = _OURS + 34  # a block of the ledger is being sealed
