"""Resolve agreements into clauses: sources picked by their labels, purposes with all that they include.

A clause needs nothing else to be decided upon, here or in SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from config.agreements import BREAK_GLASS, Agreement, Denial, Grant
from config.labels import is_within, touches
from config.purposes import Purposes
from config.sources import SourceConfig


@dataclass(frozen=True, slots=True)
class Clause:
    """What one clause of an agreement allows or forbids to its clients.

    agreement: agreement and version, as `pmap/1`.
    attributes: values allowed beside the pointer; of a denial, the values forbidden: none means the whole record.
    on_file, relationships: any one of them must be on file; none stated, none needed. Of a denial they are empty.
    breaks_glass: holds only while the caller has broken the glass for the person.
    from_at, until_at: in force from the first moment to the second, that one excluded.
    """

    agreement: str
    name: str
    effect: Literal["permit", "deny"]
    clients: frozenset[str]
    purposes: frozenset[str]
    actions: frozenset[str]
    sources: frozenset[str]
    attributes: frozenset[str]
    on_file: frozenset[str]
    relationships: frozenset[str]
    legal_responsibility: bool
    breaks_glass: bool
    from_at: datetime
    until_at: datetime

    def speaks_of(self, client: str, purpose: str, action: str) -> bool:
        return client in self.clients and purpose in self.purposes and action in self.actions

    def is_in_force(self, at: datetime) -> bool:
        return self.from_at <= at < self.until_at


def clauses_of(
    agreements: Iterable[Agreement], sources: Mapping[str, SourceConfig], purposes: Purposes
) -> tuple[Clause, ...]:
    """All clauses of these agreements, in the order of the text."""
    return tuple(clause for agreement in agreements for clause in _clauses(agreement, sources, purposes))


def _clauses(agreement: Agreement, sources: Mapping[str, SourceConfig], purposes: Purposes) -> Iterator[Clause]:
    for grant in agreement.grants:
        stated = purposes.covered(agreement.purposes) & purposes.covered(grant.purposes or agreement.purposes)
        reached = frozenset(name for name in grant.sources if name in sources and _reaches(grant, sources[name]))
        yield _permit(agreement, grant, reached, stated - {BREAK_GLASS})
        if grant.break_glass:
            yield _permit(agreement, grant, reached, frozenset({BREAK_GLASS}), breaks_glass=True)
    for denial in agreement.denials:
        yield _deny(agreement, denial, sources, purposes)


def _reaches(grant: Grant, source: SourceConfig) -> bool:
    return is_within(source.confidentiality, grant.max_confidentiality) and not touches(
        source.sensitivities, grant.denied_sensitivities
    )


def _permit(
    agreement: Agreement,
    grant: Grant,
    reached: frozenset[str],
    purposes: frozenset[str],
    *,
    breaks_glass: bool = False,
) -> Clause:
    conditions = grant.conditions
    return Clause(
        agreement=agreement.reference,
        name=grant.name,
        effect="permit",
        clients=frozenset(agreement.clients),
        purposes=purposes,
        actions=frozenset(grant.actions),
        sources=reached,
        attributes=frozenset(grant.attributes),
        on_file=frozenset() if breaks_glass else frozenset(conditions.on_file),
        relationships=frozenset() if breaks_glass else frozenset(conditions.relationships),
        legal_responsibility=conditions.legal_responsibility and not breaks_glass,
        breaks_glass=breaks_glass,
        from_at=agreement.from_instant,
        until_at=agreement.until_instant,
    )


def _deny(agreement: Agreement, denial: Denial, sources: Mapping[str, SourceConfig], purposes: Purposes) -> Clause:
    by_label = {name for name, source in sources.items() if touches(source.sensitivities, denial.sensitivities)}
    return Clause(
        agreement=agreement.reference,
        name=denial.name,
        effect="deny",
        clients=frozenset(agreement.clients),
        purposes=purposes.covered(denial.purposes) if denial.purposes else frozenset(purposes.by_code),
        actions=frozenset(denial.actions),
        sources=frozenset(denial.sources) | by_label,
        attributes=frozenset(denial.attributes),
        on_file=frozenset(),
        relationships=frozenset(),
        legal_responsibility=False,
        breaks_glass=False,
        from_at=agreement.from_instant,
        until_at=agreement.until_instant,
    )
