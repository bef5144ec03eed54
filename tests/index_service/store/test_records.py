"""Taking in records: facts are added, the newest holds, nothing comes twice and nothing is lost."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from index_service.loading.quality import FieldQuality
from index_service.store.connection import Connection, connect
from index_service.store.copy_text import array_text, copy_line
from index_service.store.extract import count_records_to_link, read_normalised
from index_service.store.records import (
    Taken,
    begin_load,
    content_hash,
    copy_records,
    finish_load,
    loaded_before,
    read_facts,
    rebuild_normalised,
)
from linkage.record import NormalisedRecord, SourceRecord
from tests.index_service.store.invented import incoming


def take(conn: Connection, *rows: Any) -> Taken:
    load_id = begin_load(conn, "cws_cms", "extract.csv", "00")
    return copy_records(conn, load_id, "cws_cms", rows)


def versions(conn: Connection, source_record_id: str) -> list[tuple[int, dict[str, str], bool]]:
    return conn.execute(
        """
        SELECT v.version, v.source_values, v.deleted FROM source_record_version v JOIN source_record USING (record_id)
        WHERE source_record_id = %s ORDER BY version
        """,
        [source_record_id],
    ).fetchall()


def names(conn: Connection) -> dict[str, str | None]:
    """Record id to the first name that holds."""
    return {row["source_record_id"]: row["first_name"] for row in read_normalised(conn).to_pylist()}


def test_a_new_record_is_kept_and_waits_for_a_relink(any_conn: Connection) -> None:
    assert take(any_conn, incoming("1", first_name="zoe")) == Taken(new=1)
    assert versions(any_conn, "1") == [(1, {"first_name": "zoe"}, False)]
    assert names(any_conn) == {"1": "zoe"}
    assert count_records_to_link(any_conn) == 1
    hashes = any_conn.execute("SELECT h.content_hash, v.content_hash FROM source_record h, source_record_version v")
    assert hashes.fetchall() == [(content_hash({"first_name": "zoe"}),) * 2]


def test_the_same_again_changes_nothing(any_conn: Connection) -> None:
    take(any_conn, incoming("1", first_name="zoe"), incoming("2", first_name="ana"))
    before = any_conn.execute("SELECT xmin, * FROM source_record").fetchall()
    assert take(any_conn, incoming("1", first_name="zoe"), incoming("2", first_name="ana")) == Taken(unchanged=2)
    assert any_conn.execute("SELECT xmin, * FROM source_record").fetchall() == before
    assert len(versions(any_conn, "1")) == 1


def test_a_newer_version_holds_and_the_older_is_kept(any_conn: Connection) -> None:
    take(any_conn, incoming("1", first_name="zoe"))
    assert take(any_conn, incoming("1", first_name="zoey")) == Taken(changed=1)
    assert names(any_conn) == {"1": "zoey"}
    assert [values["first_name"] for _, values, _ in versions(any_conn, "1")] == ["zoe", "zoey"]


def test_deleted_withdraws_and_the_facts_stay(any_conn: Connection) -> None:
    take(any_conn, incoming("1", first_name="zoe"))
    assert take(any_conn, incoming("1", deleted=True)) == Taken(withdrawn=1)
    assert names(any_conn) == {}
    assert [deleted for _, _, deleted in versions(any_conn, "1")] == [False, True]
    assert take(any_conn, incoming("1", deleted=True)) == Taken(unchanged=1)


def test_a_withdrawn_record_can_come_back(any_conn: Connection) -> None:
    take(any_conn, incoming("1", first_name="zoe"))
    take(any_conn, incoming("1", deleted=True))
    assert take(any_conn, incoming("1", first_name="zoe")) == Taken(changed=1)
    assert names(any_conn) == {"1": "zoe"}


def test_a_record_that_is_deleted_before_it_ever_came_is_noted_as_withdrawn(conn: Connection) -> None:
    assert take(conn, incoming("1", deleted=True)) == Taken(withdrawn=1)
    assert names(conn) == {}
    assert len(versions(conn, "1")) == 1


def test_a_version_with_an_older_date_of_its_own_is_kept_but_does_not_hold(any_conn: Connection) -> None:
    newer = incoming("1", first_name="zoey", record_date="2026-02-01")
    older = incoming("1", first_name="zoe", record_date="2025-02-01")
    take(any_conn, newer)
    assert take(any_conn, older) == Taken(outdated=1)
    assert names(any_conn) == {"1": "zoey"}
    assert len(versions(any_conn, "1")) == 2
    assert take(any_conn, older) == Taken(unchanged=1)
    assert take(any_conn, incoming("1", first_name="zora", record_date="2026-03-01")) == Taken(changed=1)
    assert [version for version, _, _ in versions(any_conn, "1")] == [1, 2, 3]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_whichever_dated_version_comes_first_the_later_date_holds(conn: Connection, order: tuple[int, int]) -> None:
    rows = [
        incoming("1", first_name=name, record_date=date) for name, date in [("a", "2025-01-01"), ("b", "2026-01-01")]
    ]
    for index in order:
        take(conn, rows[index])
    assert names(conn) == {"1": "b"}


def test_a_record_twice_in_one_batch_is_taken_in_twice_in_order(any_conn: Connection) -> None:
    rows = [incoming("1", first_name=name) for name in ("a", "b", "b", "c")]
    assert take(any_conn, *rows, incoming("2", first_name="x")) == Taken(new=2, changed=2, unchanged=1)
    assert [values["first_name"] for _, values, _ in versions(any_conn, "1")] == ["a", "b", "c"]
    assert names(any_conn) == {"1": "c", "2": "x"}


def test_ids_are_case_sensitive_and_sources_apart(conn: Connection) -> None:
    take(conn, incoming("Ab"), incoming("aB"), incoming("ab"))
    load_id = begin_load(conn, "meds", "extract.csv", "00")
    assert copy_records(conn, load_id, "meds", [incoming("ab", source="meds")]) == Taken(new=1)
    assert len(names(conn)) == 3
    assert conn.execute("SELECT count(*) FROM source_record").fetchone() == (4,)


def test_a_batch_holds_one_source(conn: Connection) -> None:
    with pytest.raises(ValueError, match="not of source cws_cms"):
        take(conn, incoming("1"), incoming("2", source="meds"))
    assert conn.execute("SELECT count(*) FROM source_record").fetchone() == (0,)


def test_an_empty_batch_is_nothing(conn: Connection) -> None:
    assert take(conn) == Taken()


def test_two_loads_of_the_same_records_at_once_count_each_record_once(conn: Connection, database_url: str) -> None:
    rows = [incoming(str(number), first_name="zoe") for number in range(300)]
    results: list[Taken] = []

    def load() -> None:
        with connect(database_url) as own:
            results.append(take(own, *rows))

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.new for result in results) == [0, 0, 300]
    assert conn.execute("SELECT count(*) FROM source_record_version").fetchone() == (300,)


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
ROW = st.tuples(TEXT, st.lists(TEXT, max_size=4).map(tuple), st.integers(-(2**31), 2**31 - 1), st.booleans())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, min_size=1, max_size=20))
@example([("\\N", ("\\.", "{", "}", "NULL", '"', "\\", ","), 0, True), ("\t\n\r", ("a\tb", " "), 1, False)])
def test_every_text_comes_out_as_it_went_in(
    conn: Connection, rows: list[tuple[str, tuple[str, ...], int, bool]]
) -> None:
    with conn.transaction(force_rollback=True), conn.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE mirror (t text, a text[], i integer, b boolean, n text)")
        with cursor.copy("COPY mirror FROM STDIN (NULL '')") as copy:
            copy.write("".join([copy_line((*row, None)) for row in rows]))
        cursor.execute("SELECT * FROM mirror ORDER BY ctid")
        assert [(t, tuple(a), i, b) for t, a, i, b, n in cursor if n is None] == rows


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXT | st.none() | st.just(""), max_size=20))
@example(["NULL", None, "", '"', "\\", "{", ",", " a "])
def test_every_array_comes_out_as_it_went_in(conn: Connection, texts: list[str | None]) -> None:
    assert conn.execute("SELECT %s::text[]", (array_text(texts),)).fetchone() == (texts,)


def test_a_batch_of_many_is_taken_in_as_one_of_few(conn: Connection) -> None:
    many = [incoming(str(number), first_name=f"Ana{number}") for number in range(300)]
    assert take(conn, *many) == Taken(new=300)
    changed = [incoming(str(number), first_name="Bea") for number in range(250)]
    assert take(conn, *changed, *many[250:], incoming("0", deleted=True)) == Taken(
        changed=250, unchanged=50, withdrawn=1
    )
    assert [version for version, _, _ in versions(conn, "0")] == [1, 2, 3]
    assert [version for version, _, _ in versions(conn, "299")] == [1]


def test_the_source_s_own_words_are_kept_to_the_letter(any_conn: Connection) -> None:
    values = {"first_name": 'Zoë "Z" \\ O\'Neil\t', "alias_names": ["A\nB", "C,D"]}
    record = SourceRecord("cws_cms", "É/%2F\\N", values)
    take(any_conn, (record, NormalisedRecord(*record.key), content_hash(values), False))
    with any_conn.transaction():
        assert [fact for _, _, fact in read_facts(any_conn)] == [record]


def test_normalised_records_can_be_rebuilt_from_the_facts(any_conn: Connection) -> None:
    take(any_conn, incoming("1", first_name="zoe"), incoming("2", first_name="ana"), incoming("3", first_name="ida"))
    take(any_conn, incoming("1", first_name="zoey"), incoming("3", deleted=True))
    before = read_normalised(any_conn)
    any_conn.execute("TRUNCATE record_to_link")
    assert rebuild_normalised(any_conn, as_before) == 2
    assert read_normalised(any_conn).equals(before)
    assert count_records_to_link(any_conn) == 0


def test_records_that_normalise_differently_are_linked_again(conn: Connection) -> None:
    take(conn, incoming("1", first_name="zoe"), incoming("2", first_name="ana"))
    conn.execute("TRUNCATE record_to_link")
    rebuild_normalised(
        conn, lambda record: replace(as_before(record), sex="f" if record.source_record_id == "1" else None)
    )
    assert count_records_to_link(conn) == 1


def as_before(record: SourceRecord) -> NormalisedRecord:
    first_name = record.values.get("first_name")
    assert first_name is None or isinstance(first_name, str)
    return NormalisedRecord(record.source, record.source_record_id, first_name=first_name)


def test_a_load_notes_its_counts_and_how_well_fields_were_filled(any_conn: Connection) -> None:
    load_id = begin_load(any_conn, "cws_cms", "extract.csv", "ab")
    finish_load(any_conn, load_id, {"rows": 3}, [FieldQuality("ssn", 3, 1, 1, 3)])
    assert any_conn.execute("SELECT status, counts FROM load").fetchall() == [("finished", {"rows": 3})]
    assert any_conn.execute(
        "SELECT field, records, filled, placeholder, rejected FROM load_field_quality"
    ).fetchall() == [("ssn", 3, 3, 1, 1)]


def test_the_same_file_is_known_again_unless_another_came_between(conn: Connection) -> None:
    first = begin_load(conn, "cws_cms", "extract.csv", "ab")
    assert loaded_before(conn, "cws_cms", "ab") is None
    finish_load(conn, first, {})
    assert loaded_before(conn, "cws_cms", "ab") == first
    assert loaded_before(conn, "meds", "ab") is None
    finish_load(conn, begin_load(conn, "cws_cms", "extract.csv", "cd"), {})
    assert loaded_before(conn, "cws_cms", "ab") is None


def test_a_load_whose_process_died_is_failed_by_the_next_of_its_source(any_database_url: str) -> None:
    with connect(any_database_url) as alive, connect(any_database_url) as other:
        with connect(any_database_url) as dies:
            dead = begin_load(dies, "cws_cms", "extract.csv", "ab")
            process = dies.info.backend_pid
        while alive.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (process,)).fetchone():
            time.sleep(0.01)  # the server takes a moment to notice
        of_another_source = begin_load(alive, "meds", "extract.csv", "ab")
        under_way = begin_load(alive, "cws_cms", "extract.csv", "cd")
        begun = begin_load(other, "cws_cms", "extract.csv", "ef")
        statuses: dict[int, str] = dict(other.execute("SELECT load_id, status FROM load").fetchall())
    assert statuses == {dead: "failed", of_another_source: "running", under_way: "running", begun: "running"}


def test_the_hash_is_of_the_content_not_of_its_order() -> None:
    assert content_hash({"a": "1", "b": "2"}) == content_hash({"b": "2", "a": "1"})
    assert content_hash({"a": "1"}) != content_hash({"a": "2"})
    assert content_hash({"a": "1"}) != content_hash({"a": "1"}, deleted=True)
    assert content_hash({"a": ["1", "2"]}) == content_hash({"a": ("1", "2")})
