"""Safe at Home and minor consent: what is not taken in, and what weighs nothing."""

from __future__ import annotations

import pytest

from config.agreements import NEVER_RELEASED
from config.fields import PROTECTIVE_FLAGS
from config.mapping import FileLayout, canonical_row_to_canonical, to_canonical
from config.sources import load_sources
from index_service.arriving import RefusedRecord, receive
from index_service.loading.columns import ColumnCheck
from index_service.loading.records import Extract, RefusedRow
from index_service.loading.rows import Row
from linkage.blocking import BLOCKING_RULES
from linkage.normalise import normalise
from linkage.record import SourceRecord

SOURCES = load_sources()
HOME = {"address_line": "12 Example St", "city": "Sacramento", "zip": "95814", "phone": "9165550143"}
MARISOL = {"first_name": "Marisol", "last_name": "Testvogel", "birth_date": "2013-04-17", "cin": "91234567A"}
SUBSTITUTE = {"address_line": "P.O. Box 1846", "city": "Sacramento", "zip": "95812-1846"}


def canonical(values: dict[str, str]) -> dict[str, object]:
    return dict(canonical_row_to_canonical({"source_record_id": "1", **values}, SOURCES["calpads"])[0])


@pytest.mark.parametrize("written", ["true", "Y", "1", "perhaps"])
def test_no_address_is_taken_in_of_a_protected_person(written: str) -> None:
    taken = canonical({**MARISOL, **HOME, "state": "CA", "address_protected": written})
    assert not taken.keys() & HOME.keys()
    assert taken["state"] == "CA"


def test_a_department_s_own_mark_protects_the_person_and_not_that_record_alone() -> None:
    row = {"PARTICIPANT_ID": "1", "ADDRESS": "12 Example St", "FAMILY_VIOLENCE": "Y"}
    taken, _ = to_canonical(row, SOURCES["ccsas"])
    assert taken == {"source_record_id": "1", "address_protected": "true"}


def test_no_other_name_is_taken_in_where_the_change_of_name_is_protected() -> None:
    assert "alias_names" not in canonical({**MARISOL, "alias_names": "Ana Quill", "name_protected": "true"})


def test_the_substitute_address_weighs_nothing_and_makes_no_key() -> None:
    with_it = normalise(SourceRecord("meds", "1", {**MARISOL, **SUBSTITUTE}))[0]
    without = normalise(SourceRecord("meds", "1", MARISOL))[0]
    assert with_it == without
    assert all(set(rule.keys(with_it)) == set(rule.keys(without)) for rule in BLOCKING_RULES)


@pytest.mark.parametrize("source", ["meds", "csi", "cws_cms"])
def test_minor_consent_is_refused_at_the_door_of_every_source_with_the_reason(source: str) -> None:
    record_id = {"csi": "43:006132463", "cws_cms": "5Y3vKVs0X5"}.get(source, "1")
    with pytest.raises(RefusedRecord, match="minor consented"):
        receive(SOURCES[source], record_id, {**MARISOL, "minor_consent": "true"})
    received = receive(SOURCES[source], record_id, {**MARISOL, "minor_consent": "false"})
    assert "minor_consent" not in received.arrival.record.values


def test_a_row_of_minor_consent_in_a_file_is_counted_and_not_kept() -> None:
    extract = Extract(SOURCES["calpads"], FileLayout("canonical", ()), ColumnCheck((), (), {}))
    read = extract.read(Row(1, {"source_record_id": "1", **MARISOL, "minor_consent": "yes"}))
    assert read == RefusedRow("1")


def test_no_agreement_can_grant_that_somebody_is_protected() -> None:
    assert PROTECTIVE_FLAGS <= NEVER_RELEASED
