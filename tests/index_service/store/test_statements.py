"""SQL is source code: every statement has a name, a description, and is valid."""

from __future__ import annotations

from importlib import resources

import pytest

from index_service.store.statements import Statements, statements

MODULES = [
    file.name.removesuffix(".sql")
    for file in (resources.files("index_service.store") / "sql").iterdir()
    if file.name.endswith(".sql")
]


@pytest.mark.parametrize("module", MODULES)
def test_every_statement_is_named_once_and_described(module: str) -> None:
    text = (resources.files("index_service.store") / "sql" / f"{module}.sql").read_text()
    assert text.count("-- name:") == len(statements(module).names()) > 0


@pytest.mark.parametrize("module", MODULES)
def test_every_statement_is_used(module: str) -> None:
    package = resources.files("index_service.store")
    python = "".join(file.read_text() for file in package.iterdir() if file.name.endswith(".py"))
    assert [name for name in statements(module).names() if f'"{name}"' not in python] == []


def test_a_statement_without_description_is_refused() -> None:
    with pytest.raises(ValueError, match="no description for lonely"):
        Statements("example", "-- name: lonely\nSELECT 1\n")


def test_an_unknown_statement_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        statements("records")["nothing_of_this_name"]
