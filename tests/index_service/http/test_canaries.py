"""Nothing personal leaves the service but in an answer: canaries are sent everywhere and looked for everywhere else.

Every operation of the API's description gets an invented name, birth date and SSN in each of its parameters, headers
and fields, in shapes that fit and in shapes that do not, while the database works and while it is broken.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
import structlog

from index_service.http import access
from index_service.http.app import create_app
from index_service.http.oauth import FORM_TYPE
from index_service.logs import configure_logs
from index_service.settings import Settings
from index_service.store.connection import Connection
from tests.index_service.access.minting import BASE, Minted, bearer, mint_client
from tests.index_service.http.running import running_for_supervisor, running_service
from tests.index_service.store.partitions import load_ids, publish

CANARIES = ("Zanahoria Testvogel-Canary", "1987-06-05", "987-65-4321")
TRACES = ("zanahoria", "testvogel-canary", "1987-06-05", "987-65-4321", "987654321")
UNUSUAL_HEADERS = ("User-Agent", "X-Request-ID", "Referer", "Cookie", "Accept", "If-Match", "Idempotency-Key")


@dataclass(frozen=True)
class Sent:
    """A request that holds a canary."""

    verb: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app("postgresql://", Settings()).openapi()


@contextmanager
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the service writes to its log, set up as `serve` does."""
    written, handlers, level = io.StringIO(), logging.root.handlers[:], logging.root.level
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", written)
        configure_logs("json")
        try:
            yield written
        finally:
            structlog.reset_defaults()
            logging.root.handlers[:] = handlers
            logging.root.setLevel(level)


def requests(document: dict[str, Any], canaries: Sequence[str] = CANARIES) -> Iterator[Sent]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield from _requests_of(verb.upper(), path, operation, canaries)


def _requests_of(verb: str, path: str, operation: dict[str, Any], canaries: Sequence[str]) -> Iterator[Sent]:
    parameters = {(p["in"], p["name"]): _example(p) for p in operation.get("parameters", [])}
    body = _body(operation)
    for canary in canaries:
        for chosen in parameters:
            yield _request(verb, path, parameters | {chosen: canary}, body)
        yield _request(verb, path, dict.fromkeys(parameters, canary), body)
        headers = dict.fromkeys(UNUSUAL_HEADERS, canary)
        yield _request(verb, path, parameters | {("header", name): value for name, value in headers.items()}, body)
        yield _request(verb, path, parameters | {("query", canary): canary}, body)
        for variant in _bodies(body, canary):
            yield _request(verb, path, parameters, variant)


def _example(parameter: dict[str, Any]) -> str:
    examples = parameter["schema"].get("examples") or [parameter.get("example", parameter["schema"].get("default", ""))]
    return str(examples[0])


def _body(operation: dict[str, Any]) -> bytes | None:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        examples = [example["value"] for example in content.get("examples", {}).values()]
        return json.dumps(content["example"] if "example" in content else examples[0]).encode()
    return None


def _bodies(body: bytes | None, canary: str) -> Iterator[bytes]:
    """The example with the canary in every place at once and at each level; then what is no such document at all."""
    said = json.loads(body) if body else {}
    for replaced in (_texts_replaced(said, canary), _leaves_replaced(said, canary), _leaves_replaced(said, [canary])):
        yield json.dumps(replaced).encode()
    if isinstance(said, dict):
        yield json.dumps(said | {canary: canary}).encode()
        for name in said:
            yield json.dumps(said | {name: canary}).encode()
            yield json.dumps(said | {name: {canary: canary}}).encode()
    for text in (f'{{"{canary}', f'"{canary}"', f"[{canary}]", f"a={canary}\x00"):
        yield text.encode()
    yield canary.encode("utf-16")


def _texts_replaced(said: Any, canary: str) -> Any:
    return _leaves_replaced(said, canary, only_texts=True)


def _leaves_replaced(said: Any, value: Any, *, only_texts: bool = False) -> Any:
    if isinstance(said, dict):
        return {name: _leaves_replaced(of, value, only_texts=only_texts) for name, of in said.items()}
    if isinstance(said, list):
        return [_leaves_replaced(of, value, only_texts=only_texts) for of in said]
    return value if isinstance(said, str) or not only_texts else said


def _request(verb: str, path: str, parameters: dict[tuple[str, str], str], body: bytes | str | None) -> Sent:
    content = body.encode() if isinstance(body, str) else body
    headers = {"Content-Type": "application/json"} if content is not None else {}
    for (place, name), value in parameters.items():
        if place == "path":
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        elif place == "header":
            headers[name] = value
    query = {name: value for (place, name), value in parameters.items() if place == "query"}
    return Sent(verb, path, query, headers, content)


