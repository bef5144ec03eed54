"""The baselines are used fairly: given what they can use, never the truth, and good where the data are easy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from benchmarks import baselines, datasets
from benchmarks.baselines import CannotLink, cleaned, components, recordlinkage_ecm, stock_splink
from benchmarks.datasets import BenchmarkData
from benchmarks.scoring import CandidatePairs, score

pytestmark = pytest.mark.filterwarnings("default")  # the libraries' own


def test_components_are_what_the_pairs_join() -> None:
    found = components(6, np.array([0, 1, 4]), np.array([1, 2, 3]))
    assert found[0] == found[1] == found[2]
    assert found[3] == found[4]
    assert len(set(found.tolist())) == 3


def test_cleaning_writes_lower_case_and_digits_and_leaves_out_what_they_do_not_read() -> None:
    records = pa.table(
        {
            "source": ["s"],
            "source_record_id": ["1"],
            "first_name": ["  Mary   ANN "],
            "phone": ["(510) 555-0100"],
            "identifier.mrn": ["MRN-1"],
            "case_id": ["17"],
        }
    )
    frame = cleaned(BenchmarkData("one", records, np.array([0]), "dedupe_only", "by hand"))
    assert frame.loc[0, ["first_name", "phone", "identifier_mrn"]].tolist() == ["mary ann", "5105550100", "mrn-1"]
    assert "case_id" not in frame.columns


def test_stock_splink_and_ecm_link_an_easy_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "SPLINK_U_PAIRS", 2e5)
    data = datasets.febrl(1)
    splink = stock_splink(data, seed=0)
    scores = score(data, splink.cluster, splink.candidates)
    assert scores.f1 is not None
    assert scores.f1 > 0.98
    assert scores.pair_completeness == 1.0
    ecm = recordlinkage_ecm(data, splink.candidates)
    assert (score(data, ecm.cluster, ecm.candidates).f1 or 0.0) > 0.98


def test_too_many_pairs_for_ecm_are_refused_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "ECM_MAX_PAIRS", 1)
    pairs = CandidatePairs(np.array([0, 0]), np.array([1, 2]))
    with pytest.raises(CannotLink, match="too many"):
        recordlinkage_ecm(datasets.febrl(1), pairs)
