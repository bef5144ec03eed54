"""An incremental relink: what changed since the last one, and everything that this touches, linked together.

Two records are in one component if a chain of close pairs ties them. New chains can only begin at changed records, and
old ones lie inside the components of persons (docs/decisions/0014-live-linking.md): so the changed records, those that
weigh enough with one of them, and all records of their persons' components are the whole scope. It is linked as a full
relink links everything, by the same functions, with the keys that the last full relink pinned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from config.policy import LinkagePolicy
from index_service.store.changes import among, changed_records, full_relink_published, last_relink, sharing_keys
from index_service.store.connection import Connection
from index_service.store.current_model import pinned_keys
from index_service.store.extract import (
    Snapshot,
    choose,
    prepare_choosing,
    read_constraints,
    read_keyed,
    read_memberships,
    read_normalised,
    reading_chosen,
)
from index_service.store.neighbourhood import normalised_of, scope_of
from index_service.store.runs import current_model
from linkage.batch import BatchEngine
from linkage.blocking import BLOCKING_RULES, key_number
from linkage.generic_values import without_generic_values
from linkage.key_numbers import record_keys
from linkage.model import Model
from linkage.native import NativeEngine
from linkage.pipeline import LinkResult, Progress, link, link_few
from linkage.record import COLUMNS, NormalisedRecord
from linkage.weights import compile_model
from linkage.whole_tables import whole_table

FEW_RECORDS = 400
"""Up to so many records are compared one by one: setting up the batch engine takes longer."""

NOT_OF_THE_PARTITION = frozenset(
    {
        "name",
        "description",
        "link_error_aim",
        "certain_error_aim",
        "max_live_records",
        "max_pairs_per_record",
        "max_share_of_persons_changed",
        "churn",
        "sources",
        "split_review_bits",
        "stewardship",
    }
)
"""What a policy says about something else than who is who: changing it takes no full relink."""


@dataclass(frozen=True, slots=True)
class ChangedScope:
    """What an incremental relink links.

    Attributes:
        snapshot: the records of the scope, as one state of the database has them.
        changed: how many records changed.
        full_because: why linking the scope alone would not do; "" if it does.
    """

    snapshot: Snapshot
    changed: int
    full_because: str = ""


def policy_digest(policy: LinkagePolicy) -> str:
    """SHA-256 of what the policy says about who is who."""
    return _digest(policy.model_dump(mode="json"))


def _digest(policy: dict[str, object]) -> str:
    said = {name: value for name, value in policy.items() if name not in NOT_OF_THE_PARTITION}
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def why_full(conn: Connection, model: Model, policy: LinkagePolicy) -> str:
    """Why everything has to be linked, a clause; "" where what changed is enough."""
    last, now = last_relink(conn), current_model(conn)
    if last is None or now is None or not full_relink_published(conn):
        return "nothing was linked in full before"
    if {now[0], last.model_fingerprint} != {model.fingerprint}:
        return "the model is another"
    if _digest(dict(last.policy)) != policy_digest(policy):
        return "the policy is another"
    if last.judgements is None:
        return "the last relink did not note the judgements that it obeyed"
    return ""


def anything_changed(conn: Connection) -> bool:
    """Whether an incremental relink has anything to link."""
    return bool(_changed(conn))


def _changed(conn: Connection) -> list[int]:
    last = last_relink(conn)
    return [] if last is None else changed_records(conn, last)


def read_changed_scope(
    conn: Connection, model: Model, policy: LinkagePolicy, *, memory_limit_gb: float = 4.0
) -> ChangedScope:
    """Read the records that changed and everything that they touch, from one state of the database."""
    prepare_choosing(conn)
    with reading_chosen(conn) as moment:
        changed, pinned = _changed(conn), pinned_keys(conn)
        choose(conn, changed)
        there = read_normalised(conn, chosen=True)
        keys = _keys_seen(there, model, pinned, memory_limit_gb)
        choose(conn, np.union1d(there["record_id"].to_numpy(), sharing_keys(conn, keys)).tolist())
        beside = read_normalised(conn, chosen=True)
        near, outgrown = _near(beside, changed, model, policy, pinned, memory_limit_gb)
        choose(conn, scope_of(conn, {*changed, *near}))
        snapshot = Snapshot(
            read_normalised(conn, chosen=True),
            read_memberships(conn, chosen=True),
            read_constraints(conn),
            read_keyed(conn, chosen=True),
            moment.last_run,
            moment.last_event,
            moment.at,
            moment.judgements,
        )
    because = "more records than the policy allows share a blocking key now" if outgrown else ""
    return ChangedScope(snapshot, len(changed), because)


def link_scope(
    snapshot: Snapshot,
    model: Model,
    policy: LinkagePolicy,
    pinned: frozenset[int],
    progress: Progress,
    *,
    memory_limit_gb: float = 4.0,
) -> LinkResult:
    """Link the records of a closed scope, natively where they are few."""
    if snapshot.records.num_rows > FEW_RECORDS:
        return link(
            snapshot.records,
            model,
            policy,
            snapshot.constraints,
            pinned_keys=pinned,
            progress=progress,
            memory_limit_gb=memory_limit_gb,
        )
    progress("link")
    found = link_few(_records(snapshot.records), compile_model(model), policy, snapshot.constraints, pinned)
    return LinkResult(
        cluster=found.cluster,
        component=found.component,
        probability=found.probability,
        pairs=found.pairs,
        reviews=found.reviews,
        blocking=(),
        oversized_keys=(),
        candidate_pairs=len(found.pairs.left),
        candidates=None,
        oversized_components=found.oversized_components,
        timings={},
    )


def _keys_seen(records: pa.Table, model: Model, pinned: frozenset[int], memory_limit_gb: float) -> NDArray[np.int64]:
    """Blocking keys of the records as the model sees them, less the pinned ones; ascending."""
    rules = [rule for rule in BLOCKING_RULES if rule.name in model.blocking_rules]
    if records.num_rows <= FEW_RECORDS:
        seen = [without_generic_values(record, model) for record in _records(records)]
        found = {key_number(rule.name, key) for record in seen for rule in rules for key in rule.keys(record)}
        return np.array(sorted(found - pinned), dtype=np.int64)
    with BatchEngine(records, memory_limit_gb=memory_limit_gb) as engine:
        engine.remove_generic(model.generic_values)
        kept = whole_table(engine.con, "select * exclude (record, source_number) from records")
    keys = record_keys(kept, rules, memory_limit_gb=memory_limit_gb).combine_chunks().values.to_numpy()
    return np.setdiff1d(keys, np.fromiter(pinned, np.int64, len(pinned)))


def _near(
    records: pa.Table,
    changed: Iterable[int],
    model: Model,
    policy: LinkagePolicy,
    pinned: frozenset[int],
    memory_limit_gb: float,
) -> tuple[list[int], bool]:
    """The records whose pair with a changed one reaches the component threshold; whether a key is beyond its bound."""
    is_changed = among(records["record_id"].to_numpy(), changed)
    if records.num_rows <= min(FEW_RECORDS, policy.hard_block_records):  # no more can share a key than there are
        native = NativeEngine(_records(records), compile_model(model), pinned)
        pairs, outgrown = native.weigh_candidates(compile_model(model), policy.component_threshold_bits), False
    else:
        with BatchEngine(records, memory_limit_gb=memory_limit_gb) as engine:
            compiled = engine.use_model(model)
            engine.block(model.blocking_rules, policy.hard_block_records, pinned, touching=is_changed)
            pairs = engine.weigh_candidates(compiled, policy.component_threshold_bits)
            outgrown = bool(engine.found.oversized)
    touching = is_changed[pairs.left] | is_changed[pairs.right]
    rows = np.union1d(pairs.left[touching], pairs.right[touching])
    near: list[int] = records["record_id"].to_numpy()[rows].tolist()
    return near, outgrown


def _records(table: pa.Table) -> list[NormalisedRecord]:
    return [normalised_of(list(row.values())) for row in table.select(list(COLUMNS)).to_pylist()]
