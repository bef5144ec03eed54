"""What a file is like, and whether that is what its source's files have been like: pure functions over counts.

A source's own past is the measure. With fewer than three earlier files nothing is held against one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean, pstdev
from typing import Any, Self

from index_service.loading.quality import FieldQuality
from index_service.store.nights import Arriving

FILES_NEEDED = 3
ROWS_NEEDED = 50
SHARE_MAY_MOVE = 0.10
DEVIATIONS = 4.0
VOLUME_FACTOR = 3.0
NEW_FORMATS_SHARE = 0.2
DELETIONS_SHARE = 0.3
RENUMBERED_NEW_SHARE = 0.5
RENUMBERED_KNOWN_SHARE = 0.6
FORMATS_KEPT = 20


@dataclass(frozen=True, slots=True)
class FileProfile:
    """Counts of a file.

    Attributes:
        rows: as many as it has.
        filled: field to share of its records that fill it.
        placeholders: field to share of its records with a placeholder.
        id_formats: format of record ids to how many have it; digits are 9, letters A or a.
    """

    rows: int
    filled: Mapping[str, float] = field(default_factory=dict)
    placeholders: Mapping[str, float] = field(default_factory=dict)
    id_formats: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: int, quality: Iterable[FieldQuality], ids: Iterable[str]) -> Self:
        counted = [entry for entry in quality if entry.records]
        return cls(
            rows,
            {entry.field: round(entry.filled / entry.records, 4) for entry in counted},
            {entry.field: round(entry.placeholder / entry.records, 4) for entry in counted},
            dict(Counter(map(id_format, ids)).most_common(FORMATS_KEPT)),
        )

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Self:
        return cls(**kept)

    def kept(self) -> dict[str, object]:
        return asdict(self)


def id_format(record_id: str) -> str:
    """The format of an id: 8yQ-12 is 9aA-99; a long one is cut."""
    return re.sub(r"[^\W\d_]", _letter, re.sub(r"\d", "9", record_id))[:40]


def _letter(found: re.Match[str]) -> str:
    return "A" if found[0].isupper() else "a"


def drifts(file: FileProfile, past: Sequence[FileProfile]) -> list[str]:
    """Say in what a file is not like the earlier ones of its source: a sentence each, with both figures."""
    if len(past) < FILES_NEEDED or not file.rows:
        return []
    found = list(_volume(file, past))
    if file.rows >= ROWS_NEEDED:
        found += _shares("filled", file.filled, [each.filled for each in past])
        found += _shares("a placeholder", file.placeholders, [each.placeholders for each in past])
        found += _formats(file, past)
    return found


def _volume(file: FileProfile, past: Sequence[FileProfile]) -> Iterator[str]:
    least, most = min(each.rows for each in past), max(each.rows for each in past)
    if file.rows * VOLUME_FACTOR < least or file.rows > most * VOLUME_FACTOR:
        yield f"It has {file.rows:,} rows; earlier files had {least:,} to {most:,}."


def _shares(what: str, now: Mapping[str, float], past: Sequence[Mapping[str, float]]) -> Iterator[str]:
    for name in sorted({*now, *(name for each in past for name in each)}):
        earlier = [each.get(name, 0.0) for each in past]
        usual, share = fmean(earlier), now.get(name, 0.0)
        if abs(share - usual) > max(SHARE_MAY_MOVE, DEVIATIONS * pstdev(earlier)):
            yield f"{name} is {what} in {share:.1%} of its records; in earlier files in {usual:.1%}."


def _formats(file: FileProfile, past: Sequence[FileProfile]) -> Iterator[str]:
    known = {each for earlier in past for each in earlier.id_formats}
    if any(len(earlier.id_formats) >= FORMATS_KEPT for earlier in past):
        return  # of as many formats as there are ids nothing can be learnt
    total = sum(file.id_formats.values())
    new = sum(count for each, count in file.id_formats.items() if each not in known)
    if total and new / total > NEW_FORMATS_SHARE:
        yield f"{new / total:.1%} of its record ids have a format that no earlier file had."


def suspicions(arriving: Arriving) -> list[str]:
    """Say what a file would do to its source's records that no ordinary file does."""
    found = []
    if arriving.held >= ROWS_NEEDED and arriving.withdrawn / arriving.held >= DELETIONS_SHARE:
        found.append(
            f"It withdraws {arriving.withdrawn:,} of the {arriving.held:,} records held of this source "
            f"({arriving.withdrawn / arriving.held:.0%})."
        )
    many_new = arriving.new >= max(ROWS_NEEDED, RENUMBERED_NEW_SHARE * arriving.records)
    if many_new and arriving.new_but_known >= RENUMBERED_KNOWN_SHARE * arriving.new:
        found.append(
            f"The source seems to have renumbered its records: {arriving.new:,} of {arriving.records:,} ids are new, "
            f"but {arriving.new_but_known:,} of these have the name and birth date of a record held under another id."
        )
    return found
