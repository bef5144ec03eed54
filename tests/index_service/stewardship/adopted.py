"""A child who was adopted, as two systems knew her before and two know her after; sealed by two persons."""

from __future__ import annotations

from index_service.stewardship.adoptions import Sealed, agree_to_seal, propose_seal
from index_service.stewardship.deciding import Steward
from index_service.store.connection import Connection
from tests.index_service.stewardship.invented import SENIOR, persons

SUPERVISOR = Steward("ruth", supervisor=True)
BIRTH = {
    "first_name": "Marisol",
    "last_name": "Quintanilla",
    "birth_date": "2014-03-09",
    "sex": "female",
    "ssn": "900-11-2233",
    "mother_first_name": "Rosaura",
    "mother_last_name": "Quintanilla",
    "address_line": "814 Alder Way",
    "city": "Fresno",
    "zip": "93701",
    "cin": "90000001A",
    "identifier.ssid": "9000000001",
}
ADOPTED = {
    **BIRTH,
    "last_name": "Ellery",
    "mother_first_name": "Ada",
    "mother_last_name": "Ellery",
    "address_line": "3 Harbor St",
    "city": "Eureka",
    "zip": "95501",
    "cin": "90000002B",
}
B1, B2, A1, A2, O = ("cws_cms", "b1"), ("meds", "b2"), ("calpads", "a1"), ("meds", "a2"), ("csi", "o")  # noqa: E741
BRIDGE = {
    **ADOPTED,
    "last_name": "Ellery Quintanilla",
    "mother_first_name": "Rosaura",
    "mother_last_name": "Quintanilla",
}
"""A record of the time after that still bears the birth name and the mother."""
BEFORE, AFTER = {B1: BIRTH, B2: BIRTH}, {A1: BRIDGE, A2: ADOPTED}


def is_apart(conn: Connection) -> bool:
    """Whether no person has records of both times."""
    now = persons(conn)
    return {now[k] for k in BEFORE if k in now}.isdisjoint(now[k] for k in AFTER if k in now)


def sealed(conn: Connection) -> Sealed:
    asked = propose_seal(conn, persons(conn)[B1], {A1, A2}, SUPERVISOR, reason="order of adoption")
    return agree_to_seal(conn, asked.seal.seal_id, SENIOR, agrees=True, reason="seen")
