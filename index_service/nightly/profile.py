"""What a file is like, and whether that is what its source's files have been like: pure functions over counts.

A source's own past is the measure. With fewer than three earlier files nothing is held against one.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean, pstdev
from typing import Any, Literal, Self

from index_service.loading.quality import FieldQuality
from index_service.store.nights import Arriving

FILES_NEEDED = 3
ROWS_NEEDED = 50
SHARE_MAY_MOVE = 0.10
DEVIATIONS = 4.0
VOLUME_FACTOR = 3.0
FILES_FOR_NARROW_VOLUME = 8
"""Files from which the fewest rows of the past say something: more than a week of nights, week-ends among them."""
VOLUME_MAY_FALL = 0.10
RECORDS_TO_VANISH = 20
VANISHED = 0.25
"""A field is gone that is filled in less than this part of the least of earlier files, where that was many records."""
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
        ends_in_line_break: whether a text file does; None for other files.
    """

    rows: int
    filled: Mapping[str, float] = field(default_factory=dict)
    placeholders: Mapping[str, float] = field(default_factory=dict)
    id_formats: Mapping[str, int] = field(default_factory=dict)
    ends_in_line_break: bool | None = None

    @classmethod
    def of(
        cls,
        rows: int,
        quality: Iterable[FieldQuality],
        ids: Iterable[str],
        ends_in_line_break: bool | None = None,
    ) -> Self:
        counted = [entry for entry in quality if entry.records]
        return cls(
            rows,
            {entry.field: round(entry.filled / entry.records, 4) for entry in counted},
            {entry.field: round(entry.placeholder / entry.records, 4) for entry in counted},
            dict(Counter(map(id_format, ids)).most_common(FORMATS_KEPT)),
            ends_in_line_break,
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


@dataclass(frozen=True, slots=True)
class Drift:
    """One measure of a file beside that of its source's earlier files.

    Attributes:
        measure: volume (rows), ending (1: in a line break), filled or placeholder (share of records, of a field),
            id_formats (share of ids in formats that are new).
        usual: the mean of the earlier files.
        told: what is wrong, a sentence with both figures; "" while it is as usual.
    """

    measure: Literal["volume", "ending", "filled", "placeholder", "id_formats"]
    field: str
    now: float
    usual: float
    told: str = ""

    def kept(self) -> dict[str, object]:
        return asdict(self) | {"now": round(self.now, 4), "usual": round(self.usual, 4)}


def drifts(file: FileProfile, past: Sequence[FileProfile]) -> list[Drift]:
    """Compare a file with the earlier ones of its source, in all measures; those that have gone too far say so."""
    if len(past) < FILES_NEEDED or not file.rows:
        return []
    found = [_volume(file, past), *_ending(file, past)]
    if file.rows >= ROWS_NEEDED:
        found += _shares("filled", file.rows, file.filled, [each.filled for each in past])
        found += _shares("placeholder", file.rows, file.placeholders, [each.placeholders for each in past])
        found += _formats(file, past)
    return found


def _volume(file: FileProfile, past: Sequence[FileProfile]) -> Drift:
    """Up and down by a factor; down by little where enough files have shown how much is usual: a file may be cut off at
    the end of a row, and then nothing else tells."""
    rows = [each.rows for each in past]
    least, most, usual, told = min(rows), max(rows), fmean(rows), ""
    if file.rows * VOLUME_FACTOR < least or file.rows > most * VOLUME_FACTOR:
        told = f"It has {file.rows:,} rows; earlier files had {least:,} to {most:,}."
    elif len(past) >= FILES_FOR_NARROW_VOLUME and file.rows < min(
        least * (1 - VOLUME_MAY_FALL), usual - DEVIATIONS * pstdev(rows)
    ):
        told = f"It has {file.rows:,} rows, the fewest of {len(past)} earlier files {least:,}: perhaps it was cut off."
    return Drift("volume", "", file.rows, usual, told)


def _ending(file: FileProfile, past: Sequence[FileProfile]) -> Iterator[Drift]:
    known = [each.ends_in_line_break for each in past if each.ends_in_line_break is not None]
    if file.ends_in_line_break is None or len(known) < FILES_NEEDED:
        return
    cut = all(known) and not file.ends_in_line_break
    told = "Its last row does not end in a line break, as those of earlier files did: it may have been cut off."
    yield Drift("ending", "", float(file.ends_in_line_break), fmean(known), told if cut else "")


def _shares(
    measure: Literal["filled", "placeholder"],
    rows: int,
    now: Mapping[str, float],
    past: Sequence[Mapping[str, float]],
) -> Iterator[Drift]:
    """A share may move by ten points, by what it used to and by chance; but a field seldom filled may not vanish."""
    for name in sorted({*now, *(name for each in past for name in each)}):
        earlier = [each.get(name, 0.0) for each in past]
        usual, share, least = fmean(earlier), now.get(name, 0.0), min(earlier)
        chance = math.sqrt(usual * (1 - usual) / rows)
        may_move = max(SHARE_MAY_MOVE, DEVIATIONS * pstdev(earlier), DEVIATIONS * chance)
        vanished = measure == "filled" and least * rows >= RECORDS_TO_VANISH and share < VANISHED * least
        told = ""
        if abs(share - usual) > may_move or vanished:
            what = "filled" if measure == "filled" else "a placeholder"
            told = f"{name} is {what} in {share:.1%} of its records; in earlier files in {usual:.1%}."
        if share or usual:
            yield Drift(measure, name, share, usual, told)


def _formats(file: FileProfile, past: Sequence[FileProfile]) -> Iterator[Drift]:
    known = {each for earlier in past for each in earlier.id_formats}
    if any(len(earlier.id_formats) >= FORMATS_KEPT for earlier in past):
        return  # of as many formats as there are ids nothing can be learnt
    total = sum(file.id_formats.values())
    new = sum(count for each, count in file.id_formats.items() if each not in known)
    if total:
        told = f"{new / total:.1%} of its record ids have a format that no earlier file had."
        yield Drift("id_formats", "", new / total, 0.0, told if new / total > NEW_FORMATS_SHARE else "")


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
