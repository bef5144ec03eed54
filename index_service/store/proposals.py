"""What a relink found, kept until a person accepts it; and what is needed to undo one that was published."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from index_service.errors import IndexServiceError
from index_service.store.connection import Connection
from index_service.store.runs import RunId
from index_service.store.statements import statements
from linkage.record import PersonId

_sql = statements("proposals")
PIECE_BYTES = 32 << 20


class NoSuchRun(IndexServiceError):
    """There is no such relink."""

    hint = "The number of a relink is in its answer, and in the report of its night."


class NotInThisState(IndexServiceError):
    """The run is not in the state for this."""


@dataclass(frozen=True, slots=True)
class ChangedRecord:
    """A record whose person a run changed; `stands`: it is still as the run left it."""

    record_id: int
    version: int
    before: PersonId | None
    after: PersonId | None
    stands: bool
    withdrawn: bool


def keep(conn: Connection, run_id: RunId, parts: Mapping[str, bytes]) -> None:
    """Keep what waits, part by part."""
    for part, content in parts.items():
        for place, start in enumerate(range(0, max(len(content), 1), PIECE_BYTES)):
            piece = content[start : start + PIECE_BYTES]
            conn.execute(_sql["keep"], {"run_id": run_id, "part": part, "place": place, "content": piece}, binary=True)


def kept(conn: Connection, run_id: RunId, part: str) -> bytes:
    """A part of what waits."""
    return b"".join(
        bytes(piece) for (piece,) in conn.execute(_sql["kept"], {"run_id": run_id, "part": part}, binary=True)
    )


def replace_waiting(conn: Connection, run_id: RunId, *, in_use: str | None, brings: str, published: bool) -> None:
    """A run takes the place of what waits.

    One with the model in use leaves those that bring another model, and the other way round: new statistics wait on
    while nights publish what arrives. A published one that brings another model leaves none.
    """
    another = in_use != brings
    parameters = {"run_id": run_id, "in_use": in_use, "another_model": another, "all": published and another}
    conn.execute(_sql["replace_waiting"], parameters)


def forget_waiting(conn: Connection, run_id: RunId) -> None:
    """What waited under this number waits no longer."""
    conn.execute(_sql["forget"], {"run_id": run_id})


@dataclass(frozen=True, slots=True)
class WaitingModel:
    """A relink that waits and would bring another model; `stands`: it can be accepted, for none was published since."""

    run_id: RunId
    fingerprint: str
    stands: bool


def waiting_with_another_model(conn: Connection) -> WaitingModel | None:
    """The newest such relink, if there is one."""
    row = conn.execute(_sql["waiting_with_another_model"]).fetchone()
    return None if row is None else WaitingModel(*row)


def require_run(conn: Connection, run_id: RunId, status: str, *, latest: bool = True) -> str:
    """Raise unless the run is a relink in this state, and the latest: none was published after it; returns its kind.

    Raises:
        NoSuchRun, NotInThisState: says which run is in the way.
    """
    row = conn.execute(_sql["run"], {"run_id": run_id}).fetchone()
    if row is None or row[0] not in ("full", "changed"):
        raise NoSuchRun(f"Run {run_id} is not a relink.")
    if row[1] != status:
        raise NotInThisState(f"Run {run_id} is {row[1].replace('_', ' ')}, not {status}.")
    later = conn.execute(_sql["later_relink"], {"run_id": run_id}).fetchone()
    if later is not None and latest:
        hint = f"Undo run {later[0]} first." if status == "published" else "The next night job proposes it again."
        raise NotInThisState(f"Relink {later[0]} was published after run {run_id}.", hint=hint)
    return str(row[0])


def note_before(conn: Connection, run_id: RunId, record_ids: Collection[int] | None) -> None:
    """Note what a publication is about to replace: of all records (None: it is a full relink), or of these."""
    parameters: dict[str, Any] = {"run_id": run_id}
    conn.execute(_sql["note_waiting_records"], parameters)
    if record_ids is None:
        for each in ("note_components", "note_tasks", "note_pinned_keys"):
            conn.execute(_sql[each], parameters)
    else:
        for each in ("note_components_of", "note_tasks_of"):
            conn.execute(_sql[each], parameters | {"record_ids": list(record_ids)})
    conn.execute(_sql["forget_older_notes"])


def note_left(conn: Connection, run_id: RunId) -> None:
    """Note how a publication left the tasks that were noted before it."""
    conn.execute(_sql["note_versions_left"], {"run_id": run_id})


def wait_again(conn: Connection, record_ids: Collection[int]) -> None:
    """These records wait for a relink."""
    conn.execute(_sql["wait_again"], {"record_ids": list(record_ids)})


def changed_by_run(conn: Connection, run_id: RunId) -> list[ChangedRecord]:
    """The records whose person a run changed."""
    return [ChangedRecord(*row) for row in conn.execute(_sql["changed_by_run"], {"run_id": run_id})]


def persons_moved_on(conn: Connection, run_id: RunId, persons: Collection[str]) -> set[str]:
    """Of these persons, those that got or lost a record after a run."""
    rows = conn.execute(_sql["persons_moved_on"], {"run_id": run_id, "persons": list(persons)})
    return {person for (person,) in rows}


def beside(conn: Connection, run_id: RunId, persons: Collection[str]) -> set[str]:
    """These persons, and those that share a component with one of them, now or before a run."""
    rows = conn.execute(_sql["beside"], {"run_id": run_id, "persons": list(persons)})
    return {*persons, *(person for (person,) in rows)}


def restore_components(conn: Connection, run_id: RunId, persons: Collection[str]) -> None:
    """The components of these persons are those before a run."""
    parameters = {"run_id": run_id, "persons": list(persons)}
    conn.execute(_sql["forget_components"], parameters)
    conn.execute(_sql["restore_components"], parameters)


def retired_among(conn: Connection, persons: Collection[str]) -> list[str]:
    """Which of these persons have retired."""
    return [person for (person,) in conn.execute(_sql["retired"], {"persons": list(persons)})]


def tasks_as_left(conn: Connection, run_id: RunId, but_of: Collection[int]) -> list[int]:
    """The tasks open before a run that nobody has changed since, less those about some records."""
    rows = conn.execute(_sql["tasks_as_left"], {"run_id": run_id, "record_ids": list(but_of)})
    return [task_id for (task_id,) in rows]


def restore_tasks(conn: Connection, run_id: RunId, task_ids: Collection[int], at: datetime) -> None:
    """The questions that a run asked first are closed, and these are as they were before it."""
    conn.execute(_sql["close_tasks_of"], {"run_id": run_id, "at": at})
    conn.execute(_sql["restore_tasks"], {"run_id": run_id, "task_ids": list(task_ids)})


def restore_pinned_keys(conn: Connection, run_id: RunId) -> None:
    """The blocking keys that were pinned before a full relink are pinned again."""
    conn.execute(_sql["unpin_keys"])
    conn.execute(_sql["restore_pinned_keys"], {"run_id": run_id})


def conclude_undoing(conn: Connection, run_id: RunId) -> str | None:
    """Let the records of before wait again, and note the run as undone; returns the model of before."""
    parameters = {"run_id": run_id}
    wait_again(conn, [record_id for (record_id,) in conn.execute(_sql["waited_for"], parameters)])
    conn.execute(_sql["undone"], parameters)
    row = conn.execute(_sql["model_before"], parameters).fetchone()
    return row[0] if row else None
