"""Segregated records over HTTP: to who has no right they are not there, in whichever way it asks; to who has, they are.

Two databases get the same records and the same requests; one has segregated records besides, of the same people, that
come, change and go in between. The persons, their ids and their order must be the same.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest
import structlog
from fastapi import FastAPI

from config.agreements import Agreement, Conditions
from index_service.access.scopes import OURS
from index_service.disclosure import everything, notices
from index_service.disclosure.clauses import clauses_of
from index_service.disclosure.everything import everything_for
from index_service.disclosure.notices import PART2_NOTICE
from index_service.http import records
from index_service.ingesting import ingest
from index_service.satellites.following import follow_index
from index_service.satellites.ingesting import ingest_satellites
from index_service.store import access
from index_service.store.agreements import apply_agreements
from index_service.store.connection import Connection, connect
from index_service.store.on_file import add_consent
from linkage import person_ids
from linkage.record import RecordKey, SourceRecord
from tests.conftest import NewDatabase
from tests.index_service.access.minting import PURPOSES, UNLIMITED, bearer, mint_client, mint_token
from tests.index_service.disclosure.test_nothing_told import VARYING, Sent, named, without_what_varies
from tests.index_service.http.client import Use, with_client
from tests.index_service.satellites.invented import LEO, MARISOL, SOURCES, SUD, come, person_of, record, write

DIFFERENCES = int(os.environ.get("PERSON_INDEX_DIFFERENCES", "1"))
"""Pairs of databases; `make prove-disclosure` compares dozens."""

ALLOWED = ("calpads", "cws_cms", "meds")
RIGHT = "42 CFR 2.12(c)(4)"


@pytest.fixture(autouse=True)
def service_of_these_sources(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(records, "_sources", lambda: dict(SOURCES))
    monkeypatch.setattr(everything, "load_sources", lambda: dict(SOURCES))
    monkeypatch.setattr(notices, "segregated_sources", lambda: frozenset({SUD}))
    with structlog.testing.capture_logs():
        yield


def grants(client: str, *, segregated: Conditions | None = None, part2_basis: str | None = None) -> Agreement:
    """All actions on ordinary sources; on the segregated one too, if conditions or a section of Part 2 are given."""
    agreement = everything_for(client, ("TREAT",), ALLOWED, name=client)
    if segregated is None and part2_basis is None:
        return agreement
    (grant,) = agreement.grants
    more = grant.model_copy(
        update={
            "name": "segregated",
            "sources": (SUD,),
            "conditions": segregated or Conditions(),
            "part2_basis": part2_basis,
        }
    )
    return agreement.model_copy(update={"grants": (grant, more)})


AGREEMENTS = (
    grants("strict"),
    grants("conditional", segregated=Conditions(on_file=("consent",))),
    grants("treatment", part2_basis=RIGHT),
)


def apply(conn: Connection) -> None:
    clauses = clauses_of(AGREEMENTS, SOURCES, PURPOSES)
    apply_agreements(conn, list(AGREEMENTS), clauses, reason="test", who="tests")


def as_caller(url: str, caller: str, use: Use) -> None:
    """Run `use` with a client of the service that has all scopes, under the agreement of its name."""
    with connect(url) as conn:
        minted = mint_client(conn, caller, scopes=OURS, limits=UNLIMITED)

    async def run(client: httpx.AsyncClient) -> None:
        app: FastAPI = client._transport.app  # type: ignore[attr-defined]
        client.headers.update(bearer(mint_token(app, minted.client)))
        await use(client)

    with_client(url, run)


# ---------------------------------------------------------------------------------------------- to who has no right


def history(seed: int) -> tuple[list[SourceRecord], list[SourceRecord]]:
    """Records of a few children who resemble each other, as they come; segregated ones of the same children."""
    chance = random.Random(seed)  # noqa: S311 - invented people
    children = [
        MARISOL,
        MARISOL | {"first_name": "Marisela", "cin": "93456789A"},
        LEO,
        LEO | {"last_name": "Anders", "cin": "94567890A", "zip": "95811"},
    ]
    core, satellites = [], []
    for number, child in enumerate(children):
        for source in chance.sample(ALLOWED, 2):
            core.append(record(source, f"{source}-{number}", **child))
        for each in range(2):
            other = chance.choice(children)
            mixed = child | {name: other[name] for name in chance.sample(("first_name", "birth_date", "cin"), each)}
            satellites.append(record(SUD, f"{SUD}-{number}-{each}", **mixed))
    chance.shuffle(core)
    return core, satellites


def fill(conn: Connection, seed: int, *, with_segregated: bool) -> None:
    """The same records come in the same order; segregated ones, in one database, between them and after."""
    core, satellites = history(seed)
    for number, each in enumerate(core):
        ingest(conn, [write(each)])
        if with_segregated:
            ingest_satellites(conn, [write(satellite) for satellite in satellites[number::3]])
            follow_index(conn)
    ingest(conn, [write(core[0], deleted=True)])
    if with_segregated:
        follow_index(conn)
        ingest_satellites(conn, [write(satellites[0], deleted=True)])
    apply(conn)


def requests(seed: int, persons: list[str]) -> Iterator[Sent]:
    """Every endpoint, about people who are in both databases, in the segregated part of one, in none; writes too."""
    core, satellites = history(seed)
    keys: list[RecordKey] = [each.key for each in (*core, *satellites)] + [(SUD, "nobody"), ("meds", "nobody")]
    for source, record_id in keys:
        yield Sent("GET", f"/v1/sources/{source}/records/{record_id}/person")
        yield Sent("POST", "/v1/resolve", {"records": [named((source, record_id))]})
    for person in persons:
        for path in (f"/v1/persons/{person}", f"/v1/persons/{person}/history"):
            yield Sent("GET", path)
    for each in (*core, *satellites):
        yield Sent("POST", "/v1/resolve", {"fields": dict(each.values)})
        yield Sent("POST", "/v1/resolve", {"fields": {"last_name": each.values["last_name"], "zip": "95814"}})
        yield Sent("POST", "/v1/compare", {"left": named(core[1].key), "right": named(each.key)})
    yield Sent("GET", "/v1/reviews")
    yield Sent("GET", "/v1/reviews/counts")
    yield Sent("GET", "/v1/judgements")
    yield Sent("GET", "/v1/satellites/reviews")
    yield Sent("POST", "/v1/pmap/resolve", {"cin": MARISOL["cin"]})
    for satellite in satellites[:3]:
        body = {"kind": "same", "person_id": persons[0], "reason": "test", **named(satellite.key)}
        yield Sent("POST", "/v1/satellites/judgements", body)
        yield Sent("PUT", "/v1/sources/{}/records/{}".format(*satellite.key), dict(satellite.values))
        yield Sent("DELETE", "/v1/sources/{}/records/{}".format(*satellite.key))
    yield Sent("POST", "/v1/satellites/judgements/1/undo", {"reason": "test"})
    yield Sent("POST", f"/v1/sources/{SUD}/records:batch", {"records": []})
    for each in core[:2]:  # of the same child, which may join or split persons: told by what is not segregated
        yield Sent("PUT", f"/v1/sources/meds/records/{each.source_record_id}-again", dict(each.values))
        yield Sent("PUT", f"/v1/sources/meds/records/{each.source_record_id}-again", dict(core[-1].values))
    yield from (Sent("GET", f"/v1/events?limit={limit}") for limit in (1, 3, 1000))


def drawn_alike(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Ids of persons are drawn alike in both databases; those of segregated records from another stream."""
    chance, apart = random.Random(seed), random.Random(seed + 1)  # noqa: S311 - no secrets
    monkeypatch.setattr(person_ids, "secrets", SimpleNamespace(choice=chance.choice, token_bytes=apart.randbytes))


