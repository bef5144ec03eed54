"""What the model says, in words that a steward reads at a glance: one place, so that every page says the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from linkage.comparisons import MISSING, Layer

Mark = Literal["same", "near", "differs", "missing"]

COMPARED = {
    "first_name": "First name",
    "middle_name": "Middle name",
    "suffix": "Suffix",
    "sex": "Sex",
    "ssn": "Social security number",
    "cin": "Client index number (CIN)",
    "identifiers": "Other identifiers",
    "birth_order": "Birth order",
    "birth_date": "Birth date",
    "multiple_birth": "Multiple birth",
    "last_name": "Last name",
    "mother": "Mother",
    "guardian": "Guardian",
    "address": "Address",
    "locality": "Place",
    "phone": "Telephone",
    "email": "E-mail",
    "case_id": "Case",
}
"""Comparison -> what a person calls it."""

LAYERS_IN_WORDS: dict[Layer, str] = {
    "person": "About the person alone",
    "birth": "Shared by twins",
    "family": "Shared by a family",
}

ICONS: dict[Mark, str] = {"same": "=", "near": "≈", "differs": "≠", "missing": "–"}

EVENTS = {
    "created": ("New person", "A new person came to be with {records}."),
    "joined": ("Joined", "{records} came from {others}, which retired into this person."),
    "added": ("Record added", "{records} came to this person, new to the index."),
    "moved": ("Record moved", "{records} came here from {others}."),
    "split": ("Split", "{records} left this person for {others}."),
    "removed": ("Record withdrawn", "{records} left the index: withdrawn by the source."),
    "retired": ("Retired", "The id retired; {others} answers for it."),
    "revived": ("Came back", "A decision was undone: the id came back with {records}."),
}
"""Kind of identity event -> its name, and what it says of the person it is about."""

EVENTS_FROM_BESIDE = {
    "created": ("New person", "{person} came to be with {records}."),
    "joined": ("Joined another", "{records} went to {person}, into which this id retired."),
    "added": ("Record added", "{records} came to {person}."),
    "moved": ("Record moved away", "{records} left this person for {person}."),
    "split": ("Split off", "{records} left {person} and make up this person."),
    "removed": ("Record withdrawn", "{records} left {person}: withdrawn by the source."),
    "retired": ("Answers for another", "{person} retired; this person answers for it."),
    "revived": ("Came back", "A decision was undone: {person} came back with {records}."),
}
"""The same, said of the person on the other side."""

EVENTS_OF_RUN = {
    "created": ("New persons", "{person} came to be with {records}."),
    "joined": ("Persons joined", "{others} retired into {person}, with {records}."),
    "added": ("Records added", "{records} came to {person}."),
    "moved": ("Records moved", "{records} went from {others} to {person}."),
    "split": ("Persons split", "{records} left {person} for {others}."),
    "removed": ("Records withdrawn", "{records} left {person}."),
    "retired": ("Ids retired", "{person} retired; {others} answers for it."),
    "revived": ("Ids that came back", "{person} came back with {records}."),
    "review_decided": ("Questions decided", "A question about {records} was decided."),
    "review_undone": ("Decisions undone", "The decision about {records} was undone."),
}
"""The same, said of a run: what this kind of change is called, and one example."""

JUDGEMENTS = {
    "same": "the same person",
    "different": "different people",
    "cannot_tell": "cannot tell",
    "split": "these records are another person",
    "move": "these records belong to another person",
    "detach": "these records do not belong here",
    "generic": "a value that many people share",
    "note": "a note",
    "ask_second": "a second steward shall look",
}
"""Kind of judgement -> what was said."""

MEMBERSHIP_REASONS = {
    "arrival": "linked when it came",
    "relink": "linked by a relink",
}

OUTCOMES = {
    "link": "one person, linked without a steward",
    "review": "unsure, a question for a steward",
    "no_link": "two people, kept apart without a steward",
}

RUN_KINDS = {
    "full": "Full relink",
    "changed": "Relink of changes",
    "online": "Arrival of records",
    "judgement": "Decision",
    "undo": "Undoing of a relink",
}
RUN_ENDS = {
    "published": "Published",
    "dry_run": "Looked only",
    "failed": "Nothing published",
    "running": "Running",
    "waiting": "Waits to be accepted",
    "replaced": "Waited, then replaced",
    "rejected": "Rejected",
    "undone": "Published, then undone",
}


@dataclass(frozen=True, slots=True)
class Strength:
    """How much some bits of evidence are: in words, whether for or against, and of what degree, 0 to 4."""

    words: str
    side: Literal["for", "against", "nothing"]
    degree: int


_SAYS_SOMETHING = 0.5
"""Fewer bits than that say next to nothing."""

_DEGREES = (
    (10.0, "very strong evidence"),
    (5.0, "strong evidence"),
    (2.0, "fair evidence"),
    (_SAYS_SOMETHING, "weak evidence"),
)


def strength(bits: float) -> Strength:
    """The strength of evidence: ±0.5, 2, 5 and 10 bits are odds of about 1.4, 4, 32 and 1,000 to one."""
    for place, (least, words) in enumerate(_DEGREES):
        if abs(bits) >= least:
            side: Literal["for", "against"] = "for" if bits > 0 else "against"
            return Strength(f"{words} for {'one person' if bits > 0 else 'two people'}", side, 4 - place)
    return Strength("says next to nothing", "nothing", 0)


def mark(level: int, top: int) -> Mark:
    """Which sign a level of agreement has."""
    if level == MISSING:
        return "missing"
    return "same" if level == top else "near" if level > 0 else "differs"


def agreement(level: int, label: str, pairs: int, at_level: int) -> str:
    """A level in words; where the records of the two sides do not all agree alike, how many do."""
    if level == MISSING:
        return "not known on both sides"
    words = {"same": "the same", "disagrees": "different"}.get(label, label)
    return words if at_level == pairs else f"{words}, in {at_level} of {pairs} comparisons"


def odds(bits: float) -> str:
    """A match weight as odds."""
    times = rounded(2 ** min(abs(bits), 60))
    if abs(bits) < 0.15:
        return "even odds"
    return f"about {times} to 1 that they are {'one person' if bits > 0 else 'two people'}"


def rounded(number: float) -> str:
    """A number as a person says it: two leading figures, thousands separated, millions and billions by name."""
    for size, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{_two_figures(number / size)} {name}" if number < 1000 * size else f"over 1,000 {name}"
    return _two_figures(number)


def _two_figures(number: float) -> str:
    if number < 10:
        return f"{number:.1f}".removesuffix(".0")
    digits = len(str(int(number))) - 2
    return f"{int(round(number / 10**digits) * 10**digits):,}"


def how_telling(layer: Layer, mark_: Mark, chance_bits: float, shared_bits: float) -> str:
    """How often such an agreement, or difference, is seen: among strangers, relatives, records of one person."""
    if mark_ == "missing":
        return ""
    if mark_ == "differs":
        return f"seen in one of {rounded(2 ** min(60.0, -shared_bits))} pairs of records of {_ONE[layer]}"
    often = 2 ** min(60.0, -chance_bits)
    if often < 1.5:
        return "seen in most pairs of strangers"
    return f"one pair of strangers in about {rounded(often)}{_RELATIVES[layer]}"


def beside_relatives(layer: Layer, mark_: Mark, bits: float) -> str:
    """What an agreement, or difference, says against a sibling or twin, where it is not the child's alone."""
    if layer == "person":
        return ""
    if layer == "family":
        return "Shared by a family"
    if bits > _SAYS_SOMETHING:
        return "Leaves only twins" if mark_ != "differs" else "Leaves only siblings"
    if bits < -_SAYS_SOMETHING:
        return "As twins are" if mark_ != "differs" else "As siblings are"
    return "Shared by twins"


_ONE: dict[Layer, str] = {
    "person": "one person",
    "birth": "one person, or of twins",
    "family": "one person, or of one family",
}
_RELATIVES: dict[Layer, str] = {
    "person": "",
    "birth": ", but every pair of twins",
    "family": ", but most brothers and sisters",
}


def time_left(court_days: int) -> str:
    """How long a court still waits, in words; below 0 it has waited too long."""
    days = f"{abs(court_days)} court {'day' if abs(court_days) == 1 else 'days'}"
    return f"overdue by {days}" if court_days < 0 else "due today" if court_days == 0 else f"{days} left"


def sentence(text: str) -> str:
    """The text with its first letter as a capital; the rest stays as it is."""
    return text[:1].upper() + text[1:]
