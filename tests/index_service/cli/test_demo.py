"""The demo: the whole job, from invented people to worked look-ups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from index_service.cli.demo_arrivals import CASES, keep_watch, let_a_court_wait, let_arrive, questions
from index_service.cli.demonstration import _forget_earlier_demo, add_demo_accounts, demo_settings
from index_service.database import open_database
from index_service.linking_context import shipped
from index_service.store.connection import Connection
from index_service.store.stewardship import tasks
from tests.conftest import database_folder
from tests.index_service.accounts.hashing import cheap_hashing
from tests.index_service.cli.conftest import PersonIndex


@pytest.fixture
def folder() -> Iterator[Path]:
    with database_folder() as made:
        yield made


def test_the_demo_ends_in_figures_and_look_ups(person_index: PersonIndex, folder: Path) -> None:
    answer = person_index("demo", "--no-serve", "--json", "--children", "80", "--seed", "2", "--folder", folder)
    assert answer.code == 0, answer.err
    figures = answer.json()
    assert figures["records"] == sum(load["rows"] for load in figures["loads"])
    assert 8 <= len(figures["loads"]) <= 11  # the small departments may know none of so few children
    assert figures["relink"]["published"] is True
    assert figures["quality"]["overall"]["precision"] > 0.95
    assert set(figures["quality"]) >= {"twins", "siblings", "infants", "no SSN on any record", "two surnames"}
    assert [look_up["case"] for look_up in figures["look_ups"]] == ["a twin", "an adopted child", "a newborn"]
    for look_up in figures["look_ups"]:
        assert len(look_up["records"]) > 1
        assert look_up["reasons"]
    titles = [case["case"] for case in figures["queue"]["cases"]]
    assert titles == [case.title for case in CASES]
    assert figures["queue"]["open"]["twin_or_sibling_alert"] > 0
    assert sum(figures["queue"]["open"].values()) >= len({case["task_id"] for case in figures["queue"]["cases"]})
    assert all(Path(report).is_file() for report in figures["reports"])
    settings = demo_settings(folder)
    _forget_earlier_demo(settings)
    with open_database(settings) as conn:
        assert conn.execute("SELECT count(*) FROM source_record").fetchone() == (0,), "the next demo begins anew"


def test_the_last_records_bring_every_kind_of_case_to_stewards(conn: Connection) -> None:
    """With the model that is shipped: twins, an adopted child, a newborn, an overlay and a bridge."""
    let_arrive(conn)
    keep_watch(conn, shipped().model)
    let_a_court_wait(conn, date(2026, 3, 2))
    asked = questions(conn)
    assert [(case.about, task.kind) for case, task in asked] == [
        (("cair2", "demo-newborn-5"), "possible_duplicate"),
        (("calpads", "demo-twins-3"), "twin_or_sibling_alert"),
        (("cair2", "demo-adopted-3"), "possible_duplicate"),
        (("csi", "demo-overlay-3"), "possible_overlay"),
        (("calpads", "demo-bridge-3"), "possible_split"),
    ]
    first = tasks(conn)[0]
    assert (first.task_id, first.due_on) == (asked[0][1].task_id, date(2026, 3, 11))
    assert [task.one_person for _, task in asked] == [False, False, False, True, True]


def test_the_demo_has_an_account_of_each_role(conn: Connection) -> None:
    with cheap_hashing():
        made = add_demo_accounts(conn)
    rows = conn.execute("SELECT name, roles FROM account ORDER BY name").fetchall()
    assert dict(rows) == {
        "demo.senior": ["senior_steward"],
        "demo.steward": ["steward"],
        "demo.supervisor": ["supervisor"],
        "demo.auditor": ["auditor"],
    }
    assert set(made.names) == {name for name, _ in rows} and len(made.password) > 20
