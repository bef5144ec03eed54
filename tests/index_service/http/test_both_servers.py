"""From extract to answer on either server: records are loaded, linked, and looked up over HTTP."""

from __future__ import annotations

import httpx

from index_service.relinking import relink
from index_service.store.connection import connect
from index_service.store.roles import grant_answering
from tests.index_service.http.running import running_for_hub
from tests.index_service.test_relinking_changed import CONTEXT, FULL, load
from tests.index_service.test_sequence_neutrality import invented_records, published


def test_records_are_loaded_linked_and_looked_up(any_database_url: str) -> None:
    with connect(any_database_url) as conn:
        load(conn, invented_records(6, seed=27))
        relink(conn, CONTEXT.model, CONTEXT.policy, FULL)
        grant_answering(conn)
        person = max(published(conn), key=lambda keys: (len(keys), sorted(keys)))
    source, record_id = min(person)
    with running_for_hub(any_database_url) as (base, headers), httpx.Client(base_url=base, headers=headers) as client:
        answer = client.get(f"/v1/sources/{source}/records/{record_id}/person", timeout=60)
    assert answer.status_code == 200, answer.text
    assert {(each["source"], each["source_record_id"]) for each in answer.json()["records"]} == person
