"""Social security numbers at rest: nowhere in clear, found and compared all the same, lost without the key outside."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import httpx
import psycopg
import pytest

from index_service.disclosure.sealing import load_keyring
from index_service.ingesting import Write, ingest
from index_service.linking_context import shipped
from index_service.relinking import RelinkOptions, relink
from index_service.store import numbers, records
from index_service.store.arrivals import Arrival
from index_service.store.connection import Connection, connect
from index_service.store.extract import read_normalised
from index_service.store.neighbourhood import standings
from index_service.store.numbers import NumberKeyUnknown, learn_numbers, rotate_master_key
from index_service.store.records import begin_load, content_hash, copy_records, read_facts, rebuild_normalised
from index_service.store.sealing_numbers import Sealed, seal_stored_numbers
from index_service.store.workbench import records_by_number
from linkage.normalise import normalise
from linkage.record import SourceRecord
from tests.config.test_identifiers import never_issued_ssn
from tests.index_service.http.client import with_client

NUMBER, OTHER = never_issued_ssn(3456), never_issued_ssn(3457)
WRITTEN, OTHER_WRITTEN = (f"{number[:3]}-{number[3:5]}-{number[5:]}" for number in (NUMBER, OTHER))
MARISOL = {"first_name": "Marisol", "last_name": "Testvogel", "birth_date": "2013-04-17", "ssn": WRITTEN}


def record(source: str, record_id: str, **values: str) -> SourceRecord:
    return SourceRecord(source, record_id, {**MARISOL, **values})


def load(conn: Connection, *records: SourceRecord) -> None:
    for each in records:
        load_id = begin_load(conn, each.source, "extract.csv", "00")
        row = (each, normalise(each)[0], content_hash(each.values), False)
        copy_records(conn, load_id, each.source, [row])


def everything(conn: Connection) -> str:
    """Every row of every table of the database, as text."""
    tables = conn.execute(
        "SELECT relnamespace::regnamespace::text, relname FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'segregated'::regnamespace)"
    ).fetchall()
    return "\n".join(
        str(row) for schema, table in tables for row in conn.execute(f'SELECT t::text FROM {schema}."{table}" t')
    )


@pytest.fixture
def filled(conn: Connection) -> Connection:
    """A record that was loaded, one that came over the API, another version of one, and a relink."""
    load(conn, record("meds", "1"), record("calsaws", "2", first_name="Mari"))
    new = record("ccsas", "3", ssn=OTHER_WRITTEN)
    ingest(conn, [Write(Arrival.of(new, normalise(new)[0]))])
    load(conn, record("meds", "1", middle_name="Q"))
    relink(conn, shipped().model, shipped().policy, RelinkOptions(accept=True))
    return conn


def test_no_number_stands_in_the_database_in_clear(filled: Connection) -> None:
    text = everything(filled)
    assert "Testvogel" in text
    for number in (NUMBER, WRITTEN, OTHER, OTHER_WRITTEN):
        assert number not in text


def test_no_digest_that_could_be_tried_out_stands_for_a_number(filled: Connection) -> None:
    digest = hashlib.md5(f"ssn|{NUMBER}".encode(), usedforsecurity=False).digest()
    tried = int.from_bytes(digest[8:], "little", signed=True)
    assert filled.execute("SELECT count(*) FROM record_key WHERE keys @> ARRAY[%s::bigint]", [tried]).fetchone() == (0,)
    values = json.dumps(MARISOL, sort_keys=True, separators=(",", ":")).encode()
    hashes = {bytes(row[0]) for row in filled.execute("SELECT content_hash FROM source_record_version")}
    assert hashlib.sha256(values).digest() not in hashes


def test_equal_numbers_are_equal_in_the_database_and_others_are_not(filled: Connection) -> None:
    stored: dict[str, str] = dict(filled.execute("SELECT source, ssn FROM normalised_record").fetchall())
    assert stored["meds"] == stored["calsaws"] != stored["ccsas"]


def test_matching_sees_the_numbers_in_batch_and_online(filled: Connection) -> None:
    table = read_normalised(filled)
    by_source = dict(zip(table["source"].to_pylist(), table["ssn"].to_pylist(), strict=True))
    assert by_source == {"meds": NUMBER, "calsaws": NUMBER, "ccsas": OTHER}
    found = [each.record for each in standings(filled, table["record_id"].to_pylist()).values()]
    assert {each.source: each.ssn for each in found if each} == by_source


def test_a_question_by_number_finds_whom_it_names_and_compares_one_digit_off(
    filled: Connection, database_url: str
) -> None:
    found: list[httpx.Response] = []

    async def use(client: httpx.AsyncClient) -> None:
        for ssn in (NUMBER, never_issued_ssn(3458), never_issued_ssn(9012)):
            asked = {"first_name": "Marisol", "birth_date": "2013-04-17", "ssn": ssn}
            found.append(await client.post("/v1/resolve", json={"fields": asked}))

    with_client(database_url, use)
    same, near, other = (answer.json()["persons"][0] for answer in found)
    assert same["person_id"] == near["person_id"] == other["person_id"]
    assert (same["grade"], near["grade"]) == ("certain", "certain")
    assert other["grade"] != "certain"
    assert all(NUMBER not in answer.text for answer in found)


def test_the_same_content_changes_nothing_and_rebuilding_gives_the_same(filled: Connection) -> None:
    versions = filled.execute("SELECT count(*) FROM source_record_version").fetchone()
    load(filled, record("meds", "1", middle_name="Q"))
    assert filled.execute("SELECT count(*) FROM source_record_version").fetchone() == versions
    before = filled.execute("SELECT * FROM normalised_record ORDER BY record_id").fetchall()
    assert rebuild_normalised(filled, lambda each: normalise(each)[0]) == 3
    assert filled.execute("SELECT * FROM normalised_record ORDER BY record_id").fetchall() == before
    with filled.transaction():
        assert {each.values["ssn"] for _, _, each in read_facts(filled)} == {WRITTEN, OTHER_WRITTEN}


def test_stewards_pages_get_the_number_as_the_source_wrote_it(filled: Connection) -> None:
    ids = [row[0] for row in filled.execute("SELECT record_id FROM source_record WHERE source = 'meds'")]
    (shown,) = records_by_number(filled, ids).values()
    assert shown.source_values["ssn"] == WRITTEN


@pytest.fixture
def another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds no keys yet."""
    monkeypatch.setattr(numbers, "_known", {})
    monkeypatch.setattr(numbers, "_held", {})
    monkeypatch.setattr(numbers, "_current", None)
    numbers._opened.cache_clear()
    numbers._sealed.cache_clear()


