"""Two children in a database: one known in four systems, one in child welfare alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg

from index_service.store.connection import AsyncConnection, Connection
from index_service.store.releasing import AskedPersons, Pointer, Question, released_persons
from tests.index_service.store.partitions import load_ids, publish

CHILD = "2222-2222-2222"
OTHER = "3333-3333-3333"
RECORDS = {"cws_cms": "0Ab3", "csi": "19:A", "meds": "M1", "calpads": "S1"}
Answer = TypeVar("Answer")


def two_children(conn: Connection) -> None:
    for source, record_id in RECORDS.items():
        load_ids(conn, [record_id], source=source, first_name="Maya", cin="91234567A", ssn="900-12-3456")
    load_ids(conn, ["0Other"], first_name="Otto")
    publish(conn, {**dict.fromkeys(RECORDS.values(), CHILD), "0Other": OTHER})


def ask(url: str, what: Callable[[AsyncConnection], Awaitable[Answer]]) -> Answer:
    """Run one call of the service on a connection of its own."""

    async def run() -> Answer:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
            return await what(conn)

    return asyncio.run(run())


def told(url: str, asked: AskedPersons) -> list[Pointer]:
    """The answer to one question about persons."""
    (answer,) = ask(url, lambda conn: released_persons(conn, [asked]))
    return answer


def question(client: str = "pmap", purpose: str = "COURT", user: str | None = None) -> Question:
    return Question(client, user, purpose, "request-1", b"sealed")
