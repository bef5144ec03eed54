"""What a steward can be told instead of "done": nothing was done, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from index_service.errors import IndexServiceError
from linkage.judged import Fact


class StewardshipError(IndexServiceError):
    """This cannot be decided so."""


class UnknownTask(StewardshipError):
    """There is no such task."""

    hint = "Look at the queue again."


class TaskClosed(StewardshipError):
    """The task is no longer open."""

    hint = "Look at the queue again; the task's page says what settled it."


class TaskChanged(StewardshipError):
    """The task has changed since you looked at it; nothing was done."""

    hint = "Look at it again, then decide."


class NotClaimed(StewardshipError):
    """You have not claimed the task; only who holds it decides."""

    hint = "Claim it, look at it, then decide."


class LeaseExpired(StewardshipError):
    """Your claim has ended; nothing was done."""

    hint = "Claim the task again. If somebody else has it by now, the queue says so."


class ClaimedByAnother(StewardshipError):
    """Somebody else works on the task."""

    hint = "Take another task, or wait until the claim ends."

    def __init__(self, who: str, until: datetime | None) -> None:
        super().__init__(f"{who} works on this task" + (f" until {until:%H:%M %Z}." if until else "."))
        self.who, self.until = who, until


class UnknownRecord(StewardshipError):
    """A record that is named never came."""

    hint = "Name records by source and id, as their person's page lists them."


class RecordVanished(StewardshipError):
    """A record that is named was withdrawn by its source, or is no longer of this person."""

    hint = "Look at the person again, then decide."


class ImpossibleChoice(StewardshipError):
    """The chosen records do not make this decision."""

    hint = "Choose some records of the person, not all."


class NeedsSecondPerson(StewardshipError):
    """This takes another person than the first, who is a senior steward."""

    hint = "Ask a senior steward who did not make the decision."


class NothingWaits(StewardshipError):
    """No decision waits for a second person here."""

    hint = "Look at the task again."


class ContradictoryJudgement(StewardshipError):
    """It cannot hold beside the judgements in force.

    Attributes:
        chain: the facts that cannot all hold, step by step; those with judgement number 0 are what was to be decided.
    """

    hint = "Undo one of the judgements that are named, then decide again."

    def __init__(self, chain: Sequence[Fact] = ()) -> None:
        told = "; ".join(_told(fact) for fact in chain)
        super().__init__(f"This contradicts judgements that hold: {told}." if told else "")
        self.chain = tuple(chain)


def _told(fact: Fact) -> str:
    by = f"judgement {fact.judgement_id}" if fact.judgement_id else "this decision"
    said = "is the same person as" if fact.kind == "same" else "is not"
    return f"{_name(fact.left)} {said} {_name(fact.right)} ({by})"


def _name(key: tuple[str, str]) -> str:
    return f"{key[0]} {key[1]}"


class SealedPerson(StewardshipError):
    """Decision against a sealed person: an adoption seal keeps these records apart. Nothing was done."""

    hint = "Only a supervisor can open a seal, by a court order on file and with a second person."


class SupervisorsOnly(StewardshipError):
    """Sealing and unsealing take a supervisor."""

    hint = "Ask a supervisor."


class ImpossibleSeal(StewardshipError):
    """So the time before cannot be told from the time after."""

    hint = "Name the records of the time after the adoption; all others of the person are of the time before."


class SealChanged(StewardshipError):
    """The records have changed since the seal was asked for; nothing was done."""

    hint = "Refuse it, look at the person again, and ask for another seal."


class NoCourtOrder(StewardshipError):
    """No court order is on file for the child of this seal; nothing was done."""

    hint = "Put it on file first: person-index consents add --kind court_order, for a record that the seal names."
