"""Extracts of invented children in a drop folder, and what a night made of them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from config.mapping import ALIAS_SEPARATOR
from config.policy import ChurnBudget, LinkagePolicy, SourceChurn
from config.sources import load_sources
from index_service.linking_context import shipped
from index_service.nightly.night import NightOptions, NightReport, run_night
from index_service.store.connection import Connection, connect
from linkage.record import SourceRecord
from tests.index_service.test_sequence_neutrality import published, questions

ANYTHING = ChurnBudget(joined=1, split=1, retired=1, of_a_source=SourceChurn(joined=1, split=1, retired=1))
POLICY = shipped().policy.model_copy(update={"max_share_of_persons_changed": 1.0, "churn": ANYTHING})
SOURCES = load_sources()


def drop(folder: Path, name: str, records: Iterable[SourceRecord], *, deleted: Iterable[str] = ()) -> Path:
    """Write a file per source with canonical columns; `deleted` are ids of records to withdraw. Returns the last."""
    gone, path = set(deleted), folder
    by_source: dict[str, list[SourceRecord]] = {}
    for record in records:
        by_source.setdefault(record.source, []).append(record)
    for source, its in sorted(by_source.items()):
        columns = ["source_record_id", "deleted", *sorted({c for r in its for c in r.values} - {"deleted"})]
        path = folder / source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.DictWriter(file, columns)
            rows.writeheader()
            for r in its:
                cells = {c: ALIAS_SEPARATOR.join(v) if not isinstance(v, str) else v for c, v in r.values.items()}
                rows.writerow(
                    cells | {"source_record_id": r.source_record_id, "deleted": str(r.source_record_id in gone).lower()}
                )
    return path


def night(url: str, folder: Path, *, policy: LinkagePolicy = POLICY, **options: Any) -> NightReport:
    """Do a night's work in this process."""

    def open_database() -> AbstractContextManager[Connection]:
        return connect(url)

    return run_night(open_database, SOURCES, policy, NightOptions(folder, rejects=folder.parent / "rejects", **options))


def state(conn: Connection) -> dict[str, object]:
    """Everything that must be the same however a night went; the ids of persons are drawn at random."""
    return {
        "heads": conn.execute(
            "SELECT source, source_record_id, current_version, last_version, content_hash, withdrawn "
            "FROM source_record ORDER BY 1, 2"
        ).fetchall(),
        "facts": conn.execute(
            "SELECT source, source_record_id, version, v.content_hash, deleted "
            "FROM source_record_version v JOIN source_record USING (record_id) ORDER BY 1, 2, 3"
        ).fetchall(),
        "persons": published(conn),
        "questions": questions(conn),
        "files": conn.execute("SELECT source, file_sha256, outcome FROM night_file ORDER BY 1, 2").fetchall(),
        "waiting": conn.execute("SELECT count(*) FROM record_to_link").fetchone(),
    }
