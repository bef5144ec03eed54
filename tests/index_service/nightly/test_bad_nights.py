"""Bad nights: each is handled as an operator would wish, and told in one sentence."""

from __future__ import annotations

import errno
import random
from dataclasses import replace
from pathlib import Path

import pytest

from index_service.linking_context import shipped
from index_service.loading.prepare import Spool
from index_service.models import document_of
from index_service.nightly import night as module
from index_service.store.connection import Connection, connect
from index_service.store.embedded import EmbeddedServer, server_account
from index_service.store.locks import AdvisoryLock
from index_service.store.migrate import migrate
from index_service.store.nights import NightRunning, nights
from index_service.store.runs import save_model
from linkage.model import Model
from linkage.record import SourceRecord
from tests.conftest import database_folder
from tests.index_service.nightly.nights import drop, night, state
from tests.index_service.test_sequence_neutrality import invented_records

CONTEXT = shipped()


@pytest.fixture(scope="module")
def children() -> list[SourceRecord]:
    records = [record for record in invented_records(150, seed=93) if record.source in ("cws_cms", "calpads")]
    random.Random(7).shuffle(records)  # noqa: S311 - an order, no secret
    return records


def of(source: str, records: list[SourceRecord]) -> list[SourceRecord]:
    return [record for record in records if record.source == source]


def events(conn: Connection) -> object:
    return conn.execute("SELECT count(*), max(seq) FROM identity_event").fetchone()


def test_a_good_night_is_told_and_kept(database_url: str, tmp_path: Path, children: list[SourceRecord]) -> None:
    drop(tmp_path / "drop", "one.csv", children[:60])
    report = night(database_url, tmp_path / "drop")
    assert report.status == "good"
    assert {file["outcome"] for file in report.files} == {"loaded"}
    assert report.relink["scope"] == "full"
    assert report.relink["full_because"] == "nothing was linked in full before"
    with connect(database_url) as conn:
        (kept,) = nights(conn)
    assert kept.report == report.figures()
    assert (kept.status, kept.night_id) == ("good", report.night_id)


def test_yesterdays_file_and_the_same_under_another_name_change_nothing(
    database_url: str, tmp_path: Path, children: list[SourceRecord]
) -> None:
    drop(tmp_path / "drop", "one.csv", children[:40])
    drop(tmp_path / "drop", "two.csv", children[:45])
    night(database_url, tmp_path / "drop")
    for source in ("cws_cms", "calpads"):
        folder = tmp_path / "drop" / source
        (folder / "three.csv").write_bytes((folder / "one.csv").read_bytes())
    with connect(database_url) as conn:
        before = state(conn), events(conn)
        report = night(database_url, tmp_path / "drop")
        assert (state(conn), events(conn)) == before
    assert report.status == "good"
    assert {file["outcome"] for file in report.files} == {"loaded before"}
    assert [f["reasons"] for f in report.files if f["file"] == "three.csv"] == [["Loaded in night 1, as one.csv."]] * 2


def test_a_truncated_file_is_kept_out_and_the_other_sources_go_on(
    database_url: str, tmp_path: Path, children: list[SourceRecord]
) -> None:
    drop(tmp_path / "drop", "one.csv", children[:60])
    cut = tmp_path / "drop" / "cws_cms" / "one.csv"
    cut.write_bytes(cut.read_bytes().rstrip().rpartition(b"\n")[0] + b"\n8yQ,fal")
    report = night(database_url, tmp_path / "drop")
    assert report.status == "needs_person"
    assert {file["source"]: file["outcome"] for file in report.files} == {"calpads": "loaded", "cws_cms": "quarantined"}
    (problem,) = report.problems
    assert "It ends in the middle of a row: the last has 2 of" in problem


