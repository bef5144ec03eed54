"""Asks whether another person's data were written over a record, wherever a new version of it is linked.

Live linking and relinks call the same: the answer rests on what the record said from version to version, and on the
model, so that it is the same whether the versions came one by one or in files.
"""

from __future__ import annotations

from collections.abc import Collection

from index_service.linking_context import LinkingContext
from index_service.store import overlays as store
from index_service.store.connection import Connection
from index_service.store.overlays import OverlayQuestion
from index_service.store.runs import RunId
from index_service.store.stewardship import Task
from linkage.normalise import normalise
from linkage.overlaid import overlays
from linkage.record import NormalisedRecord

RECORDS_AT_ONCE = 1000


def ask_about_overlays(conn: Connection, run_id: RunId, context: LinkingContext, record_ids: Collection[int]) -> None:
    """Look at these records; what was asked about them before and stands no longer is closed."""
    every = sorted(record_ids)
    for start in range(0, len(every), RECORDS_AT_ONCE):
        _ask(conn, run_id, context, every[start : start + RECORDS_AT_ONCE])


def record_as_it_was(conn: Connection, task: Task) -> list[NormalisedRecord]:
    """The one record of a question as it was before what is asked about; nothing where a seal hides it."""
    said = store.rewritten(conn, task.left_records)
    return [
        normalise(version)[0]
        for each in said
        for number, version in zip(each.numbers, each.said, strict=True)
        if number == task.before_version
    ]


def _ask(conn: Connection, run_id: RunId, context: LinkingContext, record_ids: Collection[int]) -> None:
    rewritten = store.rewritten(conn, record_ids)
    said = [[normalise(version)[0] for version in each.said] for each in rewritten]
    found = [
        OverlayQuestion(each.record_id, each.numbers[overlay.before], round(overlay.weight_bits, 6), overlay.fields)
        for each, overlay in zip(rewritten, overlays(said, context.compiled, context.policy), strict=True)
        if overlay is not None
    ]
    store.ask(conn, run_id, record_ids, found, context.policy.stewardship.in_care_sources)
