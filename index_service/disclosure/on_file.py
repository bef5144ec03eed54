"""What is on file for a person, and what of the person may therefore be released. Pure, as `decide`.

The database asks the same when it releases anything (the function `release` in the schema); a test holds the two to
each other. Here it serves to explain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from index_service.disclosure.decide import Permission, Permit
from linkage.record import RecordKey

FileKind = Literal["consent", "court_order", "refusal"]
LEGAL_RESPONSIBILITY = "legal_responsibility"


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent, court order or refusal on file. Empty `clients` or `purposes`: any."""

    consent_id: int
    kind: FileKind
    record: RecordKey
    covers: Literal["person", "record"]
    sources: frozenset[str]
    clients: frozenset[str]
    purposes: frozenset[str]
    from_at: datetime
    until_at: datetime | None
    revoked_at: datetime | None
    document: str = ""

    def is_in_force(self, at: datetime) -> bool:
        return self.from_at <= at and (self.until_at is None or at < self.until_at) and self.revoked_at is None

    def concerns(self, client: str, purpose: str) -> bool:
        return (not self.clients or client in self.clients) and (not self.purposes or purpose in self.purposes)

    def reaches(self, record: RecordKey) -> bool:
        return record[0] in self.sources and (self.covers == "person" or self.record == record)


@dataclass(frozen=True, slots=True)
class Relation:
    """Who stands how to the person. `user` None: every user of the client."""

    relationship_id: int
    kind: str
    record: RecordKey
    client: str
    user: str | None
    from_at: datetime
    until_at: datetime | None
    ended_at: datetime | None

    def is_in_force(self, at: datetime) -> bool:
        return self.from_at <= at and (self.until_at is None or at < self.until_at) and self.ended_at is None

    def is_of(self, client: str, user: str | None) -> bool:
        return self.client == client and (self.user is None or self.user == user)


@dataclass(frozen=True, slots=True)
class BrokenGlass:
    """That a user passed over the conditions of an agreement for the person, for a time."""

    broken_glass_id: int
    agreement: str
    client: str
    user: str
    person_id: str
    reason: str
    alerts: tuple[str, ...]
    broken_at: datetime
    expires_at: datetime
    review_by: datetime


@dataclass(frozen=True, slots=True)
class OnFile:
    """All that is on file for one person."""

    consents: Sequence[Consent] = ()
    relations: Sequence[Relation] = ()
    broken_glass: Sequence[BrokenGlass] = ()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the client and, where there is one, the human user."""

    client: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a permit releases a record, and what it lacks: words from `missing`, empty if nothing."""

    permit: Permit
    missing: tuple[str, ...]

    @property
    def releases(self) -> bool:
        return not self.missing


def verdicts(
    permission: Permission, record: RecordKey, on_file: OnFile, caller: Caller, at: datetime
) -> tuple[Verdict, ...]:
    """What each permit for the record's source says of the record."""
    return tuple(
        Verdict(permit, tuple(_missing(permit, permission, record, on_file, caller, at)))
        for permit in permission.permits
        if permit.source == record[0]
    )


def _missing(
    permit: Permit, permission: Permission, record: RecordKey, on_file: OnFile, caller: Caller, at: datetime
) -> Iterable[str]:
    """What stands in the way of a release, most decisive first."""
    consents = [each for each in on_file.consents if each.is_in_force(at) and each.reaches(record)]
    consents = [each for each in consents if each.concerns(caller.client, permission.purpose)]
    relations = [each for each in on_file.relations if each.is_in_force(at)]
    for refusal in consents:
        if refusal.kind == "refusal":
            yield f"refusal {refusal.consent_id} is on file"
    if permit.on_file and not any(each.kind in permit.on_file for each in consents):
        yield f"no {_or(permit.on_file)} is on file"
    kinds = {each.kind for each in relations if each.is_of(caller.client, caller.user)}
    if permit.relationships and not kinds.intersection(permit.relationships):
        yield f"the caller is no {_or(permit.relationships)} of the person"
    if permit.legal_responsibility and not any(each.kind == LEGAL_RESPONSIBILITY for each in relations):
        yield "no agency is on file as legally responsible"
    if permit.breaks_glass and not any(_is_broken(each, permit, caller, at) for each in on_file.broken_glass):
        yield "the glass is not broken for the person"


def _is_broken(glass: BrokenGlass, permit: Permit, caller: Caller, at: datetime) -> bool:
    return (
        glass.agreement == permit.agreement
        and (glass.client, glass.user) == (caller.client, caller.user)
        and glass.broken_at <= at < glass.expires_at
    )


def _or(words: Iterable[str]) -> str:
    return " or ".join(word.replace("_", " ") for word in words)
