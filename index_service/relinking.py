"""Relink what is loaded: read one state of the database, link, compare with what is published, and publish the change.

Nothing is visible before the last step, and that is one transaction: a relink is published whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

import numpy as np
import pyarrow as pa

from config.policy import LinkagePolicy
from index_service.churn import Over, examples, over_budget
from index_service.errors import NothingLoaded, TooMuchWouldChange
from index_service.found_persons import FoundPersons
from index_service.linking_context import current
from index_service.linking_engine import link_all
from index_service.linking_live import settle_again
from index_service.models import document_of
from index_service.pinning import kept_with, together
from index_service.relink_proposal import Proposal
from index_service.relinking_changed import anything_changed, link_scope, read_changed_scope, why_full
from index_service.satellites.following import follow_index
from index_service.sentinel import Screen
from index_service.spark_session import SparkOptions
from index_service.stages import Advance, StageByStage, unwatched
from index_service.stewardship.overlays import ask_about_overlays
from index_service.stewardship.questions import doubts_of, questions_of
from index_service.store.changes import count_persons, forget_what_waits_for_nothing, records_by_source
from index_service.store.connection import Connection
from index_service.store.current_model import pinned_keys
from index_service.store.extract import (
    Snapshot,
    constraints_digest,
    read_snapshot,
)
from index_service.store.proposals import forget_waiting, require_run
from index_service.store.publish import (
    Publication,
    Question,
    forget_records_to_link,
    lock_publication,
)
from index_service.store.retrying import retried
from index_service.store.runs import RunId, finish_run, note_decision, note_put_off, relinking, save_model
from linkage.blocks import OversizedKey
from linkage.change_set import ChangeSet
from linkage.key_numbers import record_keys
from linkage.model import Model
from linkage.overmerged import bearing_shared_identifiers, may_show_a_sign
from linkage.pipeline import LinkResult
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
        who: asks for it, noted where something is accepted.
        memory_limit_gb: what linking may take; the batch engine spills to disk beyond its share.
        spark: where everything is linked on Spark; None for the batch engine. What changed alone never is.
        review_keys: find out again which blocking keys too many records share, and pin these; else a full relink keeps
            those that were pinned with the model.
    """

    scope: Scope = "full"
    dry_run: bool = False
    accept: bool = False
    who: str = "program"
    memory_limit_gb: float = 4.0
    spark: SparkOptions | None = None
    review_keys: bool = False


@dataclass(frozen=True, slots=True)
class RelinkOutcome:
    """What a relink found and did. `publication` is None for a dry run, where it waits, and where nothing was to do.

    `scope` says what was linked; `full_because` why everything was, though changes alone were asked for; `over_budget`
    what takes a person to accept it. `put_off` counts the records that came meanwhile and wait for the next relink,
    since they touch too many to settle at once. `keys_have_grown`: a review of the blocking keys would pin more.
    `oversized_keys` counts the blocking keys that a full relink left out because too many records share them; `screen`
    is what the relink says of persons that may be several.
    """

    run_id: RunId | None
    model_fingerprint: str
    records: int
    persons: int
    change: ChangeSet | None
    reviews: int
    candidate_pairs: int
    oversized_components: tuple[int, ...]
    over_budget: tuple[Over, ...]
    publication: Publication | None
    timings_s: Mapping[str, float] = field(default_factory=dict)
    scope: Scope = "full"
    full_because: str = ""
    put_off: int = 0
    keys_have_grown: bool = False
    oversized_keys: int = 0
    screen: Screen | None = None

    @property
    def needs_accepting(self) -> bool:
        return bool(self.over_budget)


class RelinkWaits(TooMuchWouldChange):
    """The relink would change more than the policy lets pass; it was kept, and waits to be accepted."""

    def __init__(self, outcome: RelinkOutcome) -> None:
        run_id, over = outcome.run_id, "; ".join(each.sentence for each in outcome.over_budget)
        super().__init__(
            f"Relink {run_id} waits: {over}. Nothing was published.",
            hint=f"Its examples are kept: person-index runs show {run_id}. If it is right: person-index relink accept "
            f"{run_id}; if not: person-index relink reject {run_id}.",
        )
        self.outcome = outcome


