"""The JSON of tasks and judgements, each with one constructor from what the store says."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from index_service.http.answers import Answer, PersonIdText, RecordIdText, SourceText
from index_service.stewardship.deciding import Decided
from index_service.stewardship.effects import Effect
from index_service.store import judgements as said
from index_service.store.judgements import JudgementKind
from index_service.store.stewardship import ClosedWhy, DayCount, KindCount, Named, Task, TaskStatus
from linkage.doubts import DoubtKind
from linkage.record import RecordKey

Name = Annotated[str, Field(examples=["a.steward@county.example"])]
ReasonText = Annotated[str, Field(description="Why.", examples=["Birth certificates compared."])]


class RecordAnswer(Answer):
    """Names a record."""

    source: SourceText
    source_record_id: RecordIdText

    @classmethod
    def of(cls, key: RecordKey) -> RecordAnswer:
        return cls(source=key[0], source_record_id=key[1])


class ReviewAnswer(Answer):
    """A question for a steward: are two sides one person?"""

    review_id: int = Field(description="Number of the task.", examples=[17])
    kind: DoubtKind = Field(description="What is doubtful.")
    left_person_id: PersonIdText
    right_person_id: PersonIdText = Field(
        description="The same as the left where a part of one person may leave.", examples=["M3TR-7KQX-2WPD"]
    )
    left: list[RecordAnswer] = Field(description="Records of the left side; of a task in a list, empty.")
    right: list[RecordAnswer] = Field(description="Records of the other person, or of the part that may leave.")
    before_version: int | None = Field(
        description="Of a question about one record, which stands on both sides: its last version before what is asked "
        "about; the other side is what the record says now.",
        examples=[2],
    )
    weight: float = Field(description="That both sides are one person, in bits.", examples=[6.3])
    pairs: int = Field(description="Pairs of records that were compared between the sides.", examples=[4])
    fields: list[str] = Field(description="What raises the question, if one thing does.", examples=[["ssn"]])
    sources: list[str] = Field(description="Systems that know either side.", examples=[["cws_cms", "meds"]])
    in_care: bool = Field(description="A side is a child in care.")
    due_on: date | None = Field(description="Court day by which an answer is needed.")
    due_why: str | None = Field(description="What waits for it.", examples=["JV-220"])
    status: TaskStatus = Field(description="`waiting`: for a second person.")
    closed_at: datetime | None = Field(description="When it was decided, or closed by itself.")
    closed_why: ClosedWhy | None = Field(description="Why it was closed.")
    judgement_id: int | None = Field(description="The decision, also one that waits.", examples=[4])
    earlier_review_id: int | None = Field(description="In which the question was decided before.", examples=[3])
    claimed_by: Name | None = Field(description="Who works on it now.")
    claimed_until: datetime | None = Field(description="When the claim ends.")
    asked_second: bool = Field(description="A second steward was asked to look.")
    version: int = Field(description="As in the ETag: counts changes of the question.", examples=[1])
    created_at: datetime = Field(description="When it was asked first.")

    @classmethod
    def of(cls, task: Task, records: dict[int, Named] | None = None) -> ReviewAnswer:
        known = records or {}
        holder = task.holder()
        return cls(
            review_id=task.task_id,
            kind=task.kind,
            left_person_id=task.left_person_id,
            right_person_id=task.right_person_id,
            left=[RecordAnswer.of(known[i].key) for i in task.left_records if i in known],
            right=[RecordAnswer.of(known[i].key) for i in task.right_records if i in known],
            before_version=task.before_version,
            weight=task.weight_bits,
            pairs=task.pairs,
            fields=list(task.fields),
            sources=list(task.sources),
            in_care=task.in_care,
            due_on=task.due_on,
            due_why=task.due_why,
            status=task.status,
            closed_at=task.closed_at,
            closed_why=task.closed_why,
            judgement_id=task.judgement_id,
            earlier_review_id=task.earlier_task_id,
            claimed_by=holder,
            claimed_until=task.claimed_until if holder else None,
            asked_second=task.asked_senior,
            version=task.version,
            created_at=task.created_at,
        )


class ReviewsAnswer(Answer):
    """A stretch of the queue."""

    reviews: list[ReviewAnswer] = Field(description="In the order in which they should be worked on.")
    more: bool = Field(description="Whether there is more.")


class KindCountAnswer(Answer):
    """How many tasks of a kind there are."""

    kind: DoubtKind = Field(description="What is doubtful.")
    open: int = Field(description="For a steward.", examples=[12])
    waiting: int = Field(description="For a second person.", examples=[1])
    claimed: int = Field(description="Worked on now.", examples=[2])
    oldest: datetime = Field(description="When the oldest was asked.")
    first_due: date | None = Field(description="First day by which a court needs an answer.")

    @classmethod
    def of(cls, count: KindCount) -> KindCountAnswer:
        return cls(
            kind=count.kind,
            open=count.open,
            waiting=count.waiting,
            claimed=count.claimed,
            oldest=count.oldest,
            first_due=count.first_due,
        )


class DayCountAnswer(Answer):
    """How many tasks were closed on a day."""

    day: date = Field(description="The day.")
    status: TaskStatus = Field(description="`decided` by a steward, or `closed` by itself.")
    reviews: int = Field(description="How many.", examples=[31])
    mean_open_s: float = Field(description="How long they had been open, on average, in seconds.", examples=[5400.0])

    @classmethod
    def of(cls, count: DayCount) -> DayCountAnswer:
        return cls(day=count.day, status=count.status, reviews=count.tasks, mean_open_s=count.mean_open_s)


class CountsAnswer(Answer):
    """How much waits, and how much was done."""

    kinds: list[KindCountAnswer] = Field(description="What is open, by kind.")
    days: list[DayCountAnswer] = Field(description="What was closed in the last thirty days.")


class RetiredAnswer(Answer):
    """An id that retires."""

    person_id: PersonIdText
    forwards_to: PersonIdText | None = Field(description="Who answers for it.")


class MovedAnswer(Answer):
    """A record that goes from one person to another."""

    record: RecordAnswer
    from_person_id: PersonIdText | None = Field(description="The person that it leaves.")
    to_person_id: PersonIdText | None = Field(description="The person that it comes to.")


class EffectAnswer(Answer):
    """What becomes of persons. In a preview, ids of new persons mean nothing."""

    retired: list[RetiredAnswer] = Field(description="Ids that retire.")
    revived: list[PersonIdText] = Field(description="Ids that had retired and live again.")
    created: list[PersonIdText] = Field(description="New ids.")
    moved: list[MovedAnswer] = Field(description="Records that go to another person.")
    events: dict[str, int] = Field(description="How many events are told, by kind.", examples=[{"joined": 1}])
    reviews_opened: int = Field(description="Questions that arise from it.", examples=[0])
    reviews_closed: int = Field(description="Questions that it settles besides.", examples=[1])
    waits_for_relink: bool = Field(description="Too many records are alike: the next relink does it.")

    @classmethod
    def of(cls, effect: Effect) -> EffectAnswer:
        return cls(
            retired=[RetiredAnswer(person_id=person, forwards_to=heir) for person, heir in effect.retired],
            revived=list(effect.revived),
            created=list(effect.created),
            moved=[
                MovedAnswer(record=RecordAnswer.of(key), from_person_id=old, to_person_id=new)
                for key, old, new in effect.moved
            ],
            events=dict(effect.events),
            reviews_opened=effect.tasks_opened,
            reviews_closed=effect.tasks_closed,
            waits_for_relink=effect.waits,
        )


class DecidedAnswer(Answer):
    """A judgement made, agreed to or undone."""

    judgement_id: int = Field(description="Number of the judgement.", examples=[4])
    waits_for_second: bool = Field(description="It takes effect when a second person agrees.")
    effect: EffectAnswer | None = Field(description="What became of persons; empty where nothing took effect.")

    @classmethod
    def of(cls, decided: Decided) -> DecidedAnswer:
        effect = None if decided.effect is None else EffectAnswer.of(decided.effect)
        return cls(judgement_id=decided.judgement_id, waits_for_second=decided.waits, effect=effect)


class PartAnswer(Answer):
    """Records of one side of a judgement."""

    records: list[RecordAnswer] = Field(description="Records of different parts are different people.")
    one_person: bool = Field(description="The records of this part are one person.")


class SaidAnswer(Answer):
    """What somebody said of a judgement later."""

    reason: ReasonText
    who: Name = Field(description="Who said it.")
    at: datetime = Field(description="When.")


class JudgementAnswer(Answer):
    """What a steward said, and what became of it."""

    judgement_id: int = Field(description="Number of the judgement.", examples=[4])
    kind: JudgementKind = Field(description="What was decided.")
    reason: ReasonText
    who: Name = Field(description="Who decided.")
    at: datetime = Field(description="When.")
    review_id: int | None = Field(description="The task in which it was decided.", examples=[17])
    missing: str | None = Field(description="What would be needed to tell.", examples=["A birth certificate."])
    parts: list[PartAnswer] = Field(description="What it demands of records.")
    looked_at: list[RecordAnswer] = Field(description="Records that were looked at besides.")
    weight: float | None = Field(description="Weight in bits, as it was seen.", examples=[6.3])
    model: str | None = Field(description="The model that it was weighed by.", examples=["3f9a2c71d0be"])
    needs_second: bool = Field(description="It needs a second person.")
    second: SaidAnswer | None = Field(description="What the second person said.")
    second_agrees: bool | None = Field(description="Whether the second person agrees.")
    undone: SaidAnswer | None = Field(description="That it was undone.")
    in_force: bool = Field(description="Whether linking obeys it now.")

    @classmethod
    def of(cls, made: said.Judgement) -> JudgementAnswer:
        weight = made.evidence.get("weight_bits")
        return cls(
            judgement_id=made.judgement_id,
            kind=made.kind,
            reason=made.reason,
            who=made.who,
            at=made.at,
            review_id=made.task_id,
            missing=made.missing,
            parts=[
                PartAnswer(records=[RecordAnswer.of(key) for key in sorted(part.records)], one_person=part.held)
                for part in made.parts
            ],
            looked_at=[RecordAnswer.of(key) for key in sorted(made.looked_at)],
            weight=weight if isinstance(weight, float) else None,
            model=made.model_fingerprint,
            needs_second=made.needs_second,
            second=_said(made.second),
            second_agrees=made.second.agrees if made.second else None,
            undone=_said(made.undone),
            in_force=made.in_force,
        )


def _said(later: said.Second | said.Undone | None) -> SaidAnswer | None:
    return None if later is None else SaidAnswer(reason=later.reason, who=later.who, at=later.at)


class JudgementsAnswer(Answer):
    """A stretch of the judgements, the newest first."""

    judgements: list[JudgementAnswer] = Field(description="The newest first.")
    next_before: int | None = Field(description="Ask with `before` = this for older ones.", examples=[3])


class ImportedAnswer(Answer):
    """What became of a judgement of a file."""

    judgement: str = Field(description="Its name in the file.", examples=["1"])
    line: int = Field(description="Where it begins.", examples=[2])
    already_in_force: bool = Field(description="The same was said before: nothing was done.")
    decided: DecidedAnswer | None = Field(description="What it did, or would do.")


class ImportAnswer(Answer):
    """What became of a file of judgements."""

    dry_run: bool = Field(description="Nothing was kept.")
    judgements: list[ImportedAnswer] = Field(description="In the order of the file.")