def test_a_source_that_renumbered_its_records_is_stopped(
    database_url: str, tmp_path: Path, children: list[SourceRecord]
) -> None:
    pupils = of("calpads", children)
    drop(tmp_path / "drop", "one.csv", children)
    night(database_url, tmp_path / "drop")
    drop(tmp_path / "drop", "two.csv", [replace(r, source_record_id=f"N{n:09}") for n, r in enumerate(pupils)])
    drop(tmp_path / "drop", "three.csv", pupils[:9])
    with connect(database_url) as conn:
        before = state(conn)["heads"]
        report = night(database_url, tmp_path / "drop")
        assert state(conn)["heads"] == before
    assert report.status == "needs_person"
    assert "The source seems to have renumbered its records" in report.problems[0]
    assert night(database_url, tmp_path / "drop").status == "needs_person", "it is said again until somebody looks"
    accepted = night(database_url, tmp_path / "drop", accept_files=frozenset({"calpads"}))
    assert accepted.status == "good", accepted.problems
    assert {file["outcome"] for file in accepted.files if file["file"] == "two.csv"} == {"loaded"}


def test_a_source_that_withdraws_a_third_of_its_records_is_stopped(
    database_url: str, tmp_path: Path, children: list[SourceRecord]
) -> None:
    pupils = of("calpads", children)
    drop(tmp_path / "drop", "one.csv", children)
    night(database_url, tmp_path / "drop")
    gone = [r.source_record_id for r in pupils[: len(pupils) // 3 + 1]]
    drop(tmp_path / "drop", "two.csv", pupils, deleted=gone)
    report = night(database_url, tmp_path / "drop")
    assert report.status == "needs_person"
    assert f"It withdraws {len(gone)} of the {len(pupils)} records held of this source" in report.problems[0]


def test_a_source_whose_fields_run_dry_is_kept_out(
    database_url: str, tmp_path: Path, children: list[SourceRecord]
) -> None:
    pupils = of("calpads", children)
    for number in range(3):
        drop(tmp_path / "drop", f"{number}.csv", random.Random(number).sample(pupils, 52))  # noqa: S311 - no secret
    assert night(database_url, tmp_path / "drop").status == "good"
    dry = [replace(r, values={n: v for n, v in r.values.items() if n != "birth_date"}) for r in pupils[:52]]
    drop(tmp_path / "drop", "3.csv", dry)
    report = night(database_url, tmp_path / "drop")
    assert report.status == "needs_person"
    assert "birth_date is filled in 0.0% of its records; in earlier files in" in report.problems[0]


def test_a_second_job_says_so_and_does_nothing(database_url: str, tmp_path: Path, children: list[SourceRecord]) -> None:
    drop(tmp_path / "drop", "one.csv", children[:5])
    with connect(database_url) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", [int(AdvisoryLock.NIGHT)])
        conn.execute("INSERT INTO night DEFAULT VALUES")
        with pytest.raises(NightRunning, match=r"Another night job is running since .*: night 1\. This one has done"):
            night(database_url, tmp_path / "drop")
        assert conn.execute("SELECT count(*) FROM load").fetchone() == (0,)


def test_a_full_disk_fails_the_night_and_the_next_completes_it(
    database_url: str, tmp_path: Path, children: list[SourceRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path / "drop", "one.csv", children[:30])

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Spool, "add", no_room)
        report = night(database_url, tmp_path / "drop")
    assert report.status == "failed"
    assert report.failure.startswith("There is no room left to write")
    assert night(database_url, tmp_path / "drop").status == "good"


def test_a_database_that_goes_away_in_the_middle_is_waited_for(
    database_url: str, tmp_path: Path, children: list[SourceRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All sessions are ended by the server once, as its restart would, between loading and relinking."""
    drop(tmp_path / "drop", "one.csv", children[:30])
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    relink, times = vars(module)["relink"], []

    def cut_off(conn: Connection, *rest: object) -> object:
        times.append(conn.info.backend_pid)
        if len(times) == 1:
            with connect(database_url) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [times[0]])
        return relink(conn, *rest)

    monkeypatch.setattr(module, "relink", cut_off)
    report = night(database_url, tmp_path / "drop")
    assert (report.status, report.resumed, len(times)) == ("good", True, 2)
    with connect(database_url) as conn:
        assert conn.execute("SELECT count(*) FROM night").fetchone() == (1,)


def test_a_clock_that_was_set_back_is_told_and_does_no_harm(
    database_url: str, tmp_path: Path, children: list[SourceRecord]
) -> None:
    drop(tmp_path / "drop", "one.csv", children[:30])
    night(database_url, tmp_path / "drop")
    with connect(database_url) as conn:
        conn.execute("UPDATE night SET started_at = started_at + interval '1 day'")
        conn.execute("ALTER TABLE identity_event DISABLE TRIGGER append_only")
        conn.execute("UPDATE identity_event SET at = at + interval '1 day'")
        conn.execute("UPDATE membership SET from_at = from_at + interval '1 day'")
        conn.execute("ALTER TABLE identity_event ENABLE TRIGGER append_only")
        drop(tmp_path / "drop", "two.csv", children[20:60])
        report = night(database_url, tmp_path / "drop")
        assert report.status == "good"
        assert report.notes == ["The clock was set back: night 1, which is over, began later by the clock."]
        out_of_order = "SELECT count(*) FROM identity_event a JOIN identity_event b ON a.seq < b.seq AND a.at > b.at"
        assert conn.execute(out_of_order).fetchone() == (0,)


def test_the_calendar_asks_for_a_full_relink_and_for_new_statistics(
    database_url: str, tmp_path: Path, children: list[SourceRecord]
) -> None:
    drop(tmp_path / "drop", "one.csv", children[:30])
    night(database_url, tmp_path / "drop")
    fitted = []

    def fit(conn: Connection, _advance: object) -> Model:
        model = CONTEXT.model.model_dump() | {"blocking_rules": CONTEXT.model.blocking_rules[:-1]}
        fitted.append(Model.model_validate(model))
        save_model(conn, fitted[-1].fingerprint, document_of(fitted[-1]))
        return fitted[-1]

    with connect(database_url) as conn:
        assert night(database_url, tmp_path / "drop", fit=fit).notes == []
        conn.execute("UPDATE run SET finished_at = finished_at - interval '8 days'")
        drop(tmp_path / "drop", "two.csv", children[30:40])
        due = night(database_url, tmp_path / "drop", fit=fit)
        assert due.notes == ["The calendar asked for a full relink: the last was 8 days ago."]
        assert due.relink["scope"] == "full"
        conn.execute("UPDATE model SET created_at = created_at - interval '31 days'")
        renewed = night(database_url, tmp_path / "drop", fit=fit)
    (model,) = fitted
    assert renewed.notes == [f"The calendar asked for new statistics: model {model.fingerprint} was fitted."]
    assert (renewed.new_statistics["scope"], renewed.new_statistics["published"]) == ("full", True)
    assert night(database_url, tmp_path / "drop", fit=fit).relink["model_fingerprint"] == model.fingerprint


def test_a_server_that_is_restarted_in_the_middle_is_waited_for(
    tmp_path: Path, children: list[SourceRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path / "drop", "one.csv", children[:20])
    with database_folder() as folder, EmbeddedServer(folder, durable=False).running() as url:
        with connect(url) as conn:
            migrate(conn)
        relink, times = vars(module)["relink"], []

        def restarted(conn: Connection, *rest: object) -> object:
            times.append(1)
            if len(times) == 1:
                server = EmbeddedServer(folder, durable=False)
                server.stop()
                server._ensure_running(server_account())
            return relink(conn, *rest)

        monkeypatch.setattr(module, "relink", restarted)
        monkeypatch.setattr(module, "PATIENCE_S", 0.05)
        report = night(url, tmp_path / "drop")
    assert (report.status, report.resumed, len(times)) == ("good", True, 2)