def relink(
    conn: Connection,
    model: Model,
    policy: LinkagePolicy,
    options: RelinkOptions = RelinkOptions(),
    advance: Advance = unwatched,
) -> RelinkOutcome:
    """Link all records again, or what changed, and publish what that changes; segregated records follow.

    Raises:
        RelinkRunning: another relink is under way.
        NothingLoaded: there are no records.
        RelinkWaits: more persons would change than the policy lets pass; nothing was published.
    """
    outcome = _relink(conn, model, policy, options, advance)
    if options.dry_run:
        return outcome
    progress = StageByStage(advance)
    progress("attach segregated records")
    follow_index(conn)
    progress.done()
    return replace(outcome, timings_s={**outcome.timings_s, **progress.seconds})


def _relink(
    conn: Connection, model: Model, policy: LinkagePolicy, options: RelinkOptions, advance: Advance
) -> RelinkOutcome:
    because = "" if options.scope == "full" else why_full(conn, model, policy)
    if options.scope == "changed" and not because:
        forget_what_waits_for_nothing(conn)
        if not anything_changed(conn):
            return RelinkOutcome(None, model.fingerprint, 0, 0, None, 0, 0, (), (), None, scope="changed")
        outcome, because = _relink_changed(conn, model, policy, options, advance)
        if outcome is not None:
            return outcome
    return _relink_all(conn, model, policy, options, advance, because)


def _relink_all(
    conn: Connection, model: Model, policy: LinkagePolicy, options: RelinkOptions, advance: Advance, because: str
) -> RelinkOutcome:
    save_model(conn, model.fingerprint, document_of(model))
    progress = StageByStage(advance)
    with relinking(conn, "full", model_fingerprint=model.fingerprint, policy=policy.model_dump(mode="json")) as run_id:
        progress("read snapshot")
        snapshot = read_snapshot(conn)
        if not snapshot.records.num_rows and not snapshot.memberships.num_rows:
            raise NothingLoaded
        kept = None if options.review_keys else kept_with(conn, model, policy)
        progress.records = snapshot.records.num_rows
        result = link_all(
            snapshot.records,
            model,
            policy,
            snapshot.constraints,
            pinned_keys=None if kept is None else {key.key for key in kept},
            progress=progress,
            memory_limit_gb=options.memory_limit_gb,
            spark=options.spark,
        )
        progress("keep person ids")
        found = FoundPersons.of(snapshot, result)
        pins = together(kept, result.oversized_keys)
        linked = _Linked(run_id, "full", snapshot, result, found, model, because, pins)
        return _finish(conn, linked, policy, options, progress)


def _relink_changed(
    conn: Connection, model: Model, policy: LinkagePolicy, options: RelinkOptions, advance: Advance
) -> tuple[RelinkOutcome | None, str]:
    """Link what changed and what it touches; or say why that would not do."""
    progress = StageByStage(advance)
    with relinking(
        conn, "changed", model_fingerprint=model.fingerprint, policy=policy.model_dump(mode="json")
    ) as run_id:
        progress("read what changed")
        scope = read_changed_scope(conn, model, policy, memory_limit_gb=options.memory_limit_gb)
        if scope.full_because:
            finish_run(conn, run_id, "failed", counts={"full_because": scope.full_because})
            return None, scope.full_because
        progress.records = scope.snapshot.records.num_rows
        result = link_scope(
            scope.snapshot, model, policy, pinned_keys(conn), progress, memory_limit_gb=options.memory_limit_gb
        )
        progress("keep person ids")
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
    full_because: str = ""
    pins: tuple[OversizedKey, ...] | None = None

    def has_grown_keys(self, policy: LinkagePolicy) -> bool:
        """Whether keys that make candidates are shared by more records than a review of the keys would let pass."""
        return any(rule.largest_block > policy.max_block_records for rule in self.result.blocking)


