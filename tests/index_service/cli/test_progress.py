"""What progress tells: shares, rates and what is left; and that nothing is shown where nobody watches."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from rich.progress import Progress, Task

from index_service.cli.progress import progress_bars, rate_text, remaining_text, share_text
from index_service.settings import Settings
from index_service.stages import StageByStage

REMEMBERED = "stage-seconds.json"


def task(elapsed_s: float, *, share: float = 0.0, **fields: float) -> Task:
    """A stage that began so long ago."""
    now = [0.0]
    bars = Progress(get_time=lambda: now[0], disable=True)
    number = bars.add_task("stage", total=1.0)
    bars.tasks[0].fields.update(fields)
    now[0] = elapsed_s
    bars.update(number, completed=share)
    return bars.tasks[0]


def test_a_stage_that_knows_how_far_it_is_tells_what_is_left_by_its_pace() -> None:
    told = task(30.0, share=0.25, done=1500)
    assert (share_text(told), remaining_text(told), rate_text(told)) == (" 25%", "0:01:30 left", "50 records/s")


def test_a_stage_that_does_not_is_told_by_the_last_time() -> None:
    told = task(30.0, expected_s=4000.0)
    assert (share_text(told), remaining_text(told), rate_text(told)) == ("  1%", "1:06:10 left", "")


def test_a_stage_that_takes_longer_than_last_time_is_not_done() -> None:
    told = task(500.0, expected_s=100.0)
    assert (share_text(told), remaining_text(told)) == (" 99%", "0:00:00 left")


def test_where_nothing_is_known_nothing_is_told() -> None:
    assert (share_text(task(5.0)), remaining_text(task(5.0)), rate_text(task(5.0))) == ("", "", "")


def test_what_is_done_has_nothing_left() -> None:
    told = task(30.0, share=1.0, done=600)
    assert (share_text(told), remaining_text(told), rate_text(told)) == ("100%", "", "20 records/s")


def test_nothing_is_shown_where_nobody_watches(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with progress_bars("relink", watched=False, memory=tmp_path / REMEMBERED) as advance:
        advance("Publish", 0.0)
        advance("Publish", 1.0)
    assert capfd.readouterr() == ("", "")


def test_the_next_time_knows_how_long_the_last_took(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / REMEMBERED).write_text('{"train": {"Fit": 7.0}, "relink": {"Publish": 3600.0}}')
    with progress_bars("relink", watched=True, memory=tmp_path / REMEMBERED) as advance:
        advance("Publish", 0.0)
    assert "left" in capfd.readouterr().err
    with progress_bars("relink", watched=False, memory=tmp_path / REMEMBERED) as advance:
        advance("Publish", 0.0)
        advance("Publish", 1.0)
    kept = (tmp_path / REMEMBERED).read_text()
    assert '"Fit": 7.0' in kept and "3600" not in kept


@pytest.mark.parametrize("spoilt", ["", "[]", "{", '{"relink": 3}'])
def test_a_spoilt_memory_is_none(tmp_path: Path, spoilt: str) -> None:
    (tmp_path / REMEMBERED).write_text(spoilt)
    with progress_bars("relink", watched=False, memory=tmp_path / REMEMBERED) as advance:
        advance("Publish", 1.0)
    assert '"Publish"' in (tmp_path / REMEMBERED).read_text()


def test_stages_account_for_all_the_time_and_tell_their_records() -> None:
    told: list[tuple[str, float, int]] = []

    def advance(stage: str, share: float, *, done: int = 0) -> None:
        told.append((stage, share, done))

    progress = StageByStage(advance)
    began = time.perf_counter()
    progress("read snapshot")
    progress.records = 500
    time.sleep(0.02)
    progress("publish")
    time.sleep(0.01)
    progress.done()
    assert 0.03 <= sum(progress.seconds.values()) <= time.perf_counter() - began
    assert told[1] == ("Read snapshot", 1.0, 500)
    assert told[-1] == ("Publish", 1.0, 500)


def test_without_its_folder_nothing_is_remembered(tmp_path: Path) -> None:
    with progress_bars("relink", watched=False, memory=tmp_path / "none" / REMEMBERED) as advance:
        advance("Publish", 1.0)
    assert not (tmp_path / "none").exists()


def test_it_lies_nowhere_in_the_folder_of_the_database() -> None:
    settings = Settings()
    assert not settings.stage_seconds.is_relative_to(settings.data), "the server would refuse its folder"
