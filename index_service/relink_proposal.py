"""What a relink proposes: published at once, or kept until a person accepts it, and then published just so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from index_service.linking_context import current
from index_service.stewardship.overlays import ask_about_overlays
from index_service.store import overlays
from index_service.store.connection import Connection
from index_service.store.extract import settled_since
from index_service.store.proposals import (
    forget_waiting,
    keep,
    kept,
    note_before,
    note_left,
    replace_waiting,
    require_run,
    wait_again,
)
from index_service.store.publish import Assignment, Change, Publication, Question, lock_publication, publish_change
from index_service.store.retrying import retried
from index_service.store.runs import RunId, current_model, note_decision
from linkage.blocks import OversizedKey
from linkage.record import PersonId


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a relink found.

    Attributes:
        rows: record_id, version, person_id, probability, component (a label) of each record that was linked.
        ended: record_id, version of withdrawn records, whose memberships end.
        components: person to number of its component.
        oversized_keys: None where those pinned stay.
        last_run: the newest run that the relink has seen.
    """

    scope: str
    model_fingerprint: str
    last_run: int
    rows: pa.Table
    ended: pa.Table
    keys: pa.Table
    questions: Sequence[Question]
    components: Mapping[PersonId, int]
    oversized_keys: Sequence[OversizedKey] | None
    material_change_bits: float
    counts: Mapping[str, object]
    timings: Mapping[str, float]

    def publish(
        self, conn: Connection, run_id: RunId, *, accepted_by: str | None = None
    ) -> tuple[Publication, list[int]]:
        """Publish; returns also the records that live linking touched since the relink read them, which wait again.

        Their components are left alone: what was found of them is no longer true.

        Args:
            accepted_by: who did, where it is over its budget.
        """
        return retried(self._publish)(conn, run_id, accepted_by)

    def _publish(self, conn: Connection, run_id: RunId, accepted_by: str | None) -> tuple[Publication, list[int]]:
        with conn.transaction():
            lock_publication(conn)
            in_use = _in_use(conn)
            settled = settled_since(conn, self.last_run)
            stands, said_again = self._stands(settled), overlays.said_again(conn)
            note_before(conn, run_id, None if self.scope == "full" else self._record_ids())
            publication = publish_change(
                conn,
                run_id,
                self._change(stands),
                model_fingerprint=self.model_fingerprint,
                counts=self.counts,
                timings=self.timings,
            )
            note_left(conn, run_id)
            touched = sorted(settled | set(self.rows["record_id"].to_numpy()[~stands].tolist()))
            wait_again(conn, touched)
            ask_about_overlays(conn, run_id, current(conn), overlays.no_longer_waiting(conn, said_again))
            forget_waiting(conn, run_id)
            replace_waiting(conn, run_id, in_use=in_use, brings=self.model_fingerprint, published=True)
            if accepted_by is not None:
                note_decision(conn, run_id, accepted_by)
        return publication, touched

    def _record_ids(self) -> list[int]:
        return [*self.rows["record_id"].to_pylist(), *self.ended["record_id"].to_pylist()]

    def wait(self, conn: Connection, run_id: RunId) -> None:
        """Keep it until it is accepted, in the place of what waited before."""
        rest = {
            "scope": self.scope,
            "model_fingerprint": self.model_fingerprint,
            "last_run": self.last_run,
            "questions": [asdict(question) for question in self.questions],
            "components": self.components,
            "oversized_keys": None if self.oversized_keys is None else [asdict(key) for key in self.oversized_keys],
            "material_change_bits": self.material_change_bits,
            "counts": self.counts,
            "timings": self.timings,
        }
        replace_waiting(conn, run_id, in_use=_in_use(conn), brings=self.model_fingerprint, published=False)
        tables = {"rows": self.rows, "ended": self.ended, "keys": self.keys}
        parts = {name: _written(table) for name, table in tables.items()}
        keep(conn, run_id, parts | {"rest": orjson.dumps(rest, option=orjson.OPT_SERIALIZE_NUMPY)})

    @classmethod
    def waiting(cls, conn: Connection, run_id: RunId) -> Proposal:
        """What waits under this number.

        Raises:
            NoSuchRun, NotInThisState: nothing does.
        """
        require_run(conn, run_id, "waiting")
        rest = orjson.loads(kept(conn, run_id, "rest"))
        rest["questions"] = [_question(kept_as) for kept_as in rest["questions"]]
        if rest["oversized_keys"] is not None:
            rest["oversized_keys"] = [OversizedKey(**key) for key in rest["oversized_keys"]]
        tables = {name: _read(kept(conn, run_id, name)) for name in ("rows", "ended", "keys")}
        return cls(**rest, **tables)

    def _stands(self, settled: set[int]) -> NDArray[np.bool_]:
        """Which rows lie in components that no settled record is in."""
        component = self.rows["component"].to_numpy()
        touched = np.isin(self.rows["record_id"].to_numpy(), np.fromiter(settled, np.int64, len(settled)))
        stands: NDArray[np.bool_] = ~np.isin(component, component[touched])
        return stands

    def _change(self, stands: NDArray[np.bool_]) -> Change:
        rows = self.rows if stands.all() else self.rows.filter(pa.array(stands))
        persons = rows["person_id"].to_pylist()
        questions, components = self.questions, self.components
        if not stands.all():
            standing = frozenset(persons)
            questions = [question for question in questions if question.left_person_id in standing]
            components = {person: number for person, number in components.items() if person in standing}
        return Change(
            Assignment(
                np.concatenate([rows["record_id"].to_numpy(), self.ended["record_id"].to_numpy()]).astype(np.int64),
                np.concatenate([rows["version"].to_numpy(), self.ended["version"].to_numpy()]).astype(np.int32),
                [*persons, *([None] * self.ended.num_rows)],
                np.concatenate([rows["probability"].to_numpy(), np.ones(self.ended.num_rows)]),
            ),
            questions=questions,
            components=components,
            keys=self.keys,
            oversized_keys=self.oversized_keys,
            material_change_bits=self.material_change_bits,
        )


def _in_use(conn: Connection) -> str | None:
    model = current_model(conn)
    return model[0] if model else None


def _question(kept_as: Mapping[str, Any]) -> Question:
    lists = ("left_records", "right_records", "fields", "sources")
    return Question(**{**kept_as, **{name: tuple(kept_as[name]) for name in lists}})


def _written(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def _read(content: bytes) -> pa.Table:
    return pa.ipc.open_stream(content).read_all()
