"""The medication process: which source belongs to which part of a packet, and by when a court needs an answer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from config.reading import ConfigModel, read_config

PMAP_FILE = Path(__file__).parent / "pmap.yaml"

Role = Literal["child_welfare", "medi_cal", "behavioral_health", "court", "school", "regional_center", "immunizations"]
"""The parts of a packet."""
ROLES: tuple[Role, ...] = get_args(Role)

Urgency = Literal["application", "emergency"]
"""application: the court decides upon a request. emergency: medication was given, authorisation is sought after it."""
URGENCIES: tuple[Urgency, ...] = get_args(Urgency)

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]


class RoleSources(ConfigModel):
    """One part of a packet."""

    role: Role = Field(description="The part.")
    title: str = Field(min_length=1, description="What a page calls it.")
    sources: tuple[Name, ...] = Field(min_length=1, description="Sources whose records belong there.")


class Clock(ConfigModel):
    """A period that the law counts in court days."""

    court_days: int = Field(ge=1, le=60, description="Court days from the day of receipt, that day not counted.")
    matter: str = Field(min_length=1, max_length=100, description="What waits, as stewards read it; no name.")


class PmapConfig(ConfigModel):
    """What the medication process is told."""

    roles: tuple[RoleSources, ...] = Field(description="All parts of a packet, in their order.")
    client_id_source: Name = Field(description="Source whose record ids are CWS/CMS client ids.")
    eligibility_sources: tuple[Name, ...] = Field(
        min_length=1, description="Sources that say which CIN is the child's."
    )
    claims_sources: tuple[Name, ...] = Field(description="Sources in which a newborn may stand under the mother's CIN.")
    newborn_claim_months: int = Field(ge=0, le=12, description="Months after that of birth in which this may be so.")
    clocks: Mapping[Urgency, Clock] = Field(description="By when an answer is needed.")
    court_closures: tuple[date, ...] = Field(default=(), description="Days without court beside judicial holidays.")
    token_days: int = Field(ge=1, le=3650, description="Days for which changes of a packet can be asked for.")

    @cached_property
    def role_of(self) -> Mapping[str, Role]:
        """Source -> part of the packet."""
        return {source: part.role for part in self.roles for source in part.sources}

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        for problem in self._contradictions():
            raise ValueError(problem)
        return self

    def _contradictions(self) -> Iterator[str]:
        named = [part.role for part in self.roles]
        if sorted(named) != sorted(ROLES):
            yield f"`roles` names each of {', '.join(ROLES)} once"
        sources = [source for part in self.roles for source in part.sources]
        for source in dict.fromkeys(sources):
            if sources.count(source) > 1:
                yield f"{source} stands in two roles; keep one"
        if set(self.clocks) != set(URGENCIES):
            yield f"`clocks` names each of {', '.join(URGENCIES)}"


def unknown_sources(config: PmapConfig, sources: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Names that are no source, or that are used outside every role: key, problem, mend."""
    for number, part in enumerate(config.roles):
        for source in part.sources:
            if source not in sources:
                yield f"roles.{number}.sources", f"there is no source {source!r}", "Name one of config/sources."
    elsewhere = {
        "client_id_source": (config.client_id_source,),
        "eligibility_sources": config.eligibility_sources,
        "claims_sources": config.claims_sources,
    }
    for key, names in elsewhere.items():
        for source in names:
            if source not in config.role_of:
                yield key, f"{source!r} stands in no role", "Add it to one of `roles`, or take it away here."


def load_pmap(path: Path = PMAP_FILE) -> PmapConfig:
    """Read what the medication process is told.

    Raises:
        ConfigError: the file cannot be used; the error names file and key.
    """
    return read_config(path, PmapConfig)
