"""The stewards' queue from the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from index_service.cli.whoever import who_runs
from index_service.store.connection import Connection
from tests.index_service.cli.conftest import PersonIndex
from tests.index_service.stewardship.invented import DOUBTFUL, MARIA, OTHER, persons, send

M1, M2, D1 = ("ccsas", "m1"), ("meds", "m2"), ("csi", "d1")


@pytest.fixture
def review(conn: Connection, in_database: str, person_index: PersonIndex) -> PersonIndex:
    """Marisol {m1, m2}, who may be {d1}."""
    send(conn, {M1: MARIA, M2: MARIA, D1: DOUBTFUL})
    return lambda *arguments: person_index("review", *arguments)


def test_list_show_decide_undo(review: PersonIndex, conn: Connection) -> None:
    before = persons(conn)
    (task,) = review("list", "--json").json()["reviews"]
    assert (task["kind"], task["status"]) == ("possible_duplicate", "open")
    number = task["review_id"]
    assert review("show", number, "--json").json()["right"] == [list(D1)]
    assert "retires into" in review("decide", number, "same", "--reason", "papers", "--dry-run").out
    assert persons(conn) == before
    done = review("decide", number, "same", "--reason", "papers", "--json").json()
    assert done["effect"]["events"] == {"joined": 1, "retired": 1}
    assert "same by" in review("show", number).out
    assert review("list").out == "No task.\n"
    assert "decided" in review("list", "--closed").out
    assert "lives again" in review("undo", done["judgement_id"], "--reason", "a mistake").out
    assert persons(conn) == before


def test_a_task_is_claimed_given_back_and_found_by_who_has_it(review: PersonIndex, conn: Connection) -> None:
    (task,) = review("list", "--unclaimed", "--json").json()["reviews"]
    number = task["review_id"]
    kept = review("claim", number, "--json").json()
    assert (
        kept["claimed_by"].endswith("(command line)") and f"Task {number} is yours until" in review("claim", number).out
    )
    assert review("list", "--unclaimed").out == "No task.\n"
    (held,) = review("list", "--assignee", kept["claimed_by"], "--json").json()["reviews"]
    assert held["review_id"] == number
    assert review("list", "--assignee", "somebody else").out == "No task.\n"
    assert "free again" in review("release", number).out
    assert review("list", "--assignee", kept["claimed_by"]).out == "No task.\n"
    refused = review("release", number)
    assert refused.code == 1 and refused.err.startswith("Error: "), refused.err


def test_a_person_is_split_without_a_task_after_a_look_at_what_that_would_do(
    review: PersonIndex, conn: Connection
) -> None:
    before = persons(conn)
    split = ("judge", "split", "--person", before[M1], "--record", "meds:m2", "--reason", "two children")
    assert review(*split, "--dry-run").out == "Would be so: 1 new person(s); 1 record(s) move.\n"
    assert persons(conn) == before
    done = review(*split, "--json").json()
    assert done["effect"]["moved"] == [[list(M2), before[M1], persons(conn)[M2]]]
    assert persons(conn)[M1] == before[M1] != persons(conn)[M2]
    told = conn.execute("SELECT person_id FROM disclosure WHERE action = 'review' ORDER BY disclosure_id").fetchall()
    assert told[-1] == (persons(conn)[M2],)
    review("undo", done["judgement_id"], "--reason", "a mistake")
    assert persons(conn) == before


def test_two_sides_are_joined_without_a_task(review: PersonIndex, conn: Connection) -> None:
    done = review("judge", "same", "--left", "ccsas:m1", "--right", "csi:d1", "--reason", "papers", "--json").json()
    assert done["effect"]["events"] == {"joined": 1, "retired": 1}
    assert persons(conn)[M1] == persons(conn)[D1]


def test_what_waits_and_what_was_done_is_counted(review: PersonIndex, conn: Connection) -> None:
    (kind,) = review("counts", "--json").json()["kinds"]
    assert (kind["kind"], kind["open"], kind["claimed"]) == ("possible_duplicate", 1, 0)
    (task,) = review("list", "--json").json()["reviews"]
    review("decide", task["review_id"], "different", "--reason", "papers")
    told = review("counts", "--json").json()
    (day,) = told["days"]
    assert (told["kinds"], day["status"], day["tasks"]) == ([], "decided", 1)
    text = review("counts").out
    assert text.startswith("Nothing waits.\n") and "1 decided, after 0.0 hours on average" in text


def test_the_queue_is_listed_by_weight_and_age(review: PersonIndex, conn: Connection) -> None:
    (task,) = review("list", "--json").json()["reviews"]
    bits = task["weight_bits"]
    conn.execute("UPDATE review_task SET created_at = clock_timestamp() - interval '8 days'")

    def found(*arguments: object) -> bool:
        return bool(review("list", *arguments, "--json").json()["reviews"])

    assert found("--least-weight", bits - 1, "--most-weight", bits + 1, "--older-than-days", 7)
    assert not found("--least-weight", bits + 1)
    assert not found("--most-weight", bits - 1)
    assert not found("--older-than-days", 9)


def test_a_task_is_shown_with_what_each_comparison_is_worth(review: PersonIndex) -> None:
    (task,) = review("list", "--json").json()["reviews"]
    shown = review("show", task["review_id"], "--json").json()["evidence"]
    worth = {each["comparison"]: each for each in shown}
    assert min(worth["first_name"]["against_sibling_bits"], worth["first_name"]["against_stranger_bits"]) > 5
    assert worth["mother"]["against_stranger_bits"] < 0 and abs(worth["mother"]["against_sibling_bits"]) < 1
    assert "ssn" not in worth
    text = review("show", task["review_id"]).out
    assert f"first_name: {worth['first_name']['agreement']}" in text and "Marisol" not in text


def test_one_record_that_was_written_over_is_weighed_as_it_was_against_now(
    review: PersonIndex, conn: Connection
) -> None:
    send(conn, {D1: OTHER})
    (task,) = review("list", "--kind", "possible_overlay", "--json").json()["reviews"]
    assert task["before_version"] == 1
    shown = {
        each["comparison"]: each["agreement"] for each in review("show", task["review_id"], "--json").json()["evidence"]
    }
    assert "disagrees" in shown["first_name"] and "disagrees" in shown["birth_date"]


def test_judgements_go_to_a_file_and_come_back(review: PersonIndex, conn: Connection, tmp_path: Path) -> None:
    (task,) = review("list", "--json").json()["reviews"]
    done = review("decide", task["review_id"], "same", "--reason", "papers", "--json").json()
    together = persons(conn)
    assert review("export", "--out", "said.csv", "--json").json()["judgements"] == 1
    assert review("import", "said.csv").out == "0 of 1 judgements are new.\n"
    review("undo", done["judgement_id"], "--reason", "a mistake")
    apart = persons(conn)
    assert "1 of 1 judgements would be new." in review("import", "said.csv", "--dry-run").out
    assert persons(conn) == apart
    assert review("import", "said.csv", "--json").json()["judgements"][0]["effect"]["retired"]
    assert persons(conn) == together


def test_records_that_are_shown_or_taken_out_are_in_the_ledger(review: PersonIndex, conn: Connection) -> None:
    (task,) = review("list", "--json").json()["reviews"]
    shown = review("show", task["review_id"], "--json").json()
    review("decide", task["review_id"], "different", "--reason", "papers")
    review("export", "--out", "said.csv")
    told = conn.execute("SELECT action, user_id, purpose, person_id, pointers FROM disclosure ORDER BY 1").fetchall()
    now = persons(conn)
    for action, who, purpose, person_id, pointers in told:
        assert (who, purpose) == (who_runs(), "HSYSADMIN"), action
        assert {now[each["source"], each["id"]] for each in pointers} == {person_id}, action
    keys = [(action, (each["source"], each["id"])) for action, *_, pointers in told for each in pointers]
    of_task = {tuple(key) for side in ("left", "right") for key in shown[side]}
    with Path("said.csv").open(encoding="utf-8") as file:
        of_file = {(row["source"], row["source_record_id"]) for row in csv.DictReader(file)}
    assert of_task >= {D1} and of_file >= {D1}
    listed_and_shown = [("review", key) for key in of_task] * 2
    assert sorted(keys) == sorted([("export", key) for key in of_file] + listed_and_shown)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks the column"),
        ("judgement,kind\n1,same\n", "lacks the column(s) part, reason"),
        ("{}\n1,marry,1,meds,m2,x\n", "Line 2: kind is none of same"),
        ("{}\n1,same,1,meds,m2,x\n", "Line 2: same needs two records"),
        ("{}\n1,different,1,meds,m2,x\n", "Line 2: different needs both parts"),
        ("{}\n1,same,7,meds,m2,x\n", "Line 2: part is none of 1"),
        ("{}\n1,same,1,meds,m2,x\n1,same,1,meds,m2,x\n", "Line 3: the record is named twice"),
        ("{}\n1,same,1,meds,m2,x\n1,split,1,csi,d1,x\n", "Line 3: kind differs"),
        ("{}\n1,same,1,meds,m2,\n1,same,1,csi,d1,\n", "Line 2: the column reason is empty"),
        ("{}\n,same,1,meds,m2,x\n,same,1,csi,d1,x\n", "Line 2: the column judgement is empty"),
        ("{}\n1,same,1,,m2,x\n", "Line 2: source or source_record_id is empty"),
        ("{}\n1,same,1,meds,m2,x\n1,same,1,meds,nobody,x\n", "Line 2: A record that is named never came"),
        ('{}\n1,same,1,meds,"m2,x\n', "is not CSV"),
        (
            "{}\n1,same,1,meds,m2,x\n1,same,1,csi,d1,x\n2,different,1,meds,m2,x\n2,different,2,csi,d1,x\n",
            "Line 4: This contradicts judgements that hold",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_told_by_line_and_nothing_is_done(
    review: PersonIndex, conn: Connection, tmp_path: Path, text: str, said: str
) -> None:
    before = persons(conn)
    (tmp_path / "said.csv").write_text(text.replace("{}", "judgement,kind,part,source,source_record_id,reason"))
    refused = review("import", "said.csv")
    assert refused.code == 1 and said in refused.err, refused.err
    assert persons(conn) == before
    assert conn.execute("SELECT count(*) FROM judgement").fetchone() == (0,)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("decide", 1, "marry", "--reason", "x"), 2),
        (("decide", 1, "split", "--reason", "x", "--record", "m1"), 2),
        (("decide", 1, "same", "--reason", " "), 2),
        (("list", "--kind", "marriage"), 2),
        (("judge", "split", "--person", "nobody", "--record", "meds:m2", "--reason", "x"), 1),
        (("judge", "split", "--person", "nobody", "--left", "meds:m2", "--reason", "x"), 2),
        (("judge", "same", "--left", "meds:m2", "--right", "meds:nobody", "--reason", "x"), 1),
        (("show", 999), 1),
        (("undo", 999, "--reason", "x"), 1),
        (("agree", 999, "--reason", "x"), 1),
        (("import", "nowhere.csv"), 2),
    ],
)
def test_what_is_called_wrongly_is_told(review: PersonIndex, arguments: tuple[object, ...], code: int) -> None:
    refused = review(*arguments)
    assert refused.code == code and refused.err.startswith("Error: "), refused.err
