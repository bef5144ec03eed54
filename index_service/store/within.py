"""What may take part in an answer: chosen in the database, before anything is weighed or counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import sql

from index_service.store.statements import statements

_sql = statements("within")


@dataclass(frozen=True, slots=True)
class Within:
    """The records that may take part for a caller: those of some sources, but for what somebody refused."""

    sources: frozenset[str]
    client: str
    purpose: str

    @property
    def parameters(self) -> Mapping[str, object]:
        return {"sources": sorted(self.sources), "client": self.client, "purpose": self.purpose}


def takes_part(record: str, person: str) -> sql.Composable:
    """The condition, for the columns that hold a record's number and its person."""
    return sql.SQL(_sql["takes_part"]).format(record=sql.SQL(record), person=sql.SQL(person), unsealed=unsealed(record))


def unsealed(record: str) -> sql.Composable:
    """The condition where all sources take part, as for stewards: what an adoption seal hides does not."""
    return sql.SQL(_sql["unsealed"]).format(record=sql.SQL(record))


EVERYTHING = sql.SQL("true")
"""The condition for linking alone, where everything takes part: nothing that is found is told to anybody."""
