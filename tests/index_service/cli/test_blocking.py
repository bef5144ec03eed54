"""`person-index blocking`: what blocking would make of what is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.policy import load_policy
from index_service.store.connection import connect
from tests.index_service.cli.conftest import PersonIndex


@pytest.fixture
def loaded(person_index: PersonIndex, in_database: str, children: Path) -> PersonIndex:
    """Two departments' extracts are loaded."""
    for source in ("meds", "calsaws"):
        assert person_index("load", source, children / f"{source}.csv").code == 0
    return person_index


def test_it_tells_sizes_of_what_is_loaded_and_changes_nothing(loaded: PersonIndex, in_database: str) -> None:
    ran = loaded("blocking", "--json")
    assert ran.code == 0, ran.err
    figures = ran.json()
    assert figures["candidate_pairs"] == sum(rule["new_pairs"] for rule in figures["rules"]) > 0
    assert 0.9 < figures["completeness_at_most"] <= 1.0
    with connect(in_database) as conn:
        assert conn.execute("SELECT count(*) FROM membership").fetchone() == (0,)


def test_for_people_it_is_a_table_and_a_sentence(loaded: PersonIndex) -> None:
    ran = loaded("blocking")
    assert "ssn" in ran.out
    assert "pairs to look at" in ran.out


def test_a_rule_that_a_relink_would_refuse_is_named_and_ends_with_1(
    loaded: PersonIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linkage.candidates.FEW_PAIRS", 3)
    policy = load_policy().model_copy(update={"max_pairs_per_record": 0.1})
    monkeypatch.setattr("config.policy.load_policy", lambda: policy)
    ran = loaded("blocking", "--json")
    assert ran.code == 1
    assert all("max_pairs_per_record" in reason for reason in ran.json()["exploding"].values())
    assert ran.json()["exploding"]


def test_with_nothing_loaded_it_says_so(person_index: PersonIndex, in_database: str) -> None:
    ran = person_index("blocking")
    assert ran.code == 1
    assert "person-index load" in ran.err
