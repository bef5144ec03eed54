"""What may take part in an answer: chosen in the database, before anything is weighed or counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from psycopg import sql

from index_service.store.statements import statements
from linkage.record import COLUMNS, NormalisedRecord

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
    text = sql.SQL(_sql["takes_part"])
    return text.format(record=sql.SQL(record), person=sql.SQL(person), may_be_found=may_be_found(record, person))


def may_be_found(record: str, person: str) -> sql.Composable:
    """The condition where all sources take part, as for stewards: what is sealed or protected does not."""
    return sql.SQL(_sql["may_be_found"]).format(record=sql.SQL(record), person=sql.SQL(person))


def shares_a_key(keys: str, person: str) -> sql.Composable:
    """The condition, for the columns that hold a record's keys and its person."""
    return sql.SQL(_sql["shares_a_key"]).format(keys=sql.SQL(keys), person=sql.SQL(person))


def leads_there(key: str, person: str) -> sql.Composable:
    """The condition, for one key and the column that holds a record's person."""
    return sql.SQL(_sql["leads_there"]).format(key=sql.SQL(key), person=sql.SQL(person))


def hides_place(person: str) -> sql.Composable:
    """Whether whereabouts of a person take no part."""
    return sql.SQL(_sql["hides_place"]).format(person=sql.SQL(person))


def as_it_may_be_told(values: Sequence[Any], *, without_place: bool) -> Sequence[Any]:
    """The columns of a normalised record, in order; of a person whose whereabouts are protected without them."""
    if not without_place:
        return values
    return [None if name in WHEREABOUTS_COLUMNS else value for name, value in zip(COLUMNS, values, strict=True)]


def of_no_place(record: NormalisedRecord) -> NormalisedRecord:
    """What is said of a person besides places and ways to reach it."""
    return replace(record, address=None, house_number=None, street=None, zip=None, city=None, phone=None, email=None)


WHEREABOUTS_COLUMNS = frozenset({"address", "house_number", "street", "zip", "city", "phone", "email"})
"""What becomes of `config.fields.WHEREABOUTS` in a normalised record."""


class Keys(NamedTuple):
    """Blocking keys of a question; of_no_place: those that hold though whereabouts be left out."""

    every: frozenset[int]
    of_no_place: frozenset[int]

    @property
    def parameters(self) -> Mapping[str, object]:
        return {"keys": list(self.every), "keys_of_no_place": list(self.of_no_place)}

    def without(self, keys: frozenset[int]) -> Keys:
        return Keys(self.every - keys, self.of_no_place - keys)


EVERYTHING = sql.SQL("true")
"""The condition for linking alone, where everything takes part: nothing that is found is told to anybody."""

ANY_KEY = sql.SQL("k.keys && %(keys)s::bigint[]")
NOTHING_HIDDEN = sql.SQL("false")
