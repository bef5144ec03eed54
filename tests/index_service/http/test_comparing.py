"""Comparing over HTTP: given and stored records, everything that the outcome follows from, and no value in return."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import httpx
import pytest

from index_service.linking_context import shipped
from index_service.loading.records import RECORD_ID_LIMIT
from index_service.store.connection import Connection
from index_service.store.records import begin_load, content_hash, copy_records
from linkage.normalise import normalise
from linkage.record import SourceRecord
from tests.index_service.http.client import with_client
from tests.index_service.http.test_lookups import STRANGE_IDS
from tests.index_service.store.partitions import publish

MARISOL = {
    "first_name": "Marisol",
    "last_name": "Testvogel",
    "birth_date": "2015-03-02",
    "ssn": "900-12-3456",
    "mother_first_name": "Ines",
    "address_line": "12 Example St",
    "zip": "95814",
}
GIVEN = {"fields": MARISOL}
SVG = "{http://www.w3.org/2000/svg}"


def load(conn: Connection, records: Mapping[str, Mapping[str, str]], source: str = "cws_cms") -> None:
    load_id = begin_load(conn, source, "extract.csv", "00")
    taken = [SourceRecord(source, record_id, values) for record_id, values in records.items()]
    copy_records(conn, load_id, source, [(r, normalise(r)[0], content_hash(r.values), False) for r in taken])
    publish(conn, {record_id: f"person of {record_id}" for record_id in records})


def asked(url: str, left: object, right: object) -> httpx.Response:
    answers: list[httpx.Response] = []

    async def use(client: httpx.AsyncClient) -> None:
        answers.append(await client.post("/v1/compare", json={"left": left, "right": right}))

    with_client(url, use)
    return answers[0]


def compared(url: str, left: object, right: object) -> dict[str, Any]:
    answer = asked(url, left, right)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_two_given_records_are_compared_and_everything_adds_up(database_url: str) -> None:
    found = compared(database_url, {"source": "cws_cms", **GIVEN}, {"source": "meds", **GIVEN})
    assert found["outcome"] == "link"
    assert found["probability"] > 0.999
    assert found["model"] == shipped().fingerprint
    weights = {}
    for other in found["alternatives"]:
        counted = [part["bits"] for part in found["comparisons"] if part["layer"] in other["layers"]]
        counted += [part["twins_bits"] for part in found["comparisons"] if other["otherwise"] == "twins"]
        assert other["weight"] == pytest.approx(other["prior_bits"] + sum(counted))
        weights[other["otherwise"]] = other["weight"]
    assert weights["strangers"] == pytest.approx(found["weight_against_stranger"])
    assert found["match_weight"] == pytest.approx(-math.log2(sum(2**-weight for weight in weights.values())))
    for rival, bits in (("stranger", "bits"), ("sibling", "sibling_bits")):
        summed = found[f"prior_against_{rival}"] + sum(part[bits] for part in found["comparisons"])
        assert found[f"weight_against_{rival}"] == pytest.approx(summed)
    first_name = next(part for part in found["comparisons"] if part["comparison"] == "first_name")
    assert (first_name["agreement"], first_name["layer"]) == ("same", "person")


def test_a_stored_record_is_compared_without_telling_what_it_says(conn: Connection, database_url: str) -> None:
    load(conn, {"0Ab3/17": MARISOL})
    stored = {"source": "cws_cms", "source_record_id": "0Ab3/17"}
    answer = asked(database_url, stored, {"source": "cws_cms", "fields": {**MARISOL, "first_name": "Joaquin"}})
    found = answer.json()
    assert found["outcome"] != "link"
    assert "contradiction_needs_review" in found["held_back_by"]
    for value in (*MARISOL.values(), "0Ab3"):
        assert value.lower() not in answer.text.lower()
    told = {name: value for name, value in MARISOL.items() if name != "ssn"}  # which nobody may learn, nor guess
    alike = compared(database_url, {"source": "cws_cms", "fields": told}, {"source": "cws_cms", "fields": told})
    assert compared(database_url, stored, stored) | {"not_used": []} == alike | {"not_used": []}


def test_a_record_that_is_not_held_or_was_withdrawn_is_named_as_missing(conn: Connection, database_url: str) -> None:
    load(conn, {"1": MARISOL, "2": MARISOL})
    conn.execute("UPDATE source_record SET withdrawn = true WHERE source_record_id = '2'")
    for record_id in ("unknown", "2"):
        answer = asked(
            database_url,
            {"source": "cws_cms", "source_record_id": "1"},
            {"source": "cws_cms", "source_record_id": record_id},
        )
        assert answer.status_code == 404
        assert [error["field"] for error in answer.json()["errors"]] == ["body.right"]


def test_what_cannot_be_used_is_told_and_the_rest_compared(database_url: str) -> None:
    found = compared(database_url, {"fields": {**MARISOL, "birth_date": "2015-02-31", "last_name": "Unknown"}}, GIVEN)
    assert {(fault["field"], fault["kind"]) for fault in found["not_used"]} >= {
        ("left.birth_date", "invalid"),
        ("left.last_name", "placeholder"),
    }
    assert "2015" not in str(found["not_used"])


@pytest.mark.parametrize(
    ("left", "field", "problem", "mend"),
    [
        ({"fields": {"frist_name": "Canary"}}, "body.left.fields", "not canonical", "Did you mean first_name?"),
        ({"fields": {"identifier.ssn": "Canary"}}, "body.left.fields", "not canonical", "/docs"),
        ({"fields": {"ssn": 900123456}}, "body.left.fields.ssn", "not a text", "quotes"),
        ({"fields": {"first_name": "x" * 301}}, "body.left.fields.first_name", "too long", "at most 300"),
        ({"fields": {"birth_order": "Canary"}}, "body.left.fields.birth_order", "whole number", "digits"),
        ({"fields": {"alias_names": ["Canary"] * 21}}, "body.left.fields.alias_names", "too many", "at most 20"),
        ({"fields": "Canary"}, "body.left.fields", "not a JSON object", "object"),
        ({}, "body.left.fields", "missing", "Give it"),
        ({"source": "CANARY", "fields": {}}, "body.left.source", "form", "/docs"),
        ({"fields": {}, "Canary": 1}, "body.left.(unknown)", "not a field", "Leave it out"),
        ({"source_record_id": "Canary"}, "body.left.source", "missing", "Give it"),
        ("Canary", "body.left", "not a JSON object", "object"),
    ],
)
def test_a_fault_is_named_by_field_with_its_mend_and_without_the_value(
    database_url: str, left: object, field: str, problem: str, mend: str
) -> None:
    answer = asked(database_url, left, GIVEN)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert problem in error["problem"]
    assert mend in error["mend"]
    assert "canary" not in answer.text.lower()


def test_a_body_that_is_no_json_is_told_so(database_url: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        headers = {"Content-Type": "application/json"}
        answer = await client.post("/v1/compare", content=b'{"left": Canary', headers=headers)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["problem"] == "is not JSON"
        assert "Canary" not in answer.text
        assert (await client.post("/v1/compare", content=b"\xff", headers=headers)).status_code in (400, 422)
        assert (await client.post("/v1/compare", content=b"[" * 100_000, headers=headers)).status_code in (400, 422)

    with_client(database_url, use)


def test_the_picture_of_two_stored_records_has_its_numbers_as_text(conn: Connection, database_url: str) -> None:
    load(conn, {"1": MARISOL, "2": {**MARISOL, "first_name": "Joaquin"}})
    answer = drawn(database_url, "1", "2")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/svg+xml")
    picture = ElementTree.fromstring(answer.text)  # noqa: S314 - our own
    assert picture.get("role") == "img"
    assert {picture.find(f"{SVG}title").get("id"), picture.find(f"{SVG}desc").get("id")} == set(  # type: ignore[union-attr]
        str(picture.get("aria-labelledby")).split()
    )
    texts = [element.text or "" for element in picture.iter(f"{SVG}text")]
    bars = list(picture.iter(f"{SVG}rect"))[1:]
    labels = [text for text in texts if text.startswith("first name: ")]
    assert len(labels) == 1
    assert sum(re.fullmatch(r"[-+]?\d+\.\d", text) is not None for text in texts) == len(bars)
    described = str(picture.findtext(f"{SVG}desc"))
    found = compared(database_url, *({"source": "cws_cms", "source_record_id": i} for i in "12"))
    stranger, sibling = (found[f"weight_against_{rival}"] for rival in ("stranger", "sibling"))
    assert f"weight: {stranger:.1f} against a stranger, {sibling:.1f} against a sibling or twin" in described
    first_name = next(part for part in found["comparisons"] if part["comparison"] == "first_name")
    bits, sibling_bits = first_name["bits"], first_name["sibling_bits"]
    assert f"{labels[0]}: {bits:+.1f} against a stranger, {sibling_bits:+.1f} against a sibling or twin" in described
    assert all(float(bar.get("width", 0)) >= 1 for bar in bars)
    assert "testvogel" not in answer.text.lower()


def test_every_printable_id_can_be_drawn_on_either_side(conn: Connection, database_url: str) -> None:
    load(conn, dict.fromkeys(STRANGE_IDS, MARISOL))

    async def use(client: httpx.AsyncClient) -> None:
        for left, right in zip(STRANGE_IDS, reversed(STRANGE_IDS), strict=True):
            answer = await client.get(picture_path(left, right))
            assert answer.status_code == 200, (left, right)
        assert (await client.get(picture_path("nobody", "/"))).json()["errors"][0]["field"] == "path.left_id"
        assert (await client.get("/v1/compare/cws_cms/a/b/cws_cms/1/waterfall.svg")).status_code == 404

    with_client(database_url, use)


def test_an_id_as_long_as_any_may_be_can_be_drawn(conn: Connection, database_url: str) -> None:
    longest = "ü" * RECORD_ID_LIMIT
    load(conn, {longest: MARISOL})
    assert drawn(database_url, longest, longest).status_code == 200


def picture_path(left: str, right: str) -> str:
    one, other = (quote(record_id, safe="").replace(".", "%2E") for record_id in (left, right))
    return f"/v1/compare/cws_cms/{one}/cws_cms/{other}/waterfall.svg"


def drawn(url: str, left: str, right: str) -> httpx.Response:
    answers: list[httpx.Response] = []

    async def use(client: httpx.AsyncClient) -> None:
        answers.append(await client.get(picture_path(left, right)))

    with_client(url, use)
    return answers[0]
