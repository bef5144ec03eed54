"""What changed since the last relink, and which linked records share a blocking key with what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index_service.store.connection import Connection
from index_service.store.extract import judgements_in_force, records_to_link
from index_service.store.statements import statements

_sql = statements("changes")
KEYS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class LastRelink:
    """The last relink that was published: the policy it followed, and the judgements it obeyed (None: not noted)."""

    run_id: int
    policy: Mapping[str, Any]
    judgements: frozenset[int] | None
    model_fingerprint: str | None


def last_relink(conn: Connection) -> LastRelink | None:
    """The last published relink, if there was one."""
    row = conn.execute(_sql["last_relink"]).fetchone()
    if row is None:
        return None
    run_id, policy, judgements, model = row
    return LastRelink(run_id, policy, None if judgements is None else frozenset(judgements), model)


def full_relink_published(conn: Connection) -> bool:
    """Whether all records have had their blocking keys from a full relink."""
    row = conn.execute(_sql["full_relink_published"]).fetchone()
    return row is not None and row[0] is True


def changed_records(conn: Connection, last: LastRelink) -> list[int]:
    """The records that are new, changed or withdrawn, and those that judgements name which are new or undone."""
    differing = (last.judgements or frozenset()).symmetric_difference(judgements_in_force(conn))
    since = conn.execute(_sql["judgements_settled_since"], {"run_id": last.run_id})
    asked = [*differing, *(judgement_id for (judgement_id,) in since)]
    named = conn.execute(_sql["records_of_judgements"], {"judgement_ids": asked}) if asked else ()
    return sorted({*records_to_link(conn), *(record_id for (record_id,) in named)})


def sharing_keys(conn: Connection, keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """The linked records that share one of the keys, ascending."""
    found: set[int] = set()
    for start in range(0, len(keys), KEYS_AT_ONCE):
        asked = {"keys": keys[start : start + KEYS_AT_ONCE].tolist()}
        found.update(record_id for (record_id,) in conn.execute(_sql["sharing_keys"], asked, binary=True))
    return np.array(sorted(found), dtype=np.int64)


def forget_what_waits_for_nothing(conn: Connection) -> None:
    """Records withdrawn before they were ever linked no longer wait for a relink."""
    conn.execute(_sql["waiting_for_nothing"])


def among(record_ids: NDArray[np.int64], chosen: Iterable[int]) -> NDArray[np.bool_]:
    """Which of the records are chosen: one entry per record."""
    found: NDArray[np.bool_] = np.isin(record_ids, np.fromiter(chosen, np.int64))
    return found


def count_persons(conn: Connection) -> int:
    """How many persons there are."""
    row = conn.execute(_sql["count_persons"]).fetchone()
    return int(row[0]) if row else 0


def records_by_source(conn: Connection) -> dict[str, int]:
    """How many records each source has that are not withdrawn."""
    return {source: int(records) for source, records in conn.execute(_sql["records_by_source"])}
