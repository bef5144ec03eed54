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
    return sql.SQL(_sql["takes_part"]).format(record=sql.SQL(record), person=sql.SQL(person))


EVERYTHING = sql.SQL("true")
"""The condition where everything takes part: what is found is not told to a caller."""
