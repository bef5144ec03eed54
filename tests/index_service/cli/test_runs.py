"""The operator's page of a night, `runs` and `status`: what happened and what waits, without a value of a record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from index_service.cli.night_page import night_page, read_night
from index_service.store.connection import Connection, connect
from index_service.store.overview import TableState, keep_page, night_pages, table_advice
from index_service.store.overview import night_page as kept_page
from tests.index_service.cli.conftest import PersonIndex
from tests.index_service.nightly.nights import drop, night
from tests.index_service.test_sequence_neutrality import invented_records


@pytest.fixture
def two_nights(database_url: str, tmp_path: Path) -> Iterator[Connection]:
    records = invented_records(25, seed=12)
    for number, some in enumerate((records[:80], records[80:])):
        drop(tmp_path / "drop", f"{number}.csv", some)
        night(database_url, tmp_path / "drop")
    cut = drop(tmp_path / "drop", "2.csv", records[:9])
    cut.write_bytes(cut.read_bytes().rstrip().rpartition(b"\n")[0] + b"\ncut,fal")
    night(database_url, tmp_path / "drop")
    with connect(database_url) as conn:
        yield conn


def test_the_page_tells_what_waits_what_came_and_what_changed(two_nights: Connection) -> None:
    names = two_nights.execute(
        "SELECT lower(source_values ->> 'last_name') FROM source_record_version "
        "WHERE length(source_values ->> 'last_name') > 6"
    ).fetchall()
    for number in (1, 2, 3):
        data = read_night(two_nights, number)
        assert data is not None
        html = night_page(data)
        weighed = sum(data.weights.values())
        assert bool(weighed) == (number < 3), "the third night published nothing"
        assert ('id="weights"' in html) == bool(weighed)
        assert ("Records by weight" in html) == bool(weighed)
        assert (f"What relink {number} changed" in html) == bool(weighed)
        assert f"<h1>Night {number}</h1>" in html
        words = set(re.findall(r"[a-z]+", html.lower()))
        assert {name for (name,) in names} & words == set()
        assert not re.search(r"(src|href)=.(?!#)", html), "it loads nothing"
    assert "It ends in the middle of a row" in html
    for title in (
        "Volumes by source",
        "Quality by source",
        "Churn over time",
        "Persons by number of sources",
    ):
        assert title in html
    assert html.count("<svg ") >= 4

    assert read_night(two_nights, 4) is None
    keep_page(two_nights, 2, "<p>the second</p>")
    assert kept_page(two_nights, 2) == "<p>the second</p>"
    assert kept_page(two_nights, 1) is None
    assert [(number, status) for number, status, _ in night_pages(two_nights, 5)] == [(2, "good")]


def test_the_commands_tell_it_to_people_and_to_machines(
    two_nights: Connection, database_url: str, person_index: PersonIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSON_INDEX_DATABASE_URL", database_url)
    status = person_index("status", "--json").json()
    assert "error" not in status, status
    assert status["latest"]["good night"]["number"] == 2
    assert status["latest"]["night"]["status"] == "needs_person"
    assert status["records_to_link"] == 0
    (kept_out,) = status["files_kept_out"]
    assert (kept_out["file_name"], kept_out["outcome"], kept_out["night_id"]) == ("2.csv", "quarantined", 3)
    assert sum(source["held"] for source in status["sources"]) > 60
    told = person_index("status").out
    assert "Last good night: 2" in told
    assert "Kept out in night 3: " in told and "ends in the middle of a row" in told
    assert "possible_split" in told or "identifier_conflict" in told or "possible_duplicate" in told
    assert [each["night_id"] for each in person_index("runs", "list", "--json").json()["nights"]] == [3, 2, 1]
    assert "Nights" in person_index("runs", "list").out
    run_id = person_index("runs", "list", "--json").json()["runs"][0]["run_id"]
    assert "Examples" in person_index("runs", "show", str(run_id)).out
    written = Path(person_index("runs", "report", "1", "--json").json()["report"])
    assert written.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("table", "advice"),
    [
        (
            TableState("membership", 100_000, 50_000, 1, None),
            ["membership: 33% of its rows are dead. Run VACUUM (ANALYZE) membership."],
        ),
        (TableState("record_key", 100_000, 0, 1, None), ["record_key was never analysed. Run ANALYZE record_key."]),
        (TableState("night", 10, 20, 1, None), []),
    ],
)
def test_advice_on_tables(table: TableState, advice: list[str]) -> None:
    assert table_advice([table]) == advice