def traces_in(text: str) -> list[str]:
    return [trace for trace in TRACES if trace in text.lower()]


def send_all(
    base: str, headers: dict[str, dict[str, str]], document: dict[str, Any], canaries: Sequence[str]
) -> tuple[int, list[str]]:
    """Send everything; returns how many were sent, and which answers that are errors repeat a canary."""
    sent, wrong = 0, []
    with httpx.Client(base_url=base, timeout=30) as client:
        for request in requests(document, canaries):
            token = headers["BTG" if request.path.startswith("/v1/break-glass") else "TREAT"]
            answer = client.request(
                request.verb,
                request.path,
                params=request.query,
                headers=token | request.headers,
                content=request.body,
            )
            sent += 1
            if answer.status_code >= 400 and traces_in(f"{answer.headers}{answer.text}"):
                wrong.append(f"{request.verb} {answer.status_code} {answer.text[:300]}")
        assert traces_in(client.get("/metrics").text) == []
    return sent, wrong


@pytest.mark.parametrize("broken", ["", "source_record", "membership"])
def test_what_is_sent_is_found_in_no_log_line_metric_or_error(
    conn: Connection, database_url: str, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    load_ids(conn, ["0Ab3", CANARIES[0]], first_name="Zanahoria", last_name="Testvogel-Canary", birth_date=CANARIES[1])
    publish(conn, {"0Ab3": "K7Q2-MX9T-4RWA", CANARIES[0]: "K7Q2-MX9T-4RWA"})
    with log_lines(monkeypatch) as written, running_for_supervisor(database_url) as (base, headers):
        if broken:
            conn.execute(f"ALTER TABLE {broken} RENAME TO is_broken")
        sent, wrong = send_all(base, headers, document, CANARIES[:1] if broken else CANARIES)
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert wrong == []
    assert [line for line in lines if traces_in(json.dumps(line))] == []
    assert sum(line["event"] == "request" for line in lines) >= sent
    failed = [line for line in lines if line["event"] == "request_failed"]
    assert bool(broken) == bool(failed), failed[:3]


def test_who_asks_for_a_token_or_comes_with_a_wrong_one_leaves_no_trace(
    conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token endpoint, which OpenAPI does not describe, and the headers that say who calls."""
    monkeypatch.setattr(access, "FAILURES_AT_ONCE", 10_000.0)
    minted = mint_client(conn, "asking")
    app = create_app(database_url, Settings(pool_size=4, public_url=BASE, open_metrics=True))
    with (
        log_lines(monkeypatch) as written,
        running_service(database_url, app) as base,
        httpx.Client(base_url=base) as client,
    ):
        answers = [
            client.post("/oauth/token", content=content, headers={"Content-Type": kind})
            for canary in CANARIES
            for kind, content in token_requests(minted, canary)
        ]
        answers += [
            client.get("/v1/events", headers={name: value})
            for canary in CANARIES
            for name, value in (("Authorization", canary), ("Authorization", f"Bearer {canary}"))
        ]
        token = client.post("/oauth/token", data=minted.form("index/events")).json()["access_token"]
        answers += [client.get("/v1/events", headers=bearer(token, canary)) for canary in CANARIES]
        assert traces_in(client.get("/metrics").text) == []
    assert {answer.status_code for answer in answers} == {400, 401, 403}
    assert [answer.text for answer in answers if traces_in(f"{answer.headers}{answer.text}")] == []
    assert traces_in(written.getvalue()) == []


def token_requests(minted: Minted, canary: str) -> Iterator[tuple[str, bytes]]:
    """Media types and bodies of token requests with a canary in every place, by parameter and by claim."""
    form = minted.form()
    for name in (*form, canary):
        yield FORM_TYPE, urlencode(form | {name: canary}).encode()
    for claim in ("iss", "sub", "aud", "jti", "exp"):
        yield FORM_TYPE, urlencode(minted.form("no such scope", **{claim: canary})).encode()
    yield canary, urlencode(form).encode()
    yield FORM_TYPE, canary.encode()
    yield "application/json", json.dumps({canary: canary}).encode()


def test_the_search_would_find_a_canary(document: dict[str, Any]) -> None:
    """Canaries are in the requests, in every operation and in every place."""
    found = list(requests(document))
    assert {request.verb for request in found} >= {"GET", "POST"}
    for place in (
        [request.path for request in found],
        [str(request.query) for request in found],
        [str(request.headers) for request in found],
        [str(request.body) for request in found],
    ):
        assert traces_in(" ".join(place))
