"""Data-sharing agreements: which client may learn what, of which sources, for which purposes, on which condition.

What no grant allows is denied. What a denial names is denied whatever a grant says, also a grant of another agreement
of the same client. An agreement outside its dates is as if it did not exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from config.errors import ConfigError
from config.fields import CANONICAL_FIELDS, PROTECTIVE_FLAGS, is_canonical
from config.labels import Confidentiality, Sensitivity
from config.purposes import Purposes
from config.reading import ConfigModel, read_config
from config.sources import SourceConfig

AGREEMENTS_FOLDER = Path(__file__).parent / "agreements"
ZONE = ZoneInfo("America/Los_Angeles")
"""Where the days of an agreement begin and end."""

Action = Literal["resolve", "pointers", "history", "events", "review", "export", "write", "counts", "ledger"]
"""What a client may do with the records of a source:

resolve: let them take part in finding out who somebody is.     pointers: learn their keys.
history: learn their past memberships.                          events: learn of their changes.
review: see them beside others in the workbench.                export: take them along in bulk.
write: bring and withdraw them.                                 counts: learn how many there are.
ledger: learn to whom they were disclosed.
"""
ACTIONS: tuple[Action, ...] = get_args(Action)

OnFile = Literal["consent", "court_order"]
Relationship = Literal[
    "assigned_worker",
    "assigned_nurse",
    "probation_officer",
    "attorney",
    "treating_provider",
    "enrolled_student",
    "caregiver",
]
RELATIONSHIPS: tuple[Relationship, ...] = get_args(Relationship)

BREAK_GLASS = "BTG"
"""The purpose of who breaks the glass: only grants marked for it cover it, and only while the glass is broken."""

NEVER_RELEASED = frozenset({"ssn", *PROTECTIVE_FLAGS})
"""Attributes that no agreement can grant: they serve for matching only."""


def _attribute(name: str) -> str:
    if not is_canonical(name):
        raise ValueError(
            f"{name!r} is no canonical field; the fields are {', '.join(CANONICAL_FIELDS)} and identifier.<type>"
        )
    return name


def _released_attribute(name: str) -> str:
    if name in NEVER_RELEASED:
        raise ValueError(f"{name} is never released: it serves for matching only")
    return _attribute(name)


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
ClientId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
Citation = Annotated[str, Field(min_length=3)]
Code = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,19}$")]
ReleasedAttribute = Annotated[str, AfterValidator(_released_attribute)]
Attribute = Annotated[str, AfterValidator(_attribute)]


class Conditions(ConfigModel):
    """What must be on file for the person, at the moment of the question. All that are stated must hold."""

    on_file: tuple[OnFile, ...] = Field(
        default=(), description="A consent or court order that covers source, recipient and purpose: any one of these."
    )
    relationships: tuple[Relationship, ...] = Field(
        default=(), description="The caller stands in any one of these relationships to the person."
    )
    legal_responsibility: bool = Field(
        default=False, description="An agency is legally responsible for the child at the moment, whoever asks."
    )

    @property
    def are_none(self) -> bool:
        return not (self.on_file or self.relationships or self.legal_responsibility)


class Grant(ConfigModel):
    """What the agreement allows."""

    name: Name = Field(description="Name of the clause; the ledger quotes it with every pointer released by it.")
    sources: tuple[Name, ...] = Field(min_length=1, description="Sources, each by its name; there is no 'all'.")
    actions: tuple[Action, ...] = Field(min_length=1, description="What may be done.")
    purposes: tuple[Code, ...] = Field(
        default=(), description="Purposes of this grant alone, within those of the agreement; all of them, if left out."
    )
    attributes: tuple[ReleasedAttribute, ...] = Field(
        default=(), description="Canonical fields whose values may be told beside the pointer; none, if left out."
    )
    conditions: Conditions = Field(default=Conditions(), description="What must be on file for the person.")
    max_confidentiality: Confidentiality = Field(
        default="N", description="The highest label of a source that this grant reaches."
    )
    denied_sensitivities: tuple[Sensitivity, ...] = Field(
        default=(), description="Sources with one of these labels are outside this grant."
    )
    break_glass: bool = Field(
        default=False, description="Whether a person who breaks the glass gets it without the conditions."
    )
    part2_basis: str | None = Field(
        default=None,
        min_length=3,
        description="Section of 42 CFR Part 2 that lets a segregated source be told of without consent or order.",
    )
    because: str | None = Field(default=None, min_length=1, description="Why, in words counsel can check.")


class Denial(ConfigModel):
    """What the agreement forbids, whatever any grant says."""

    name: Name = Field(description="Name of the clause.")
    sources: tuple[Name, ...] = Field(default=(), description="Sources that it forbids.")
    sensitivities: tuple[Sensitivity, ...] = Field(
        default=(), description="Sources with one of these labels, or a kind of it, are forbidden."
    )
    actions: tuple[Action, ...] = Field(default=ACTIONS, min_length=1, description="Actions forbidden; all by default.")
    purposes: tuple[Code, ...] = Field(default=(), description="Purposes it applies to; every one, if left out.")
    attributes: tuple[Attribute, ...] = Field(
        default=(), description="Forbids only these values, not the pointer; if left out, the whole record."
    )
    because: str = Field(min_length=1, description="Why, in words counsel can check.")

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.sources or self.sensitivities):
            raise ValueError("a denial names `sources` or `sensitivities`")
        return self


class BreakGlass(ConfigModel):
    """A human user may pass over the conditions of marked grants, for a time and a reason, and answers for it."""

    lasts_minutes: int = Field(ge=1, le=24 * 60, description="Minutes after which it ends by itself.")
    review_within_hours: int = Field(ge=1, le=24 * 7, description="Hours within which somebody looks at it.")
    alerts: tuple[str, ...] = Field(min_length=1, description="Whom to tell at once: names of alert receivers.")


class Recipient(ConfigModel):
    """Who receives, as the accounting of disclosures names them."""

    name: str = Field(min_length=1, description="Name of the organisation.")
    address: str = Field(default="", description="Its postal address, where known.")


class Agreement(ConfigModel):
    """One data-sharing agreement."""

    id: Name = Field(description="The agreement's name in the index; also the file's name.")
    version: int = Field(ge=1, description="Counts up with every change of the text; an applied version never changes.")
    title: str = Field(min_length=1, description="What people call it.")
    summary: str = Field(min_length=1, description="What it is for, in words counsel can check.")
    disclosing: tuple[str, ...] = Field(min_length=1, description="Organisations whose records are told of.")
    recipient: Recipient = Field(description="Who receives.")
    clients: tuple[ClientId, ...] = Field(min_length=1, description="Client ids through which the recipient asks.")
    legal_basis: tuple[Citation, ...] = Field(min_length=1, description="Law and contracts that it rests on.")
    from_date: date = Field(description="First day on which it is in force.")
    until_date: date = Field(description="Last day on which it is in force.")
    purposes: tuple[Code, ...] = Field(min_length=1, description="Purposes of use, each with what it includes.")
    grants: tuple[Grant, ...] = Field(min_length=1, description="What is allowed.")
    denials: tuple[Denial, ...] = Field(default=(), description="What is forbidden.")
    break_glass: BreakGlass | None = Field(default=None, description="How the glass may be broken; not, if left out.")
    smallest_cell: int | None = Field(
        default=None, ge=2, description="Counts below this are suppressed; required where counts are granted."
    )
    accounting_exempt: str | None = Field(
        default=None,
        min_length=3,
        description="Paragraph of 45 CFR 164.528(a)(1) by which its disclosures stay out of a person's accounting.",
    )
    redisclosure_notice: str = Field(default="", description="Words that travel with what is released.")

    @property
    def from_instant(self) -> datetime:
        """The moment at which it comes into force."""
        return datetime.combine(self.from_date, time(), ZONE)

    @property
    def until_instant(self) -> datetime:
        """The moment at which it is no longer in force: the end of its last day."""
        return datetime.combine(self.until_date + timedelta(days=1), time(), ZONE)

    @property
    def reference(self) -> str:
        """Agreement and version, as the ledger quotes them."""
        return f"{self.id}/{self.version}"

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        for problem in self._contradictions():
            raise ValueError(problem)
        return self

    def _contradictions(self) -> Iterator[str]:
        if (self.break_glass is not None) != (BREAK_GLASS in self.purposes):
            yield f"`break_glass` and the purpose {BREAK_GLASS} go together; one is missing"
        if self.until_date < self.from_date:
            yield "until_date lies before from_date"
        names = [grant.name for grant in self.grants] + [denial.name for denial in self.denials]
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                yield f"two clauses are called {name}; the ledger could not tell them apart"
        for grant in self.grants:
            if grant.break_glass and self.break_glass is None:
                yield f"grant {grant.name} lets the glass be broken, and `break_glass` does not say how"
            if "counts" in grant.actions and self.smallest_cell is None:
                yield f"grant {grant.name} allows counts, and `smallest_cell` does not say which are too small"
            if "counts" in grant.actions and not grant.conditions.are_none:
                yield f"grant {grant.name} allows counts, which are of no one person: conditions cannot hold for them"


def contradictions(
    agreement: Agreement, sources: Mapping[str, SourceConfig], purposes: Purposes
) -> Iterator[tuple[str, str, str]]:
    """What in an agreement does not fit the sources and purposes that there are: key, problem, mend."""
    yield from _unknown_purposes(agreement, purposes)
    for number, grant in enumerate(agreement.grants):
        key = f"grants.{number}"
        for source in grant.sources:
            if source not in sources:
                yield f"{key}.sources", f"there is no source {source!r}", "Name one of config/sources."
            elif sources[source].segregated and not (grant.conditions.on_file or grant.part2_basis):
                yield (
                    key,
                    f"{source} is segregated, and the grant asks for no consent or court order",
                    "Give `conditions.on_file`, or the section that allows it in `part2_basis`.",
                )
            elif sources[source].segregated and grant.break_glass:
                yield key, f"{source} is segregated; the glass cannot be broken for it here", "Split the grant."
            else:
                yield from _attributes_a_source_lacks(key, grant, sources[source])
        for code in grant.purposes:
            if code in purposes.by_code and not purposes.covers(agreement.purposes, code):
                mend = "Add it to the agreement's purposes, or take it away here."
                yield f"{key}.purposes", f"{code} is not among the purposes of the agreement", mend
    for number, denial in enumerate(agreement.denials):
        for source in denial.sources:
            if source not in sources:
                yield f"denials.{number}.sources", f"there is no source {source!r}", "Name one of config/sources."


def _unknown_purposes(agreement: Agreement, purposes: Purposes) -> Iterator[tuple[str, str, str]]:
    places = [("purposes", agreement.purposes)]
    places += [(f"grants.{number}.purposes", grant.purposes) for number, grant in enumerate(agreement.grants)]
    places += [(f"denials.{number}.purposes", denial.purposes) for number, denial in enumerate(agreement.denials)]
    for key, codes in places:
        for code in codes:
            if code not in purposes.by_code:
                yield key, f"there is no purpose {code!r}", "Name one of config/purposes.yaml."


def _attributes_a_source_lacks(key: str, grant: Grant, source: SourceConfig) -> Iterator[tuple[str, str, str]]:
    if len(grant.sources) > 1:  # a field granted of several sources need not be in each
        return
    for attribute in grant.attributes:
        if attribute not in source.fields:
            yield f"{key}.attributes", f"{source.id} holds no {attribute}", "Take it away."


def load_agreement(path: Path) -> Agreement:
    """Read one agreement file.

    Raises:
        ConfigError: the file cannot be used; the error names file and key.
    """
    agreement = read_config(path, Agreement)
    if agreement.id != path.stem:
        raise ConfigError(path, "id", f"the id differs from the file's name {path.stem!r}", "Make the two the same.")
    return agreement


def load_agreements(
    sources: Mapping[str, SourceConfig], purposes: Purposes, folder: Path | None = None
) -> Sequence[Agreement]:
    """Read all agreements of a folder, the shipped examples by default, ordered by id. None is no error: all is denied.

    Raises:
        ConfigError: a file cannot be used, or names a source or purpose that there is not.
    """
    agreements = []
    for path in sorted((folder or AGREEMENTS_FOLDER).glob("*.yaml")):
        agreement = load_agreement(path)
        for key, problem, mend in contradictions(agreement, sources, purposes):
            raise ConfigError(path, key, problem, mend)
        agreements.append(agreement)
    return agreements
