"""A CWS/CMS id as its screens print it names the record that its ten characters name, whatever is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from index_service.accounts.roles import Role
from index_service.store.connection import Connection
from tests.index_service.accounts.invented import add_steward
from tests.index_service.http.client import with_client
from tests.index_service.http.test_records import CHILD
from tests.index_service.http.workbench.browsing import Visitor, with_visitor
from tests.index_service.stewardship.invented import DOUBTFUL, MARIA, persons, send
from tests.index_service.stewardship.test_http import key, using

STORED, PRINTED = "5Y3vKVs0X5", "0315-2076-8676-8002051"
SPELLINGS = pytest.mark.parametrize("spelled", [STORED, PRINTED, PRINTED.replace("-", "")])
OF_MEDS = ("meds", "m2")


def record(spelled: str) -> str:
    return f"/v1/sources/cws_cms/records/{quote(spelled, safe='')}"


@SPELLINGS
def test_a_record_is_looked_up_asked_about_compared_and_withdrawn(database_url: str, spelled: str) -> None:
    named = {"source": "cws_cms", "source_record_id": spelled}

    async def use(client: httpx.AsyncClient) -> None:
        sent = (await client.put(record(PRINTED), json=CHILD)).json()
        assert sent["source_record_id"] == STORED
        assert (await client.put(record(spelled), json=CHILD)).json()["outcome"] == "unchanged"
        found = await client.get(f"{record(spelled)}/person")
        assert found.json()["person_id"] == sent["person_id"], found.text
        asked = await client.post("/v1/resolve", json={"records": [named]})
        assert [(p["person_id"], p["known"]) for p in asked.json()["persons"]] == [(sent["person_id"], True)]
        compared = await client.post("/v1/compare", json={"left": named, "right": {"fields": CHILD}})
        assert compared.json()["outcome"] == "link", compared.text
        drawn = await client.get(f"/v1/compare/cws_cms/{spelled}/cws_cms/{STORED}/waterfall.svg")
        assert drawn.status_code == 200, drawn.text
        gone = await client.delete(record(spelled))
        assert (gone.status_code, gone.json()["outcome"]) == (200, "withdrawn")
        assert (await client.get(f"{record(STORED)}/person")).status_code == 404

    with_client(database_url, use)


@SPELLINGS
def test_a_steward_names_it_in_a_judgement(conn: Connection, database_url: str, spelled: str) -> None:
    send(conn, {("cws_cms", STORED): MARIA, OF_MEDS: DOUBTFUL})
    named = key(("cws_cms", spelled))

    async def steps(ask: Callable[..., Any]) -> None:
        said = {"kind": "same", "reason": "papers", "left": [named], "right": [key(OF_MEDS)]}
        await ask("POST", "/judgements", json=said)
        assert len(set(persons(conn).values())) == 1
        assert len((await ask("GET", "/judgements", params=named)).json()["judgements"]) == 1

    using(database_url, steps)


@SPELLINGS
def test_the_workbench_finds_it(conn: Connection, database_url: str, spelled: str) -> None:
    send(conn, {("cws_cms", STORED): MARIA})
    add_steward(conn, "ana.lopez", Role.STEWARD)

    async def story(visitor: Visitor) -> None:
        await visitor.sign_in()
        page = await visitor.get(str(httpx.URL("/workbench/record", params={"source": "cws_cms", "id": spelled})))
        assert page.status_code == 200 and STORED in page.text
        await visitor.get("/workbench/search")
        found = await visitor.send("/workbench/search/id", {"source": "cws_cms", "record_id": spelled})
        assert found.status_code == 303 and STORED in found.headers["location"]

    asyncio.run(with_visitor(database_url, story))
