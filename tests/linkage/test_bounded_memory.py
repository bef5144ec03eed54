"""Under a small limit of memory the batch engine uses the disk, and finds what it finds with room."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from config.policy import load_policy
from linkage.batch import BatchEngine
from linkage.pipeline import link
from tests.linkage.edge_cases import edge_cases
from tests.linkage.invented import table_of
from tests.linkage.models import made_model

LIMIT_GB = 0.16
SOME = 60
STRANGERS = 80_000
TEXT_BYTES = 160


def more_than_fits() -> pa.Table:
    """Records that share much, and many with long texts of their own that share nothing: more than the limit holds."""
    some, random = table_of(edge_cases(SOME, seed=5)), np.random.default_rng(3)
    texts = pa.array([random.bytes(TEXT_BYTES // 2).hex() for _ in range(STRANGERS)])
    strangers = {
        "source": pa.array(["meds"] * STRANGERS),
        "source_record_id": pa.array([f"stranger {number}" for number in range(STRANGERS)]),
        **dict.fromkeys(("email", "case_id", "address", "street", "city"), texts),
    }
    return pa.concat_tables([some, pa.table(strangers)], promote_options="default")


@pytest.fixture(scope="module")
def records() -> pa.Table:
    return more_than_fits()


def test_what_does_not_fit_goes_to_the_disk_and_is_gone_at_the_end(
    records: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with BatchEngine(records, memory_limit_gb=LIMIT_GB, threads=2):
        assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) > 1_000_000
    assert list(tmp_path.iterdir()) == []


def test_the_same_persons_are_found_as_with_room(records: pa.Table) -> None:
    model, policy = made_model(), load_policy()
    small = link(records, model, policy, memory_limit_gb=LIMIT_GB).cluster
    large = link(records.slice(0, SOME), model, policy).cluster
    assert np.array_equal(small[:SOME], large)
    assert len(np.unique(large)) < SOME
    assert np.array_equal(small[SOME:], np.arange(SOME, len(small)))
