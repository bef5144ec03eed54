"""Rows of the ledger as FHIR R4 AuditEvents (IHE BALP): one for each row, which is one for each person told of.

What was told is a disclosure (BALP PrivacyDisclosure.Source), what found nothing or was refused a query. A question is
sealed in the ledger, and is named by its row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from config.agreements import Agreement
from config.purposes import Purposes
from index_service.disclosure.notices import notices_for
from index_service.store.ledger import WORKBENCH, Entry

DCM = "http://dicom.nema.org/resources/ontology/DCM"
EVENT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-event-type"
INTERACTION = "http://hl7.org/fhir/restful-interaction"
SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type"
DISCLOSURE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PrivacyDisclosure.Source"
LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
ENTITY_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PART2_LABELS = (
    ("42CFRPart2", "42 CFR Part2"),
    ("NORDSCLCD", "no redisclosure without consent directive"),
)
PERSON_SYSTEM = "urn:person-index:person"
SOURCE_SYSTEM = "urn:person-index:source:"
CLIENT_SYSTEM = "urn:person-index:client"
USER_SYSTEM = "urn:person-index:user"
LEDGER_SYSTEM = "urn:person-index:ledger"

Json = dict[str, object]
US: Json = {"identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:person-index"}, "display": "person index"}
SOURCE_ROLE, DESTINATION_ROLE = ("110153", "Source Role ID"), ("110152", "Destination Role ID")
SEARCHED = frozenset({"resolve", "counts", "events"})
"""Actions that search; the others read what is named."""
SUCCESS, REFUSED = "0", "8"


def audit_event(entry: Entry, agreements: Mapping[str, Agreement], purposes: Purposes) -> Json:
    """One row as an AuditEvent: a disclosure if something was told, else a query."""
    told = json.loads(entry.pointers) if entry.pointers else []
    references = sorted({clause.partition(":")[0] for pointer in told for clause in pointer["clauses"]})
    event: Json = {
        "resourceType": "AuditEvent",
        "id": str(entry.disclosure_id),
        **(_disclosed(told) if told and entry.client != WORKBENCH else _asked(entry.action)),
        "recorded": entry.at.astimezone(UTC).isoformat(),
        "outcome": REFUSED if entry.outcome == "refused" else SUCCESS,
        "purposeOfEvent": [{"coding": [_purpose(entry.purpose, purposes)]}],
        "agent": list(_agents(entry, references, agreements)),
        "source": {"observer": US, "type": [_coding(SOURCE_TYPE, "4", "Application Server")]},
        "entity": _entities(entry, told),
    }
    if entry.reason is not None:
        event["outcomeDesc"] = entry.reason
    return event


def _disclosed(told: list[Mapping[str, Any]]) -> Json:
    """Where records under 42 CFR Part 2 were told of, the labels say so, and that nothing goes further (2.32)."""
    part2 = notices_for(pointer["source"] for pointer in told)
    labels: Json = {"security": [_coding(ACT_CODE, code, display) for code, display in PART2_LABELS]} if part2 else {}
    return {
        "meta": {"profile": [DISCLOSURE], **labels},
        "type": _coding(DCM, "110106", "Export"),
        "subtype": [_coding(LIFECYCLE, "disclose", "Disclose")],
        "action": "R",
    }


def _asked(action: str) -> Json:
    interaction = "search" if action in SEARCHED else "read"
    return {
        "type": _coding(EVENT_TYPE, "rest", "RESTful Operation"),
        "subtype": [_coding(INTERACTION, interaction), _coding(LIFECYCLE, "access", "Access/View")],
        "action": "E",
    }


def _agents(entry: Entry, references: list[str], agreements: Mapping[str, Agreement]) -> list[Json]:
    """The index and the client: in a disclosure from the one to the other, in a query the other way; and the user."""
    ours, theirs = (SOURCE_ROLE, DESTINATION_ROLE) if entry.pointers else (DESTINATION_ROLE, SOURCE_ROLE)
    recipient: Json = {"identifier": {"system": CLIENT_SYSTEM, "value": entry.client}}
    if references and references[0] in agreements:
        recipient["display"] = agreements[references[0]].recipient.name
    receiving: Json = {
        "type": {"coding": [_coding(DCM, *theirs)]},
        "who": recipient,
        "requestor": entry.user is None,
    }
    if references:
        receiving["policy"] = [f"urn:person-index:agreement:{reference}" for reference in references]
    agents: list[Json] = [
        {
            "type": {"coding": [_coding(DCM, *ours)]},
            "who": US,
            "requestor": False,
        },
        receiving,
    ]
    if entry.user is not None:
        agents.append(
            {
                "type": {"coding": [_coding(PARTICIPATION, "IRCP", "information recipient")]},
                "who": {"identifier": {"system": USER_SYSTEM, "value": entry.user}},
                "requestor": True,
            }
        )
    return agents


def _entities(entry: Entry, told: list[Mapping[str, Any]]) -> list[Json]:
    entities: list[Json] = []
    if entry.person_id is not None:
        entities.append(
            {
                "what": {"identifier": {"system": PERSON_SYSTEM, "value": entry.person_id}},
                "type": _coding(ENTITY_TYPE, "1", "Person"),
                "role": _coding(ENTITY_ROLE, "1", "Patient"),
            }
        )
    entities += [_told(pointer) for pointer in told]
    entities.append(
        {
            "what": {"identifier": {"system": LEDGER_SYSTEM, "value": str(entry.disclosure_id)}},
            "type": _coding(ENTITY_TYPE, "2", "System Object"),
            "role": _coding(ENTITY_ROLE, "24", "Query"),
            "description": f"{entry.action}; the question is sealed in this row of the ledger",
        }
    )
    if entry.request_id is not None:
        entities.append(
            {
                "what": {"identifier": {"value": entry.request_id}},
                "type": _coding("https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId"),
            }
        )
    return entities


def _told(pointer: Mapping[str, Any]) -> Json:
    """A record that was told of, and which of its attributes were."""
    entity: Json = {
        "what": {"identifier": _record_of(pointer)},
        "type": _coding(ENTITY_TYPE, "2", "System Object"),
        "role": _coding(ENTITY_ROLE, "4", "Domain Resource"),
    }
    attributes = pointer.get("attributes")
    return entity | {"description": ", ".join(attributes)} if attributes else entity


def _record_of(pointer: Mapping[str, Any]) -> Json:
    """Source and key; of a count, the source alone."""
    system: Json = {"system": SOURCE_SYSTEM + pointer["source"]}
    return system | {"value": pointer["id"]} if pointer["id"] is not None else system


def _purpose(code: str, purposes: Purposes) -> Json:
    purpose = purposes.by_code.get(code)
    if purpose is None:
        return {"code": code}
    return _coding(purposes.system_of(code), code, purpose.display)


def _coding(system: str, code: str, display: str | None = None) -> Json:
    coding: Json = {"system": system, "code": code}
    return coding if display is None else coding | {"display": display}
