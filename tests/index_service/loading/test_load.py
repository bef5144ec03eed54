"""Loading into the database: idempotent, nothing lost, nothing half judged."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import psycopg
import pytest

from config.sources import RowRefusal, SourceConfig
from index_service.errors import DiskFull
from index_service.loading import load as load_module
from index_service.loading.files import open_table
from index_service.loading.load import ExpectationBroken, LoadOptions, LoadSummary, load_file
from index_service.loading.prepare import CHUNK_ROWS, Prepared, open_spool, prepare_extract
from index_service.loading.records import recognise_extract
from index_service.store.connection import Connection, connect
from index_service.store.records import ReadyRecord, Taken, copy_ready_records
from tests.index_service.loading.invented import SOURCE, write_csv


def load(conn: Connection, path: Path, *, accept: bool = False) -> LoadSummary:
    return load_file(conn, SOURCE, path, LoadOptions(rejects=path.parent / "rejects.csv", accept=accept))


def held(conn: Connection) -> list[tuple[object, ...]]:
    """Everything the index holds of records: key, version, values, withdrawn, normalised name."""
    return conn.execute(
        "SELECT h.source_record_id, v.version, v.source_values, h.withdrawn, n.first_name FROM source_record h "
        "JOIN source_record_version v USING (record_id) LEFT JOIN normalised_record n USING (record_id) ORDER BY 1, 2"
    ).fetchall()


def reject_lines(summary: LoadSummary) -> list[dict[str, str]]:
    assert summary.reject_file is not None
    with Path(summary.reject_file).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_file_twice_changes_nothing(conn: Connection, tmp_path: Path) -> None:
    path = write_csv(tmp_path, "1,Ana", "2,Ben", "1,Anna")
    assert load(conn, path).taken == Taken(new=2, changed=1)
    before = held(conn)
    again = load(conn, path)
    assert (again.loaded_before, again.taken) == (True, Taken(unchanged=3))
    assert held(conn) == before


def test_files_of_one_name_from_two_sources_have_progress_of_their_own(conn: Connection, tmp_path: Path) -> None:
    told: dict[str, int] = {}

    def advance(stage: str, share: float, *, done: int = 0) -> None:
        told[stage] = done

    for source in (SOURCE, SOURCE.model_copy(update={"id": "other"})):
        load_file(conn, source, write_csv(tmp_path, "1,Ana"), LoadOptions(rejects=tmp_path / "r.csv"), advance)
    stages = (f"{did} {source}: extract.csv" for did in ("Reading", "Storing") for source in (SOURCE.id, "other"))
    assert told == dict.fromkeys(stages, 1)


def test_the_same_records_in_another_file_change_nothing(conn: Connection, tmp_path: Path) -> None:
    load(conn, write_csv(tmp_path, "1,Ana", "2,Ben"))
    before = held(conn)
    assert load(conn, write_csv(tmp_path, "2,Ben", "1,Ana", name="b.csv")).taken == Taken(unchanged=2)
    assert held(conn) == before


def test_a_newer_version_replaces_the_older_and_keeps_it(conn: Connection, tmp_path: Path) -> None:
    load(conn, write_csv(tmp_path, "1,Ana"))
    assert load(conn, write_csv(tmp_path, "1,Anna", name="b.csv")).taken == Taken(changed=1)
    assert held(conn) == [
        ("1", 1, {"first_name": "Ana"}, False, "anna"),
        ("1", 2, {"first_name": "Anna"}, False, "anna"),
    ]


def test_deleted_withdraws_the_record(conn: Connection, tmp_path: Path) -> None:
    load(conn, write_csv(tmp_path, "1,Ana"))
    gone = write_csv(tmp_path, "1,Ana,true", name="b.csv", header="source_record_id,first_name,deleted")
    assert load(conn, gone).taken == Taken(withdrawn=1)
    assert [(row[1], row[3], row[4]) for row in held(conn)] == [(1, True, None), (2, True, None)]


SEALING = SourceConfig(
    **dict(SOURCE) | {"refuse_rows": (RowRefusal(column="SEALED", values=("Y",), reason="sealed by the court"),)}
)


def test_a_row_that_the_rules_refuse_withdraws_its_record_and_leaves_nothing_of_an_unknown_one(
    conn: Connection, tmp_path: Path
) -> None:
    def sealing_load(*rows: str, name: str) -> LoadSummary:
        path = write_csv(tmp_path, *rows, name=name, header="CLIENT,FIRST,SEALED")
        return load_file(conn, SEALING, path, LoadOptions(rejects=tmp_path / "rejects.csv"))

    sealing_load("1,Ana,", "2,Ben,", name="a.csv")
    sealed = sealing_load("1,Ana,Y", "2,Ben,", "3,Cyrus,Y", name="b.csv")
    assert (sealed.taken, sealed.refused) == (Taken(withdrawn=1, unchanged=1), 2)
    assert held(conn) == [
        ("1", 1, {"first_name": "Ana"}, True, None),
        ("1", 2, {}, True, None),
        ("2", 1, {"first_name": "Ben"}, False, "ben"),
    ]
    assert sealing_load("1,Ana,Y", "3,Cyrus,Y", name="c.csv").taken == Taken(unchanged=1)
    assert sealing_load("1,Ana,", name="d.csv").taken == Taken(changed=1)


def test_bad_rows_are_listed_with_line_field_and_reason_and_never_their_values(
    conn: Connection, tmp_path: Path
) -> None:
    rows = ["=1,Ana,2199-01-01", "2,Ben", ",Cyrus,2011-01-01", "4,Dee\0,2011-01-01", "5,Eve,2011-02-30"]
    summary = load(conn, write_csv(tmp_path, *rows, header="source_record_id,first_name,birth_date"))
    assert summary.taken == Taken(new=2)
    assert (summary.rows, summary.rows_rejected, summary.values_rejected) == (5, 3, 2)
    listed = reject_lines(summary)
    assert [(line["line"], line["source_record_id"], line["field"]) for line in listed] == [
        ("2", "'=1", "birth_date"),
        ("3", "", ""),
        ("4", "", "source_record_id"),
        ("5", "", ""),
        ("6", "5", "birth_date"),
    ]
    assert all(line["reason"] for line in listed)
    text = Path(summary.reject_file or "").read_text(encoding="utf-8")
    assert not any(value in text for value in ("Ana", "Ben", "Cyrus", "Dee", "Eve", "2199", "02-30"))


def test_a_clean_load_leaves_no_reject_file(conn: Connection, tmp_path: Path) -> None:
    assert load(conn, write_csv(tmp_path, "1,Ana")).reject_file is None
    assert not (tmp_path / "rejects.csv").exists()


def test_quality_is_counted_and_kept_with_the_load(conn: Connection, tmp_path: Path) -> None:
    summary = load(conn, write_csv(tmp_path, "1,Ana", "2,", "3,Unknown"))
    name = next(entry for entry in summary.quality if entry.field == "first_name")
    assert (name.filled, name.placeholder, name.rejected, name.records) == (2, 1, 0, 3)
    kept = conn.execute("SELECT filled, placeholder FROM load_field_quality WHERE field = 'first_name'").fetchall()
    assert kept == [(2, 1)]


def test_one_record_is_a_load(conn: Connection, tmp_path: Path) -> None:
    assert load(conn, write_csv(tmp_path, "1,Ana")).taken == Taken(new=1)


def test_a_file_that_breaks_its_sources_promise_changes_nothing_unless_accepted(
    conn: Connection, tmp_path: Path
) -> None:
    path = write_csv(tmp_path)
    with pytest.raises(ExpectationBroken, match="Nothing of it was loaded"):
        load(conn, path)
    assert held(conn) == []
    assert conn.execute("SELECT status FROM load").fetchall() == [("failed",)]
    assert any("Accepted" in text for text in load(conn, path, accept=True).notes)


def test_a_crash_leaves_the_committed_batches_and_a_rerun_completes_the_load(
    conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_module, "BATCH_RECORDS", CHUNK_ROWS)
    path = write_csv(tmp_path, *(f"{i:05},Ana" for i in range(3 * CHUNK_ROWS)))
    batches = iter(range(10))

    def second_batch_fails(conn: Connection, load_id: int, source: str, rows: Iterable[ReadyRecord]) -> Taken:
        if next(batches) == 1:
            raise KeyboardInterrupt
        return copy_ready_records(conn, load_id, source, rows)

    monkeypatch.setattr(load_module, "copy_ready_records", second_batch_fails)
    with pytest.raises(KeyboardInterrupt):
        load(conn, path)
    assert len(held(conn)) == CHUNK_ROWS
    assert load(conn, path).taken == Taken(new=2 * CHUNK_ROWS, unchanged=CHUNK_ROWS)
    assert len(held(conn)) == 3 * CHUNK_ROWS


def test_a_database_that_goes_away_in_mid_load_keeps_whole_batches_only(
    conn: Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(conn: Connection, load_id: int, source: str, rows: Iterable[ReadyRecord]) -> Taken:
        def rows_and_a_cut() -> Iterable[ReadyRecord]:
            yield from rows
            with connect(database_url) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (conn.info.backend_pid,))

        return copy_ready_records(conn, load_id, source, rows_and_a_cut())

    monkeypatch.setattr(load_module, "copy_ready_records", cut_off)
    with pytest.raises(psycopg.OperationalError):
        load(conn, write_csv(tmp_path, "1,Ana"))
    with connect(database_url) as other:
        assert held(other) == []


def test_a_full_disk_under_the_reject_file_stops_the_load_before_anything_is_stored(
    conn: Connection, tmp_path: Path
) -> None:
    with pytest.raises(DiskFull, match="no room left"):
        load_file(conn, SOURCE, write_csv(tmp_path, "1,Ana", "2"), LoadOptions(rejects=Path("/dev/full")))
    assert held(conn) == []


def test_several_processes_prepare_what_one_prepares(tmp_path: Path) -> None:
    rows = (f"{i},Ana {i % 7},{'2199-01-01' if i % 5 == 0 else ''}" for i in range(CHUNK_ROWS + 50))
    path = write_csv(tmp_path, *rows, "broken", header="source_record_id,first_name,birth_date")

    def prepared(workers: int) -> list[Prepared]:
        with open_table(path) as table:
            extract = recognise_extract(path.name, table.columns, SOURCE)
            return list(prepare_extract(extract, table.rows, workers=workers))

    alone, shared = prepared(0), prepared(2)
    assert [records_of(each) for each in alone] == [records_of(each) for each in shared]
    assert [replace(each, block=b"") for each in alone] == [replace(each, block=b"") for each in shared]


def records_of(prepared: Prepared) -> list[ReadyRecord]:
    with open_spool() as spool:
        spool.add(prepared)
        return list(chain.from_iterable(spool.batches(1)))