def _finish(
    conn: Connection, linked: _Linked, policy: LinkagePolicy, options: RelinkOptions, progress: StageByStage
) -> RelinkOutcome:
    progress("compare with what is published")
    found = linked.found
    questions = _questions(linked, policy)
    over = over_budget(found.change, policy, records_by_source(conn))
    progress("note the outcome" if options.dry_run else "publish")
    linked.result.timings.update(progress.seconds)
    publication, touched = _conclude(conn, linked, policy, options, questions, over)
    put_off = 0
    if touched:
        progress("settle what came meanwhile")
        put_off = _catch_up(conn, linked.run_id, touched)
    progress.done()
    outcome = RelinkOutcome(
        run_id=linked.run_id,
        model_fingerprint=linked.model.fingerprint,
        records=linked.snapshot.records.num_rows,
        persons=len(found.person_ids),
        change=found.change,
        reviews=len(questions),
        candidate_pairs=linked.result.candidate_pairs,
        oversized_components=linked.result.oversized_components,
        over_budget=tuple(over),
        publication=publication,
        timings_s={**linked.result.timings, **progress.seconds},
        scope=linked.scope,
        full_because=linked.full_because,
        put_off=put_off,
        keys_have_grown=linked.has_grown_keys(policy),
        oversized_keys=len(linked.result.oversized_keys),
        screen=_screen(linked, policy),
    )
    if publication is None and not options.dry_run:
        raise RelinkWaits(outcome)
    return outcome


def _screen(linked: _Linked, policy: LinkagePolicy) -> Screen:
    """Of whom the sentinel has to weigh the pairs again."""
    names = compile_model(linked.model).names
    labels = may_show_a_sign(linked.result.cluster, linked.result.pairs, names, policy.link_threshold_bits)
    showing = frozenset(linked.found.person_ids[label] for label in labels.tolist())
    if linked.scope == "changed":
        known = frozenset(linked.found.person_ids.values())
        return Screen(linked.run_id, known, showing, (), linked.snapshot.last_event, linked.snapshot.at)
    sharing = bearing_shared_identifiers(linked.snapshot.records, linked.result.cluster)
    record_ids = linked.snapshot.records["record_id"].to_numpy()[sharing].tolist()
    return Screen(linked.run_id, None, showing, record_ids, linked.snapshot.last_event, linked.snapshot.at)


def _questions(linked: _Linked, policy: LinkagePolicy) -> list[Question]:
    """What stewards shall be asked."""
    records, found = linked.snapshot.records, linked.found
    keys = list(zip(records["source"].to_pylist(), records["source_record_id"].to_pylist(), strict=True))
    names = compile_model(linked.model).names
    doubts = doubts_of(linked.result, keys, linked.snapshot.constraints, names, policy)
    persons = [PersonId(person or "") for person in found.assignment.person_ids[: len(keys)]]
    return questions_of(doubts, records["record_id"].to_pylist(), persons, [source for source, _ in keys], policy)


def _conclude(
    conn: Connection,
    linked: _Linked,
    policy: LinkagePolicy,
    options: RelinkOptions,
    questions: Sequence[Question],
    over: Sequence[Over],
) -> tuple[Publication | None, list[int]]:
    """Publish, or keep or note what was found; returns also the records that live linking touched meanwhile."""
    run_id, snapshot, found, result = linked.run_id, linked.snapshot, linked.found, linked.result
    counts: dict[str, object] = {
        **found.change.counts(),
        "candidate_pairs": result.candidate_pairs,
        "questions": len(questions),
        "oversized_components": len(result.oversized_components),
        "oversized_keys": len(result.oversized_keys if linked.pins is None else linked.pins),
        "judgements_sha256": constraints_digest(snapshot.constraints),
        "judgements": list(snapshot.judgements),
        "records": snapshot.records.num_rows,
    }
    if over:
        counts |= _told_of(over, linked)
    if options.dry_run:
        finish_run(conn, run_id, "dry_run", counts=counts, timings=result.timings)
        return None, []
    proposal = _proposal(linked, policy, options, questions, counts)
    if over and not options.accept:
        with conn.transaction():
            proposal.wait(conn, run_id)
            finish_run(conn, run_id, "waiting", counts=counts, timings=result.timings)
        return None, []
    return proposal.publish(conn, run_id, accepted_by=options.who if over else None)


def _told_of(over: Sequence[Over], linked: _Linked) -> dict[str, object]:
    """What is kept of a run that takes a person: what is over its budget, and the largest changes."""
    sizes = np.bincount(linked.result.component)[linked.result.component].tolist()
    of_person = dict(zip(linked.found.assignment.person_ids[: len(sizes)], sizes, strict=True))
    component_records = {PersonId(person): size for person, size in of_person.items() if person is not None}
    return {
        "over_budget": [each.sentence for each in over],
        "over_budget_figures": [asdict(each) for each in over],
        "examples": [asdict(each) for each in examples(linked.found.change, component_records)],
    }


