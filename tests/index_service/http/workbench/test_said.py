"""Values as the pages show them: each spelling once."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from index_service.http.workbench.said import said_of, values_compared
from index_service.linking_context import shipped


def written(comparison: str, *records: Mapping[str, str]) -> list[str]:
    records_said = [said_of(n, ("csi", f"r-{n}"), values) for n, values in enumerate(records)]
    return [value.text for value in values_compared(comparison, records_said, shipped())]


@pytest.mark.parametrize(
    ("comparison", "field", "spellings", "shown"),
    [
        ("last_name", "last_name", ["TESTVOGEL", "Testvogel", "testvogel"], ["Testvogel"]),
        ("last_name", "last_name", ["Testvogel", "Test Vogel"], ["Testvogel", "Test Vogel"]),
        ("case_id", "case_id", ["0aB3", "0AB3"], ["0aB3", "0AB3"]),
    ],
)
def test_capitals_make_no_other_spelling_but_of_an_id(
    comparison: str, field: str, spellings: list[str], shown: list[str]
) -> None:
    assert written(comparison, *({field: text} for text in spellings)) == shown
