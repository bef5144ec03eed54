"""What a caller may not know is not there, in whichever way it asks: one way out, and two databases answer alike."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, get_args
from urllib.parse import quote

import httpx
import pytest
import structlog
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from config.agreements import Agreement, Conditions, load_agreements
from index_service.access.scopes import OURS
from index_service.disclosure.clauses import clauses_of
from index_service.disclosure.everything import everything_for
from index_service.http.access_described import protected_routes, scopes_of
from index_service.http.answering import _releasing
from index_service.http.app import create_app
from index_service.http.requests import _connection, _connections
from index_service.http.stewards import steward_of
from index_service.http.workbench.desk import DeskDep
from index_service.settings import Settings
from index_service.store.agreements import apply_agreements
from index_service.store.connection import connect, lookup_pool
from index_service.store.roles import answering_url
from linkage.record import RecordKey
from tests.conftest import NewDatabase
from tests.index_service.access.minting import PURPOSES, UNLIMITED, bearer, mint_client, mint_token
from tests.index_service.disclosure.generated import SOURCES
from tests.index_service.disclosure.two_databases import ALLOWED, FORBIDDEN, Population, fill, invent
from tests.index_service.http.client import with_client

DIFFERENCES = int(os.environ.get("PERSON_INDEX_DIFFERENCES", "1"))
"""Pairs of databases; `make prove-disclosure` compares dozens."""

MATCHERS = {"/v1/resolve", "/v1/compare", "/v1/compare/{left_source}/{left_id}/{right_source}/{right_id}/waterfall.svg"}
"""Routes that weigh records before they tell of them; of what may not take part they read nothing that counts."""

WRITERS = {"/v1/sources/{source}/records/{source_record_id}", "/v1/sources/{source}/records:batch"}
"""Routes that ask the matcher's connections for permissions alone."""

PACKETS = "/v1/pmap/"
"""The medication process has tests of its own."""


@pytest.fixture(autouse=True)
def no_log_lines() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


# ------------------------------------------------------------------------------------------------------- one way out


def routes(app: FastAPI) -> list[APIRoute]:
    return list(protected_routes(app))


def calls(dependant: Dependant) -> set[object]:
    """Everything that a route depends on."""
    return {dependant.call}.union(*(calls(each) for each in dependant.dependencies))


SUPERVISORS = ("/v1/seals", "/v1/break-glass", "/v1/satellites/judgements/{judgement_id}/undo")
"""Seals, and cases of broken glass: acts of supervisors and auditors, by their own authority, each of them kept."""


def test_every_route_tells_by_the_one_way_out() -> None:
    found = {route.path: calls(route.dependant) for route in routes(create_app("postgresql://", Settings()))}
    assert len(found) > 8
    for path, depends_on in found.items():
        assert _releasing in depends_on or path.startswith(SUPERVISORS), path


def test_every_route_demands_a_scope() -> None:
    for route in routes(create_app("postgresql://", Settings())):
        assert scopes_of(route.dependant), route.path


def test_no_other_connection_is_lent_to_a_route_that_only_tells() -> None:
    (desk,) = get_args(DeskDep)[1:]
    for route in routes(create_app("postgresql://", Settings())):
        depends_on = calls(route.dependant)
        if steward_of in depends_on or route.path in MATCHERS | WRITERS or route.path.startswith(PACKETS):
            continue
        assert not depends_on & {_connection, _connections, desk.dependency}, route.path


def test_look_ups_history_and_events_need_no_right_to_read_a_table(new_database: NewDatabase) -> None:
    """They answer where every connection is of the role that can read none."""
    url, population = new_database(), invent(1)
    with connect(url) as conn:
        fill(conn, population, with_forbidden=True)
    source, record_id = min(population.steps[1])
    person = population.steps[1][source, record_id]

    def without_rights(app: FastAPI) -> None:
        app.state.pool = lookup_pool(answering_url(url), 1)
        app.state.connections.pool = app.state.pool

    async def use(client: httpx.AsyncClient) -> None:
        for path in (
            f"/v1/sources/{source}/records/{record_id}/person",
            f"/v1/persons/{person}",
            f"/v1/persons/{person}/history",
            "/v1/events",
        ):
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert record_id in answer.text
        assert (await client.get("/readyz")).status_code == 500  # it reads a table, and may not

    with_client(url, use, prepare=without_rights)


