"""The description of the API is complete and true: every operation, every answer, every error, with examples."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from index_service.http.app import create_app
from index_service.http.examples import example_of
from index_service.settings import Settings
from index_service.store.connection import Connection
from tests.index_service.http.running import running_for_supervisor
from tests.index_service.store.partitions import load_ids, publish

EXAMPLES_PER_OPERATION = int(os.environ.get("PERSON_INDEX_API_EXAMPLES", "8"))
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,missing_required_header,unsupported_method,"
    "allow_header_conformance"
)
"""All but that valid data is accepted: whether a moment lies in the past, say, no schema tells."""


GLASS = "/v1/break-glass"
"""Where another purpose has to be stated."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app("postgresql://", Settings()).openapi()


@pytest.fixture(autouse=True)
def no_log_lines() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield f"{verb.upper()} {path}", operation


def validator(schema: dict[str, Any], document: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


def test_every_operation_says_what_it_does_and_names_its_errors_as_problems(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation.get("description"), name
        assert operation["tags"], name
        assert operation["responses"].keys() >= {"400", "500", "503"}, name
        for status, answer in operation["responses"].items():
            assert answer["description"], (name, status)
            if status >= "400":
                assert list(answer["content"]) == ["application/problem+json"], (name, status)
    assert "HTTPValidationError" not in document["components"]["schemas"]


def shown_in(content: dict[str, Any]) -> list[Any]:
    """The examples that stand in the description itself."""
    named = [example["value"] for example in content.get("examples", {}).values()]
    return [content["example"], *named] if "example" in content else named


def test_every_body_answer_and_parameter_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        carriers = {"body": operation.get("requestBody", {}), **operation["responses"]}
        for where, carrier in carriers.items():
            for media_type, content in carrier.get("content", {}).items():
                shown = shown_in(content)
                assert shown, (name, where, media_type)
                for example in shown:
                    faults = [error.message for error in validator(content["schema"], document).iter_errors(example)]
                    assert not faults, (name, where, media_type)
        for parameter in operation.get("parameters", []):
            schema = parameter["schema"]
            shown = parameter.get("example", example_of(schema, document))
            assert validator(schema, document).is_valid(shown), (name, parameter["name"])


def test_whatever_is_sent_to_any_operation_the_answer_is_one_that_is_documented(
    conn: Connection, database_url: str
) -> None:
    """Schemathesis makes requests of all sorts from the description, and holds every answer against it.

    They are a supervisor's, whose agreement lets her count and break the glass: operations do what they are there for.
    """
    load_ids(conn, ["0Ab3", "0Ab3/17"], first_name="Marisol", last_name="Testvogel")
    load_ids(conn, ["0Ab3", "0Ab3/17"], source="meds", first_name="Marisol", last_name="Testvogel")
    publish(conn, {"0Ab3": "A", "0Ab3/17": "K7Q2-MX9T-4RWA"})
    with running_for_supervisor(database_url) as (base, headers):
        everything_else = ("--exclude-path", GLASS)
        ran = [
            schemathesis(base, headers["TREAT"], *everything_else),
            schemathesis(base, headers["BTG"], "--include-path", GLASS),
        ]
        counted = httpx.get(f"{base}/v1/counts", headers=headers["TREAT"]).json()
        cases = httpx.get(f"{base}/v1/break-glass", headers=headers["BTG"]).json()["cases"]
    for each in ran:
        assert each.returncode == 0, each.stdout[-12_000:] + each.stderr[-2000:]
    assert counted["smallest"] == 2, "counts were told, not refused"
    assert cases, "glass was broken, not refused"


def schemathesis(base: str, headers: dict[str, str], *which: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{base}/openapi.json", "--url", base, *which),
        *(part for name, value in headers.items() for part in ("--header", f"{name}: {value}")),
        *("--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES_PER_OPERATION)),
        *("--checks", CHECKS, "--seed", "1", "--generation-deterministic", "--no-color", "--max-failures", "10"),
        *("--suppress-health-check", "all", "--warnings", "off"),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
