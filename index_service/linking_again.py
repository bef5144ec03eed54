"""What is published, with the weights behind it: linked once more, nothing published, so that it can be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from config.policy import LinkagePolicy
from index_service.errors import NothingLoaded
from index_service.explaining import record_at
from index_service.stages import Advance, StageByStage, unwatched
from index_service.store.adoptions import hidden_records
from index_service.store.connection import Connection
from index_service.store.current_model import pinned_keys
from index_service.store.extract import Snapshot, read_snapshot
from linkage.candidates import BlockingRuleReport
from linkage.model import Model
from linkage.pairs import CandidatePairs, WeighedPairs
from linkage.pipeline import link
from linkage.weights import Explanation, explain

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LinkedAgain:
    """The published persons and how linking weighs their records; pairs are rows of `persons`.

    Attributes:
        records: normalised, in the order of `persons`.
        persons: source, source_record_id, person_id (null where the record waits for a relink), probability.
        pairs: all pairs within components, weighed.
        candidates: the pairs that blocking brought together.
    """

    records: pa.Table
    persons: pa.Table
    pairs: WeighedPairs
    candidates: CandidatePairs | None
    blocking: Sequence[BlockingRuleReport]
    model: Model

    def explain(self, left: int, right: int) -> Explanation:
        """Why two records, rows of `persons`, weigh what they weigh."""
        return explain(record_at(self.records, left), record_at(self.records, right), self.model)


def link_again(
    conn: Connection,
    model: Model,
    policy: LinkagePolicy,
    advance: Advance = unwatched,
    *,
    memory_limit_gb: float = 4.0,
) -> LinkedAgain:
    """Weigh the pairs of all records again, with the blocking keys that the last full relink pinned.

    What an adoption seal hides takes part in linking and is not told.

    Raises:
        NothingLoaded: nothing is published yet.
        LinkageError: as `linkage.pipeline.link`.
    """
    progress = StageByStage(advance)
    progress("read snapshot")
    snapshot, hidden = read_snapshot(conn), hidden_records(conn)
    if not snapshot.memberships.num_rows:
        raise NothingLoaded("No persons are published yet.", hint="Load records, then: person-index relink")
    result = link(
        snapshot.records,
        model,
        policy,
        snapshot.constraints,
        pinned_keys=pinned_keys(conn),
        progress=progress,
        memory_limit_gb=memory_limit_gb,
        keep_candidates=True,
    )
    progress.done()
    told = pc.invert(pc.is_in(snapshot.records["record_id"], pa.array(hidden, pa.int64()))).to_numpy()
    weighed, left, right = _told(result.pairs, told)
    return LinkedAgain(
        records=snapshot.records.filter(pa.array(told)),
        persons=_persons(snapshot, result.probability).filter(pa.array(told)),
        pairs=replace(result.pairs.where(weighed), left=left, right=right),
        candidates=CandidatePairs(*_told(result.candidates, told)[1:]) if result.candidates else None,
        blocking=result.blocking,
        model=model,
    )


def _persons(snapshot: Snapshot, probability: NDArray[np.float64]) -> pa.Table:
    records, members = snapshot.records, snapshot.memberships
    place = pc.index_in(records["record_id"], value_set=members["record_id"])
    keys = records.select(["source", "source_record_id"])
    persons = keys.append_column("person_id", members["person_id"].take(place))
    return persons.append_column("probability", pa.array(probability))


def _told(pairs: CandidatePairs | WeighedPairs, told: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Rows, Rows]:
    """Which pairs are of two records that are told, and their rows among those."""
    both, row = told[pairs.left] & told[pairs.right], np.cumsum(told) - 1
    return both, row[pairs.left[both]], row[pairs.right[both]]
