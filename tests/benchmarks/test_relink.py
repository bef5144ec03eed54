"""The benchmark of a night's work: its arithmetic, and that its look-ups are the service's and say when they fail."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from benchmarks.live_traffic import HELD_UP, LOCK_MS, QUESTION, live_traffic
from benchmarks.measured import TABLE_WIDTH, Phase
from benchmarks.memory import MEGABYTE
from benchmarks.relink_report import (
    AGAIN,
    BESIDE,
    CHANGED,
    FIRST,
    RELINKS,
    Night,
    growth_per_tenfold,
    judged,
    notes,
    stages_table,
    targets_table,
    unaccounted_s,
)
from benchmarks.targets import RELINK_GROWTH, RELINK_TARGETS
from index_service.store.connection import connect
from tests.index_service.stewardship.invented import MARIA, OTHER, send

TRAFFIC: dict[str, Any] = {
    "look_ups": 900, "answered": 800, HELD_UP: 0, "timed_out": 0, "p50_ms": 2.0, "p99_ms": 9.0, "max_ms": 30.0
}  # fmt: skip


def night(records: int, first_s: float, again_s: float, changed_s: float, **traffic: Any) -> Night:
    def phase(name: str, seconds: float, of: int) -> Phase:
        stages = {"read snapshot": 0.25 * seconds, "publish": 0.5 * seconds}
        return Phase(name, seconds, of, peak_mb=2_000.0, server_peak_mb=500.0, stages_s=stages)

    few = records // 100
    relinks = ((FIRST, first_s, records), (CHANGED, changed_s, few), (AGAIN, again_s, records), (BESIDE, 1.0, few))
    phases = {name: phase(name, seconds, of) for name, seconds, of in relinks}
    return Night(phases, traffic={FIRST: TRAFFIC | traffic, BESIDE: dict(TRAFFIC)})


def outcomes(sizes: dict[int, Night]) -> dict[tuple[int | None, str, str], tuple[float | None, str]]:
    return {(t.get("records"), t["phase"], t["figure"]): (t["measured"], t["outcome"]) for t in judged(sizes)}


def test_a_record_may_take_a_little_longer_with_ten_times_as_many() -> None:
    small, large = night(100_000, 10.0, 8.0, 0.2), night(10_000_000, 1_440.0, 1_600.0, 24.0)
    sizes = {100_000: small, 10_000_000: large}
    assert growth_per_tenfold(sizes, FIRST) == pytest.approx(1.2)
    assert growth_per_tenfold({100_000: small}, FIRST) is None
    found = outcomes(sizes)
    assert found[None, FIRST, "growth_per_tenfold"][1] == "met"
    assert found[None, AGAIN, "growth_per_tenfold"][1] == "missed"


def test_every_target_is_judged_at_its_size_alone() -> None:
    found = outcomes({1_000_000: night(1_000_000, 100.0, 80.0, 2.0)})
    assert found[1_000_000, CHANGED, "to_full"] == (0.025, "met")
    assert found[1_000_000, "relink", "peak_gb"] == (2_500 * MEGABYTE / 1e9, "met")
    assert found[1_000_000, FIRST, "ratio"] == (None, "not measured")
    assert found[10_000_000, "relink", "peak_gb"] == (None, "not measured")
    assert found[1_000_000, "relink", "held_up"] == (0.0, "met")


def test_targets_are_about_phases_that_there_are() -> None:
    named = {target.data for targets in RELINK_TARGETS.values() for target in targets} | {t.data for t in RELINK_GROWTH}
    assert named - {"relink"} <= set(RELINKS)


def test_look_ups_that_were_held_up_or_broke_off_do_not_pass() -> None:
    key = (20_000, "relink", "held_up")
    assert outcomes({20_000: night(20_000, 9.0, 8.0, 1.0, **{HELD_UP: 2, "timed_out": 1})})[key] == (3.0, "missed")
    broken = night(20_000, 9.0, 8.0, 1.0)
    broken.traffic[FIRST] = {"failed": "no such role"}
    assert outcomes({20_000: broken})[key] == (None, "not measured")
    assert any("broke off" in note and "no such role" in note for note in notes(broken))


def test_what_no_stage_accounts_for_is_told_and_the_tables_are_whole() -> None:
    measured = night(1_000_000, 100.0, 80.0, 2.0)
    assert unaccounted_s(measured.phases[FIRST]) == pytest.approx(25.0)
    console = Console(width=TABLE_WIDTH, record=True, file=io.StringIO())
    console.print(stages_table(measured), targets_table({1_000_000: measured}))
    told = console.export_text()
    assert "…" not in told
    (row,) = [line for line in told.splitlines() if "start, open, end" in line]
    assert "25.00" in row


@pytest.fixture
def linked(database_url: str) -> str:
    """A database that knows two persons."""
    with connect(database_url) as conn:
        send(conn, {("meds", "m-1"): MARIA, ("calsaws", "c-1"): OTHER})
    return database_url


def ledgered(url: str) -> int:
    with connect(url) as conn:
        row = conn.execute("SELECT count(*) FROM disclosure WHERE client_id = %s", [QUESTION.client]).fetchone()
    return int(row[0]) if row else 0


def wait_for_the_first(url: str) -> None:
    with connect(url) as conn:
        for _ in range(600):
            if ledgered(url):
                return
            conn.execute("SELECT pg_sleep(0.1)")
    raise AssertionError("no look-up was made")


def test_look_ups_are_the_services_with_a_row_of_the_ledger_each(linked: str) -> None:
    with live_traffic(linked) as figures:
        wait_for_the_first(linked)
    assert "failed" not in figures
    assert figures["answered"] == figures["look_ups"] == ledgered(linked) > 0


def test_a_lock_that_holds_look_ups_up_is_seen(linked: str) -> None:
    with live_traffic(linked) as figures, connect(linked) as conn:
        wait_for_the_first(linked)
        with conn.transaction():
            conn.execute("LOCK TABLE membership")
            conn.execute("SELECT pg_sleep(%s)", [LOCK_MS / 1000 * 6])
    assert figures[HELD_UP] > 0


def test_look_ups_that_cannot_be_made_say_why() -> None:
    with live_traffic("postgresql:///none?host=/nowhere") as figures:
        pass
    assert "/nowhere" in figures["failed"]
