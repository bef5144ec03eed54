"""Agreement files: what is wrong in one is named by file and key, with the mend."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.agreements import AGREEMENTS_FOLDER, load_agreement, load_agreements
from config.errors import ConfigError
from config.labels import is_within, touches
from config.purposes import load_purposes
from config.sources import load_sources

SOURCES = load_sources()
PURPOSES = load_purposes()


def changed(tmp_path: Path, old: str, new: str, name: str = "cws_worker") -> Path:
    """A folder with one shipped agreement in it, changed."""
    text = (AGREEMENTS_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / f"{name}.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    return tmp_path


def test_the_shipped_examples_can_be_used() -> None:
    names = [agreement.id for agreement in load_agreements(SOURCES, PURPOSES)]
    assert names == [
        "auditor",
        "county_behavioral_health",
        "cws_worker",
        "pmap",
        "public_health_nurse",
        "research",
        "school_liaison",
    ]


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ("purposes: [CHILD", "purpose: [CHILD", "purposes", "the key is missing"),
        ("attributes: [cin,", "attributes: [ssn,", "grants.1.attributes.0", "ssn is never released"),
        ("attributes: [cin,", "attributes: [cim,", "grants.1.attributes.0", "no canonical field"),
        ("name: caseload", "name: own_records", "", "two clauses are called own_records"),
        ("until_date: 2028", "until_date: 2024", "", "until_date lies before from_date"),
        ("sources: [meds,", "sources: [mets,", "grants.1.sources", "there is no source 'mets'"),
        ("purposes: [FOSTERPLACE]", "purposes: [COURT]", "grants.2.purposes", "COURT is not among the purposes"),
        (", BTG]", "]", "", "`break_glass` and the purpose BTG go together"),
        ("because: Fam. Code", "because_of: Fam. Code", "denials.1.because", "the key is missing"),
        ("sources: [ccsas]", "actions: [write]", "denials.1", "names `sources` or `sensitivities`"),
        ("actions: [pointers]", "actions: [pointers, counts]", "", "`smallest_cell` does not say"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_key(tmp_path: Path, old: str, new: str, key: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_agreements(SOURCES, PURPOSES, changed(tmp_path, old, new))
    assert (error.value.key, Path(error.value.file).name) == (key, "cws_worker.yaml")
    assert problem in error.value.problem
    assert error.value.mend


@pytest.mark.parametrize(
    ("clause", "is_allowed"),
    [
        ("", False),
        ("conditions: {on_file: [consent]}", True),
        ("conditions: {legal_responsibility: true}", False),
        ("part2_basis: 42 CFR Part 2, audit and evaluation", True),
    ],
)
def test_a_segregated_source_takes_consent_or_order(tmp_path: Path, clause: str, is_allowed: bool) -> None:
    new = "sources: [csi]\n    " + clause
    folder = changed(tmp_path, "sources: [csi]", new, "county_behavioral_health")
    sources = {**SOURCES, "csi": SOURCES["csi"].model_copy(update={"segregated": True})}
    if is_allowed:
        assert load_agreements(sources, PURPOSES, folder)
    else:
        with pytest.raises(ConfigError, match="asks for no consent or court order"):
            load_agreements(sources, PURPOSES, folder)


def test_days_begin_and_end_in_california() -> None:
    agreement = load_agreement(AGREEMENTS_FOLDER / "school_liaison.yaml")
    assert agreement.from_instant == datetime(2026, 1, 1, 8, tzinfo=UTC)
    assert agreement.until_instant == datetime(2027, 7, 1, 7, tzinfo=UTC)


def test_no_agreements_are_no_error(tmp_path: Path) -> None:
    assert load_agreements(SOURCES, PURPOSES, tmp_path) == []


def test_a_denied_sensitivity_takes_its_kinds_along() -> None:
    assert touches(["OPIOIDUD"], ["BH"])
    assert not touches(["BH"], ["SUD"])


def test_labels_stand_in_order() -> None:
    assert is_within("N", "R")
    assert not is_within("R", "N")
