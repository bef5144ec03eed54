"""The service with the shipped agreements in force, and clients of it that are known; for tests of packets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from config.agreements import load_agreements
from config.purposes import load_purposes
from config.sources import load_sources
from index_service.disclosure.clauses import clauses_of
from index_service.http.app import create_app
from index_service.settings import Settings
from index_service.store.agreements import apply_agreements
from index_service.store.connection import Connection
from index_service.store.on_file import add_consent, add_relationship
from index_service.store.roles import grant_answering
from linkage.record import RecordKey
from tests.index_service.access.minting import BASE, Minted, bearer, mint_client, mint_token

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=400)
PMAP_SCOPES = ("index/pmap",)
SOURCES, PURPOSES = load_sources(), load_purposes()

MAYA: dict[str, Any] = {
    "first_name": "Mayalinda",
    "last_name": "Testvogel",
    "birth_date": "2014-05-17",
    "sex": "female",
    "mother_first_name": "Ines",
    "address_line": "12 Example St",
    "city": "Sacramento",
    "zip": "95814",
    "cin": "91234567A",
    "record_date": "2026-02-03",
}
WITHOUT_CIN = {name: value for name, value in MAYA.items() if name != "cin"}
CWS = ("cws_cms", "5Y3vKVs0X5")
MAYAS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (*CWS, MAYA),
    ("juvenile_court", "19:P1", WITHOUT_CIN | {"identifier.court_number": "19:DK12345-A"}),
    (
        "juvenile_court",
        "43:P2",
        WITHOUT_CIN | {"last_name": "Vorname Testvogel", "identifier.court_number": "43:JD777-A"},
    ),
    ("meds", "M1", MAYA),
    ("meds", "M0", MAYA | {"cin": "98765432C", "record_date": "2019-01-01"}),
    ("medi_cal_rx", "R1", {k: MAYA[k] for k in ("first_name", "last_name", "birth_date", "sex", "cin", "record_date")}),
    ("csi", "19:00000000A", MAYA),
    ("calpads", "S1", WITHOUT_CIN),
    ("cair2", "C1", WITHOUT_CIN),
    ("calsaws", "W1", MAYA),
)
"""One child in every kind of system: two courts, two CINs. `calsaws` is in no part of a packet."""

OTTO: dict[str, Any] = {
    "first_name": "Ottokar",
    "last_name": "Beispiel",
    "birth_date": "2012-09-30",
    "sex": "male",
    "zip": "93701",
}


def agree(conn: Connection) -> None:
    """Let the shipped agreements hold, whatever the day, and the service answer."""
    days = {"from_date": LONG_AGO.date(), "until_date": (NOW + timedelta(days=400)).date()}
    agreements = [each.model_copy(update=days) for each in load_agreements(SOURCES, PURPOSES)]
    apply_agreements(conn, agreements, clauses_of(agreements, SOURCES, PURPOSES), reason="test", who="tests")
    grant_answering(conn)


def in_care(conn: Connection, record: RecordKey, *, order: Collection[str] = ("csi", "dds")) -> None:
    """An agency is responsible for the child, and a court order opens some sources to the process."""
    add_relationship(conn, "legal_responsibility", record, client="cws", from_at=LONG_AGO, who="clerk")
    if order:
        add_consent(
            conn,
            "court_order",
            record,
            sources=order,
            clients=["pmap"],
            from_at=LONG_AGO,
            until_at=None,
            document="file 1",
            who="clerk",
        )


def clients(conn: Connection) -> dict[str, Minted]:
    """The process, a school's liaison, and a second process of another name without any agreement."""
    return {
        "pmap": mint_client(conn, "pmap", scopes=PMAP_SCOPES, purposes=("COURT",)),
        "school": mint_client(conn, "school_liaison", scopes=PMAP_SCOPES, purposes=("FOSTERPLACE",)),
        "stranger": mint_client(conn, "stranger", scopes=PMAP_SCOPES, purposes=("COURT",)),
    }


def settings_in(folder: Path, **others: Any) -> Settings:
    """Settings whose files lie in a folder."""
    files = {name: folder / name for name in ("signing_keys", "sealing_keys", "ledger_seals")}
    return Settings(**{"pool_size": 2, "public_url": BASE, **files, **others})


class Caller:
    """One client of the service in this process."""

    def __init__(self, http: httpx.AsyncClient, headers: Mapping[str, str]) -> None:
        self._http, self._headers = http, dict(headers)

    async def ask(self, status: int = 200, **question: object) -> dict[str, Any]:
        answer = await self._http.post("/v1/pmap/resolve", json=question, headers=self._headers)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    async def changes(self, token: str, status: int = 200) -> dict[str, Any]:
        answer = await self._http.get("/v1/pmap/changes", params={"token": token}, headers=self._headers)
        assert answer.status_code == status, answer.text
        return dict(answer.json())


Use = Callable[[Mapping[str, Caller]], Coroutine[Any, Any, None]]


def served(url: str, folder: Path, known: Mapping[str, Minted], use: Use) -> None:
    """Run `use` with a caller for each client."""

    async def run() -> None:
        app: FastAPI = create_app(url, settings_in(folder))
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
                await use({name: Caller(http, bearer(mint_token(app, each.client))) for name, each in known.items()})

    asyncio.run(run())


def told(answer: Mapping[str, Any]) -> list[str]:
    """The pointers of an answer as source and id, in its order."""
    return [f"{each['source']} {each['source_record_id']}" for part in answer["packet"] for each in part["pointers"]]


def pointer(answer: Mapping[str, Any], source: str, record_id: str) -> dict[str, Any]:
    parts: Sequence[dict[str, Any]] = answer["packet"]
    (found,) = [
        each
        for part in parts
        for each in part["pointers"]
        if (each["source"], each["source_record_id"]) == (source, record_id)
    ]
    return dict(found)
