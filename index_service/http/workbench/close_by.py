"""Who else comes close to the two sides of a task: persons that may fit as well, and the family as records name it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from index_service.http.workbench.person import name_of
from index_service.http.workbench.said import Said, said
from index_service.linking_context import LinkingContext
from index_service.side_by_side import weigh_sides
from index_service.store import workbench as store
from index_service.store.connection import Connection
from index_service.store.neighbourhood import candidates
from linkage.blocking import key_maker
from linkage.columns import RecordColumns
from linkage.generic_values import without_generic_values
from linkage.question import pair_weights
from linkage.record import NormalisedRecord, PersonId

MOST_BESIDE = 6
"""So many other persons of the component are shown."""

MOST_RELATIVES = 8
_AS_WELL_BITS = 4.0
"""Another person fits as well whose weight is no more than so far below."""

_YEARS_BETWEEN_SIBLINGS = 25
_LARGEST_HOUSEHOLD = 300
"""Records that share an address, a mother or a case; more than that are no family."""

_OF_ONE_MOTHER = "mother's full name, birth year"
_OF_ONE_CASE = "case, first initial"
_OF_ONE_ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Competitor:
    """Another person of the same component, and how it weighs with either side.

    fits_too: name of the side that it fits about as well as the other side does: at most one of the two can be right.
    """

    person_id: str
    name: str
    records: int
    left_bits: float
    right_bits: float
    fits_too: str


@dataclass(frozen=True, slots=True)
class Relative:
    """A person who by what records say is of the family; `shares`: for either side, what they have in common."""

    person_id: str
    name: str
    relation: str
    shares: tuple[tuple[str, ...], tuple[str, ...]]


def nearest(
    conn: Connection, sides: Sequence[Sequence[Said]], persons: Collection[str], context: LinkingContext
) -> dict[str, list[Said]]:
    """The records of the other persons of the component, by person: those with the heaviest pair of records.

    All are weighed before any is left out; a component is never larger than the policy's bound.
    """
    beside = _records(conn, store.persons_beside(conn, persons))
    ours = [record for side in sides for record in _of_evidence(side, context)]
    if not beside or not ours:
        return {}
    theirs = [(person_id, record) for person_id, records in beside.items() for record in records]
    columns = RecordColumns.of([without_generic_values(record.normalised, context.model) for _, record in theirs])
    heaviest = np.max([pair_weights(record, columns, context.compiled) for record in ours], axis=0)
    best: dict[str, float] = {}
    for (person_id, _), bits in zip(theirs, heaviest, strict=True):
        best[person_id] = max(best.get(person_id, -np.inf), float(bits))
    kept = sorted(best, key=lambda person_id: (-best[person_id], person_id))[:MOST_BESIDE]
    return {person_id: beside[person_id] for person_id in kept}


def competitors(
    beside: Mapping[str, Sequence[Said]],
    sides: Sequence[Sequence[Said]],
    names: Sequence[str],
    context: LinkingContext,
    weight_bits: float,
) -> tuple[Competitor, ...]:
    """Other persons of the component, the heaviest first; `names` and `weight_bits`: of the two sides."""
    found = []
    for person_id, members in beside.items():
        theirs = [member.normalised for member in members]
        bits = [weigh_sides([each.normalised for each in side], theirs, context).weight for side in sides]
        fits = [
            name
            for name, weighs in zip(names, bits, strict=True)
            if weighs > max(context.policy.review_threshold_bits, weight_bits - _AS_WELL_BITS)
        ]
        fits_too = fits[0] if len(fits) == 1 else ""
        found.append(Competitor(person_id, name_of(members), len(members), bits[0], bits[1], fits_too))
    return tuple(sorted(found, key=lambda each: -max(each.left_bits, each.right_bits)))


def family(
    conn: Connection, sides: Sequence[Sequence[Said]], persons: Collection[str], context: LinkingContext
) -> tuple[Relative, ...]:
    """Persons of one mother, case or address with a side, in the whole index: twins first, then siblings.

    They are found by the keys under which records are stored, in one statement. What many people share makes nobody a
    relative.
    """
    ours = [_of_evidence(side, context) for side in sides]
    keys = _family_keys([record for side in ours for record in side]) - context.pinned_keys
    found = candidates(conn, keys, _LARGEST_HOUSEHOLD).found if keys else ()
    near = {each.person_id for each in found if each.person_id is not None}
    relatives = (
        _relative(person_id, records, ours, context)
        for person_id, records in _records(conn, near.difference(persons)).items()
    )
    kept = [each for each in relatives if any(each.shares)]
    return tuple(sorted(kept, key=lambda each: (_RELATIONS.index(each.relation), each.name))[:MOST_RELATIVES])


def _records(conn: Connection, persons: Collection[PersonId]) -> dict[str, list[Said]]:
    found: dict[str, list[Said]] = {}
    for record in store.records_of_persons(conn, persons) if persons else ():
        if not record.withdrawn:
            found.setdefault(record.person_id, []).append(said(record))
    return found


def _of_evidence(records: Iterable[Said], context: LinkingContext) -> list[NormalisedRecord]:
    return [without_generic_values(record.normalised, context.model) for record in records]


def _family_keys(records: Iterable[NormalisedRecord]) -> frozenset[int]:
    """Numbers of the keys that records of the same mother, case or address have, whatever their first name and age."""
    return frozenset(number for each in records for number in _keys(each))


def _keys(record: NormalisedRecord) -> Iterator[int]:
    yield from key_maker((_OF_ONE_ADDRESS,)).numbers(record)
    if record.case_id is not None:
        for initial in "abcdefghijklmnopqrstuvwxyz":
            yield from key_maker((_OF_ONE_CASE,)).numbers(replace(record, first_name=initial))
    if record.birth_year is not None and record.mother_first is not None:
        for years in range(-_YEARS_BETWEEN_SIBLINGS, _YEARS_BETWEEN_SIBLINGS + 1):
            yield from key_maker((_OF_ONE_MOTHER,)).numbers(replace(record, birth_year=record.birth_year + years))


_SHARED = {
    "birth date": ("birth_date",),
    "mother": ("mother_first", "mother_last"),
    "case": ("case_id",),
    "address": ("house_number", "street"),
}
_RELATIONS = ("Twin", "Sibling", "Same case", "Same address")


def _relative(
    person_id: str, records: Sequence[Said], sides: Sequence[Sequence[NormalisedRecord]], context: LinkingContext
) -> Relative:
    theirs = _of_evidence(records, context)
    shares = [_shares(side, theirs) for side in sides]
    every = set(shares[0] + shares[1])
    if "mother" in every:
        relation = "Twin" if any({"mother", "birth date"} <= set(each) for each in shares) else "Sibling"
    else:
        relation = "Same case" if "case" in every else "Same address"
    return Relative(person_id, name_of(records), relation, (shares[0], shares[1]))


def _shares(ours: Iterable[NormalisedRecord], theirs: Iterable[NormalisedRecord]) -> tuple[str, ...]:
    """What two persons have in common as a family has; a birth date alone is nothing."""
    mine, others = list(ours), list(theirs)
    shared = [name for name, columns in _SHARED.items() if _values(columns, mine) & _values(columns, others)]
    return tuple(shared) if shared != ["birth date"] else ()


def _values(columns: Sequence[str], records: Iterable[NormalisedRecord]) -> set[tuple[str, ...]]:
    """The values of records that say them all."""
    found = {tuple(getattr(record, column) for column in columns) for record in records}
    return {values for values in found if None not in values}
