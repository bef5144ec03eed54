"""The night job's memory: nights, the files they looked at, and what can be asked of a file before it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NewType

from psycopg import sql
from psycopg.types.json import Jsonb

from index_service.store.connection import Connection
from index_service.store.errors import StoreError
from index_service.store.locks import AdvisoryLock
from index_service.store.statements import statements

NightId = NewType("NightId", int)
NightStatus = Literal["good", "needs_person", "failed"]
FileOutcome = Literal["storing", "loaded", "quarantined", "unreadable"]

_sql = statements("nights")
PAST_FILES = 30


class NightRunning(StoreError):
    """Another night job is running on this database."""


@dataclass(frozen=True, slots=True)
class SeenFile:
    """What became of a file's content when it was looked at last."""

    file_name: str
    outcome: FileOutcome
    reasons: tuple[str, ...]
    load_id: int | None
    night_id: NightId


@dataclass(frozen=True, slots=True)
class Arriving:
    """A file's records beside those held of its source.

    Attributes:
        held: records of the source that are held and not withdrawn.
        records: in the file, not withdrawn by it.
        new: of these, under an id that the source did not have.
        new_but_known: of these, with name and birth date of a record held under another id.
        withdrawn: held records that the file withdraws.
    """

    held: int
    records: int
    new: int
    new_but_known: int
    withdrawn: int


@dataclass(frozen=True, slots=True)
class Night:
    """A night as it was noted."""

    night_id: NightId
    status: str
    report: Mapping[str, Any]
    started_at: datetime
    finished_at: datetime | None


@contextmanager
def only_night(conn: Connection) -> Iterator[tuple[NightId, bool]]:
    """The whole of a night: yields its number, and whether it was interrupted before and goes on now.

    Raises:
        NightRunning: another job is under way; says since when.
    """
    key = {"key": AdvisoryLock.NIGHT}
    unfinished = conn.execute(_sql["unfinished"]).fetchone()
    if not _one(conn, "try_lock", key):
        since = f" since {unfinished[1]:%Y-%m-%d %H:%M:%S %Z}: night {unfinished[0]}" if unfinished else ""
        raise NightRunning(f"Another night job is running{since}. This one has done nothing.")
    try:
        row = conn.execute(_sql["unfinished"]).fetchone()
        yield NightId(row[0] if row else _one(conn, "begin")), row is not None
    finally:
        if not conn.closed:
            conn.execute(_sql["unlock"], key)


def finish_night(conn: Connection, night_id: NightId, status: NightStatus, report: Mapping[str, object]) -> None:
    """Note how a night ended."""
    conn.execute(_sql["finish"], {"night_id": night_id, "status": status, "report": Jsonb(dict(report))})


def night_in_the_future(conn: Connection, night_id: NightId) -> int | None:
    """An earlier night that began, by the clock, later than now: the clock was set back."""
    row = conn.execute(_sql["clock_set_back"], {"night_id": night_id}).fetchone()
    return row[0] if row else None


def file_seen(conn: Connection, source: str, file_sha256: str) -> SeenFile | None:
    """What became of a file with this content, if it was ever looked at."""
    row = conn.execute(_sql["file_seen"], {"source": source, "file_sha256": file_sha256}).fetchone()
    return None if row is None else SeenFile(row[0], row[1], tuple(row[2]), row[3], NightId(row[4]))


def note_file(
    conn: Connection,
    night_id: NightId,
    source: str,
    file_sha256: str,
    file_name: str,
    outcome: FileOutcome,
    *,
    reasons: Sequence[str] = (),
    load_id: int | None = None,
    profile: Mapping[str, object] | None = None,
    drift: Sequence[Mapping[str, object]] = (),
) -> None:
    """Note what became of a file this night. A profile and drift noted before stay where none is given."""
    parameters = {
        "night_id": night_id,
        "source": source,
        "file_sha256": file_sha256,
        "file_name": file_name,
        "outcome": outcome,
        "reasons": list(reasons),
        "load_id": load_id,
        "profile": Jsonb(dict(profile or {})),
        "drift": Jsonb(list(drift)),
    }
    conn.execute(_sql["note_file"], parameters)


def past_profiles(conn: Connection, source: str) -> list[Mapping[str, Any]]:
    """The profiles of the latest files that were loaded of a source, the latest first."""
    return [profile for (profile,) in conn.execute(_sql["past"], {"source": source, "limit": PAST_FILES})]


def compare_arriving(conn: Connection, source: str, rows: Iterable[tuple[str, bool, str, str, str]]) -> Arriving:
    """Compare a file's records (id, deleted, first name, last name, birth date; "" is missing) with those held."""
    conn.execute(_sql["create_arriving"])
    with conn.transaction(), conn.cursor() as cursor:
        with cursor.copy(sql.SQL(_sql["copy_arriving"])) as copy:
            for row in rows:
                copy.write_row([row[0], row[1], *(value or None for value in row[2:])])
        counts = cursor.execute(_sql["compare_arriving"], {"source": source}).fetchone() or (0, 0, 0, 0)
        return Arriving(int(_one(conn, "held", {"source": source})), *map(int, counts))


def faults(conn: Connection) -> dict[str, int]:
    """How often something holds that must never hold, by name; nothing where the index is right."""
    cursor = conn.execute(_sql["faults"])
    row = cursor.fetchone() or ()
    names = [column.name for column in cursor.description or ()]
    return {name: int(count) for name, count in zip(names, row, strict=True) if count}


def person_sizes(conn: Connection) -> dict[str, dict[int, int]]:
    """Persons by number of records, and by number of sources."""
    sizes: dict[str, dict[int, int]] = {"records": {}, "sources": {}}
    for kind, size, persons in conn.execute(_sql["sizes"]):
        sizes[kind][size] = persons
    return sizes


def open_tasks(conn: Connection) -> dict[str, int]:
    """Stewards' open tasks by kind."""
    return {str(kind): int(count) for kind, count in conn.execute(_sql["open_tasks"])}


def days_since(conn: Connection) -> tuple[float | None, float | None]:
    """Days since the last full relink was published, and since the newest model came that was proposed; None: never."""
    full, model = conn.execute(_sql["days_since"]).fetchall()[0]
    return full, model


def nights(conn: Connection, limit: int = 60) -> list[Night]:
    """The latest nights, the latest first."""
    return [Night(*row) for row in conn.execute(_sql["nights"], {"limit": limit})]


def _one(conn: Connection, name: str, parameters: Mapping[str, object] | None = None) -> Any:
    row = conn.execute(_sql[name], parameters).fetchone()
    return row[0] if row else None
