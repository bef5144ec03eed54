"""Stage 8: what a relink would change, said in the words that people use for it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from linkage.record import PersonId, RecordKey


@dataclass(frozen=True, slots=True)
class Created:
    """A person who was not there before, with all its records new to the index."""

    person: PersonId
    records: tuple[RecordKey, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """Earlier persons that turn out to be one: their ids retire and forward to `person`, which gets their records."""

    person: PersonId
    retired: tuple[PersonId, ...]
    records: tuple[RecordKey, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """A part of an earlier person that turns out to be someone else and gets a new id."""

    person: PersonId
    new_person: PersonId
    records: tuple[RecordKey, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """A record that goes from one lasting person to another."""

    record: RecordKey
    from_person: PersonId
    to_person: PersonId


@dataclass(frozen=True, slots=True)
class Retired:
    """An id that no record bears any longer; it forwards, or to no one if its records were all withdrawn.

    `records` are those that bore it.
    """

    person: PersonId
    forwards_to: PersonId | None
    records: tuple[RecordKey, ...]


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Everything that a relink would publish."""

    created: tuple[Created, ...]
    joined: tuple[Joined, ...]
    split: tuple[Split, ...]
    moved: tuple[Moved, ...]
    retired: tuple[Retired, ...]
    added: Mapping[RecordKey, PersonId]
    removed: Mapping[RecordKey, PersonId]
    persons_before: int

    @property
    def is_empty(self) -> bool:
        return not (
            self.created or self.joined or self.split or self.moved or self.retired or self.added or self.removed
        )

    @property
    def share_of_persons_changed(self) -> float:
        """Of the persons there were: the share that is joined, split or loses or gains a record of another."""
        return self.persons_changed / self.persons_before if self.persons_before else 0.0

    @property
    def persons_changed(self) -> int:
        """How many of the persons there were are joined, split, or lose or gain a record of another."""
        touched = {p for j in self.joined for p in (j.person, *j.retired)} | {s.person for s in self.split}
        touched |= {p for m in self.moved for p in (m.from_person, m.to_person)}
        touched -= {c.person for c in self.created} | {s.new_person for s in self.split}
        return len(touched)

    def counts(self) -> dict[str, int]:
        return {
            "created": len(self.created),
            "joined": len(self.joined),
            "split": len(self.split),
            "moved": len(self.moved),
            "retired": len(self.retired),
            "added": len(self.added),
            "removed": len(self.removed),
        }


def compute(previous: Mapping[RecordKey, PersonId], current: Mapping[RecordKey, PersonId]) -> ChangeSet:
    """Compare two partitions with their person ids.

    Args:
        previous: record key -> person, as published.
        current: the same for every record that is there now.

    Returns:
        The changes; `current` follows from `previous` by applying them.
    """
    before, after = set(previous.values()), set(current.values())
    changed = [k for k, person in current.items() if k in previous and previous[k] != person]
    forwards = _forwards(previous, current, before - after)
    came_from: dict[PersonId, list[RecordKey]] = defaultdict(list)
    parts: dict[tuple[PersonId, PersonId], list[RecordKey]] = defaultdict(list)
    moved = []
    for key in changed:
        old, new = previous[key], current[key]
        if old not in after and forwards[old] == new:
            came_from[new].append(key)
        elif new not in before:
            parts[old, new].append(key)
        else:
            moved.append(Moved(key, old, new))
    added = {k: p for k, p in current.items() if k not in previous}
    bore: dict[PersonId, list[RecordKey]] = {person: [] for person in before - after}
    for key, old in previous.items():
        if old in bore:
            bore[old].append(key)
    newborn = _new_persons(after - before, {new for _, new in parts}, current)
    return ChangeSet(
        created=tuple(Created(p, tuple(sorted(keys))) for p, keys in sorted(newborn.items())),
        joined=tuple(
            Joined(p, tuple(sorted({previous[key] for key in keys})), tuple(sorted(keys)))
            for p, keys in sorted(came_from.items())
        ),
        split=tuple(Split(old, new, tuple(sorted(keys))) for (old, new), keys in sorted(parts.items())),
        moved=tuple(sorted(moved, key=lambda m: m.record)),
        retired=tuple(Retired(p, forwards[p], tuple(sorted(bore[p]))) for p in sorted(before - after)),
        added=added,
        removed={k: p for k, p in previous.items() if k not in current},
        persons_before=len(before),
    )


def _forwards(
    previous: Mapping[RecordKey, PersonId], current: Mapping[RecordKey, PersonId], gone: set[PersonId]
) -> dict[PersonId, PersonId | None]:
    """A retired id forwards to the person that got most of its records."""
    heirs: dict[PersonId, Counter[PersonId]] = {person: Counter() for person in gone}
    for key, old in previous.items():
        if old in heirs and key in current:
            heirs[old][current[key]] += 1
    return {p: min(c, key=lambda heir: (-c[heir], heir)) if c else None for p, c in heirs.items()}


def _new_persons(
    new: set[PersonId], from_parts: set[PersonId], current: Mapping[RecordKey, PersonId]
) -> dict[PersonId, list[RecordKey]]:
    records: dict[PersonId, list[RecordKey]] = {person: [] for person in new - from_parts}
    for key, person in current.items():
        if person in records:
            records[person].append(key)
    return records
