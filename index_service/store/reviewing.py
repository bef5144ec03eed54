"""What a caller may review: chosen in the database, before anything is listed or counted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from index_service.store.connection import Connection
from index_service.store.statements import statements
from linkage.record import RecordKey

_sql = statements("reviewing")


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who reviews over the API. sources: that agreements let it review, for some person or for all (`always`)."""

    client: str
    user: str | None
    purpose: str
    sources: frozenset[str]
    always: frozenset[str]

    @property
    def parameters(self) -> Mapping[str, object]:
        return {
            "client": self.client,
            "user": self.user,
            "purpose": self.purpose,
            "reviewable": sorted(self.sources),
        }


ANYBODY: Mapping[str, object] = {"client": None, "user": None, "purpose": None, "reviewable": []}
"""In the place of a reviewer, for the workbench and the command line: everything may be seen."""


def may_review_task(conn: Connection, task_id: int, reviewer: Reviewer) -> bool:
    """Whether all records that a task is about may be seen; true of a task that there is not."""
    row = conn.execute(_sql["task"], {"task_id": task_id, **reviewer.parameters}).fetchone()
    return row is None or bool(row[0])


def may_review_judgement(conn: Connection, judgement_id: int, reviewer: Reviewer) -> bool:
    """The same of a judgement."""
    row = conn.execute(_sql["judgement"], {"judgement_id": judgement_id, **reviewer.parameters}).fetchone()
    return row is not None and bool(row[0])


def may_review_records(conn: Connection, keys: Collection[RecordKey], reviewer: Reviewer) -> bool:
    """Whether all of these may be seen, whether they ever came or not."""
    named = {"sources": [source for source, _ in keys], "ids": [record_id for _, record_id in keys]}
    row = conn.execute(_sql["records"], {**named, **reviewer.parameters}).fetchone()
    return row is not None and bool(row[0])
