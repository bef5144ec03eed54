"""Turn what a caller says of a record into an arrival, as a row of a file with canonical headers is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from config.mapping import FileLayout
from config.record_ids import record_key
from config.sources import SourceConfig
from index_service.errors import IndexServiceError
from index_service.loading.columns import ColumnCheck
from index_service.loading.records import NOT_LOADED, Extract, ReadRecord
from index_service.loading.rows import Reject, Row
from index_service.store.arrivals import Arrival
from linkage.normalise import normalise
from linkage.record import CanonicalValue, Finding, SourceRecord


class UnusableRecord(IndexServiceError):
    """What was sent is no record of its source; names the field, never the value."""

    hint = "Mend the field and send the record again."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


class RefusedRecord(UnusableRecord):
    """The record must not enter the index, whatever it says."""

    hint = "Do not send it. If it was sent before, withdraw it: DELETE."

    def __init__(self) -> None:
        super().__init__(
            "minor_consent", "records of services that a minor consented to alone are kept out of the index"
        )


@dataclass(frozen=True, slots=True)
class Received:
    """An arrival, and the values of it that could not be used."""

    arrival: Arrival
    findings: tuple[Finding, ...]


def receive(source: SourceConfig, source_record_id: str, values: Mapping[str, CanonicalValue]) -> Received:
    """Read and normalise a record that comes over the API.

    Raises:
        UnusableRecord: it has no usable id, or its source's rules keep it out.
    """
    row = Row(0, {"source_record_id": source_record_id, **{name: _cell(value) for name, value in values.items()}})
    read = _canonical(source).read(row)
    if isinstance(read, Reject):
        raise UnusableRecord(read.field, read.reason.removeprefix(NOT_LOADED))
    if not isinstance(read, ReadRecord):
        raise RefusedRecord
    normalised, found = normalise(read.record, dt.date.today())  # noqa: DTZ011 - a calendar day, not an instant
    return Received(Arrival.of(read.record, normalised, deleted=read.deleted), (*read.findings, *found))


def withdrawal(source: str, source_record_id: str) -> Arrival:
    """That a source withdraws a record."""
    key = record_key(source, source_record_id)
    record = SourceRecord(*key, {"source_record_id": key[1]})
    return Arrival.of(record, normalise(record)[0], deleted=True)


def _canonical(source: SourceConfig) -> Extract:
    return Extract(source, FileLayout("canonical", ()), ColumnCheck((), (), {}))


def _cell(value: CanonicalValue) -> str | tuple[str, ...]:
    return value if isinstance(value, str) else tuple(value)
