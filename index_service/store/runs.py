"""Linking runs and the models they use: who may run, what was used, how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, NewType

from psycopg.types.json import Jsonb

from index_service.store.connection import Connection
from index_service.store.errors import RelinkRunning
from index_service.store.locks import AdvisoryLock
from index_service.store.statements import statements

RunId = NewType("RunId", int)
RunKind = Literal["full", "changed", "online", "judgement", "undo"]

_sql = statements("publish")


@contextmanager
def relinking(
    conn: Connection, kind: RunKind, *, model_fingerprint: str | None = None, policy: Mapping[str, object] | None = None
) -> Iterator[RunId]:
    """The whole of a relink, from reading to publishing: nobody else relinks meanwhile; a failure is noted as one.

    Raises:
        RelinkRunning: somebody else does already; says since when.
    """
    key = {"key": AdvisoryLock.RELINK}
    if not _true(conn, "try_lock_relink", key):
        raise relink_running(conn)
    try:
        conn.execute(_sql["fail_dead_runs"])
        run_id = begin_run(conn, kind, model_fingerprint=model_fingerprint, policy=policy)
        try:
            yield run_id
        except BaseException:
            if not conn.closed:
                finish_run(conn, run_id, "failed", only_if_running=True)
            raise
    finally:
        if not conn.closed:
            conn.execute(_sql["unlock_relink"], key)


def begin_run(
    conn: Connection, kind: RunKind, *, model_fingerprint: str | None = None, policy: Mapping[str, object] | None = None
) -> RunId:
    """Note that a linking begins. The model, if named, must have been saved."""
    parameters = {"kind": kind, "model": model_fingerprint, "policy": Jsonb(dict(policy or {}))}
    row = conn.execute(_sql["begin_run"], parameters).fetchone()
    if row is None:
        raise LookupError("begin_run")
    return RunId(row[0])


def published_run(
    conn: Connection,
    kind: RunKind,
    *,
    model_fingerprint: str,
    policy: Mapping[str, object],
    counts: Mapping[str, object] | None = None,
) -> RunId:
    """Note a linking that publishes within the transaction it begins in."""
    parameters = {"kind": kind, "model": model_fingerprint, "policy": Jsonb(policy), "counts": Jsonb(counts or {})}
    row = conn.execute(_sql["note_published_run"], parameters).fetchone()
    if row is None:
        raise LookupError("note_published_run")
    return RunId(row[0])


def finish_run(
    conn: Connection,
    run_id: RunId,
    status: Literal["published", "dry_run", "failed", "waiting", "rejected"],
    *,
    counts: Mapping[str, object] | None = None,
    timings: Mapping[str, float] | None = None,
    only_if_running: bool = False,
) -> None:
    """Note how a linking ended; what was noted with it before is kept beside."""
    parameters = {
        "run_id": run_id,
        "status": status,
        "counts": Jsonb(dict(counts or {})),
        "timings": Jsonb(dict(timings or {})),
    }
    conn.execute(_sql["finish_running" if only_if_running else "finish_run"], parameters)


def note_decision(conn: Connection, run_id: RunId, who: str) -> None:
    """Note who accepted or rejected what was over its budget, and that it was now."""
    conn.execute(_sql["note_decision"], {"run_id": run_id, "who": who})


def note_put_off(conn: Connection, run_id: RunId, records: int) -> None:
    """Note how many records that came while a relink ran wait for the next one."""
    conn.execute(_sql["note_put_off"], {"run_id": run_id, "records": records})


def relink_running(conn: Connection) -> RelinkRunning:
    """The error that says which relink is in the way."""
    row = conn.execute(_sql["running_since"]).fetchone()
    if row is None:
        return RelinkRunning()
    run_id, started_at = row
    return RelinkRunning(
        f"Another relink is running on this database: run {run_id}, since {started_at:%Y-%m-%d %H:%M:%S %Z}."
    )


def save_model(conn: Connection, fingerprint: str, document: str) -> None:
    """Keep a model's JSON text for ever, so that what it decided can be explained; does nothing if it is there."""
    conn.execute(_sql["save_model"], {"fingerprint": fingerprint, "document": document})


def set_current_model(conn: Connection, fingerprint: str) -> None:
    """From now on records are linked with this model."""
    with conn.transaction():
        conn.execute(_sql["no_model_is_current"], {"fingerprint": fingerprint})
        conn.execute(_sql["model_is_current"], {"fingerprint": fingerprint})


def current_model(conn: Connection) -> tuple[str, str] | None:
    """Fingerprint and JSON text of the current model, if there is one."""
    row = conn.execute(_sql["current_model"]).fetchone()
    return (row[0], row[1]) if row else None


def model_document(conn: Connection, fingerprint: str) -> str:
    """The JSON text of a model that was saved."""
    return str(conn.execute(_sql["model_document"], {"fingerprint": fingerprint}).fetchall()[0][0])


def _true(conn: Connection, name: str, parameters: Mapping[str, object]) -> bool:
    row = conn.execute(_sql[name], parameters).fetchone()
    return row is not None and row[0] is True
