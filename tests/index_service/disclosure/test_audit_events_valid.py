"""Every kind of AuditEvent that the ledger's export writes fits HL7's own schema of FHIR R4 (4.0.1).

The schema is HL7's (CC0), cut to AuditEvent and the types that it uses, without descriptions; of extensions it allows
the values that we might write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema_rs
import pytest

from index_service.disclosure import notices
from index_service.disclosure.audit_events import audit_event
from index_service.store.ledger import WORKBENCH, Entry
from tests.index_service.disclosure.generated import PURPOSES
from tests.index_service.disclosure.test_accounting import AGREEMENTS, ENTRY

SCHEMA = json.loads((Path(__file__).parent / "fhir" / "audit_event_r4.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema_rs.Draft6Validator(SCHEMA)
OF_COUNTS = json.dumps([{"source": "meds", "id": None, "clauses": ["research/1:counts"], "attributes": []}])
NOTHING = replace(ENTRY, outcome="nothing", pointers=None, person_id=None, user=None)
KINDS: dict[str, Entry] = {
    "a disclosure": ENTRY,
    "one by a command": replace(ENTRY, client="person-index", purpose="HSYSADMIN", action="export", request_id=None),
    "a look in the workbench": replace(ENTRY, client=WORKBENCH, purpose="RECORDMGT", action="look at person"),
    "a search in the workbench": replace(NOTHING, client=WORKBENCH, purpose="RECORDMGT", action="look at search"),
    "counts": replace(ENTRY, action="counts", person_id=None, pointers=OF_COUNTS),
    "an answer that told nothing": NOTHING,
    "a refusal": replace(NOTHING, outcome="refused", reason="not allowed"),
    "broken glass": replace(NOTHING, user="ann", purpose="BTG", reason="the glass was broken"),
    "a purpose that is known no more": replace(ENTRY, purpose="GONE"),
}


def faults(event: object) -> Iterator[str]:
    for fault in VALIDATOR.iter_errors(event):
        yield f"{fault.instance_path}: {fault.message}"


@pytest.mark.parametrize("kind", KINDS)
def test_it_fits_the_schema(kind: str) -> None:
    assert list(faults(audit_event(KINDS[kind], AGREEMENTS, PURPOSES))) == []


def test_what_was_told_of_records_under_part_2_is_labelled_and_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "segregated_sources", lambda: frozenset({"cws_cms"}))
    event = audit_event(ENTRY, AGREEMENTS, PURPOSES)
    assert [label["code"] for label in event["meta"]["security"]] == ["42CFRPart2", "NORDSCLCD"]  # type: ignore[index]
    assert list(faults(event)) == []


@pytest.mark.parametrize(
    "change", [{"outcome": "9"}, {"action": "X"}, {"recorded": "yesterday"}, {"agent": None}, {"colour": "red"}]
)
def test_the_schema_finds_what_does_not_fit(change: dict[str, object]) -> None:
    assert list(faults(audit_event(ENTRY, AGREEMENTS, PURPOSES) | change))


@pytest.mark.parametrize("kind", KINDS)
def test_what_r4_requires_is_there(kind: str) -> None:
    """Elements that the schema leaves open: type, recorded, who sends, and of each agent whether it asked."""
    event = audit_event(KINDS[kind], AGREEMENTS, PURPOSES)
    assert event["type"]["code"] and event["recorded"] and event["source"]["observer"]  # type: ignore[index]
    asked = [agent["requestor"] for agent in event["agent"]]  # type: ignore[attr-defined]
    assert asked.count(True) == 1
