"""The decision just taken: the page that follows says it, and offers to undo it."""

from __future__ import annotations

from index_service.store.connection import Connection
from index_service.store.judgements import Judgement, UnknownJudgement, judgement


def just_decided(conn: Connection, judgement_id: int) -> Judgement | None:
    """The judgement that an address names; None for 0, and for a number that is none."""
    try:
        return judgement(conn, judgement_id) if 0 < judgement_id < 2**63 else None
    except UnknownJudgement:
        return None
