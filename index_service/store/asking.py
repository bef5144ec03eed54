"""Reads what a question is weighed against: candidates by blocking key and their persons' records, in one statement.

The same statement tells what the question rests on. Whoever has made its keys and chosen its sources by what held a
moment ago finds out here whether that holds still, without asking beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from psycopg import sql

from index_service.store.connection import AsyncConnection
from index_service.store.numbers import opened_columns
from index_service.store.statements import statements
from index_service.store.within import (
    Keys,
    Within,
    as_it_may_be_told,
    hides_place,
    may_be_found,
    shares_a_key,
    takes_part,
)
from linkage.columns import RecordColumns
from linkage.record import COLUMNS, PersonId

_sql = statements("asking")
_columns = sql.SQL(", ").join(sql.SQL("n.") + sql.Identifier(name) for name in COLUMNS)


def _surroundings_of(condition: Callable[[str, str], sql.Composable]) -> bytes:
    parts = {
        "columns": _columns,
        "shares_a_key": shares_a_key("k.keys", "m.person_id"),
        "hides_place": hides_place("seen.person_id"),
        "candidate_takes_part": condition("k.record_id", "m.person_id"),
        "other_takes_part": condition("m.record_id", "m.person_id"),
    }
    return sql.SQL(_sql["surroundings"]).format(**parts).as_bytes(None)


_surroundings = _surroundings_of(may_be_found)
_surroundings_within = _surroundings_of(takes_part)


class Basis(NamedTuple):
    """What a question rests on; each None where there is none.

    fingerprint, pinned_by: the model, and the full relink that pinned the oversized keys: what keys are made by.
    application: of agreements: what chooses the sources that may take part.
    """

    fingerprint: str | None
    pinned_by: int | None
    application: int | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Records of persons, person by person in the order of their ids, those without a person last.

    Attributes:
        persons: per record; None for a record that is not linked yet.
        is_candidate: per record, whether it shares a key, or only its person has one that does.
        records: as matching sees them.
        basis: what held when they were read.
    """

    persons: Sequence[PersonId | None]
    is_candidate: Sequence[bool]
    records: RecordColumns
    basis: Basis | None = None

    @property
    def candidates(self) -> int:
        return sum(self.is_candidate)


_BEFORE = len(Basis._fields)
NOTHING = Surroundings((), (), RecordColumns.of_rows(()))


async def read_surroundings(
    conn: AsyncConnection, keys: Keys, limit: int, limit_beside: int, within: Within | None = None
) -> Surroundings:
    """Linked records that share one of the keys, and the others of their persons; of each at most so many."""
    statement = _surroundings if within is None else _surroundings_within
    parameters = {
        "keys": _array(keys.every),
        "keys_of_no_place": _array(keys.of_no_place),
        "limit": limit,
        "limit_beside": limit_beside,
        **(within.parameters if within else {}),
    }
    rows: list[Any] = await (await conn.execute(statement, parameters, binary=True)).fetchall()
    basis = Basis(*rows[0][:_BEFORE])
    if rows[0][_BEFORE + 1] is None:
        return replace(NOTHING, basis=basis)
    records = RecordColumns.of_rows(
        [opened_columns(as_it_may_be_told(row[_BEFORE + 3 :], without_place=row[_BEFORE + 2])) for row in rows]
    )
    return Surroundings([row[_BEFORE] for row in rows], [row[_BEFORE + 1] for row in rows], records, basis)


async def read_basis(conn: AsyncConnection) -> Basis:
    """What a question rests on now."""
    row = await (await conn.execute(_sql["basis"])).fetchone()
    return Basis(None, None, None) if row is None else Basis(*row)


def _array(numbers: Collection[int]) -> str:
    """Numbers as PostgreSQL reads an array: written at once, where the driver would look at one after the other."""
    return f"{{{','.join(map(str, numbers))}}}"
