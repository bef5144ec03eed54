"""The speed benchmark's arithmetic, and that it sees a process's result, failure and memory."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks.circumstances import machine, write_result
from benchmarks.measured import Phase
from benchmarks.memory import python, watched
from benchmarks.speed import _beside_splink, _growth, _judged


def test_a_process_reports_by_its_last_line() -> None:
    seen = watched(python("-c", "print('noise'); print('{\"records\": 3}')"), environment=os.environ)
    assert seen.exit_code == 0
    assert seen.report == {"records": 3}


def test_a_report_over_many_lines_is_read_too() -> None:
    seen = watched(python("-c", "import json; print(json.dumps({'records': 3}, indent=1))"), environment=os.environ)
    assert seen.report == {"records": 3}


def test_a_failure_is_kept_with_its_last_complaint() -> None:
    seen = watched(python("-c", "raise SystemExit('no such thing')"), environment=os.environ)
    assert (seen.exit_code, seen.report, seen.complaint) == (1, None, "no such thing")


def test_peak_memory_includes_children() -> None:
    child = "import time; b = bytearray(80_000_000); time.sleep(0.8)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    assert watched(python("-c", parent), environment=os.environ).peak_mb > 76


def test_linking_stands_beside_block_score_and_cluster_together() -> None:
    parts = {f"Splink: {name}": Phase(f"Splink: {name}", 2.0) for name in ("block", "score", "cluster")}
    assert _beside_splink(Phase("core: link", 3.0), parts).ratio == pytest.approx(0.5)


def test_without_all_of_splinks_parts_there_is_no_ratio() -> None:
    parts = {"Splink: block": Phase("Splink: block", 2.0), "Splink: score": Phase("Splink: score", None, failed="why")}
    assert _beside_splink(Phase("core: link", 3.0), parts).ratio is None


def test_growth_is_time_at_the_largest_size_over_the_smallest() -> None:
    small, large = {"load": Phase("load", 2.0)}, {"load": Phase("load", 21.0), "relink": Phase("relink", 5.0)}
    assert _growth({1_000: large, 100: small}) == {"load": 10.5}


def test_results_can_be_compared_line_by_line(tmp_path: Path) -> None:
    write_result(tmp_path / "r.json", {"b": 1 / 3, "a": {"y": [2.00000001], 3: None}})
    text = (tmp_path / "r.json").read_text()
    assert json.loads(text) == {"a": {"3": None, "y": [2.0]}, "b": 0.333333}
    assert text.index('"a"') < text.index('"b"')


def test_the_machine_is_described_without_its_name() -> None:
    assert os.uname().nodename not in json.dumps(machine())


def test_targets_are_held_against_the_largest_size() -> None:
    slow, fast = Phase("load", 10.0, records=1_000), Phase("load", 10.0, records=60_000)
    scorer = {"100": {"microseconds_a_pair": 9.0}, "1000": {"microseconds_a_pair": 3.0}}
    outcomes = {
        v.target.data: v.outcome for v in _judged({1_000: {"load": slow}, 60_000: {"load": fast}}, {60_000: scorer})
    }
    assert outcomes == {"load": "met", "relink": "not measured", "scorer": "met"}
