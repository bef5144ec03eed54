"""Records that said something else before, and the questions whether another person was written over them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

from psycopg.types.json import Jsonb

from index_service.store.connection import Connection
from index_service.store.numbers import opened_values
from index_service.store.runs import RunId
from index_service.store.statements import statements
from linkage.record import SourceRecord

_sql = statements("overlays")


@dataclass(frozen=True, slots=True)
class Versions:
    """What a record said up to now: the numbers of its versions, and the versions."""

    record_id: int
    numbers: Sequence[int]
    said: Sequence[SourceRecord]


@dataclass(frozen=True, slots=True)
class OverlayQuestion:
    """That a record may show another person than in its version `before_version`."""

    record_id: int
    before_version: int
    weight_bits: float
    fields: tuple[str, ...]


def rewritten(conn: Connection, record_ids: Collection[int]) -> list[Versions]:
    """Of some records, those that ever said another first name, birth date or sex, with all that they said."""
    rows = conn.execute(_sql["rewritten"], {"record_ids": list(record_ids)}).fetchall()
    found = []
    for record_id, of_record in groupby(rows, key=lambda row: row[0]):
        versions = [
            (number, SourceRecord(source, name, opened_values(values))) for _, source, name, number, values in of_record
        ]
        found.append(Versions(record_id, *zip(*versions, strict=True)))
    return found


def said_again(conn: Connection) -> list[int]:
    """Of the records that wait for a relink, those that said something before."""
    return [record_id for (record_id,) in conn.execute(_sql["said_again"])]


def no_longer_waiting(conn: Connection, record_ids: Collection[int]) -> list[int]:
    """Of some records, those that no relink has to link."""
    return [record_id for (record_id,) in conn.execute(_sql["no_longer_waiting"], {"record_ids": list(record_ids)})]


def ask(
    conn: Connection,
    run_id: RunId,
    record_ids: Collection[int],
    found: Sequence[OverlayQuestion],
    in_care_sources: Collection[str],
) -> None:
    """Ask what was found about some records, if it was not decided; close what else was asked about them."""
    asked = {
        "run_id": run_id,
        "record_ids": list(record_ids),
        "found_ids": [question.record_id for question in found],
        "found_versions": [question.before_version for question in found],
        "found": Jsonb([asdict(question) for question in found]),
        "in_care_sources": list(in_care_sources),
    }
    for name in ("close", "refresh", "ask") if found else ("close",):
        conn.execute(_sql[name], asked)
