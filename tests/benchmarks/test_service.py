"""The service benchmark's arithmetic, what it holds back and asks, and that its client measures real answers."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchmarks.http_load import message_of, send, whole_size
from benchmarks.service_loops import Measured, percentile
from benchmarks.service_report import WIDTH, beside_splink, growth, judged, parts_table, rates_table, targets_table
from benchmarks.service_requests import Held, HttpRequest, look_ups, part, questions, spread, writes
from index_service.http.canonical import CanonicalFields

RECORDS = 400


@pytest.fixture(scope="module")
def held() -> Held:
    return part(RECORDS, seed=3)


def parts_of(held: Held) -> dict[str, list[dict[str, Any]]]:
    return {"known": held.known, "new": held.new, "further": held.further}


def keys(records: Sequence[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(record["source"], record["source_record_id"]) for record in records}


def test_what_is_sent_later_is_not_loaded_and_what_is_asked_for_is(held: Held) -> None:
    loaded = keys(held.loaded.select(["source", "source_record_id"]).to_pylist())
    assert not loaded & keys([*held.new, *held.further])
    assert keys(held.known) <= loaded
    assert held.new and held.further and held.known


def test_the_same_seed_parts_alike(held: Held) -> None:
    assert parts_of(part(RECORDS, seed=3)) == parts_of(held)


def test_every_request_is_one_that_the_service_takes(held: Held) -> None:
    for request in writes(parts_of(held), seed=0):
        assert CanonicalFields(**request.body).values()
    for request in questions(parts_of(held), seed=0):
        assert set(request.body) == {"fields"}
        assert CanonicalFields(**request.body["fields"]).values()


def test_paths_name_records_percent_encoded(held: Held) -> None:
    odd = {"source": "meds", "source_record_id": "a/b c"}
    (request,) = look_ups({**parts_of(held), "known": [odd]})
    assert request == HttpRequest("GET", "/v1/sources/meds/records/a%2Fb%20c/person")


def test_few_requests_are_sent_again_from_the_beginning() -> None:
    a, b = HttpRequest("GET", "/a"), HttpRequest("GET", "/b")
    assert list(spread([a, b], 5)) == [a, b, a, b, a]


@given(st.lists(st.floats(0, 10), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_the_least_value_that_the_share_does_not_exceed(seconds: list[float], share: float) -> None:
    ascending = sorted(seconds)
    found = percentile(ascending, share) / 1e3
    not_above = sum(value * 1e3 / 1e3 <= found for value in ascending)
    below = sum(value * 1e3 / 1e3 < found for value in ascending)
    assert below < share * len(ascending) + 1e-9 <= not_above + 1e-6


def measured(name: str, **figures: float) -> Measured:
    given: dict[str, Any] = {"p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 3.0, "rate": 100.0} | figures
    costs: dict[str, Any] = {"service_cpu_ms": 1.0, "database_cpu_ms": 1.0, "client_cpu_ms": 0.1, "load": 0.0}
    return Measured(name, clients=8, requests=10, statuses={"200": 10}, **given, **costs)


def test_a_questions_time_is_told_in_parts_that_add_up() -> None:
    loop = replace(measured("resolve"), stages_ms={"find candidates": 2.0, "release": 1.0, "weigh": 0.5}, mean_ms=6.0)
    assert loop.in_parts == (3.0, 0.5, 2.5)
    assert measured("look-up").in_parts is None
    table = parts_table(25_000, {1: [measured("look-up"), replace(loop, candidates=5.2)]})
    cells = {str(column.header): list(column.cells) for column in table.columns}
    assert [cells[name] for name in ("in SQL", "scoring", "the rest")] == [["3.00"], ["0.50"], ["2.50"]]


def test_splink_stands_beside_our_scoring() -> None:
    told = beside_splink({**MEDIANS, "questions": 60, "candidates": 5.2})
    assert "ours 0.50 ms, Splink's score_pairs 180.0 ms" in told


MEDIANS = {"splink_ms": 180.0, "splink_cpu_ms": 170.0, "ours_ms": 0.5, "ours_cpu_ms": 0.4}
SIZES = {
    100_000: [measured("ceiling", rate=1000.0), measured("look-up", rate=600.0), measured("resolve", rate=300.0)],
    1_000_000: [measured("ceiling", rate=1000.0), measured("look-up", rate=500.0), measured("resolve", p95_ms=8.0)],
}


def outcomes(sizes: dict[int, list[Measured]]) -> dict[tuple[str, str, bool], tuple[float | None, str]]:
    return {(t["loop"], t["figure"], "growth_to" in t): (t["measured"], t["outcome"]) for t in judged(sizes)}


def test_look_ups_are_judged_beside_the_ceiling_and_what_was_not_measured_is_neither_met_nor_missed() -> None:
    found = outcomes(SIZES)
    assert found["look-up", "rate_to_ceiling", False] == (0.6, "met")
    assert found["resolve", "rate", False] == (300.0, "missed")
    assert found["ingest", "rate", False] == (None, "not measured")


def test_growth_is_how_many_times_as_slow_the_largest_size_is() -> None:
    assert growth(SIZES, "resolve", "rate") == 3.0
    assert growth(SIZES, "resolve", "p95_ms") == 4.0
    assert outcomes(SIZES)["look-up", "rate", True] == (1.2, "met")
    assert outcomes(SIZES)["resolve", "p95_ms", True] == (4.0, "missed")
    assert growth({100_000: SIZES[100_000]}, "resolve", "rate") is None
    assert outcomes({100_000: SIZES[100_000]})["resolve", "rate", True] == (None, "not measured")


def test_the_tables_are_whole_at_120_columns_and_targets_stand_beside_figures() -> None:
    console = Console(width=WIDTH, record=True, file=io.StringIO())
    loops = [replace(loop, requests=1_000_000, rate=12_345.6, p99_ms=12_345.6) for loop in SIZES[100_000]]
    console.print(rates_table(1_000_000, {1: loops, 2: loops}))
    console.print(targets_table(1, SIZES))
    told = console.export_text()
    assert "…" not in told
    assert "12,346" in told and "12345.6" in told
    (row,) = [line for line in told.splitlines() if "of the ceiling" in line]
    assert row.split()[-5:] == ["least", "0.5", "0.60", "met", "0.50"]
    (row,) = [line for line in told.splitlines() if "resolve" in line and "p95" in line]
    assert row.split()[-5:] == ["met", "8.00", "4.00", "missed", "1.5"]


def test_an_answer_is_whole_when_its_body_is() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 3\r\n\r\nabc"
    assert whole_size(answer) == whole_size(answer + b"HTTP/1.1") == len(answer)
    assert whole_size(answer[:20]) is None


def test_a_request_carries_its_token_and_body() -> None:
    message = message_of(["PUT", "/x", {"a": "é"}], "127.0.0.1", 80, "secret")
    head, body = message.split(b"\r\n\r\n")
    assert body == '{"a":"é"}'.encode()
    assert b"Authorization: Bearer secret" in head.split(b"\r\n")
    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")


def test_every_request_is_sent_once_and_answered() -> None:
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readline():
            while (await reader.readline()).strip():
                pass
            seen.append(head.split()[1])
            status = b"404 Not Found" if b"/3" in head else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    async def run() -> dict[str, Any]:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            plan = {"host": "127.0.0.1", "port": port, "clients": 3, "seconds": 20.0, "token": None}
            return await send({**plan, "requests": [["GET", f"/{n}", None] for n in range(10)]})

    report = asyncio.run(run())
    assert sorted(seen) == [f"/{n}".encode() for n in range(10)]
    assert report["statuses"] == {"200": 9, "404": 1}
    assert len(report["seconds"]) == 10
