"""Records that arrive while extracts are loaded and relinks run are neither lost nor undone."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import pytest

from index_service.ingesting import Written
from index_service.linking_context import shipped
from index_service.relinking import RelinkOptions, relink
from index_service.store.connection import Connection, connect
from index_service.store.extract import count_records_to_link
from index_service.store.records import begin_load, content_hash, copy_records, finish_load
from index_service.turns import Turns
from linkage.normalise import normalise
from linkage.record import SourceRecord
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