MOMENT = re.compile(r'"\d{4}-\d\d-\d\dT[0-9:.]+(Z|\+00:00)"|(?<="mean_open_s":)[0-9.]+|(?<="token":")[^"]*')


def told(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, headers and body, without moments, random tokens and numbers of requests; of positions the length."""
    headers = {name: value for name, value in answer.headers.items() if name not in VARYING}
    return answer.status_code, str(headers), MOMENT.sub("moment", without_what_varies(answer.text))


def answers(url: str, seed: int, persons: list[str], caller: str) -> list[tuple[Sent, tuple[int, str, str]]]:
    found = []

    async def use(client: httpx.AsyncClient) -> None:
        for each in requests(seed, persons):
            answer = await client.request(each.verb, each.path, json=each.body)
            assert answer.status_code < 500, (each, answer.text)
            found.append((each, told(answer)))

    as_caller(url, caller, use)
    return found


@pytest.mark.parametrize("seed", range(DIFFERENCES))
def test_two_databases_that_differ_in_segregated_records_answer_byte_by_byte_alike(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    found = []
    for with_segregated in (True, False):
        drawn_alike(monkeypatch, seed)
        url = new_database()
        with connect(url) as conn:
            fill(conn, seed, with_segregated=with_segregated)
            persons = [person for (person,) in conn.execute("SELECT person_id FROM person ORDER BY 1")]
            own = [person for (person,) in conn.execute("SELECT person_id FROM segregated.own_person ORDER BY 1")]
        if with_segregated:
            asked = [*persons, *own]
            assert len(own) > 2
        assert persons == asked[: len(persons)]
        found.append([each for caller in ("strict", "conditional") for each in answers(url, seed, asked, caller)])
    for (request, one), (_, other) in zip(*found, strict=True):
        assert one == other, request


# ------------------------------------------------------------------------------------------------- to who has a right


def test_who_has_the_right_sees_pointer_history_and_events_and_the_ledger_says_so(database_url: str) -> None:
    with connect(database_url) as conn:
        come(conn, [record("meds", "1", **MARISOL)])
        apply(conn)

    async def use(client: httpx.AsyncClient) -> None:
        put = await client.put(f"/v1/sources/{SUD}/records/s", json=MARISOL)
        assert (put.status_code, put.json()["outcome"]) == (201, "joined")
        person = put.json()["person_id"]
        by_record = await client.get(f"/v1/sources/{SUD}/records/s/person")
        for answer in (by_record, await client.get(f"/v1/persons/{person}")):
            assert [each["source"] for each in answer.json()["records"]] == ["meds", SUD]
            assert answer.json()["notices"] == [PART2_NOTICE]
        changes = (await client.get(f"/v1/persons/{person}/history")).json()
        assert [each["source"] for each in changes["records"]] == ["meds", SUD]
        assert [each["kind"] for each in changes["events"]] == ["created", "added"]
        assert [each["notices"] for each in changes["events"]] == [[], [PART2_NOTICE]]
        assert changes["notices"] == [PART2_NOTICE]
        page = (await client.get("/v1/events?limit=1")).json()
        assert page["more"]
        rest = (await client.get(f"/v1/events?after={page['next_after']}")).json()
        assert [event["records"][0]["source"] for event in rest["events"]] == [SUD]
        assert not rest["more"]
        again = (await client.get(f"/v1/events?after={rest['next_after']}")).json()
        assert again["events"] == []
        found = await client.post("/v1/resolve", json={"records": [{"source": SUD, "source_record_id": "s"}]})
        assert [each["person_id"] for each in found.json()["persons"]] == [person]

    as_caller(database_url, "treatment", use)
    with connect(database_url) as conn:
        (told,) = conn.execute(
            "SELECT count(*) FROM disclosure WHERE pointers::text LIKE %s AND outcome = 'released'", [f"%{SUD}%"]
        ).fetchone() or (0,)
        assert told >= 6


def test_a_consent_opens_what_it_covers_and_only_to_whom_it_names(database_url: str) -> None:
    with connect(database_url) as conn:
        come(conn, [record("meds", "1", **MARISOL), record(SUD, "s", **MARISOL)])
        apply(conn)

    def sources(expected: list[str]) -> Use:
        async def use(client: httpx.AsyncClient) -> None:
            answer = await client.get("/v1/sources/meds/records/1/person")
            assert [each["source"] for each in answer.json()["records"]] == expected
            status = (await client.get(f"/v1/sources/{SUD}/records/s/person")).status_code
            assert status == (200 if SUD in expected else 404)

        return use

    as_caller(database_url, "conditional", sources(["meds"]))
    with connect(database_url) as conn:
        consent(conn, ("meds", "1"))

    as_known(database_url, "conditional", sources(["meds", SUD]))


def consent(conn: Connection, key: RecordKey) -> None:
    begin = datetime.now(UTC) - timedelta(minutes=1)
    covers = {"sources": [SUD], "clients": ["conditional"], "document": "file 1"}
    add_consent(conn, "consent", key, **covers, from_at=begin, until_at=None, who="tests")  # type: ignore[arg-type]


def as_known(url: str, caller: str, use: Use) -> None:
    """As `as_caller`, for one who is registered already."""
    with connect(url) as conn:
        version = access.client(conn, caller)
        assert version is not None
        known = version.client

    async def run(client: httpx.AsyncClient) -> None:
        app: FastAPI = client._transport.app  # type: ignore[attr-defined]
        client.headers.update(bearer(mint_token(app, known)))
        await use(client)

    with_client(url, run)


def test_a_consent_given_for_the_segregated_record_opens_it_while_it_stands_alone(database_url: str) -> None:
    with connect(database_url) as conn:
        come(conn, [record(SUD, "s", **MARISOL)])
        apply(conn)
        consent(conn, (SUD, "s"))
        alone = person_of(conn, (SUD, "s"))

    async def use(client: httpx.AsyncClient) -> None:
        answer = await client.get(f"/v1/persons/{alone}")
        assert [each["source_record_id"] for each in answer.json()["records"]] == ["s"]

    as_caller(database_url, "conditional", use)
    with connect(database_url) as conn:
        come(conn, [record("meds", "1", **MARISOL)])
        follow_index(conn)
        marisol = person_of(conn, ("meds", "1"))

    async def now(client: httpx.AsyncClient) -> None:
        answer = (await client.get(f"/v1/persons/{alone}")).json()
        assert (answer["person_id"], [each["source"] for each in answer["records"]]) == (marisol, ["meds", SUD])

    as_known(database_url, "conditional", now)


def test_the_metrics_do_not_count_them(database_url: str) -> None:
    with connect(database_url) as conn:
        come(conn, [record("meds", "1", **MARISOL)])
        apply(conn)

    async def use(client: httpx.AsyncClient) -> None:
        before = await counted(client)
        for values in (MARISOL, LEO):
            assert (await client.put(f"/v1/sources/{SUD}/records/s", json=values)).status_code in (200, 201)
        assert await counted(client) == before
        await client.put("/v1/sources/meds/records/2", json=LEO)
        assert await counted(client) != before

    async def counted(client: httpx.AsyncClient) -> list[str]:
        text = (await client.get("/metrics")).text
        ours = ("person_index_decisions", "person_index_candidates", "person_index_write")
        return [line for line in text.splitlines() if line.startswith(ours)]

    as_caller(database_url, "treatment", use)


def test_stewards_with_the_right_decide_and_undo(database_url: str) -> None:
    with connect(database_url) as conn:
        twin = MARISOL | {"first_name": "Marisela", "cin": "93456789A"}
        come(conn, [record("meds", "1", **MARISOL), record("meds", "2", **twin)])
        come(conn, [record(SUD, "s", **(MARISOL | {"first_name": "Mari", "cin": ""}))])
        apply(conn)
        one, other = (person_of(conn, ("meds", number)) for number in ("1", "2"))
        alone = person_of(conn, (SUD, "s"))

    async def use(client: httpx.AsyncClient) -> None:
        (asked,) = (await client.get("/v1/satellites/reviews")).json()["reviews"]
        assert {each["person_id"] for each in asked["persons"]} == {one, other}
        said = {"source": SUD, "source_record_id": "s", "person_id": other, "reason": "papers"}
        decided = (await client.post("/v1/satellites/judgements", json={"kind": "same", **said})).json()
        assert (decided["person_id"], decided["alone"]) == (other, False)
        assert (await client.get("/v1/satellites/reviews")).json()["reviews"] == []
        undone = f"/v1/satellites/judgements/{decided['judgement_id']}/undo"
        assert (await client.post(undone, json={"reason": "wrong child"})).json()["person_id"] == alone
        assert (await client.post(undone, json={"reason": "again"})).status_code == 404
        nobody = await client.post("/v1/satellites/judgements", json={"kind": "same", **said, "person_id": "nobody"})
        assert nobody.status_code == 422

    as_caller(database_url, "treatment", use)
