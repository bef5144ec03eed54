"""What the medication process is told: every source in one role at most, and each of them there."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.check import CONFIG_FOLDER
from config.errors import ConfigError
from config.pmap import PMAP_FILE, ROLES, load_pmap, unknown_sources
from config.sources import load_sources

SHIPPED = PMAP_FILE.read_text(encoding="utf-8")


def changed(folder: Path, old: str, new: str) -> Path:
    assert old in SHIPPED
    path = folder / "pmap.yaml"
    path.write_text(SHIPPED.replace(old, new), encoding="utf-8")
    return path


def test_the_shipped_file_names_every_part_of_a_packet_and_no_unknown_source() -> None:
    config = load_pmap()
    assert [part.role for part in config.roles] == list(ROLES)
    assert list(unknown_sources(config, load_sources())) == []
    assert {urgency: clock.court_days for urgency, clock in config.clocks.items()} == {"application": 7, "emergency": 2}
    assert "calsaws" not in config.role_of
    assert PMAP_FILE.parent == CONFIG_FOLDER


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("sources: [calpads]", "sources: [calpads, csi]", "stands in two roles"),
        ("  - {role: school, title: School, sources: [calpads]}\n", "", "names each of"),
        ("  emergency: {court_days: 2, matter: JV-220 after an emergency}", "", "names each of application, emergency"),
        ("court_days: 7", "court_days: 0", "greater than or equal to 1"),
        ("token_days: 200", "token_dayz: 200", "token_dayz|missing"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path: Path, old: str, new: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        load_pmap(changed(tmp_path, old, new))


def test_a_source_that_there_is_not_is_named_with_the_mend(tmp_path: Path) -> None:
    config = load_pmap(changed(tmp_path, "sources: [dds]", "sources: [ddz]"))
    ((key, problem, mend),) = unknown_sources(config, load_sources())
    assert (key, problem, mend) == ("roles.5.sources", "there is no source 'ddz'", "Name one of config/sources.")
    config = load_pmap(changed(tmp_path, "claims_sources: [medi_cal_rx]", "claims_sources: [calsaws]"))
    assert [key for key, _, _ in unknown_sources(config, load_sources())] == ["claims_sources"]
