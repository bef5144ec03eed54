"""What each kind of task asks, in the words of the pages: its name, the question, what to look at, how to decide."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaskKind:
    """A kind of task.

    Attributes:
        label: its name.
        question: what is asked, of two sides.
        look_at: what usually settles it.
        advice: how to decide.
    """

    label: str
    question: str
    look_at: str
    advice: str


KINDS: dict[str, TaskKind] = {
    "possible_duplicate": TaskKind(
        "Possible duplicate",
        "Are these two persons one?",
        "First name, birth date, and numbers that only one person has.",
        "Say same person if nothing that belongs to one person alone speaks against it. A shared address, mother or "
        "case is as true of a brother or sister.",
    ),
    "twin_or_sibling_alert": TaskKind(
        "Twin or sibling alert",
        "One child, or twins or siblings?",
        "First name, birth order, sex, and both social security numbers, in every record of each side.",
        "Birth date, mother and address say nothing here: twins share them all. Different first names in several "
        "records of each side are two children. One odd record among many is more often a slip.",
    ),
    "identifier_conflict": TaskKind(
        "Identifier conflict",
        "Whose number is this?",
        "The names and birth dates beside the number, and which source checks it.",
        "A parent’s or sibling’s number on a child’s record is common: say different people. If both sides are "
        "one child with two numbers, say same person and note which number is wrong.",
    ),
    "possible_overlay": TaskKind(
        "Possible overlay",
        "Does this person show two people?",
        "Names, birth dates and sex that contradict each other within one person.",
        "If the records on the right are another child’s, split them off. If a child changed name by adoption, the "
        "records belong together although the names differ.",
    ),
    "possible_split": TaskKind(
        "Possible split",
        "Do these records belong to this person?",
        "What ties the records on the right to those on the left: often one bridge record.",
        "If only the bridge connects them and it mixes two people’s values, split. If the tie is a name and birth "
        "date that both sides repeat, keep them together.",
    ),
}
"""Kind of task -> its words, in the order of the filters."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A key and what it does; `where`: on which page."""

    key: str
    does: str
    where: str


SHORTCUTS = (
    Shortcut("q", "Go to the queue", "every page"),
    Shortcut("/", "Go to search", "every page"),
    Shortcut("?", "Go to this help", "every page"),
    Shortcut("n", "Take the next task", "queue and task"),
    Shortcut("c", "Claim the task, or give it back", "task"),
    Shortcut("s", "Choose “same person”", "task"),
    Shortcut("d", "Choose “different people”, or to split", "task"),
    Shortcut("t", "Choose “cannot tell”", "task"),
    Shortcut("r", "Go to the reason", "task"),
    Shortcut("p", "See what the decision you chose would do", "task"),
    Shortcut("Ctrl + Enter", "Send the decision, from the reason or the note", "task"),
    Shortcut("u", "Undo the decision just taken", "task, after deciding"),
)
"""Keys that do something while the focus is in no field."""

SIGNS = {
    "two_birth_dates": "Two of its records have birth dates that cannot be one person’s.",
    "implausible_age": "By the birth dates it would have an age that nobody has, or that no child has.",
    "two_sexes": "Its records differ in sex.",
    "two_of_one_source": "It has two records of a system that knows each person once.",
    "number_of_many": "A number on its records is on the records of too many persons.",
    "number_of_another": "Nothing else says that they are one person: one of them bears the other’s number.",
    "one_bridge": "One record, or one pair, alone holds two groups of its records together.",
    "many_records": "It has far more records than a person usually has.",
}
"""What the sentinel has seen in a person, as the page of its task says it."""

CLOSED_WHY = {
    "decided": "A steward decided it.",
    "decided_elsewhere": "Another decision has settled it.",
    "now_one_person": "New evidence made one person of the two sides.",
    "now_apart": "New evidence made two persons of the two sides.",
    "withdrawn": "A source withdrew the records that raised it.",
    "no_longer_in_doubt": "With new evidence there is no doubt any more.",
    "relink_undone": "The relink that raised it was undone.",
}
"""Why a task was closed, as its page says it."""
