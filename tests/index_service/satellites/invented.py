"""A segregated source for tests, and records of invented people in it: none of the shipped sources is segregated."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from config.sources import Expectations, load_sources
from index_service.ingesting import Write, ingest
from index_service.linking_context import shipped
from index_service.relinking import RelinkOptions, relink
from index_service.satellites.ingesting import ingest_satellites
from index_service.store.arrivals import Arrival
from index_service.store.connection import Connection
from index_service.store.records import begin_load, content_hash, copy_records
from index_service.store.satellites import partition_of
from linkage.normalise import normalise
from linkage.record import RecordKey, SourceRecord

SUD = "sud_treatment"
CONTEXT = shipped()
SOURCES = {
    **load_sources(),
    SUD: load_sources()["csi"].model_copy(
        update={
            "id": SUD,
            "expectations": Expectations(),
            "record_id_type": None,
            "title": "Substance-use treatment",
            "segregated": True,
            "sensitivities": ("SUD",),
        }
    ),
}

MARISOL = {
    "first_name": "Marisol",
    "last_name": "Testvogel",
    "birth_date": "2013-04-17",
    "sex": "female",
    "mother_first_name": "Ines",
    "cin": "91234567A",
    "address_line": "12 Example St",
    "zip": "95814",
}
LEO = MARISOL | {"first_name": "Leo", "birth_date": "2015-09-02", "sex": "male", "cin": "92345678A"}


def record(source: str, record_id: str, **values: str) -> SourceRecord:
    return SourceRecord(source, record_id, {name: value for name, value in values.items() if value})


def write(each: SourceRecord, *, deleted: bool = False) -> Write:
    return Write(Arrival.of(each, normalise(each)[0], deleted=deleted))


def come(conn: Connection, records: Iterable[SourceRecord]) -> None:
    """Records arrive one by one, each in its partition."""
    for each in records:
        (ingest_satellites if each.source == SUD else ingest)(conn, [write(each)])


def load(conn: Connection, records: Collection[SourceRecord]) -> None:
    """Records are loaded from files, source by source, each in its partition."""
    for source in sorted({each.source for each in records}):
        of_source = [each for each in records if each.source == source]
        with partition_of(conn, source, segregated=source == SUD):
            load_id = begin_load(conn, source, "extract.csv", "00")
            rows = [(each, normalise(each)[0], content_hash(each.values), False) for each in of_source]
            copy_records(conn, load_id, source, rows)


def relink_all(conn: Connection) -> None:
    relink(conn, CONTEXT.model, CONTEXT.policy, RelinkOptions(accept=True))


@dataclass(frozen=True, slots=True)
class Seen:
    """Where segregated records are: with which records of the index, or alone; and what stewards are asked."""

    attached: dict[str, frozenset[RecordKey]]
    asked: dict[str, frozenset[frozenset[RecordKey]]]


def seen(conn: Connection) -> Seen:
    members: dict[str, set[RecordKey]] = {}
    for person, source, record_id in conn.execute(
        "SELECT m.person_id, r.source, r.source_record_id FROM membership m JOIN source_record r USING (record_id) "
        "WHERE m.to_at IS NULL"
    ):
        members.setdefault(person, set()).add((source, record_id))
    attached = conn.execute(
        "SELECT r.source_record_id, m.person_id FROM segregated.source_record r "
        "JOIN segregated.membership m USING (record_id) WHERE m.to_at IS NULL"
    ).fetchall()
    asked = conn.execute(
        "SELECT r.source_record_id, q.persons FROM segregated.question q JOIN segregated.source_record r "
        "USING (record_id) WHERE q.closed_at IS NULL"
    ).fetchall()
    return Seen(
        {record_id: frozenset(members.get(person, ())) for record_id, person in attached},
        {record_id: frozenset(frozenset(members[person]) for person in persons) for record_id, persons in asked},
    )


def person_of(conn: Connection, key: RecordKey) -> str | None:
    """Whom a record of either partition belongs to."""
    schema = "segregated" if key[0] == SUD else "public"
    row = conn.execute(
        f"SELECT m.person_id FROM {schema}.source_record r JOIN {schema}.membership m USING (record_id) "
        "WHERE r.source = %s AND r.source_record_id = %s AND m.to_at IS NULL",
        list(key),
    ).fetchone()
    return row[0] if row else None


def everything_in_the_index(conn: Connection) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the index's own tables, without times, person ids and the order of these: they are drawn."""
    found = {}
    for (table,) in conn.execute(
        "SELECT c.relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
    ).fetchall():
        columns = [
            name
            for (name,) in conn.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
                "AND atttypid <> 'timestamptz'::regtype AND attname !~ 'person|forwards_to|timings|^seq$'",
                [f"public.{table}"],
            )
        ]
        names = ", ".join(f'"{name}"::text' for name in columns)
        rows = conn.execute(
            f"SELECT {names} FROM public.{table} ORDER BY {names}" if columns else "SELECT 1"
        ).fetchall()
        found[table] = rows
    return found
