"""What holds for every answer: errors, request ids, health, logs, and that only this machine is served."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest
import structlog
from fastapi import FastAPI

from index_service.access.clients import change
from index_service.http.app import create_app
from index_service.http.loopback import NotLoopback, is_loopback, require_loopback
from index_service.linking_context import shipped
from index_service.settings import Settings
from index_service.store.connection import Connection
from index_service.store.runs import save_model, set_current_model
from tests.index_service.access.minting import HUB, PURPOSES
from tests.index_service.http.client import get, with_client
from tests.index_service.store.partitions import load_ids, publish

CANARY = "Canaryname"


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    """The log lines of a test."""
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        yield lines


def test_the_process_is_healthy_and_the_database_ready(database_url: str) -> None:
    assert get(database_url, "/healthz").json() == {"status": "ok"}
    assert get(database_url, "/readyz").json() == {"status": "ready", "model": shipped().fingerprint}


def test_without_the_schema_of_this_version_it_is_not_ready(conn: Connection, database_url: str) -> None:
    conn.execute("DELETE FROM schema_migration")
    answer = get(database_url, "/readyz")
    assert answer.status_code == 503
    assert "migrations" in answer.json()["detail"]
    assert get(database_url, "/healthz").status_code == 200


def test_without_a_usable_model_it_is_not_ready(conn: Connection, database_url: str) -> None:
    save_model(conn, "000000000000", '{"name": "of another version"}')
    set_current_model(conn, "000000000000")
    answer = get(database_url, "/readyz")
    assert answer.status_code == 503
    assert "not a model of this version" in answer.json()["detail"]


def test_a_restart_of_the_database_costs_no_request(conn: Connection, database_url: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        assert (await client.get("/v1/events")).status_code == 200
        ended = conn.execute(
            "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name LIKE '%answers' AND datname = current_database()"
        ).fetchall()
        assert ended  # the pool may still be opening its second connection
        while conn.execute("SELECT 1 FROM pg_stat_activity WHERE pid = ANY (%s)", [[pid for pid, _ in ended]]).rowcount:
            pass
        assert (await client.get("/v1/events")).status_code == 200

    with_client(database_url, use)


def test_a_database_that_does_not_answer_is_a_503_with_advice() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:person-index:database-unreachable"
        assert answer.headers["retry-after"] == "5"

    def give_up_soon(app: FastAPI) -> None:
        app.state.pool.timeout = 0.2

    with_client("postgresql://nobody@127.0.0.1:1/none", use, prepare=give_up_soon)


def test_every_answer_carries_its_request_id_and_is_not_to_be_kept(database_url: str) -> None:
    for mine in ("5f2b8c1e-9a77-4d0a-8f3e-0c1d2e3f4a5b", "0AF7651916CD43DD8448EB211C80319C"):
        answer = get(database_url, "/healthz", **{"X-Request-ID": mine})
        assert answer.headers["x-request-id"] == mine
        assert answer.headers["cache-control"] == "no-store"
    for foreign in ("with spaces and {braces}", CANARY, "1987-06-05", "900-12-3456", "900123456"):
        answer = get(database_url, "/nowhere", **{"X-Request-ID": foreign})
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
        assert answer.headers["x-request-id"] != foreign


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/v1/events", 405),
        ("GET", "/v1/persons/A/", 404),
        ("GET", "/v1/sources/x/records/%FF/person", 400),
        ("GET", "/v1/sources/x/records/a%00b/person", 400),
        ("GET", "/v1/sources/x/records/a%0Ab/person", 400),
    ],
)
def test_whatever_is_wrong_is_told_as_a_problem(database_url: str, method: str, path: str, status: int) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        answer = await client.request(method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(answer.json()) == {"type", "title", "status", "detail", "request_id", "errors"}
        assert answer.json()["status"] == status

    with_client(database_url, use)


def test_a_method_that_a_path_has_not_is_answered_with_those_it_has(database_url: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        assert (await client.patch("/v1/sources/cws_cms/records/1")).headers["allow"] == "PUT, GET, DELETE"
        assert (await client.put("/v1/sources/cws_cms/records/1/person")).headers["allow"] == "GET"
        assert (await client.post("/docs")).headers["allow"] == "GET"

    with_client(database_url, use)


def test_logs_name_the_route_and_never_a_value(
    conn: Connection, database_url: str, logged: list[structlog.typing.EventDict]
) -> None:
    """The canary is sent in every place that a request has."""
    load_ids(conn, [CANARY])
    publish(conn, {CANARY: "A"})

    async def use(client: httpx.AsyncClient) -> None:
        headers = {"X-Request-ID": f"{CANARY} ", "User-Agent": CANARY}
        for path in (
            f"/v1/sources/cws_cms/records/{CANARY}/person",
            f"/v1/sources/{CANARY}/records/1/person?as_of={CANARY}",
            f"/v1/persons/{CANARY}?as_of={CANARY}",
            f"/v1/persons/{CANARY}/history",
            f"/v1/events?after={CANARY}",
            f"/{CANARY}",
        ):
            await client.get(path, headers=headers)
        conn.execute("ALTER TABLE person RENAME TO gone")
        assert (await client.get(f"/v1/persons/{CANARY}")).status_code == 500

    with_client(database_url, use)
    assert CANARY not in json.dumps(logged)
    assert len([line for line in logged if line["event"] == "request"]) == 7
    assert logged[0]["route"] == "/v1/sources/{source}/records/{source_record_id}/person"
    assert [line["error"] for line in logged if line["event"] == "request_failed"] == ["UndefinedTable"]


def test_a_foreign_host_name_is_refused(database_url: str) -> None:
    """A web page whose name was made to point here could otherwise read everything in the browser of this machine."""
    for host in ("evil.example", "localhost.evil.example", "10.0.0.1", ""):
        assert get(database_url, "/healthz", Host=host).status_code == 400
    for host in ("localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000", "LOCALHOST"):
        assert get(database_url, "/healthz", Host=host).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "person-index.example", ""])  # noqa: S104
def test_it_does_not_listen_to_the_network(host: str) -> None:
    with pytest.raises(NotLoopback, match="without TLS") as raised:
        require_loopback(host)
    assert raised.value.exit_code == 2


def test_behind_a_proxy_that_speaks_tls_it_may_listen_elsewhere() -> None:
    require_loopback("0.0.0.0", "https://index.county.example")  # noqa: S104
    with pytest.raises(NotLoopback):
        require_loopback("0.0.0.0", "http://index.county.example")  # noqa: S104


def test_it_answers_to_the_name_of_its_proxy(database_url: str) -> None:
    async def run() -> None:
        app = create_app(database_url, Settings(public_url="https://index.county.example"))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="https://index.county.example"
        ) as client:
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/healthz", headers={"Host": "other.county.example"})).status_code == 400

    asyncio.run(run())


def test_metrics_are_open_to_this_machine_or_a_token_of_their_own_where_the_operator_says_so(
    conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "metrics-" + "x" * 32
    monkeypatch.setenv("PERSON_INDEX_METRICS_TOKEN", token)
    assert get(database_url, "/metrics", Authorization=f"Bearer {token}").status_code == 200
    assert get(database_url, "/metrics", Authorization=f"Bearer {token}x").status_code == 401
    assert get(database_url, "/v1/events", Authorization=f"Bearer {token}").status_code == 401
    monkeypatch.setenv("PERSON_INDEX_OPEN_METRICS", "true")
    assert get(database_url, "/metrics", Authorization="").status_code == 200
    passed_on = {"X-Forwarded-For": "198.51.100.7", "Authorization": ""}
    assert get(database_url, "/metrics", **passed_on).status_code == 401


def test_metrics_are_for_a_token_of_the_right_scope(conn: Connection, database_url: str) -> None:
    passed_on = {"X-Forwarded-For": "198.51.100.7"}
    nobody = {**passed_on, "Authorization": ""}
    assert get(database_url, "/metrics", Authorization="").status_code == 401
    assert get(database_url, "/metrics", **nobody).status_code == 401
    assert get(database_url, "/metrics", **passed_on).status_code == 200
    change(conn, HUB, PURPOSES, who="tests", reason="test", scopes=["index/read"])
    assert get(database_url, "/metrics", **passed_on).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_it_listens_to_this_machine(host: str) -> None:
    assert is_loopback(host)
