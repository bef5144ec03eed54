"""What stewards and courts decide of two records: facts, added and undone, never changed. A relink obeys them."""

from __future__ import annotations

from typing import Literal

from index_service.store.connection import Connection
from index_service.store.statements import statements
from linkage.record import RecordKey

_sql = statements("judgements")


def add_judgement(
    conn: Connection, kind: Literal["same", "different"], records: tuple[RecordKey, RecordKey], *, reason: str, who: str
) -> int:
    """Note that two records are one person, or two; returns the number of the judgement.

    Raises:
        ValueError: the two are one record.
    """
    left, right = sorted(records)
    if left == right:
        raise ValueError("a record cannot be judged against itself")
    parameters = {
        "kind": kind,
        "left_source": left[0],
        "left_id": left[1],
        "right_source": right[0],
        "right_id": right[1],
        "reason": reason,
        "who": who,
    }
    row = conn.execute(_sql["add"], parameters).fetchone()
    if row is None:
        raise LookupError("add")
    return int(row[0])


def undo_judgement(conn: Connection, judgement_id: int, *, reason: str, who: str) -> None:
    """Note that a judgement no longer holds.

    Raises:
        psycopg.errors.UniqueViolation: it was undone before.
        psycopg.errors.ForeignKeyViolation: there is no such judgement.
    """
    conn.execute(_sql["undo"], {"judgement_id": judgement_id, "reason": reason, "who": who})


def records_of_judgement(conn: Connection, judgement_id: int) -> tuple[RecordKey, RecordKey]:
    """The two records that a judgement is about.

    Raises:
        LookupError: there is no such judgement.
    """
    row = conn.execute(_sql["records_of"], {"judgement_id": judgement_id}).fetchone()
    if row is None:
        raise LookupError("records_of")
    return (row[0], row[1]), (row[2], row[3])
