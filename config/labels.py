"""Labels that a source carries: how confidential the presence of a record in it is, and what it would give away.

Codes of HL7 (v3-Confidentiality, v3-ActCode), except the local ones, which HL7 does not have.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator

Confidentiality = Literal["U", "L", "M", "N", "R", "V"]
"""Unrestricted, low, moderate, normal, restricted, very restricted: in this order."""

CONFIDENTIALITY_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
SENSITIVITY_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
LOCAL_SENSITIVITY_SYSTEM = "urn:person-index:sensitivity"

_ORDER = {code: place for place, code in enumerate(get_args(Confidentiality))}

_WIDER: dict[str, str | None] = {
    "SPI": None,  # specially protected information
    "BH": "SPI",  # behavioral health
    "MH": "BH",  # mental health
    "PSY": "BH",  # psychiatry
    "PSYTHPN": "BH",  # psychotherapy notes
    "SUD": "BH",  # substance use disorder
    "ETHUD": "SUD",  # alcohol use disorder
    "OPIOIDUD": "SUD",  # opioid use disorder
    "HIV": None,
    "STD": None,
    "SEX": None,  # sexual and reproductive health
    "SDV": None,  # sexual assault, abuse, domestic violence
    "VIO": None,  # violence
    "PREGNANT": None,
    "ADOL": None,  # an adolescent's own
    "ADOPTION": None,  # local: that a child was adopted
    "JUVENILE": None,  # local: that a juvenile court or child welfare knows the child
    "DISABILITY": None,  # local: that a child has a developmental disability
}
LOCAL_SENSITIVITIES = frozenset({"ADOPTION", "JUVENILE", "DISABILITY"})


def _sensitivity(code: str) -> str:
    if code not in _WIDER:
        raise ValueError(f"no such sensitivity; the codes are {', '.join(_WIDER)}")
    return code


Sensitivity = Annotated[str, AfterValidator(_sensitivity)]


def is_within(label: Confidentiality, ceiling: Confidentiality) -> bool:
    """Whether a label lies at or below a ceiling."""
    return _ORDER[label] <= _ORDER[ceiling]


def touches(labels: Collection[str], named: Collection[str]) -> bool:
    """Whether one of a source's sensitivities is among the named ones, or is a kind of one of them."""
    return any(wider in named for label in labels for wider in _with_wider(label))


def _with_wider(code: str) -> list[str]:
    codes = [code]
    while (wider := _WIDER[codes[-1]]) is not None:
        codes.append(wider)
    return codes
