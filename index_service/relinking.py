"""Relink what is loaded: read one state of the database, link, compare with what is published, and publish the change.

Nothing is visible before the last step, and that is one transaction: a relink is published whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from config.policy import LinkagePolicy
from index_service.errors import NothingLoaded, TooMuchWouldChange
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
)
from index_service.store.publish import Assignment, Change, Publication, Review, publish_change
from index_service.store.runs import RunId, current_model, finish_run, relinking, save_model
from linkage.change_set import ChangeSet, compute
from linkage.model import Model
from linkage.person_ids import assign_person_ids
from linkage.pipeline import LinkResult, link
from linkage.record import PersonId, RecordKey

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
        found = _Found.of(snapshot, result)
        too_much = found.change.share_of_persons_changed > policy.max_share_of_persons_changed
        if too_much and not (options.accept or options.dry_run):
            raise TooMuchWouldChange(_too_much(found.change, policy))
        progress("note the outcome" if options.dry_run else "publish")
        publication = _conclude(conn, run_id, snapshot, found, result, model, options)
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


@dataclass(frozen=True, slots=True)
class _Found:
    """The linking in terms of persons: what to publish, and how that differs from what is published."""

    person_ids: Mapping[int, PersonId]
    change: ChangeSet
    assignment: Assignment
    reviews: list[Review]

    @classmethod
    def of(cls, snapshot: Snapshot, result: LinkResult) -> _Found:
        keys = _keys(snapshot.records)
        labels: list[int] = result.cluster.tolist()
        previous, age = _previous(snapshot.memberships)
        person_ids = assign_person_ids(_clusters(keys, labels), previous, age)
        persons = [person_ids[label] for label in labels]
        return cls(
            person_ids=person_ids,
            change=compute(previous, dict(zip(keys, persons, strict=True))),
            assignment=_assignment(snapshot, persons, result.probability),
            reviews=_reviews(result, person_ids),
        )


def _keys(table: pa.Table) -> list[RecordKey]:
    return list(zip(table["source"].to_pylist(), table["source_record_id"].to_pylist(), strict=True))


def _clusters(keys: list[RecordKey], labels: list[int]) -> dict[int, list[RecordKey]]:
    clusters: dict[int, list[RecordKey]] = {}
    for key, label in zip(keys, labels, strict=True):
        clusters.setdefault(label, []).append(key)
    return clusters


def _previous(memberships: pa.Table) -> tuple[dict[RecordKey, PersonId], dict[PersonId, int]]:
    """Who each record belongs to now, and the rank of each person by age, 0 the oldest."""
    persons = [PersonId(person) for person in memberships["person_id"].to_pylist()]
    created = dict(zip(persons, memberships["person_created_at"].to_pylist(), strict=True))
    by_age = sorted(created, key=lambda person: (created[person], person))
    return dict(zip(_keys(memberships), persons, strict=True)), {person: rank for rank, person in enumerate(by_age)}


def _assignment(snapshot: Snapshot, persons: list[PersonId], probability: NDArray[np.float64]) -> Assignment:
    """Every record with its person; the memberships of withdrawn records end."""
    withdrawn = snapshot.memberships.filter(snapshot.memberships["withdrawn"])
    ended = withdrawn.num_rows
    return Assignment(
        record_ids=_together(snapshot.records["record_id"], withdrawn["record_id"]).astype(np.int64),
        versions=_together(snapshot.records["version"], withdrawn["version"]).astype(np.int32),
        person_ids=[*persons, *([None] * ended)],
        probabilities=np.concatenate([probability, np.ones(ended)]),
    )


def _together(first: Any, second: Any) -> NDArray[Any]:
    return np.concatenate([first.to_numpy(), second.to_numpy()])


def _reviews(result: LinkResult, person_ids: Mapping[int, PersonId]) -> list[Review]:
    scored, found = _pairs_between(result), result.reviews
    close = zip(found.left.tolist(), found.right.tolist(), found.weight_bits.tolist(), strict=True)
    return [
        Review(person_ids[left], person_ids[right], bits, scored.get((left, right), 0)) for left, right, bits in close
    ]


def _pairs_between(result: LinkResult) -> dict[tuple[int, int], int]:
    """How many pairs were scored between each two clusters, by their labels in order."""
    a, b = result.cluster[result.pairs.left], result.cluster[result.pairs.right]
    apart = a != b
    both = np.stack([np.minimum(a, b)[apart], np.maximum(a, b)[apart]], axis=1)
    pairs, counts = np.unique(both, axis=0, return_counts=True)
    return {(int(low), int(high)): int(count) for (low, high), count in zip(pairs, counts, strict=True)}


def _conclude(
    conn: Connection,
    run_id: RunId,
    snapshot: Snapshot,
    found: _Found,
    result: LinkResult,
    model: Model,
    options: RelinkOptions,
) -> Publication | None:
    counts: dict[str, object] = {
        **found.change.counts(),
        "candidate_pairs": result.candidate_pairs,
        "reviews": len(found.reviews),
        "oversized_components": len(result.oversized_components),
        "judgements_sha256": constraints_digest(snapshot.constraints),
    }
    if options.dry_run:
        finish_run(conn, run_id, "dry_run", counts=counts, timings=result.timings)
        return None
    return publish_change(
        conn,
        run_id,
        Change(found.assignment, reviews=found.reviews),
        model_fingerprint=model.fingerprint,
        counts=counts,
        timings=result.timings,
    )
