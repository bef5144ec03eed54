"""Purposes of use: which there are, and which is included in which.

A grant of a purpose covers the purposes below it, unless one says `included: false`: who may treat may coordinate
care, and may not break the glass. `nearest` names the HL7 code closest in meaning, for standards that know no local
codes; it never widens a grant.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from config.reading import ConfigModel, read_config

PURPOSES_FILE = Path(__file__).parent / "purposes.yaml"
HL7_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
HL7_OID = "2.16.840.1.113883.5.8"


class Purpose(ConfigModel):
    """One purpose of use."""

    code: str = Field(pattern=r"^[A-Z][A-Z0-9]{1,19}$", description="The code, unique among HL7 and local ones.")
    display: str = Field(min_length=1, description="The purpose in words, as shown to people.")
    description: str = Field(default="", description="What it comprises; required of local codes.")
    parent: str | None = Field(default=None, description="The wider purpose that it belongs to.")
    included: bool = Field(default=True, description="Whether a grant of the parent covers it.")
    local: bool = Field(default=False, description="Whether the code is ours rather than HL7's.")
    nearest: str | None = Field(default=None, description="The HL7 code nearest in meaning, of a local code.")


class Purposes(ConfigModel):
    """All purposes of use."""

    local_system: str = Field(pattern=r"^(urn|https?):\S+$", description="The system (URI) of the local codes.")
    purposes: tuple[Purpose, ...] = Field(min_length=1, description="The purposes, a parent before its children.")

    @model_validator(mode="after")
    def _codes_fit_together(self) -> Self:
        seen: dict[str, Purpose] = {}
        for purpose in self.purposes:
            if purpose.code in seen:
                raise ValueError(f"the code {purpose.code} stands twice")
            if purpose.parent is not None and purpose.parent not in seen:
                raise ValueError(f"the parent of {purpose.code}, {purpose.parent}, does not stand before it")
            seen[purpose.code] = purpose
        for purpose in self.purposes:
            _check_local(purpose, seen)
        return self

    @cached_property
    def by_code(self) -> Mapping[str, Purpose]:
        return {purpose.code: purpose for purpose in self.purposes}

    def system_of(self, code: str) -> str:
        """The code system (URI) of a code."""
        return self.local_system if self.by_code[code].local else HL7_SYSTEM

    def covers(self, granted: Collection[str], code: str) -> bool:
        """Whether a grant of these codes allows stating this one; never for a code that is not known."""
        purpose = self.by_code.get(code)
        while purpose is not None:
            if purpose.code in granted:
                return True
            purpose = self.by_code.get(purpose.parent) if purpose.parent and purpose.included else None
        return False

    def covered(self, granted: Collection[str]) -> frozenset[str]:
        """Every code that a grant of these allows to be stated."""
        return frozenset(code for code in self.by_code if self.covers(granted, code))

    def read(self, text: str) -> str | None:
        """The code that a caller wrote, as `TREAT`, `system|TREAT` or `urn:oid:2.16.840.1.113883.5.8#TREAT`.

        None if it is no purpose known here, or names another system.
        """
        system, _, code = text.strip().replace("#", "|").rpartition("|")
        return self.of_system(system, code)

    def of_system(self, system: str, code: str) -> str | None:
        """The code, if it is known and of this system; an empty system stands for the right one."""
        if code not in self.by_code:
            return None
        right = {"", self.local_system} if self.by_code[code].local else {"", HL7_SYSTEM, HL7_OID, f"urn:oid:{HL7_OID}"}
        return code if system in right else None


def _check_local(purpose: Purpose, known: Mapping[str, Purpose]) -> None:
    if not purpose.local:
        if purpose.nearest is not None:
            raise ValueError(f"{purpose.code} is HL7's own code and needs no `nearest`")
        return
    if not purpose.description:
        raise ValueError(f"the local code {purpose.code} has no description")
    nearest = known.get(purpose.nearest or "")
    if nearest is None or nearest.local:
        raise ValueError(f"`nearest` of {purpose.code} names no HL7 code of this file")


def load_purposes(path: Path | None = None) -> Purposes:
    """Read the purposes of use, the shipped ones by default.

    Raises:
        ConfigError: the file cannot be used; the error names file and key.
    """
    return read_config(path or PURPOSES_FILE, Purposes)