def accept(conn: Connection, run_id: RunId, *, who: str) -> Publication:
    """Publish what waits under this number, as it was found; what live linking touched since is settled afterwards.

    Raises:
        NoSuchRun, NotInThisState: nothing waits under this number.
        RelinkRunning: a relink is under way.
    """
    publication, touched = Proposal.waiting(conn, run_id).publish(conn, run_id, accepted_by=who)
    _catch_up(conn, run_id, touched)
    follow_index(conn)
    return publication


def reject(conn: Connection, run_id: RunId, *, who: str) -> None:
    """Let what waits under this number wait no longer; nothing is published, and what it linked waits for the next.

    Raises:
        NoSuchRun, NotInThisState: nothing waits under this number.
    """
    with conn.transaction():
        lock_publication(conn)
        require_run(conn, run_id, "waiting", latest=False)
        finish_run(conn, run_id, "rejected")
        note_decision(conn, run_id, who)
        forget_waiting(conn, run_id)


def _proposal(
    linked: _Linked,
    policy: LinkagePolicy,
    options: RelinkOptions,
    questions: Sequence[Question],
    counts: Mapping[str, object],
) -> Proposal:
    snapshot, found, result = linked.snapshot, linked.found, linked.result
    assignment, linked_records = found.assignment, snapshot.records.num_rows
    probabilities = assignment.probabilities
    return Proposal(
        scope=linked.scope,
        model_fingerprint=linked.model.fingerprint,
        last_run=snapshot.last_run,
        rows=pa.table(
            {
                "record_id": assignment.record_ids[:linked_records],
                "version": assignment.versions[:linked_records],
                "person_id": pa.array(assignment.person_ids[:linked_records], pa.string()),
                "probability": np.ones(linked_records) if probabilities is None else probabilities[:linked_records],
                "component": result.component,
            }
        ),
        ended=pa.table(
            {"record_id": assignment.record_ids[linked_records:], "version": assignment.versions[linked_records:]}
        ),
        keys=_missing_keys(snapshot, options),
        questions=questions,
        components=_components(snapshot, result, found),
        oversized_keys=linked.pins,
        material_change_bits=policy.stewardship.material_change_bits,
        counts=counts,
        timings=result.timings,
    )


def _missing_keys(snapshot: Snapshot, options: RelinkOptions) -> pa.Table:
    """Blocking keys of the records that have none yet, or those of an older version."""
    known = snapshot.keyed["record_id"].to_numpy().astype(np.int64) << 32 | snapshot.keyed["version"].to_numpy()
    now = snapshot.records["record_id"].to_numpy().astype(np.int64) << 32 | snapshot.records["version"].to_numpy()
    missing = snapshot.records.filter(pa.array(~np.isin(now, known)))
    keys = record_keys(missing, memory_limit_gb=options.memory_limit_gb)
    return pa.table({"record_id": missing["record_id"], "version": missing["version"], "keys": keys})


def _components(snapshot: Snapshot, result: LinkResult, found: FoundPersons) -> dict[PersonId, int]:
    """Person to number of its component (its smallest record id), for persons that are not alone in theirs."""
    persons_in = np.unique(np.stack([result.component, result.cluster]), axis=1)[0]
    shared = np.isin(result.component, persons_in[1:][persons_in[1:] == persons_in[:-1]])
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


def _catch_up(conn: Connection, run_id: RunId, record_ids: list[int]) -> int:
    """Settle what live linking touched while the relink ran, with the model it brought, as if it arrived now.

    Until it is settled it waits for a relink: breaking off here loses nothing.

    Returns:
        How many records wait for the next relink all the same: what they touch is too large. Noted with the run.
    """
    put_off = 0
    for start in range(0, len(record_ids), RECORDS_A_TURN):
        put_off += _settle_turn(conn, run_id, record_ids[start : start + RECORDS_A_TURN])
    note_put_off(conn, run_id, put_off)
    return put_off


@retried
def _settle_turn(conn: Connection, run_id: RunId, turn: list[int]) -> int:
    """Returns how many of these records are put off."""
    with conn.transaction():
        lock_publication(conn)
        settlement = settle_again(conn, current(conn), turn)
        ask_about_overlays(conn, run_id, current(conn), turn)
        forget_records_to_link(conn, set(turn) - settlement.waiting.keys())
    return len(settlement.waiting)