@pytest.fixture
def own_master_key(conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database whose data key is sealed with a master key in a file of its own."""
    held, _ = numbers.held_keys()
    path = tmp_path / "sealing-keys.json"
    keyring = load_keyring(path)
    for key in held:
        sealed = keyring.seal(key.secret, "number key")
        conn.execute("UPDATE number_key SET sealed = %s WHERE key_id = %s", [sealed, key.key_id])
    monkeypatch.setattr(numbers, "_file", path)
    return path


def test_after_a_rotation_the_old_master_key_is_not_needed_and_nothing_sealed_has_changed(
    own_master_key: Path, filled: Connection, request: pytest.FixtureRequest
) -> None:
    before = filled.execute("SELECT ssn FROM normalised_record ORDER BY record_id").fetchall()
    assert rotate_master_key(filled, own_master_key) == (2, 1)
    keys = json.loads(own_master_key.read_text())
    own_master_key.write_text(json.dumps({"2": keys["2"]}))
    assert filled.execute("SELECT ssn FROM normalised_record ORDER BY record_id").fetchall() == before
    request.getfixturevalue("another_process")
    learn_numbers(filled)
    assert set(read_normalised(filled)["ssn"].to_pylist()) == {NUMBER, OTHER}


def test_without_the_master_key_the_database_says_so_and_tells_no_number(
    own_master_key: Path, filled: Connection, database_url: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("another_process")
    with pytest.raises(NumberKeyUnknown) as unknown:
        read_normalised(filled)
    assert NUMBER not in str(unknown.value)
    own_master_key.unlink()
    with pytest.raises(NumberKeyUnknown, match="another master key") as lost, connect(database_url):
        pass
    assert "backup" in lost.value.hint


def test_what_an_earlier_version_stored_in_clear_is_sealed_and_says_the_same(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(records, "sealed_values", lambda values: values)
        earlier.setattr(records, "seal_number", lambda text: text)
        earlier.setattr(records, "content_digest", lambda content: hashlib.sha256(content).digest())
        load(conn, record("meds", "1"), record("calsaws", "2", first_name="Mari"))
        load(conn, record("meds", "1", middle_name="Q"))
    assert WRITTEN in everything(conn)
    assert seal_stored_numbers(conn) == Sealed(facts=3, records=2)
    assert not any(number in everything(conn) for number in (NUMBER, WRITTEN))
    assert set(read_normalised(conn)["ssn"].to_pylist()) == {NUMBER}
    versions = conn.execute("SELECT count(*) FROM source_record_version").fetchone()
    load(conn, record("meds", "1", middle_name="Q"))
    assert conn.execute("SELECT count(*) FROM source_record_version").fetchone() == versions
    with pytest.raises(psycopg.errors.RestrictViolation):
        conn.execute("DELETE FROM source_record_version")
