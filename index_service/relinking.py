"""Relink what is loaded: read one state of the database, link, compare with what is published, and publish the change.

Nothing is visible before the last step, and that is one transaction: a relink is published whole or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from config.policy import LinkagePolicy
from index_service.errors import NothingLoaded, TooMuchWouldChange
from index_service.found_persons import FoundPersons
from index_service.linking_context import current
from index_service.linking_live import settle_again
from index_service.models import document_of
from index_service.relinking_changed import anything_changed, link_scope, read_changed_scope, why_full
from index_service.stages import Advance, StageByStage, unwatched
from index_service.stewardship.questions import doubts_of, questions_of
from index_service.store.changes import count_persons, forget_what_waits_for_nothing
from index_service.store.connection import Connection
from index_service.store.current_model import pinned_keys
from index_service.store.extract import (
    Snapshot,
    constraints_digest,
    read_snapshot,
    settled_since,
)
from index_service.store.publish import (
    Assignment,
    Change,
    Publication,
    Question,
    lock_publication,
    publish_change,
)
from index_service.store.runs import RunId, finish_run, relinking, save_model
from linkage.change_set import ChangeSet
from linkage.key_numbers import record_keys
from linkage.model import Model
from linkage.pipeline import LinkResult, link
from linkage.record import PersonId
from linkage.weights import compile_model

Scope = Literal["full", "changed"]


@dataclass(frozen=True, slots=True)
class RelinkOptions:
    """How a relink is run.

    Attributes:
        scope: "changed" links the records that are new, changed or withdrawn, or that judgements name which are new or
            undone, and what they touch; with another model or policy everything, as "full" does.
        dry_run: find out what would change and publish nothing.
        accept: publish even if more persons change than the policy lets pass unseen.
        memory_limit_gb: what the batch engine may hold before it spills to disk.
    """

    scope: Scope = "full"
    dry_run: bool = False
    accept: bool = False
    memory_limit_gb: float = 4.0


@dataclass(frozen=True, slots=True)
class RelinkOutcome:
    """What a relink found and did. `publication` is None for a dry run, and where there was nothing to do.

    `scope` says what was linked; `full_because` why everything was, though changes alone were asked for.
    """

    run_id: RunId | None
    model_fingerprint: str
    records: int
    persons: int
    change: ChangeSet | None
    reviews: int
    candidate_pairs: int
    oversized_components: tuple[int, ...]
    needs_accepting: bool
    publication: Publication | None
    timings_s: Mapping[str, float] = field(default_factory=dict)
    scope: Scope = "full"
    full_because: str = ""


def relink(
    conn: Connection,
    model: Model,
    policy: LinkagePolicy,
    options: RelinkOptions = RelinkOptions(),
    advance: Advance = unwatched,
) -> RelinkOutcome:
    """Link all records again, or what changed, and publish what that changes.

    Raises:
        RelinkRunning: another relink is under way.
        NothingLoaded: there are no records.
        TooMuchWouldChange: more persons would change than the policy lets pass; nothing was published.
    """
    because = "" if options.scope == "full" else why_full(conn, model, policy)
    if options.scope == "changed" and not because:
        forget_what_waits_for_nothing(conn)
        if not anything_changed(conn):
            return RelinkOutcome(None, model.fingerprint, 0, 0, None, 0, 0, (), False, None, scope="changed")
        outcome, because = _relink_changed(conn, model, policy, options, advance)
        if outcome is not None:
            return outcome
    return replace(_relink_all(conn, model, policy, options, advance), full_because=because)


def _relink_all(
    conn: Connection, model: Model, policy: LinkagePolicy, options: RelinkOptions, advance: Advance
) -> RelinkOutcome:
    save_model(conn, model.fingerprint, document_of(model))
    progress = StageByStage(advance)
    with relinking(conn, "full", model_fingerprint=model.fingerprint, policy=policy.model_dump(mode="json")) as run_id:
        progress("read snapshot")
        snapshot = read_snapshot(conn)
        if not snapshot.records.num_rows and not snapshot.memberships.num_rows:
            raise NothingLoaded
        result = link(
            snapshot.records,
            model,
            policy,
            snapshot.constraints,
            progress=progress,
            memory_limit_gb=options.memory_limit_gb,
        )
        found = FoundPersons.of(snapshot, result)
        return _finish(conn, _Linked(run_id, "full", snapshot, result, found, model), policy, options, progress)


def _relink_changed(
    conn: Connection, model: Model, policy: LinkagePolicy, options: RelinkOptions, advance: Advance
) -> tuple[RelinkOutcome | None, str]:
    """Link what changed and what it touches; or say why that would not do."""
    progress = StageByStage(advance)
    with relinking(
        conn, "changed", model_fingerprint=model.fingerprint, policy=policy.model_dump(mode="json")
    ) as run_id:
        progress("read what changed")
        began = time.perf_counter()
        scope = read_changed_scope(conn, model, policy, memory_limit_gb=options.memory_limit_gb)
        if scope.full_because:
            finish_run(conn, run_id, "failed", counts={"full_because": scope.full_because})
            return None, scope.full_because
        reading_s = time.perf_counter() - began
        result = link_scope(
            scope.snapshot, model, policy, pinned_keys(conn), progress, memory_limit_gb=options.memory_limit_gb
        )
        result.timings["read what changed"] = reading_s
        found = FoundPersons.of(scope.snapshot, result)
        found = replace(found, change=replace(found.change, persons_before=count_persons(conn)))
        return _finish(
            conn, _Linked(run_id, "changed", scope.snapshot, result, found, model), policy, options, progress
        ), ""


@dataclass(frozen=True, slots=True)
class _Linked:
    """What a run has linked and found, before anything of it is published."""

    run_id: RunId
    scope: Scope
    snapshot: Snapshot
    result: LinkResult
    found: FoundPersons
    model: Model


def _finish(
    conn: Connection, linked: _Linked, policy: LinkagePolicy, options: RelinkOptions, progress: StageByStage
) -> RelinkOutcome:
    progress("compare with what is published")
    found = linked.found
    questions = _questions(linked, policy)
    too_much = found.change.share_of_persons_changed > policy.max_share_of_persons_changed
    if too_much and not (options.accept or options.dry_run):
        raise TooMuchWouldChange(_too_much(found.change, policy))
    progress("note the outcome" if options.dry_run else "publish")
    publication, touched = _conclude(conn, linked, policy, options, questions)
    if touched:
        progress("settle what came meanwhile")
        _catch_up(conn, touched)
    progress.done()
    return RelinkOutcome(
        run_id=linked.run_id,
        model_fingerprint=linked.model.fingerprint,
        records=linked.snapshot.records.num_rows,
        persons=len(found.person_ids),
        change=found.change,
        reviews=len(questions),
        candidate_pairs=linked.result.candidate_pairs,
        oversized_components=linked.result.oversized_components,
        needs_accepting=too_much,
        publication=publication,
        timings_s=linked.result.timings,
        scope=linked.scope,
    )


def _too_much(change: ChangeSet, policy: LinkagePolicy) -> str:
    counts = ", ".join(f"{count:,} {what}" for what, count in change.counts().items() if count)
    return (
        f"This relink would change {change.share_of_persons_changed:.1%} of the {change.persons_before:,} persons; "
        f"the policy lets {policy.max_share_of_persons_changed:.1%} pass without a look ({counts}). "
        "Nothing was published."
    )


def _questions(linked: _Linked, policy: LinkagePolicy) -> list[Question]:
    """What stewards shall be asked."""
    records, found = linked.snapshot.records, linked.found
    keys = list(zip(records["source"].to_pylist(), records["source_record_id"].to_pylist(), strict=True))
    names = compile_model(linked.model).names
    doubts = doubts_of(linked.result, keys, linked.snapshot.constraints, names, policy)
    persons = [PersonId(person or "") for person in found.assignment.person_ids[: len(keys)]]
    return questions_of(doubts, records["record_id"].to_pylist(), persons, [source for source, _ in keys], policy)


def _conclude(
    conn: Connection, linked: _Linked, policy: LinkagePolicy, options: RelinkOptions, questions: Sequence[Question]
) -> tuple[Publication | None, list[int]]:
    """Publish, or note what was found; returns also the records that live linking touched meanwhile.

    Their components are left alone: what was found of them is no longer true.
    """
    run_id, snapshot, found, result = linked.run_id, linked.snapshot, linked.found, linked.result
    counts: dict[str, object] = {
        **found.change.counts(),
        "candidate_pairs": result.candidate_pairs,
        "questions": len(questions),
        "oversized_components": len(result.oversized_components),
        "oversized_keys": len(result.oversized_keys),
        "judgements_sha256": constraints_digest(snapshot.constraints),
        "judgements": list(snapshot.judgements),
        "records": snapshot.records.num_rows,
    }
    if options.dry_run:
        finish_run(conn, run_id, "dry_run", counts=counts, timings=result.timings)
        return None, []
    keys = _missing_keys(snapshot, options)
    with conn.transaction():
        lock_publication(conn)
        settled = settled_since(conn, snapshot.last_run)
        stands, beside = _apart_from(settled, snapshot, result)
        publication = publish_change(
            conn,
            run_id,
            Change(
                _only(found.assignment, stands, snapshot.records.num_rows),
                questions=_standing_questions(questions, stands, found),
                components=_components(snapshot, result, found, stands),
                keys=keys,
                oversized_keys=result.oversized_keys if linked.scope == "full" else None,
                material_change_bits=policy.stewardship.material_change_bits,
            ),
            model_fingerprint=linked.model.fingerprint,
            counts=counts,
            timings=result.timings,
        )
    return publication, sorted(settled | beside)


def _missing_keys(snapshot: Snapshot, options: RelinkOptions) -> pa.Table:
    """Blocking keys of the records that have none yet, or those of an older version."""
    known = snapshot.keyed["record_id"].to_numpy().astype(np.int64) << 32 | snapshot.keyed["version"].to_numpy()
    now = snapshot.records["record_id"].to_numpy().astype(np.int64) << 32 | snapshot.records["version"].to_numpy()
    missing = snapshot.records.filter(pa.array(~np.isin(now, known)))
    keys = record_keys(missing, memory_limit_gb=options.memory_limit_gb)
    return pa.table({"record_id": missing["record_id"], "version": missing["version"], "keys": keys})


def _apart_from(settled: set[int], snapshot: Snapshot, result: LinkResult) -> tuple[NDArray[np.bool_], set[int]]:
    """Which rows lie in components that no settled record is in, and the records in the other components."""
    record_ids = snapshot.records["record_id"].to_numpy()
    touched = np.isin(record_ids, np.fromiter(settled, np.int64, len(settled)))
    stands = ~np.isin(result.component, result.component[touched])
    return stands, set(record_ids[~stands].tolist())


def _only(assignment: Assignment, stands: NDArray[np.bool_], records: int) -> Assignment:
    """The assignment without the rows that do not stand; withdrawn records come after the rows."""
    if stands.all():
        return assignment
    keep = np.concatenate([stands, np.ones(len(assignment.record_ids) - records, dtype=bool)])
    probabilities = assignment.probabilities
    return replace(
        assignment,
        record_ids=assignment.record_ids[keep],
        versions=assignment.versions[keep],
        person_ids=[person for person, kept in zip(assignment.person_ids, keep.tolist(), strict=True) if kept],
        probabilities=None if probabilities is None else probabilities[keep],
    )


def _standing_questions(
    questions: Sequence[Question], stands: NDArray[np.bool_], found: FoundPersons
) -> Sequence[Question]:
    if stands.all():
        return questions
    persons = {person for person, kept in zip(found.assignment.person_ids, stands.tolist(), strict=False) if kept}
    return [question for question in questions if question.left_person_id in persons]


def _components(
    snapshot: Snapshot, result: LinkResult, found: FoundPersons, stands: NDArray[np.bool_]
) -> dict[PersonId, int]:
    """Person to number of its component (its smallest record id), for persons that are not alone in theirs."""
    persons_in = np.unique(np.stack([result.component, result.cluster])[:, stands], axis=1)[0]
    shared = np.isin(result.component, persons_in[1:][persons_in[1:] == persons_in[:-1]]) & stands
    record_ids = snapshot.records["record_id"].to_numpy()
    smallest = np.full(len(record_ids), np.iinfo(np.int64).max)
    np.minimum.at(smallest, result.component, record_ids)
    return {
        found.person_ids[cluster]: number
        for cluster, number in zip(
            result.cluster[shared].tolist(), smallest[result.component[shared]].tolist(), strict=True
        )
    }


RECORDS_A_TURN = 50
"""Records settled in one transaction after a relink: arriving ones come between."""


def _catch_up(conn: Connection, record_ids: list[int]) -> None:
    """Settle what live linking touched while the relink ran, with the model it brought, as if it arrived now."""
    for start in range(0, len(record_ids), RECORDS_A_TURN):
        with conn.transaction():
            lock_publication(conn)
            settle_again(conn, current(conn), record_ids[start : start + RECORDS_A_TURN])
