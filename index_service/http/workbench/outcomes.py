"""What a decision would do, found by doing it in a transaction that is rolled back; and which clients would be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from index_service.stewardship.effects import Effect
from index_service.store import workbench as store
from index_service.store.connection import Connection
from index_service.store.judgements import JudgementKind
from index_service.store.workbench import Follower

_WAIT_MS = 1500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a decision of a kind would do. followers: who may learn of the records that change person."""

    kind: JudgementKind
    effect: Effect
    followers: tuple[Follower, ...]


def tried_out(conn: Connection, kind: JudgementKind, what: Callable[[], Effect]) -> Outcome | None:
    """The outcome of a decision; None where it cannot be told now, for somebody else publishes.

    Raises:
        StewardshipError: the decision is not possible.
    """
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(f"SET LOCAL lock_timeout = {_WAIT_MS}")
            effect = what()
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
        return None
    return outcome_of(conn, kind, effect)


def outcome_of(conn: Connection, kind: JudgementKind, effect: Effect) -> Outcome:
    """An effect with those who are told of it; nobody where no event would be published."""
    told = store.followers(conn, {key[0] for key, _, _ in effect.moved}) if effect.events else []
    return Outcome(kind, effect, tuple(told))