# ---------------------------------------------------------------------------- forbidden and absent cannot be told apart


@dataclass(frozen=True)
class Sent:
    """A request; `path` with everything in it."""

    verb: str
    path: str
    body: Mapping[str, Any] | None = None
    purpose: str | None = None


def agreements() -> list[Agreement]:
    """One caller with no right to the forbidden sources, one to whom a consent is missing; and the shipped ones."""
    strict = everything_for("strict", ("TREAT",), ALLOWED, name="strict")
    conditional = everything_for("conditional", ("TREAT",), ALLOWED, name="conditional")
    (grant,) = conditional.grants
    on_consent = grant.model_copy(
        update={"name": "on_consent", "sources": FORBIDDEN, "conditions": Conditions(on_file=("consent",))}
    )
    counted = grant.model_copy(update={"name": "counted", "sources": ALLOWED, "actions": ("counts",)})
    year = datetime.now(UTC).year
    shipped = [
        agreement.model_copy(update={"from_date": date(year - 1, 1, 1), "until_date": date(year + 1, 1, 1)})
        for agreement in load_agreements(SOURCES, PURPOSES)
    ]
    (auditing,) = [each for each in shipped if each.id == "auditor"]
    of_allowed = tuple(grant.model_copy(update={"sources": ALLOWED}) for grant in auditing.grants)
    shipped[shipped.index(auditing)] = auditing.model_copy(update={"grants": of_allowed})
    return [
        strict.model_copy(update={"grants": (*strict.grants, counted), "smallest_cell": 2}),
        conditional.model_copy(update={"grants": (grant, on_consent, counted), "smallest_cell": 2}),
        *shipped,
    ]


CALLERS = {"strict": "TREAT", "conditional": "TREAT", "nobody": "TREAT"}
SHIPPED = {
    "auditor": "HOPERAT",
    "cws_worker": "CHILDPROT",
    "public_health_nurse": "TREAT",
    "research": "HRESCH",
    "school_liaison": "FOSTERPLACE",
}
"""Clients of shipped agreements that grant nothing of the forbidden sources, or on conditions that nobody meets."""


def callers(seed: int) -> dict[str, str]:
    """Who asks, and for which purpose; of the shipped ones another with each pair of databases."""
    name = sorted(SHIPPED)[seed % len(SHIPPED)]
    return CALLERS | {name: SHIPPED[name]}


def requests(population: Population) -> Iterator[Sent]:
    """Every endpoint, about what is in both databases, in one of them and in none."""
    keys: list[RecordKey] = [*population.values, ("csi", "nobody"), ("meds", "nobody"), ("nowhere", "1")]
    for source, record_id in keys:
        record = f"/v1/sources/{source}/records/{record_id}"
        yield Sent("GET", f"{record}/person")
        yield Sent("GET", f"{record}/person?as_of=2026-01-01T00:00:00Z")
        yield Sent("POST", "/v1/resolve", {"records": [named((source, record_id))]})
    for person in [*population.persons, "nobody"]:
        yield Sent("GET", f"/v1/persons/{person}")
        yield Sent("GET", f"/v1/persons/{person}?as_of=2026-01-01T00:00:00Z")
        yield Sent("GET", f"/v1/persons/{person}/history")
        yield Sent("GET", f"/v1/persons/{person}/accounting?with_exempt=true")
    yield Sent("GET", "/v1/counts")
    yield from (Sent("GET", f"/v1/events?limit={limit}") for limit in (1, 2, 1000))
    for key, values in population.values.items():
        yield Sent("POST", "/v1/resolve", {"fields": values})
        yield Sent("POST", "/v1/resolve", {"fields": {"cin": values["cin"]}, "records": [named(key)]})
        yield Sent("POST", "/v1/resolve", {"fields": {"last_name": values["last_name"], "zip": values["zip"]}})
    one = keys[0]
    for right in keys:
        yield Sent("POST", "/v1/compare", {"left": named(one), "right": named(right)})
        yield Sent("GET", "/v1/compare/" + "/".join(quote(part) for part in (*one, *right)) + "/waterfall.svg")
    for source in (*FORBIDDEN, "nowhere"):
        for record_id in (f"{source}-0-0", "nobody"):
            yield Sent("PUT", f"/v1/sources/{source}/records/{record_id}", {"first_name": "Marisol"})
            yield Sent("DELETE", f"/v1/sources/{source}/records/{record_id}")
        yield Sent("POST", f"/v1/sources/{source}/records:batch", {"records": []})
    for values in population.values.values():
        yield Sent("POST", "/v1/pmap/resolve", {"cin": values["cin"], "last_name": values["last_name"]})
    emergency = {"reason": "A child at the door at night."}
    for person in [*population.persons, "nobody"]:
        yield Sent("POST", "/v1/break-glass", {"person_id": person, **emergency}, "BTG")
        yield Sent("GET", f"/v1/persons/{person}", purpose="BTG")


