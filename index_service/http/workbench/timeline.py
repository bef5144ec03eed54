"""What happened to a person, as sentences in the order of time: events on either side, and what stewards decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from markupsafe import Markup

from index_service.http.workbench.links import person_link, persons_in_words, records_in_words
from index_service.http.workbench.plain_words import EVENTS, EVENTS_FROM_BESIDE, JUDGEMENTS
from index_service.store.judgements import Judgement
from index_service.store.lookup import IdentityEvent

_DECISIONS = ("review_decided", "review_undone")
"""Events that only say what a judgement says, with its reason and who made it."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One line: when, of what kind, what. `judgement`: a decision, which may be undone; `run_id`: what published it."""

    at: datetime
    kind: str
    title: str
    sentence: Markup
    run_id: int | None = None
    judgement: Judgement | None = None


def timeline(person_id: str, events: Iterable[IdentityEvent], judgements: Iterable[Judgement]) -> list[Happening]:
    """Everything about a person, the newest first."""
    found = [_of_event(person_id, event) for event in events if event.kind not in _DECISIONS]
    for judgement in judgements:
        found.extend(_of_judgement(judgement))
    return sorted(found, key=lambda happening: happening.at, reverse=True)


def said_by(judgements: Iterable[Judgement], at: datetime | None) -> list[Judgement]:
    """The decisions that were taken by a past moment, as they stood then; all of them, as they stand, for None."""
    if at is None:
        return list(judgements)
    return [
        replace(
            judgement,
            second=judgement.second if judgement.second and judgement.second.at <= at else None,
            undone=judgement.undone if judgement.undone and judgement.undone.at <= at else None,
        )
        for judgement in judgements
        if judgement.at <= at
    ]


def _of_event(person_id: str, event: IdentityEvent) -> Happening:
    words = EVENTS if event.person_id == person_id else EVENTS_FROM_BESIDE
    title, sentence = words[event.kind]
    return Happening(event.at, event.kind, title, told(event, sentence), run_id=event.run_id)


def told(event: IdentityEvent, sentence: str) -> Markup:
    """A sentence of plain words with the ids of an event in it."""
    return Markup(sentence).format(  # noqa: S704 - our own words; what is put into them is escaped
        person=person_link(event.person_id),
        records=records_in_words(event.records),
        others=persons_in_words(event.other_person_ids),
    )


def _of_judgement(judgement: Judgement) -> Iterable[Happening]:
    said = Markup("{} decided: {}. “{}”").format(
        judgement.who, JUDGEMENTS.get(judgement.kind, judgement.kind), judgement.reason
    )
    records = [key for part in judgement.parts for key in sorted(part.records)] or sorted(judgement.looked_at)
    yield Happening(judgement.at, "judgement", "Decision", said + _about(records), judgement=judgement)
    if judgement.second is not None:
        verdict = "agreed" if judgement.second.agrees else "did not agree"
        sentence = Markup("{} {} with decision {}. “{}”").format(
            judgement.second.who, verdict, judgement.judgement_id, judgement.second.reason
        )
        yield Happening(judgement.second.at, "judgement", "Second person", sentence)
    if judgement.undone is not None:
        sentence = Markup("{} undid decision {}. “{}”").format(
            judgement.undone.who, judgement.judgement_id, judgement.undone.reason
        )
        yield Happening(judgement.undone.at, "judgement", "Undone", sentence)


def _about(records: Sequence[tuple[str, str]]) -> Markup:
    return Markup(" About {}.").format(records_in_words(records))
