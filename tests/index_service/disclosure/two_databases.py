"""Two databases that differ only in records that a caller may not know of; the persons of the rest are the same.

That is how persons are formed where the forbidden sources are segregated: without them. Forbidden records are put to
persons afterwards, or are persons by themselves. They come and go, join and part; the others do not feel it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from index_service.linking_context import shipped
from index_service.linking_live import blocking_keys
from index_service.store.connection import Connection
from index_service.store.records import begin_load, content_hash, copy_records
from linkage.normalise import normalise
from linkage.record import RecordKey, SourceRecord
from tests.index_service.store.partitions import decide_question, publish

ALLOWED = ("calpads", "cws_cms", "meds")
FORBIDDEN = ("csi", "probation")
FIRST_NAMES = ("Marisol", "Evadne", "Leo", "Joaquin", "Wendell", "Zora")
LAST_NAMES = ("Testvogel", "Anders", "Quill")


@dataclass(frozen=True, slots=True)
class Population:
    """Records with their values, and in two steps whose they are; `forbidden` records are in one database only."""

    values: Mapping[RecordKey, Mapping[str, str]]
    steps: Sequence[Mapping[RecordKey, str]]
    forbidden: frozenset[RecordKey] = field(default_factory=frozenset)

    @property
    def persons(self) -> list[str]:
        return sorted({person for step in self.steps for person in step.values()})


def invent(seed: int, children: int = 5) -> Population:
    """Children in two families, some alike, each known in allowed and, in one database, in forbidden sources."""
    chance = random.Random(seed)  # noqa: S311 - invented people
    values: dict[RecordKey, Mapping[str, str]] = {}
    first: dict[RecordKey, str] = {}
    second: dict[RecordKey, str] = {}
    for child in range(children):
        person = f"P{child}"
        traits = {
            "first_name": chance.choice(FIRST_NAMES),
            "last_name": LAST_NAMES[child % 2],
            "birth_date": f"201{chance.randrange(6)}-0{chance.randrange(1, 10)}-17",
            "mother_first_name": "Ines",
            "address_line": f"{12 + child % 2} Example St",
            "zip": "95814",
            "cin": f"9{child}234567A",
        }
        sources = chance.sample(ALLOWED, chance.randint(1, len(ALLOWED)))
        for source in sources:
            key = (source, f"{source}-{child}")
            values[key] = traits
            if chance.random() < 0.8 or source == sources[0]:
                first[key] = person
            second[key] = "P0" if child == 1 and chance.random() < 0.5 else person
        for source in FORBIDDEN:
            for number in range(chance.randint(0, 2)):
                key = (source, f"{source}-{child}-{number}")
                values[key] = traits | ({"first_name": "Nobody"} if chance.random() < 0.3 else {})
                first[key] = person if chance.random() < 0.5 else f"F{child}{source}{number}"
                second[key] = person if chance.random() < 0.7 else first[key]
    allowed_persons = [{p for k, p in step.items() if k[0] in ALLOWED} for step in (first, second)]
    for step, there in zip((first, second), allowed_persons, strict=True):
        for key, person in step.items():  # a forbidden record keeps nobody alive: it goes where its person went
            if person.startswith("P") and person not in there:
                step[key] = "P0"
    return Population(values, (first, second), frozenset(key for key in values if key[0] in FORBIDDEN))


def fill(conn: Connection, population: Population, *, with_forbidden: bool) -> None:
    """Load the records and publish the steps, as a relink that left the forbidden ones out of it would."""
    held = {key for key in population.values if with_forbidden or key not in population.forbidden}
    for step in population.steps:
        wanted = {key: person for key, person in step.items() if key in held}
        _load(conn, population, sorted(wanted))
        publish(conn, {record_id: person for (_, record_id), person in wanted.items()})
        for left, right in _decided(step):
            if held >= left | right:
                decide_question(conn, left, right)


def _decided(step: Mapping[RecordKey, str]) -> Iterator[tuple[set[RecordKey], set[RecordKey]]]:
    """Sides of questions that were decided: about allowed records, about forbidden ones, and about both together."""
    allowed, forbidden = (sorted(k for k in step if k[0] in those) for those in (ALLOWED, FORBIDDEN))
    for one, other in pairwise(allowed):
        if step[one] != step[other]:
            yield {one}, {other}
            yield from (({one, hidden}, {other}) for hidden in forbidden if step[hidden] == step[one])
            yield from (({one}, {hidden}) for hidden in forbidden if step[hidden] == step[other])


def _load(conn: Connection, population: Population, keys: Iterable[RecordKey]) -> None:
    by_source: dict[str, list[SourceRecord]] = {}
    for source, record_id in keys:
        if not conn.execute("SELECT FROM source_record WHERE source_record_id = %s", [record_id]).fetchall():
            by_source.setdefault(source, []).append(
                SourceRecord(source, record_id, population.values[source, record_id])
            )
    for source, records in by_source.items():
        load_id = begin_load(conn, source, "extract.csv", "00")
        ready = [(record, normalise(record)[0]) for record in records]
        copy_records(conn, load_id, source, [(r, n, content_hash(r.values), False) for r, n in ready])
        for record, normalised in ready:
            keys_of = sorted(blocking_keys(normalised, shipped()))
            conn.execute(
                "INSERT INTO record_key (record_id, version, keys) "
                "SELECT record_id, 1, %s FROM source_record WHERE source_record_id = %s",
                [keys_of, record.source_record_id],
            )
