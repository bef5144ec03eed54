"""Judgements as CSV: for corrections in bulk, and to take them to another index. One row for each record of each part.

Columns: `judgement` (any name; rows of one name are one judgement), `kind`, `part`, `source`, `source_record_id`,
`reason`. Records of one part of `same` are one person; records of different parts are different people. Of `split`,
`move` and `detach`, part 1 leaves (with `move`: and whom it is), part 2 stays.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from config.record_ids import record_key
from index_service.errors import InputError
from index_service.stewardship.deciding import Decided, Steward, agreed_to, say
from index_service.stewardship.effects import Effect
from index_service.stewardship.errors import StewardshipError
from index_service.store.connection import Connection
from index_service.store.judgements import Judgement, JudgementKind, judgements, said_around
from linkage.judged import Part
from linkage.record import RecordKey


class Row(NamedTuple):
    """A line of the file: a record of a part of a judgement."""

    judgement: int
    kind: JudgementKind
    part: int
    source: str
    source_record_id: str
    reason: str


COLUMNS = Row._fields
PARTS: dict[str, int] = {"same": 1, "different": 2, "split": 2, "move": 2, "detach": 2}
"""Kinds that a file may hold, and how many parts they have."""

HELD = frozenset({"same", "split", "move"})
MOST_ROWS = 50_000


class MalformedJudgements(InputError):
    """The file of judgements cannot be read; nothing of it was done."""

    hint = f"Its columns are {', '.join(COLUMNS)}; write one with `person-index review export` to see."


@dataclass(frozen=True, slots=True)
class Written:
    """A judgement of a file. `line` is where it begins, counted from 1."""

    name: str
    line: int
    kind: JudgementKind
    reason: str
    parts: tuple[Part, ...]

    @property
    def records(self) -> frozenset[RecordKey]:
        return frozenset().union(*(part.records for part in self.parts))


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a judgement of a file. `decided` is None where the same is in force already.

    would: of a dry run, what it would do once a second person agrees, where it waits for one.
    """

    written: Written
    decided: Decided | None
    would: Effect | None = None


def export_judgements(conn: Connection) -> Iterator[Row]:
    """The judgements in force that linking obeys, as rows after the header; the oldest first."""
    return export_rows(judgements(conn))


def export_rows(newest_first: Iterable[Judgement]) -> Iterator[Row]:
    """Of some judgements those in force that linking obeys, as rows; the oldest first."""
    for made in reversed(list(newest_first)):
        if made.in_force and made.parts:
            for number, part in enumerate(made.parts, 1):
                for source, record_id in sorted(part.records):
                    yield Row(made.judgement_id, made.kind, number, source, record_id, made.reason)


def read_judgements(text: str) -> list[Written]:
    """Judgements from the text of a file.

    Raises:
        MalformedJudgements: names line and column at fault.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        missing = set(COLUMNS) - set(reader.fieldnames or ())
        if missing:
            raise MalformedJudgements(f"The file lacks the column(s) {', '.join(sorted(missing))}.")
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise MalformedJudgements(f"Line {reader.line_num} is not CSV ({error}).") from None
    if len(rows) > MOST_ROWS:
        raise MalformedJudgements(f"The file has more than {MOST_ROWS:,} rows. Split it.")
    named: dict[str, list[tuple[int, dict[str, str]]]] = defaultdict(list)
    for line, row in rows:  # rows of one judgement may stand anywhere, as a sorted spreadsheet has them
        named[(row["judgement"] or "").strip()].append((line, row))
    return [_written(name, of_one) for name, of_one in named.items()]


def _written(name: str, rows: Sequence[tuple[int, dict[str, str]]]) -> Written:
    line, first = rows[0]
    kind = (first["kind"] or "").strip()
    if not name:
        raise MalformedJudgements(f"Line {line}: the column judgement is empty.")
    if kind not in PARTS:
        raise MalformedJudgements(f"Line {line}: kind is none of {', '.join(PARTS)}.")
    parts: dict[int, set[RecordKey]] = {number: set() for number in range(1, PARTS[kind] + 1)}
    for at, row in rows:
        _add(parts, at, row, kind)
    if not all(parts.values()) or sum(map(len, parts.values())) < 2:
        raise MalformedJudgements(f"Line {line}: {kind} needs {'two records' if kind == 'same' else 'both parts'}.")
    reason = (first["reason"] or "").strip()
    if not reason:
        raise MalformedJudgements(f"Line {line}: the column reason is empty.")
    found = tuple(Part(frozenset(keys), _held(kind, number, len(keys))) for number, keys in parts.items())
    return Written(name, line, kind, reason, found)  # type: ignore[arg-type]  # a key of PARTS


def _held(kind: str, number: int, records: int) -> bool:
    return kind in HELD and number == 1 and records > 1


def _add(parts: dict[int, set[RecordKey]], line: int, row: dict[str, str], kind: str) -> None:
    if (row["kind"] or "").strip() != kind:
        raise MalformedJudgements(f"Line {line}: kind differs within one judgement.")
    part = (row["part"] or "").strip()
    if not part.isascii() or not part.isdigit() or int(part) not in parts:
        raise MalformedJudgements(f"Line {line}: part is none of {', '.join(map(str, parts))}.")
    source, record_id = (row["source"] or "").strip(), row["source_record_id"] or ""
    if not source or not record_id:
        raise MalformedJudgements(f"Line {line}: source or source_record_id is empty.")
    key = record_key(source, record_id)
    if any(key in keys for keys in parts.values()):
        raise MalformedJudgements(f"Line {line}: the record is named twice in one judgement.")
    parts[int(part)].add(key)


def import_judgements(
    conn: Connection, written: Sequence[Written], steward: Steward, *, dry_run: bool = False
) -> list[Imported]:
    """Make the judgements of a file, all or none; one that is in force already is left out.

    Args:
        dry_run: find out what they would do, and keep nothing.

    Raises:
        MalformedJudgements: one of them cannot be made; names its line and says why.
    """
    with conn.transaction(force_rollback=dry_run):
        return [_import(conn, each, steward, dry_run) for each in written]


def _import(conn: Connection, written: Written, steward: Steward, dry_run: bool) -> Imported:
    if any(set(said.parts) == set(written.parts) for said in said_around(conn, written.records)):
        return Imported(written, None)
    try:
        decided = say(conn, written.kind, written.parts, written.reason, steward)
        agreed = agreed_to(conn, decided.judgement_id) if dry_run and decided.waits else None
        return Imported(written, decided, agreed)
    except StewardshipError as error:
        raise MalformedJudgements(f"Line {written.line}: {error.message}", hint=error.hint) from None
