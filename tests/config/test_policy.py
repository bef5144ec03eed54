"""Linkage policies: thresholds in order, and worth the error they aim at."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.policy import LINK_FILES_POLICY_FILE, POLICY_FILE, load_policy, threshold_for


def test_the_weakest_link_of_the_service_is_wrong_once_in_33() -> None:
    policy = load_policy()
    assert policy.link_error_aim == pytest.approx(0.0305)
    assert 1 / (1 + 2**-policy.link_threshold_bits) == pytest.approx(0.9697, abs=1e-4)
    assert policy.review_threshold_bits == 0.0
    assert policy.number_alone_never_links
    assert policy.contradiction_needs_review


def test_linking_files_leaves_nothing_for_review() -> None:
    policy = load_policy(LINK_FILES_POLICY_FILE)
    assert policy.link_threshold_bits == policy.review_threshold_bits == 0.0
    assert policy.number_alone_never_links
    assert not policy.contradiction_needs_review


@pytest.mark.parametrize(("aim", "bits"), [(0.5, 0.0), (0.0001, 13.288), (1 / 1025, 10.0)])
def test_the_threshold_of_an_error(aim: float, bits: float) -> None:
    assert threshold_for(aim) == pytest.approx(bits, abs=1e-3)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("review_threshold_bits: 0.0", "review_threshold_bits: 20", "above link_threshold_bits"),
        ("component_threshold_bits: 0.0", "component_threshold_bits: 20", "above link_threshold_bits"),
        ("link_threshold_bits: 5.0", "link_threshold_bits: 4", "misses link_error_aim"),
        ("link_error_aim: 0.0305", "link_error_aim: 0", "greater than 0"),
        ("max_component_records: 200", "max_component_size: 200", "no such key"),
        ("max_block_records: 500", "max_block_records: 1", "greater than or equal to 2"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(tmp_path: Path, old: str, new: str, problem: str) -> None:
    shipped = POLICY_FILE.read_text(encoding="utf-8")
    assert old in shipped
    path = tmp_path / "policy.yaml"
    path.write_text(shipped.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_policy(path)
    assert problem in caught.value.problem
    assert caught.value.file == str(path)
