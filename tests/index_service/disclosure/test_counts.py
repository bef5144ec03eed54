"""Counts for research: what is too small is withheld, and cannot be computed from what is told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import product
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.agreements import load_agreements
from index_service.disclosure.clauses import clauses_of
from index_service.store import access
from index_service.store.agreements import apply_agreements
from index_service.store.connection import Connection, connect
from index_service.store.on_file import add_consent
from tests.index_service.access.minting import PURPOSES, UNLIMITED, bearer, mint_client, mint_token
from tests.index_service.disclosure.generated import SOURCES
from tests.index_service.http.client import with_client
from tests.index_service.store.partitions import load_ids, publish

Cells = tuple[int, ...]
Told = tuple[int | None, ...]


def told(conn: Connection, rows: Sequence[Cells], smallest: int) -> list[Told]:
    """What is told of rows of counts, as the database says; all at once."""
    texts = ["{" + ",".join(map(str, row)) + "}" for row in rows]
    found = conn.execute(
        "SELECT withheld(r::bigint[], %s) FROM unnest(%s::text[]) WITH ORDINALITY AS t (r, i) ORDER BY i",
        [smallest, texts],
    )
    return [tuple(row[0]) for row in found]


def sums_to(total: int, cells: int) -> Iterator[Cells]:
    """Every row of counts with this sum."""
    if cells == 1:
        yield (total,)
        return
    for first in range(total + 1):
        yield from ((first, *rest) for rest in sums_to(total - first, cells - 1))


def assert_none_is_known(worlds: Sequence[Cells], answers: Sequence[Told], smallest: int) -> None:
    """Of all rows that would be told alike, each small count could be any of several."""
    alike: dict[Told, list[Cells]] = defaultdict(list)
    for world, answer in zip(worlds, answers, strict=True):
        assert all(count is None or count >= smallest for count in answer)
        alike[answer].append(world)
    for answer, possible in alike.items():
        for place, count in enumerate(answer):
            values = {world[place] for world in possible}
            assert count is not None or min(values) >= smallest or len(values) >= smallest, (answer, place)


@pytest.mark.parametrize(("cells", "smallest", "largest"), [(2, 3, 14), (3, 3, 14), (4, 2, 12), (5, 2, 9), (2, 11, 40)])
def test_no_small_count_follows_from_the_others_and_the_total(
    conn: Connection, cells: int, smallest: int, largest: int
) -> None:
    """Every table of this size and sum, by age or sex: whoever knows total and rule is left with several values."""
    for total in range(smallest, largest + 1):
        worlds = list(sums_to(total, cells))
        assert_none_is_known(worlds, told(conn, worlds, smallest), smallest)


@pytest.mark.parametrize(("cells", "smallest", "largest"), [(2, 3, 9), (3, 3, 8), (4, 2, 5)])
def test_nor_from_persons_that_are_counted_in_several_sources(
    conn: Connection, cells: int, smallest: int, largest: int
) -> None:
    """By source: no count is above the number of persons, and all together are not below it."""
    for total in range(smallest, largest + 1):
        worlds = [world for world in product(range(total + 1), repeat=cells) if sum(world) >= total]
        assert_none_is_known(worlds, told(conn, worlds, smallest), smallest)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.lists(st.integers(0, 40), min_size=1, max_size=9), smallest=st.integers(2, 12))
def test_what_is_told_is_true_and_one_alone_is_never_withheld(conn: Connection, row: list[int], smallest: int) -> None:
    (answer,) = told(conn, [tuple(row)], smallest)
    assert len(answer) == len(row)
    assert all(count is None or count == true for count, true in zip(answer, row, strict=True))
    assert all(count is None for count, true in zip(answer, row, strict=True) if true < smallest)
    assert answer.count(None) != 1 or len(row) == 1


# ---------------------------------------------------------------------------------------------------------- over HTTP


@pytest.fixture
def index(conn: Connection) -> Connection:
    """Forty children: 26 in child welfare, 13 in Medi-Cal, 1 in CalSAWS; and the shipped agreement with research."""
    ids = {
        "cws_cms": [f"c{n}" for n in range(26)],
        "meds": [f"m{n}" for n in range(13)],
        "calsaws": ["s0"],
        "csi": ["b0"],
    }
    for source, records in ids.items():
        load_ids(conn, records, source=source, first_name="Nele", sex="female", birth_date="2015-03-02")
    publish(conn, {record: f"P-{record}" for records in ids.values() for record in records})
    apply(conn)
    return conn


def apply(conn: Connection, **changes: object) -> None:
    """Apply the shipped agreement with research for these years, changed."""
    year = datetime.now(UTC).year
    (shipped,) = (each for each in load_agreements(SOURCES, PURPOSES) if each.id == "research")
    held = [
        shipped.model_copy(update={"from_date": date(year - 1, 1, 1), "until_date": date(year + 1, 1, 1)} | changes)
    ]
    apply_agreements(conn, held, clauses_of(held, SOURCES, PURPOSES), reason="test", who="tests")


def counts(url: str, client_id: str = "research", purpose: str = "HRESCH", status: int = 200) -> Any:
    found: list[Any] = []

    async def use(client: httpx.AsyncClient) -> None:
        with connect(url) as conn:
            held = access.client(conn, client_id)
            scopes, purposes = ("index/counts",), (purpose,)
            caller = held or mint_client(conn, client_id, scopes=scopes, purposes=purposes, limits=UNLIMITED)
        token = mint_token(client._transport.app, caller.client)  # type: ignore[attr-defined]
        answer = await client.get("/v1/counts", headers=bearer(token))
        assert answer.status_code == status, answer.text
        found.append(answer.json())

    with_client(url, use)
    return found[0]


def by(answer: Any, trait: str) -> dict[str, int | None]:
    (table,) = (table for table in answer["tables"] if table["by"] == trait)
    return {cell["cell"]: cell["persons"] for cell in table["cells"]}


def test_research_learns_counts_of_its_sources_and_none_that_is_small(index: Connection, database_url: str) -> None:
    answer = counts(database_url)
    assert (answer["smallest"], answer["persons"]) == (11, 40), "behavioral health is not of the agreement"
    sources = by(answer, "source")
    assert set(sources) == {"cair2", "calpads", "calsaws", "cws_cms", "meds"}
    assert sources == {"cair2": None, "calpads": None, "calsaws": None, "cws_cms": None, "meds": 13}
    assert sum(count or 0 for count in by(answer, "sex").values()) in (0, 40)
    row = index.execute(
        "SELECT client_id, action, outcome, person_id, pointers::text FROM disclosure ORDER BY at DESC LIMIT 1"
    ).fetchone()
    assert row is not None
    assert row[:4] == ("research", "counts", "released", None)
    assert "research/1:counts" in row[4]


def test_who_refused_is_not_counted(index: Connection, database_url: str) -> None:
    before = counts(database_url)["persons"]
    add_consent(
        index,
        "refusal",
        ("meds", "m0"),
        sources=["meds"],
        from_at=datetime(2020, 1, 1, tzinfo=UTC),
        until_at=None,
        document="a letter",
        who="tests",
    )
    assert counts(database_url)["persons"] == before - 1


def test_who_has_no_agreement_learns_nothing_and_the_ledger_says_so(index: Connection, database_url: str) -> None:
    assert counts(database_url, "stranger") == {"smallest": None, "persons": None, "tables": []}
    row = index.execute("SELECT client_id, outcome FROM disclosure ORDER BY disclosure_id DESC LIMIT 1").fetchone()
    assert row == ("stranger", "nothing")


def test_where_all_are_few_nothing_is_told(index: Connection, database_url: str) -> None:
    apply(index, version=2, smallest_cell=41)
    answer = counts(database_url)
    assert answer["persons"] is None
    assert {cell["persons"] for table in answer["tables"] for cell in table["cells"]} == {None}
