"""Invented records for the tests of the matching core: no one in them ever lived, their numbers were never issued."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from linkage.normalise import normalise
from linkage.record import COLUMNS, CanonicalValue, Finding, NormalisedRecord, SourceRecord

TODAY = dt.date(2026, 6, 30)

_ARROW_TYPES = {"text": pa.string(), "integer": pa.int32(), "boolean": pa.bool_(), "text[]": pa.list_(pa.string())}


def invented_ssn(serial: int = 1, area: int = 734, group: int = 11) -> str:
    """A well-formed number of an area that was never issued before 2011."""
    return f"{area:03d}{group:02d}{serial:04d}"


def cleaned(**values: CanonicalValue) -> NormalisedRecord:
    """What normalising makes of these fields."""
    return cleaning(**values)[0]


def findings(**values: CanonicalValue) -> set[tuple[str, str]]:
    """Which of these fields could not be used, as (field, kind)."""
    return {(finding.field, finding.kind) for finding in cleaning(**values)[1]}


def cleaning(**values: CanonicalValue) -> tuple[NormalisedRecord, tuple[Finding, ...]]:
    """`identifier__ssid` stands for the field `identifier.ssid`."""
    named = {name.replace("__", "."): value for name, value in values.items()}
    return normalise(SourceRecord("cws_cms", "1", named), TODAY)


def record(number: int = 1, source: str = "cws_cms", **values: CanonicalValue) -> NormalisedRecord:
    """A normalised record with a key of its own."""
    return replace(cleaned(**values), source=source, source_record_id=str(number))


def table_of(records: Sequence[NormalisedRecord]) -> pa.Table:
    """One row per record, the columns of `linkage.record.COLUMNS`."""
    return pa.table(
        {name: pa.array([getattr(r, name) for r in records], _ARROW_TYPES[kind]) for name, kind in COLUMNS.items()}
    )
