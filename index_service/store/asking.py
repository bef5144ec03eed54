"""Reads what a question is weighed against: candidates by blocking key and their persons' records, in one statement."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from index_service.store.connection import AsyncConnection
from index_service.store.numbers import opened_columns
from index_service.store.statements import statements
from index_service.store.within import Within, takes_part, unsealed
from linkage.columns import RecordColumns
from linkage.record import COLUMNS, PersonId

_sql = statements("asking")
_columns = sql.SQL(", ").join(sql.SQL("n.") + sql.Identifier(name) for name in COLUMNS)
_surroundings = (
    sql.SQL(_sql["surroundings"])
    .format(columns=_columns, candidate_takes_part=unsealed("k.record_id"), other_takes_part=unsealed("m.record_id"))
    .as_bytes(None)
)
_surroundings_within = (
    sql.SQL(_sql["surroundings"])
    .format(
        columns=_columns,
        candidate_takes_part=takes_part("k.record_id", "m.person_id"),
        other_takes_part=takes_part("m.record_id", "m.person_id"),
    )
    .as_bytes(None)
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Records of persons, person by person in the order of their ids, those without a person last.

    Attributes:
        persons: per record; None for a record that is not linked yet.
        is_candidate: per record, whether it shares a key, or only its person has one that does.
        records: as matching sees them.
    """

    persons: Sequence[PersonId | None]
    is_candidate: Sequence[bool]
    records: RecordColumns

    @property
    def candidates(self) -> int:
        return sum(self.is_candidate)


NOTHING = Surroundings((), (), RecordColumns.of_rows(()))


async def read_surroundings(
    conn: AsyncConnection, keys: Collection[int], limit: int, within: Within | None = None
) -> Surroundings:
    """Linked records that share one of the keys, at most so many, with all records of their persons."""
    statement = _surroundings if within is None else _surroundings_within
    parameters = {"keys": list(keys), "limit": limit, **(within.parameters if within else {})}
    rows: list[Any] = await (await conn.execute(statement, parameters, binary=True)).fetchall()
    if not rows:
        return NOTHING
    persons, is_candidate, *_ = zip(*rows, strict=True)
    return Surroundings(persons, is_candidate, RecordColumns.of_rows([opened_columns(row[2:]) for row in rows]))
