"""Relink what is loaded: read one state of the database, link, compare with what is published, and publish the change.

Nothing is visible before the last step, and that is one transaction: a relink is published whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from index_service.stages import Advance, StageByStage, unwatched
from index_service.store.connection import Connection
from index_service.store.extract import (
    Snapshot,
    constraints_digest,
    count_records_to_link,
    published_constraints_digest,
    read_constraints,
    read_snapshot,
    settled_since,
)
from index_service.store.publish import (
    Assignment,
    Change,
    Publication,
    Review,
    lock_publication,
    publish_change,
)
from index_service.store.runs import RunId, current_model, finish_run, relinking, save_model
from linkage.change_set import ChangeSet
from linkage.key_numbers import record_keys
from linkage.model import Model
from linkage.pipeline import LinkResult, link
from linkage.record import PersonId

Scope = Literal["full", "changed"]


@dataclass(frozen=True, slots=True)
class RelinkOptions:
    """How a relink is run.

    Attributes:
        scope: "changed" does nothing where no record is new, changed or withdrawn, the judgements are those of the last
            relink, and the model is the current one. Where anything changed, everything is linked again.
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
    """What a relink found and did. `publication` is None for a dry run, and where there was nothing to do."""

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


def relink(
    conn: Connection,
    model: Model,
    policy: LinkagePolicy,
    options: RelinkOptions = RelinkOptions(),
    advance: Advance = unwatched,
) -> RelinkOutcome:
    """Link all records again and publish what that changes.

    Raises:
        RelinkRunning: another relink is under way.
        NothingLoaded: there are no records.
        TooMuchWouldChange: more persons would change than the policy lets pass; nothing was published.
    """
    if options.scope == "changed" and _is_up_to_date(conn, model):
        return RelinkOutcome(None, model.fingerprint, 0, 0, None, 0, 0, (), False, None)
    save_model(conn, model.fingerprint, document_of(model))
    progress = StageByStage(advance)
    with relinking(
        conn, options.scope, model_fingerprint=model.fingerprint, policy=policy.model_dump(mode="json")
    ) as run_id:
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
        progress("compare with what is published")
        found = FoundPersons.of(snapshot, result)
        too_much = found.change.share_of_persons_changed > policy.max_share_of_persons_changed
        if too_much and not (options.accept or options.dry_run):
            raise TooMuchWouldChange(_too_much(found.change, policy))
        progress("note the outcome" if options.dry_run else "publish")
        publication, touched = _conclude(conn, run_id, snapshot, found, result, model, options)
        if touched:
            progress("settle what came meanwhile")
            _catch_up(conn, touched)
        progress.done()
    return RelinkOutcome(
        run_id=run_id,
        model_fingerprint=model.fingerprint,
        records=snapshot.records.num_rows,
        persons=len(found.person_ids),
        change=found.change,
        reviews=len(found.reviews),
        candidate_pairs=result.candidate_pairs,
        oversized_components=result.oversized_components,
        needs_accepting=too_much,
        publication=publication,
        timings_s=result.timings,
    )


def _is_up_to_date(conn: Connection, model: Model) -> bool:
    current = current_model(conn)
    return (
        current is not None
        and current[0] == model.fingerprint
        and count_records_to_link(conn) == 0
        and published_constraints_digest(conn) == constraints_digest(read_constraints(conn))
    )


def _too_much(change: ChangeSet, policy: LinkagePolicy) -> str:
    counts = ", ".join(f"{count:,} {what}" for what, count in change.counts().items() if count)
    return (
        f"This relink would change {change.share_of_persons_changed:.1%} of the {change.persons_before:,} persons; "
        f"the policy lets {policy.max_share_of_persons_changed:.1%} pass without a look ({counts}). "
        "Nothing was published."
    )


def _conclude(
    conn: Connection,
    run_id: RunId,
    snapshot: Snapshot,
    found: FoundPersons,
    result: LinkResult,
    model: Model,
    options: RelinkOptions,
) -> tuple[Publication | None, list[int]]:
    """Publish, or note what was found; returns also the records that live linking touched meanwhile.

    Their components are left alone: what was found of them is no longer true.
    """
    counts: dict[str, object] = {
        **found.change.counts(),
        "candidate_pairs": result.candidate_pairs,
        "reviews": len(found.reviews),
        "oversized_components": len(result.oversized_components),
        "oversized_keys": len(result.oversized_keys),
        "judgements_sha256": constraints_digest(snapshot.constraints),
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
                reviews=_standing_reviews(found.reviews, stands, found),
                components=_components(snapshot, result, found, stands),
                keys=keys,
                oversized_keys=result.oversized_keys,
            ),
            model_fingerprint=model.fingerprint,
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


def _standing_reviews(reviews: list[Review], stands: NDArray[np.bool_], found: FoundPersons) -> list[Review]:
    if stands.all():
        return reviews
    persons = {person for person, kept in zip(found.assignment.person_ids, stands.tolist(), strict=False) if kept}
    return [review for review in reviews if review.left_person_id in persons]


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
