"""Say in words what a caller would see of a person, and by which clause. Pure: what holds is handed in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from index_service.disclosure.clauses import Clause
from index_service.disclosure.decide import decide
from index_service.disclosure.on_file import Caller, OnFile, verdicts
from linkage.record import RecordKey


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a record would be told of, by which clauses with which values, or else what stands in the way."""

    source: str
    source_record_id: str
    is_told: bool
    clauses: tuple[str, ...]
    attributes: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def words(self) -> str:
        if not self.is_told:
            return f"{self.source} {self.source_record_id}: not told: {'; '.join(self.reasons)}"
        values = f" with {', '.join(self.attributes)}" if self.attributes else ", the key alone"
        return f"{self.source} {self.source_record_id}: told{values}, by {', '.join(self.clauses)}"


@dataclass(frozen=True, slots=True)
class Asked:
    """The question that is to be explained."""

    caller: Caller
    purpose: str
    action: str
    at: datetime


def explain(
    clauses: Sequence[Clause], asked: Asked, members: Sequence[RecordKey], on_file: OnFile
) -> list[Explanation]:
    """What the caller would see of each record of the person."""
    permission = decide(clauses, asked.caller.client, asked.purpose, asked.action, asked.at)
    explanations = []
    for record in members:
        found = verdicts(permission, record, on_file, asked.caller, asked.at)
        telling = [verdict.permit for verdict in found if verdict.releases]
        lacking = [
            f"{verdict.permit.agreement}:{verdict.permit.clause}: {missing}"
            for verdict in found
            for missing in verdict.missing
        ]
        reasons = lacking or list(_why_not(clauses, asked, record[0]))
        explanations.append(
            Explanation(
                source=record[0],
                source_record_id=record[1],
                is_told=bool(telling),
                clauses=tuple(f"{permit.agreement}:{permit.clause}" for permit in telling),
                attributes=tuple(sorted({name for permit in telling for name in permit.attributes})),
                reasons=() if telling else tuple(reasons),
            )
        )
    return explanations


def _why_not(clauses: Sequence[Clause], asked: Asked, source: str) -> Iterator[str]:
    """Why no permit reaches a source at all."""
    own = [clause for clause in clauses if asked.caller.client in clause.clients]
    in_force = [clause for clause in own if clause.is_in_force(asked.at)]
    speaking = [clause for clause in in_force if clause.speaks_of(asked.caller.client, asked.purpose, asked.action)]
    denying = [clause for clause in speaking if clause.effect == "deny" and source in clause.sources]
    granting = [clause for clause in in_force if clause.effect == "permit" and source in clause.sources]
    if not own:
        yield f"no agreement names the client {asked.caller.client}"
    elif not in_force:
        yield f"no agreement of {asked.caller.client} is in force"
    elif denying:
        yield from (f"{clause.agreement}:{clause.name} denies it" for clause in denying)
    elif granting:
        yield from (f"{clause.agreement}:{clause.name} grants it for other purposes or actions" for clause in granting)
    else:
        yield f"no clause grants {source} to {asked.caller.client}"
