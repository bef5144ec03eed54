"""Decide what a caller may do, of which sources and under which conditions. Pure: clauses in, permission out.

What no clause permits is denied; what one denies is denied, whichever agreement permits it; a clause outside its dates
is not there. When agreements are applied, everything is decided beforehand for every client, purpose and action, and
each time between two moments at which a clause begins or ends (`windows`): the database releases by that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise, product

from index_service.disclosure.clauses import Clause


@dataclass(frozen=True, slots=True, order=True)
class Permit:
    """That records of a source may be released, if what the clause asks for is on file for the person.

    attributes: canonical fields whose values may be told; without them the pointer alone.
    on_file, relationships: sorted; any one of them suffices, none stated none is needed.
    """

    source: str
    agreement: str
    clause: str
    attributes: tuple[str, ...]
    on_file: tuple[str, ...]
    relationships: tuple[str, ...]
    legal_responsibility: bool
    breaks_glass: bool

    @property
    def is_unconditional(self) -> bool:
        return not (self.on_file or self.relationships or self.legal_responsibility or self.breaks_glass)


@dataclass(frozen=True, slots=True)
class Permission:
    """What a client may do for a purpose, until the moment at which a clause begins or ends (None: it stays)."""

    client: str
    purpose: str
    action: str
    permits: tuple[Permit, ...]
    valid_until: datetime | None

    @property
    def sources(self) -> frozenset[str]:
        """Sources of which anything may be released to the client at all."""
        return frozenset(permit.source for permit in self.permits)

    @property
    def unconditional_sources(self) -> frozenset[str]:
        """Sources that are released whoever the person is: those that may take part in a search."""
        return frozenset(permit.source for permit in self.permits if permit.is_unconditional)

    def attributes_of(self, source: str) -> frozenset[str]:
        """What may be told of a source's records by clauses without condition; where all have one, by each of them."""
        of_source = [permit for permit in self.permits if permit.source == source]
        always = [permit for permit in of_source if permit.is_unconditional]
        if always:
            return frozenset(name for permit in always for name in permit.attributes)
        each = [frozenset(permit.attributes) for permit in of_source]
        return frozenset.intersection(*each) if each else frozenset()


def decide(clauses: Iterable[Clause], client: str, purpose: str, action: str, at: datetime) -> Permission:
    """What a client may do for a purpose at a moment."""
    concerned = [clause for clause in clauses if clause.speaks_of(client, purpose, action)]
    in_force = [clause for clause in concerned if clause.is_in_force(at)]
    denials = [clause for clause in in_force if clause.effect == "deny"]
    permits = {
        _permit(clause, source, denials)
        for clause in in_force
        if clause.effect == "permit"
        for source in clause.sources
        if not any(source in denial.sources and not denial.attributes for denial in denials)
    }
    return Permission(client, purpose, action, tuple(sorted(permits)), _next_change(concerned, at))


@dataclass(frozen=True, slots=True)
class Window:
    """What a client may do for a purpose between two moments, the second excluded."""

    client: str
    purpose: str
    action: str
    from_at: datetime
    until_at: datetime
    permits: tuple[Permit, ...]


def windows(clauses: Iterable[Clause]) -> Iterator[Window]:
    """All that is permitted to anybody at any time, decided for windows of time; those without permits left out."""
    concerned: dict[tuple[str, str, str], list[Clause]] = {}
    for clause in clauses:
        for key in product(clause.clients, clause.purposes, clause.actions):
            concerned.setdefault(key, []).append(clause)
    for key, speaking in sorted(concerned.items()):
        moments = sorted({bound for clause in speaking for bound in (clause.from_at, clause.until_at)})
        for from_at, until_at in pairwise(moments):
            permits = decide(speaking, *key, from_at).permits
            if permits:
                yield Window(*key, from_at, until_at, permits)


def _permit(clause: Clause, source: str, denials: Iterable[Clause]) -> Permit:
    forbidden = {name for denial in denials if source in denial.sources for name in denial.attributes}
    return Permit(
        source=source,
        agreement=clause.agreement,
        clause=clause.name,
        attributes=tuple(sorted(clause.attributes - forbidden)),
        on_file=tuple(sorted(clause.on_file)),
        relationships=tuple(sorted(clause.relationships)),
        legal_responsibility=clause.legal_responsibility,
        breaks_glass=clause.breaks_glass,
    )


def _next_change(clauses: Iterable[Clause], at: datetime) -> datetime | None:
    bounds = (bound for clause in clauses for bound in (clause.from_at, clause.until_at))
    return min((bound for bound in bounds if bound > at), default=None)
