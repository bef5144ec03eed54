"""Records that arrive while extracts are loaded and relinks run are neither lost nor undone."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from config.fields import CANONICAL_FIELDS
from index_service.ingesting import Written
from index_service.linking_context import shipped
from index_service.relinking import RelinkOptions, relink
from index_service.store.connection import Connection, connect
from index_service.store.embedded import EmbeddedServer
from index_service.store.extract import count_records_to_link
from index_service.store.records import begin_load, content_hash, copy_records, finish_load
from index_service.turns import Turns
from linkage.normalise import normalise
from linkage.record import SourceRecord
from tests.conftest import database_folder
from tests.index_service.http.test_serve import headers_of_a_writer, service
from tests.index_service.test_sequence_neutrality import from_scratch, invented_records, published, questions, write

CONTEXT = shipped()


def load(conn: Connection, records: list[SourceRecord]) -> None:
    """Load records source by source, as extracts are."""
    for source in sorted({record.source for record in records}):
        load_id = begin_load(conn, source, "extract.csv", "00")
        rows = [(r, normalise(r)[0], content_hash(r.values), False) for r in records if r.source == source]
        copy_records(conn, load_id, source, rows)
        finish_load(conn, load_id, {})


def send(turns: Turns, records: list[SourceRecord]) -> None:
    for future in turns.submit([write(record) for record in records]):
        assert isinstance(future.result(timeout=60), Written)


def test_records_arrive_while_extracts_are_loaded_and_relinks_run(database_url: str) -> None:
    records = invented_records(60, seed=41)
    random.Random(2).shuffle(records)  # noqa: S311 - an order, no secret
    third = len(records) // 3
    with connect(database_url) as conn:
        load(conn, records[:third])
        relink(conn, CONTEXT.model, CONTEXT.policy, RelinkOptions(accept=True))
        turns = [Turns(database_url) for _ in range(3)]  # as many processes would
        for each in turns:
            each.start()
        live = records[third : 2 * third]
        senders = [threading.Thread(target=send, args=(t, live[n::3])) for n, t in enumerate(turns)]
        for sender in senders:
            sender.start()
        load(conn, records[2 * third :])
        relink(conn, CONTEXT.model, CONTEXT.policy, RelinkOptions(accept=True))
        for sender in senders:
            sender.join()
        for each in turns:
            each.stop()
        relink(conn, CONTEXT.model, CONTEXT.policy, RelinkOptions(accept=True))
        persons, asked = from_scratch(conn)
        assert published(conn) == persons
        assert questions(conn) == asked
        assert count_records_to_link(conn) == 0


def test_what_arrives_between_snapshot_and_publication_stands(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relink is held after it has linked its snapshot; a correction and a bridge arrive; then it publishes."""
    from index_service import relinking

    records = invented_records(25, seed=43)
    held, go_on = threading.Event(), threading.Event()
    link: Callable[..., object] = vars(relinking)["link_all"]

    def slow_link(*args: object, **kwargs: object) -> object:
        result = link(*args, **kwargs)
        held.set()
        go_on.wait(60)
        return result

    with connect(database_url) as conn, connect(database_url) as other:
        load(conn, records[: len(records) // 2])
        monkeypatch.setattr(relinking, "link_all", slow_link)
        worker = threading.Thread(
            target=relink, args=(other, CONTEXT.model, CONTEXT.policy, RelinkOptions(accept=True))
        )
        worker.start()
        assert held.wait(60)
        turns = Turns(database_url)
        turns.start()
        send(turns, records[len(records) // 2 :])
        corrected = [SourceRecord(r.source, r.source_record_id, dict(r.values) | {"zip": "90001"}) for r in records[:9]]
        send(turns, corrected)
        before = published(conn)
        go_on.set()
        worker.join(60)
        turns.stop()
        persons, asked = from_scratch(conn)
        assert published(conn) == persons != before
        assert questions(conn) == asked
        monkeypatch.setattr(relinking, "link_all", link)
        outcome = relink(conn, CONTEXT.model, CONTEXT.policy, RelinkOptions(accept=True))
        assert outcome.change is not None and outcome.change.is_empty
        assert count_records_to_link(conn) == 0


def test_writes_end_while_a_relink_runs(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relink holds nobody up until it publishes."""
    from index_service import relinking

    link: Callable[..., object] = vars(relinking)["link_all"]
    began, go_on = threading.Event(), threading.Event()

    def held_link(*args: object, **kwargs: object) -> object:
        began.set()
        go_on.wait(60)
        return link(*args, **kwargs)

    monkeypatch.setattr(relinking, "link_all", held_link)
    records = invented_records(10, seed=47)
    with connect(database_url) as conn, connect(database_url) as other:
        load(conn, records)
        worker = threading.Thread(
            target=relink, args=(other, CONTEXT.model, CONTEXT.policy, RelinkOptions(accept=True))
        )
        worker.start()
        assert began.wait(60)
        turns = Turns(database_url)
        turns.start()
        asked_at = time.monotonic()
        send(turns, records[:3])
        assert time.monotonic() - asked_at < 30, "answered although the relink has not ended"
        assert worker.is_alive()
        go_on.set()
        worker.join(60)
        turns.stop()
        assert published(conn) == from_scratch(conn)[0]


def test_over_http_clients_see_no_error_while_extracts_are_loaded_and_relinks_run(tmp_path: Path) -> None:
    """The service as a process of its own; writes, corrections and look-ups over HTTP; nothing is lost or undone."""
    records = invented_records(12, seed=53)
    random.Random(3).shuffle(records)  # noqa: S311 - an order, no secret
    third = len(records) // 3
    first, live, last = records[:third], records[third : 2 * third], records[2 * third :]
    ended, answers = threading.Event(), Counter[tuple[str, int]]()
    with (
        database_folder() as folder,
        (tmp_path / "log").open("w") as log,
        service(folder, log=log) as (_, url),
        connect(EmbeddedServer(folder).url()) as conn,
    ):
        load(conn, first)
        relink(conn, CONTEXT.model, CONTEXT.policy, RelinkOptions(accept=True))
        headers = headers_of_a_writer(conn, folder, url)

        def send_twice(part: list[SourceRecord]) -> None:
            with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
                for each in (*part, *map(corrected, part)):
                    answers["put", client.put(path_of(each), json=as_json(each)).status_code] += 1

        def look_up(part: list[SourceRecord]) -> None:
            with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
                while not ended.wait(0.02):
                    for each in part:
                        answers["look-up", client.get(f"{path_of(each)}/person").status_code] += 1

        writing = [threading.Thread(target=send_twice, args=(live[n::3],)) for n in range(3)]
        looking = [threading.Thread(target=look_up, args=(first[n::2],)) for n in range(2)]
        for thread in (*writing, *looking):
            thread.start()
        load(conn, last)
        while any(thread.is_alive() for thread in writing):
            relink(conn, CONTEXT.model, CONTEXT.policy, RelinkOptions(accept=True))
        ended.set()
        for thread in looking:
            thread.join()
        assert answers.keys() == {("put", 201), ("put", 200), ("look-up", 200)}
        assert (answers["put", 201], answers["put", 200]) == (len(live), len(live))
        relink(conn, CONTEXT.model, CONTEXT.policy, RelinkOptions(accept=True))
        persons, asked = from_scratch(conn)
        assert published(conn) == persons
        assert questions(conn) == asked
        assert frozenset().union(*persons) == {each.key for each in records}
        zips = conn.execute("SELECT zip, count(*) FROM normalised_record WHERE zip = '93999' GROUP BY zip").fetchall()
        assert zips == [("93999", len(live))]
        assert count_records_to_link(conn) == 0


def corrected(record: SourceRecord) -> SourceRecord:
    return SourceRecord(*record.key, {**record.values, "zip": "93999"})


def path_of(record: SourceRecord) -> str:
    return f"/v1/sources/{record.source}/records/{quote(record.source_record_id, safe='')}"


def as_json(record: SourceRecord) -> dict[str, object]:
    """The fields as a client sends them: flags and numbers are no text."""
    read: dict[str, Callable[[str], object]] = {"flag": lambda text: text == "true", "number": int}
    fields = {name: value for name, value in record.values.items() if name != "source_record_id" and value}
    return {
        name: read[CANONICAL_FIELDS[name].kind](str(value))
        if name in CANONICAL_FIELDS and CANONICAL_FIELDS[name].kind in read
        else value
        for name, value in fields.items()
    }
