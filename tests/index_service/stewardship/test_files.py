"""Judgements as CSV: rows in any order, all or none, and a dry run that tells what would be."""

from __future__ import annotations

import random

import pytest

from index_service.stewardship.files import (
    COLUMNS,
    MalformedJudgements,
    export_judgements,
    import_judgements,
    read_judgements,
)
from index_service.store.connection import Connection
from index_service.store.judgements import judgements
from tests.index_service.stewardship.invented import ANN, DOUBTFUL, MARIA, OTHER, SENIOR, persons, send

M, D, O = ("cws_cms", "m"), ("juvenile_court", "d"), ("csi", "o")  # noqa: E741
ROWS = (
    "join,same,1,cws_cms,m,One birth certificate.",
    "join,same,1,juvenile_court,d,One birth certificate.",
    "apart,different,1,cws_cms,m,Two children.",
    "apart,different,2,csi,o,Two children.",
)


def text(*rows: str) -> str:
    return "\n".join((",".join(COLUMNS), *rows, ""))


@pytest.fixture
def index(conn: Connection) -> Connection:
    """Three persons of one record each; two of them are children in care."""
    send(conn, {M: MARIA, D: DOUBTFUL, O: OTHER})
    return conn


@pytest.mark.parametrize("seed", range(6))
def test_rows_of_a_judgement_may_stand_anywhere(seed: int) -> None:
    rows = list(ROWS)
    random.Random(seed).shuffle(rows)  # noqa: S311 - an order, no secret
    found = {each.name: (each.kind, set(each.parts)) for each in read_judgements(text(*rows))}
    assert found == {each.name: (each.kind, set(each.parts)) for each in read_judgements(text(*ROWS))}


def test_a_dry_run_tells_what_would_be_once_a_second_person_agrees(index: Connection) -> None:
    before = persons(index)
    join, apart = import_judgements(index, read_judgements(text(*ROWS)), ANN, dry_run=True)
    assert join.decided is not None and join.decided.waits and join.decided.effect is None
    assert join.would is not None
    assert [{*pair} for pair in join.would.retired] == [{before[M], before[D]}]
    assert apart.would is None and apart.decided is not None and apart.decided.effect is not None
    assert (persons(index), judgements(index)) == (before, [])


def test_what_waits_has_no_effect_when_it_is_imported(index: Connection) -> None:
    before = persons(index)
    done = import_judgements(index, read_judgements(text(*ROWS)), SENIOR)
    assert [each.would for each in done] == [None, None]
    assert persons(index) == before
    assert [each.decided is None for each in import_judgements(index, read_judgements(text(*ROWS[2:])), ANN)] == [True]


def test_what_goes_out_comes_in_again(index: Connection) -> None:
    import_judgements(index, read_judgements(text(*ROWS[2:])), ANN)
    rows = [",".join(map(str, row)) for row in export_judgements(index)]
    assert [set(each.parts) for each in read_judgements(text(*rows))] == [
        set(each.parts) for each in read_judgements(text(*ROWS[2:]))
    ]


def test_a_file_that_cannot_be_made_whole_is_not_made_at_all(index: Connection) -> None:
    wrong = "never,different,1,meds,never came,Two children."
    with pytest.raises(MalformedJudgements, match="Line 4"):
        import_judgements(index, read_judgements(text(*ROWS[2:], wrong, wrong.replace(",1,meds", ",2,dds"))), ANN)
    assert judgements(index) == []
