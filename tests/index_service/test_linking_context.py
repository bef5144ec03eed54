"""A process reads a model once, and notices when another becomes current."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from index_service.linking_context import LinkingContext, current, read_current, shipped
from index_service.models import document_of
from index_service.store.connection import Connection
from index_service.store.runs import save_model, set_current_model
from linkage.errors import ModelMismatch
from linkage.model import Model
from tests.linkage.models import made_model


def make_current(conn: Connection, model: Model) -> None:
    save_model(conn, model.fingerprint, document_of(model))
    set_current_model(conn, model.fingerprint)


def read_without_blocking(url: str) -> LinkingContext:
    async def read() -> LinkingContext:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
            return await read_current(conn)

    return asyncio.run(read())


def test_before_the_first_relink_the_shipped_model_is_used(conn: Connection, database_url: str) -> None:
    assert current(conn) is shipped()
    assert read_without_blocking(database_url) is shipped()


def test_a_model_is_read_once_and_given_up_when_another_becomes_current(conn: Connection, database_url: str) -> None:
    first, second = made_model(seed=1), made_model(seed=2)
    make_current(conn, first)
    context = current(conn)
    assert context.fingerprint == first.fingerprint
    assert context.compiled.model == first
    assert current(conn) is context
    assert read_without_blocking(database_url) is context
    make_current(conn, second)
    assert read_without_blocking(database_url).fingerprint == second.fingerprint
    assert current(conn).fingerprint == second.fingerprint


def test_a_model_of_another_version_is_refused(conn: Connection) -> None:
    save_model(conn, "000000000000", '{"name": "of another version"}')
    set_current_model(conn, "000000000000")
    with pytest.raises(ModelMismatch, match="not a model of this version"):
        current(conn)
