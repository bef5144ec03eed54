"""Upgrade drill: a database of an early schema, with records, persons and a judgement, is migrated and goes on serving.

Nothing has been released yet, so the older schema is that of migration 6: no stewardship, nights, sealed numbers.
"""

from __future__ import annotations

from dataclasses import asdict

import httpx
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from index_service.linking_context import shipped
from index_service.relinking import RelinkOptions, relink
from index_service.store import migrate as module
from index_service.store.connection import Connection, connect
from index_service.store.extract import read_constraints
from index_service.store.migrate import migrate, migrations, require_current
from index_service.store.nights import faults
from index_service.store.on_file import answering_person
from index_service.store.roles import grant_answering
from linkage.normalise import normalise
from linkage.person_ids import new_person_ids
from linkage.record import SourceRecord
from tests.index_service.http.running import running_for_hub
from tests.index_service.store.test_backup import empty_beside

EARLY = 6
CHILD = {
    "first_name": "Orsolya",
    "last_name": "Quillfeather",
    "birth_date": "2012-03-04",
    "sex": "female",
    "zip": "95899",
}
OTHER = {
    "first_name": "Balthasar",
    "last_name": "Thistlewood",
    "birth_date": "2009-11-21",
    "sex": "male",
    "zip": "95811",
}
RECORDS = [
    SourceRecord("cws_cms", "aaaaaaaaa1", CHILD),
    SourceRecord("meds", "m-2", CHILD),
    SourceRecord("calpads", "c-3", OTHER),
]


def insert_early(conn: Connection) -> tuple[str, str, str]:
    """Two records of one person, into whom an earlier id has retired; another person; both are said to be different."""
    kept, retired, other = new_person_ids(3)
    conn.execute(
        "INSERT INTO load (source, file_name, file_sha256, status, finished_at) "
        "VALUES ('meds', 'a', '0', 'finished', now())"
    )
    for person, into in ((kept, None), (retired, kept), (other, None)):
        conn.execute(
            "INSERT INTO person VALUES (%s, now(), CASE WHEN %s::text IS NULL THEN NULL ELSE now() END, %s)",
            [person, into, into],
        )
    conn.execute("INSERT INTO run (kind, status, finished_at) VALUES ('full', 'published', now())")
    for number, (record, person) in enumerate(zip(RECORDS, (kept, kept, other), strict=True), start=1):
        conn.execute(
            "INSERT INTO source_record (source, source_record_id, current_version, last_version, content_hash, "
            "withdrawn) VALUES (%s, %s, 1, 1, '\\x00', false)",
            record.key,
        )
        conn.execute(
            "INSERT INTO source_record_version VALUES (%s, 1, %s, '\\x00', false, 1, now())",
            [number, Jsonb(dict(record.values))],
        )
        values = {"record_id": number, "version": 1, **asdict(normalise(record)[0])}
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        into_columns = sql.SQL(", ").join(map(sql.Identifier, values))
        holes = sql.SQL(", ").join(sql.Placeholder() * len(values))
        conn.execute(
            sql.SQL("INSERT INTO normalised_record ({}) VALUES ({})").format(into_columns, holes), list(values.values())
        )
        conn.execute("INSERT INTO membership VALUES (%s, %s, now(), NULL, 0.99, 'relink', 1, NULL)", [number, person])
    conn.execute(
        "INSERT INTO membership VALUES (2, %s, now() - interval '1 day', now(), 0.99, 'relink', 1, 1)", [retired]
    )
    conn.execute(
        "INSERT INTO judgement (kind, left_source, left_source_record_id, right_source, right_source_record_id, "
        "reason, decided_by) VALUES ('different', 'calpads', 'c-3', 'meds', 'm-2', 'two birth certificates', 'steward')"
    )
    return kept, retired, other


def test_an_early_database_is_migrated_with_its_data_and_serves_old_clients(
    any_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = empty_beside(any_conn)
    with connect(url) as conn:
        with monkeypatch.context() as early:
            early.setattr(module, "migrations", lambda: migrations()[:EARLY])
            applied: list[str] = []
            while module._apply_next(conn, applied):  # `migrate` also makes keys, which this schema has no place for
                pass
            assert len(applied) == EARLY
        kept, retired, other = insert_early(conn)
        assert len(migrate(conn)) == len(migrations()) - EARLY
        require_current(conn)
        assert answering_person(conn, retired) == kept, "an id that had retired answers for ever"
        context = shipped()
        relink(conn, context.model, context.policy, RelinkOptions(accept=True))
        assert faults(conn) == {}
        members = conn.execute(
            "SELECT person_id, array_agg(record_id ORDER BY record_id) FROM membership WHERE to_at IS NULL GROUP BY 1"
        ).fetchall()
        assert dict(members) == {kept: [1, 2], other: [3]}, "nobody's id has moved"
        assert read_constraints(conn).cannot_link == {(("calpads", "c-3"), ("meds", "m-2"))}
        grant_answering(conn)  # as the service does before it answers
    _old_client_is_served(url, kept, retired)


def _old_client_is_served(url: str, kept: str, retired: str) -> None:
    """Over HTTP, with a token: by record, by an id that has retired, by what is known of a child; and events."""
    with running_for_hub(url) as (base, headers), httpx.Client(base_url=base, headers=headers, timeout=60.0) as client:
        by_record = client.get("/v1/sources/meds/records/m-2/person")
        assert (by_record.status_code, by_record.json()["person_id"]) == (200, kept)
        by_old_id = client.get(f"/v1/persons/{retired}")
        assert (by_old_id.status_code, by_old_id.json()["person_id"]) == (200, kept)
        resolved = client.post("/v1/resolve", json={"fields": CHILD})
        assert resolved.status_code == 200, resolved.text
        assert kept in resolved.text
        events = client.get("/v1/events")
        assert (events.status_code, "events" in events.json()) == (200, True)
