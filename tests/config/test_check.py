"""`person-index check` on configuration: everything that is wrong, and how to mend it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from config.check import CONFIG_FOLDER, check_configuration


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("sources", "policies"):
        shutil.copytree(CONFIG_FOLDER / part, tmp_path / part)
    for part in ("policy.yaml", "purposes.yaml", "pmap.yaml", "nights.yaml"):
        shutil.copy(CONFIG_FOLDER / part, tmp_path)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_shipped_configuration_is_sound() -> None:
    assert check_configuration() == []


def test_all_faults_of_all_files_are_listed_at_once(folder: Path) -> None:
    change(folder / "sources" / "meds.yaml", "addresses_are_placements: false", "adresses_are_placements: false")
    change(folder / "sources" / "dds.yaml", "id: dds", "id: dss")
    change(folder / "policy.yaml", "max_component_records: 200", "max_component_records: lots")
    findings = check_configuration(folder)
    assert {finding.severity for finding in findings} == {"error"}
    assert [(Path(finding.file).name, finding.key) for finding in findings] == [
        ("policy.yaml", "max_component_records"),
        ("dds.yaml", "id"),
        ("meds.yaml", "addresses_are_placements"),
        ("meds.yaml", "adresses_are_placements"),
    ]
    assert findings[-1].mend == "Did you mean `addresses_are_placements`?"


def test_what_works_and_deserves_a_look_is_a_warning(folder: Path) -> None:
    change(folder / "sources" / "dds.yaml", "laws: [WIC 4514]\n", "")
    shutil.copy(folder / "sources" / "dds.yaml", folder / "sources" / "late.yml")
    findings = check_configuration(folder)
    assert [(finding.severity, Path(finding.file).name) for finding in findings] == [
        ("warning", "dds.yaml"),
        ("warning", "late.yml"),
    ]


def test_two_policies_of_one_name_are_an_error(folder: Path) -> None:
    change(folder / "policies" / "link_files.yaml", "name: link_files", "name: service")
    (finding,) = check_configuration(folder)
    assert (finding.severity, finding.key) == ("error", "name")


def test_a_purpose_of_use_without_its_parent_is_an_error(folder: Path) -> None:
    change(folder / "purposes.yaml", "{code: HPAYMT,", "{code: HPAYMENT,")
    (finding,) = check_configuration(folder)
    assert (finding.severity, finding.problem) == ("error", "the parent of CLMATTCH, HPAYMT, does not stand before it")


def test_a_folder_without_configuration_says_what_is_missing(tmp_path: Path) -> None:
    problems = [finding.problem for finding in check_configuration(tmp_path)]
    assert problems == [*["the file cannot be read"] * 4, "there are no source files"]
