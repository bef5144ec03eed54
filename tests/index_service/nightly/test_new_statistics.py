"""New statistics that change more than the budget wait for a person, however many nights go by."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from index_service.cli.night_page import night_page, read_night
from index_service.linking_context import shipped
from index_service.models import document_of
from index_service.nightly.night import NightReport
from index_service.relinking import accept, reject
from index_service.store.connection import Connection, connect
from index_service.store.runs import RunId, current_model, save_model
from linkage.model import Model
from tests.index_service.nightly.nights import drop, night
from tests.index_service.test_sequence_neutrality import invented_records

CONTEXT = shipped()
POLICY = CONTEXT.policy.model_copy(update={"max_share_of_persons_changed": 0.0})
CHILDREN = invented_records(40, seed=51)
OTHERS = [replace(r, source_record_id=f"other-{n}") for n, r in enumerate(invented_records(3, seed=52))]


class Nights:
    """An index whose model is old; fitting gives one that finds fewer pairs, and so splits persons."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder, self.fitted = url, folder, list[Model]()
        drop(folder, "one.csv", CHILDREN)
        self.night()
        with connect(url) as conn:
            conn.execute("UPDATE model SET created_at = created_at - interval '31 days'")

    def night(self) -> NightReport:
        return night(self.url, self.folder, policy=POLICY, fit=self._fit)

    def _fit(self, conn: Connection, _advance: object) -> Model:
        rules = {"blocking_rules": CONTEXT.model.blocking_rules[:2]}
        self.fitted.append(Model.model_validate(CONTEXT.model.model_dump() | rules))
        save_model(conn, self.fitted[-1].fingerprint, document_of(self.fitted[-1]))
        return self.fitted[-1]

    def status(self, run_id: object) -> str:
        with connect(self.url) as conn:
            return str(conn.execute("SELECT status FROM run WHERE run_id = %s", [run_id]).fetchall()[0][0])

    def in_use(self) -> str:
        with connect(self.url) as conn:
            model = current_model(conn)
        assert model is not None
        return model[0]


@pytest.fixture
def nights(database_url: str, tmp_path: Path) -> Nights:
    return Nights(database_url, tmp_path / "drop")


def test_they_wait_while_nights_publish_what_arrives_until_somebody_accepts(nights: Nights) -> None:
    due = nights.night()
    assert due.status == "needs_person"
    assert due.relink["run_id"] is None, "with the model in use there was nothing to do"
    assert (due.new_statistics["waits"], due.new_statistics["published"]) == (True, False)
    first = due.new_statistics["run_id"]
    assert due.new_statistics["candidate_pairs"] and due.new_statistics["changes"]
    assert due.new_statistics["policy"] == {"name": POLICY.name, "sha256": POLICY.sha256}
    with connect(nights.url) as conn:
        data = read_night(conn, due.night_id)
    assert data is not None
    html = night_page(data)
    assert f"What relink {first} would change" in html
    assert "Nothing was published this night." in html

    quiet = nights.night()
    assert quiet.status == "needs_person"
    assert quiet.problems[0].startswith(f"Relink {first}, with model {nights.fitted[0].fingerprint}, waits")
    assert nights.status(first) == "waiting"

    drop(nights.folder, "two.csv", OTHERS)
    busy = nights.night()
    assert busy.relink["published"] is True, busy.problems
    assert busy.relink["model_fingerprint"] == CONTEXT.model.fingerprint == nights.in_use()
    again = busy.new_statistics["run_id"]
    assert isinstance(again, int)
    assert (nights.status(first), nights.status(again)) == ("replaced", "waiting")
    assert len(nights.fitted) == 1

    with connect(nights.url) as conn:
        accept(conn, RunId(again), who="operator")
    assert nights.in_use() == nights.fitted[0].fingerprint
    after = nights.night()
    assert (after.status, after.relink["run_id"], after.new_statistics) == ("good", None, {})


def test_what_was_rejected_is_not_proposed_again(nights: Nights) -> None:
    run_id = nights.night().new_statistics["run_id"]
    assert isinstance(run_id, int)
    with connect(nights.url) as conn:
        reject(conn, RunId(run_id), who="operator")
    assert nights.status(run_id) == "rejected"
    after = nights.night()
    assert (after.status, after.new_statistics, len(nights.fitted)) == ("good", {}, 1)
    assert nights.in_use() == CONTEXT.model.fingerprint


def test_a_model_that_was_fitted_and_never_proposed_does_not_count(nights: Nights) -> None:
    """As where the job was killed between the fit and the relink."""
    with connect(nights.url) as conn:
        nights._fit(conn, None)
    assert nights.night().new_statistics["waits"] is True


def test_a_night_over_its_own_budget_leaves_what_waits_with_another_model(nights: Nights) -> None:
    first = nights.night().new_statistics["run_id"]
    claims = [record for record in CHILDREN if record.source == "meds"]
    drop(nights.folder, "two.csv", [replace(r, values=o.values) for r, o in pairwise(claims)])
    report = nights.night()
    assert report.relink["waits"] is True
    assert [each["kind"] for each in report.relink["over_budget"]]  # type: ignore[attr-defined]
    assert nights.status(first) == nights.status(report.relink["run_id"]) == "waiting"
