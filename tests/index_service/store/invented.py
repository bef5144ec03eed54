"""Invented records for the tests of the store."""

from __future__ import annotations

from index_service.store.records import IncomingRecord, content_hash
from linkage.record import NormalisedRecord, SourceRecord


def incoming(source_record_id: str, *, source: str = "cws_cms", deleted: bool = False, **values: str) -> IncomingRecord:
    """A record as the loader hands it to the store; the normalised one has the first name only."""
    return (
        SourceRecord(source, source_record_id, values),
        NormalisedRecord(
            source,
            source_record_id,
            first_name=values.get("first_name"),
            first_alternatives=tuple(values.get("alias_names", "").split()),
        ),
        content_hash(values, deleted=deleted),
        deleted,
    )