def named(key: RecordKey) -> dict[str, str]:
    return {"source": key[0], "source_record_id": key[1]}


VARYING = ("x-request-id", "content-length")
TIMES = re.compile(r'"(?P<name>request_id|since|until|at|retired_at|received_at|token|asked_at|seal)":"[^"]*"')
POSITIONS = re.compile(r'"(?P<name>position|next_after)":"(?P<sealed>[^"]*)"')


def without_what_varies(text: str) -> str:
    """Without times and numbers of requests, and with the length of positions in their place."""
    timeless = TIMES.sub(r'"\g<name>":""', text)
    return POSITIONS.sub(lambda found: f'"{found["name"]}":{len(found["sealed"])}', timeless)


def answers(url: str, sent: Sequence[Sent], caller: str, purpose: str) -> list[tuple[int, str, str]]:
    """What the service on this database answers to a caller: status, headers and body, without what always differs.

    A packet is asked about once more: whether it has changed since.
    """
    told: list[tuple[int, str, str]] = []

    async def use(client: httpx.AsyncClient) -> None:
        for each in sent:
            headers = {"X-Purpose-Of-Use": each.purpose or purpose}
            answer = await client.request(each.verb, each.path, json=each.body, headers=headers)
            note(each, answer)
            if each.path == "/v1/pmap/resolve" and (token := answer.json().get("token")):
                note(each, await client.get("/v1/pmap/changes", params={"token": token}, headers=headers))

    def note(each: Sent, answer: httpx.Response) -> None:
        assert answer.status_code < 500, (each, answer.text)
        headers = {name: value for name, value in answer.headers.items() if name not in VARYING}
        told.append((answer.status_code, str(headers), without_what_varies(answer.text)))

    with connect(url) as conn:
        minted = mint_client(conn, caller, scopes=OURS, purposes=(purpose, "BTG"), limits=UNLIMITED)

    async def as_caller(client: httpx.AsyncClient) -> None:
        app: FastAPI = client._transport.app  # type: ignore[attr-defined]
        client.headers.update(bearer(mint_token(app, minted.client)))
        await use(client)

    with_client(url, as_caller)
    return told


@pytest.mark.parametrize("seed", range(DIFFERENCES))
def test_two_databases_that_differ_in_what_is_forbidden_answer_byte_by_byte_alike(
    new_database: NewDatabase, seed: int
) -> None:
    population = invent(seed)
    sent = list(requests(population))
    urls = []
    for with_forbidden in (True, False):
        urls.append(new_database())
        with connect(urls[-1]) as conn:
            fill(conn, population, with_forbidden=with_forbidden)
            held = agreements()
            apply_agreements(conn, held, clauses_of(held, SOURCES, PURPOSES), reason="test", who="tests")
    for caller, purpose in callers(seed).items():
        with_them, without_them = (answers(url, sent, caller, purpose) for url in urls)
        assert len(with_them) == len(without_them)
        for one, other in zip(with_them, without_them, strict=True):
            assert one == other, caller
        found = [status for status, _, _ in with_them]
        assert (200 in found and 404 in found) or caller not in ("strict", "conditional")


def test_the_comparison_would_find_a_difference(new_database: NewDatabase) -> None:
    """To a caller that may know everything the two databases are two."""
    population = invent(0)
    urls = []
    for with_forbidden in (True, False):
        urls.append(new_database())
        with connect(urls[-1]) as conn:
            fill(conn, population, with_forbidden=with_forbidden)
            held = [everything_for("all_seeing", ("TREAT",), name="all_seeing")]
            apply_agreements(conn, held, clauses_of(held, SOURCES, PURPOSES), reason="test", who="tests")
    sent = list(requests(population))[:60]
    one, other = (answers(url, sent, "all_seeing", "TREAT") for url in urls)
    assert one != other
