"""Department layouts: what is written can be read back, and what cannot be read is named without its value."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.fields import IDENTIFIER_PREFIX, canonical_field
from config.identifiers import BASE_62, compose_scoped, parse_court_number
from config.mapping import (
    CanonicalValue,
    LayoutError,
    canonical_row_to_canonical,
    own_identifier_field,
    recognise_layout,
    refusal,
    to_canonical,
    to_extract_row,
)
from config.sources import ColumnMapping, SourceConfig, load_sources
from tests.config.test_identifiers import never_issued_ssn

SOURCES = load_sources()
CWS_CMS, MEDS, CSI, COURT = (SOURCES[name] for name in ("cws_cms", "meds", "csi", "juvenile_court"))

SCOPES = {"COURT_COUNTY": "19", "COUNTY_CODE": "43", "COUNTY-CODE": "43", "County": "36", "CourtCounty": "30"}
ACCENTED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzáéíóúñüÑ'-"
DIGITS = "0123456789"


def texts_of(mapping: ColumnMapping) -> st.SearchStrategy[CanonicalValue]:
    """Values that a source of this mapping may hold and its layout can express."""
    field = mapping.field
    if field == "alias_names":
        return st.lists(st.text(ACCENTED + " ", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=3).map(
            tuple
        )
    if field in {"ssn", "identifier.meds_id"}:
        return st.integers(1, 9999).map(never_issued_ssn if field == "ssn" else lambda n: f"8000{n:04d}P")
    if field in {"case_id", "identifier.cws_cms_client_id"} and not mapping.is_scoped:
        return st.text(BASE_62, min_size=10, max_size=10)
    if canonical_field(field).kind == "date":
        return st.dates(date(1990, 1, 1), date(2024, 12, 31)).flatmap(
            lambda day: st.sampled_from([day.isoformat(), day.isoformat()[:7], day.isoformat()[:4]])
        )
    limit = min(mapping.max_length or 20, 20)
    return st.text(ACCENTED + DIGITS, min_size=1, max_size=limit)


def record_ids(source: SourceConfig) -> st.SearchStrategy[str]:
    if source.id == "cws_cms":
        return st.text(BASE_62, min_size=10, max_size=10)
    return st.text(DIGITS, min_size=9, max_size=9)


@st.composite
def canonical_values(draw: st.DrawFn, source: SourceConfig) -> dict[str, CanonicalValue]:
    """A record as this source may hold it: its id, and any of its other fields."""
    values: dict[str, CanonicalValue] = {}
    taken: set[str] = set()
    for mapping in source.columns:
        is_id = mapping.field == "source_record_id"
        if mapping.column in taken or not (is_id or draw(st.booleans())):
            continue
        value = draw(record_ids(source) if is_id else _values_of(mapping, source))
        if mapping.scope_column:
            value = compose_scoped(SCOPES[mapping.scope_column], str(value))
        values[mapping.field] = value
        taken.add(mapping.column)
    return values


def _values_of(mapping: ColumnMapping, source: SourceConfig) -> st.SearchStrategy[CanonicalValue]:
    if mapping.codes is None:
        return texts_of(mapping)
    return st.sampled_from(sorted({meaning for meaning in source.codes[mapping.codes].values() if meaning}))


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_in_a_departments_layout_is_read_back(data: st.DataObject, source: SourceConfig) -> None:
    values = data.draw(canonical_values(source))
    read, problems = to_canonical(to_extract_row(values, source), source)
    if source.record_id_type:
        values.setdefault(own_identifier_field(source.record_id_type), values["source_record_id"])
    assert problems == []
    assert read == values


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_an_extract_row_has_every_column_of_the_layout_and_no_other(source: SourceConfig) -> None:
    assert tuple(to_extract_row({}, source)) == source.header
    assert recognise_layout(source.header, source).layout == "department"


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_empty_cells_are_left_out(source: SourceConfig) -> None:
    assert to_canonical(dict.fromkeys(source.header, "  "), source) == ({}, [])


def cws_row(**cells: str) -> dict[str, str]:
    return {"IDENTIFIER": "5Y3vKVs0X5"} | cells


class TestCwsCms:
    def test_names_are_cut_at_20_20_and_25(self) -> None:
        long = "A" * 40
        row = to_extract_row({"first_name": long, "middle_name": long, "last_name": long}, CWS_CMS)
        assert [len(row[name]) for name in ("COM_FST_NM", "COM_MID_NM", "COM_LST_NM")] == [20, 20, 25]

    def test_the_screens_spelling_of_an_id_is_the_same_record(self) -> None:
        values, problems = to_canonical(
            {"IDENTIFIER": "0315-2076-8676-8002051", "FKCASE_T": "0315207686768002051"}, CWS_CMS
        )
        assert problems == []
        assert values["source_record_id"] == values["case_id"] == "5Y3vKVs0X5"

    def test_its_id_counts_as_the_identifier_that_schools_quote(self) -> None:
        values, _ = to_canonical(cws_row(), CWS_CMS)
        pupil, _ = to_canonical({"SSID": "1", "FosterClientID": "5Y3vKVs0X5"}, SOURCES["calpads"])
        field = IDENTIFIER_PREFIX + "cws_cms_client_id"
        assert values[field] == pupil[field]

    def test_an_id_out_of_range_leaves_a_row_without_id_and_says_why(self) -> None:
        values, problems = to_canonical({"IDENTIFIER": "9999-9999-9999-9999999"}, CWS_CMS)
        assert "source_record_id" not in values
        assert [(p.field, p.column, p.kind) for p in problems] == [("source_record_id", "IDENTIFIER", "invalid")]
        assert "9999-9999" not in problems[0].reason

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("2012-11-25", "2012-11-25"), ("2012-11-00", "2012-11"), ("2012-00-00", "2012"), ("2012-1-5", "2012-01-05")],
    )
    def test_dates(self, text: str, expected: str) -> None:
        assert to_canonical(cws_row(BIRTH_DT=text), CWS_CMS)[0]["birth_date"] == expected

    @pytest.mark.parametrize(
        "text", ["2012-13-01", "2012-02-30", "2012-00-05", "25.11.2012", "20121125", "0000-00-00", "x"]
    )
    def test_what_is_no_date_is_named_and_left_out(self, text: str) -> None:
        values, problems = to_canonical(cws_row(BIRTH_DT=text), CWS_CMS)
        assert "birth_date" not in values
        assert [(p.field, p.kind) for p in problems] == [("birth_date", "invalid")]
        assert text not in problems[0].reason or text == "x"

    def test_the_systems_filler_for_an_unknown_date_is_a_placeholder(self) -> None:
        values, problems = to_canonical(cws_row(BIRTH_DT="0001-01-01"), CWS_CMS)
        assert "birth_date" not in values
        assert [(p.field, p.kind) for p in problems] == [("birth_date", "placeholder")]

    @pytest.mark.parametrize(("code", "expected"), [("F", "female"), ("m", "male"), ("U", "unknown")])
    def test_codes(self, code: str, expected: str) -> None:
        assert to_canonical(cws_row(GENDER_CD=code), CWS_CMS)[0]["sex"] == expected

    def test_an_unknown_code_is_named_and_left_out(self) -> None:
        values, problems = to_canonical(cws_row(GENDER_CD="Q"), CWS_CMS)
        assert "sex" not in values
        assert [(p.field, p.column) for p in problems] == [("sex", "GENDER_CD")]

    def test_a_sealed_client_is_refused(self) -> None:
        assert refusal(cws_row(SENSTV_IND="R"), CWS_CMS) is not None
        assert refusal(cws_row(SOC158_IND="Y"), CWS_CMS) is not None
        assert refusal(cws_row(SENSTV_IND="S", SOC158_IND="N"), CWS_CMS) is None


class TestMeds:
    def test_a_pseudo_number_is_never_an_ssn(self) -> None:
        values, _ = to_canonical({"MEDS-ID": "81234567P"}, MEDS)
        assert values == {"identifier.meds_id": "81234567P"}

    def test_nine_digits_are_the_ssn(self) -> None:
        assert to_canonical({"MEDS-ID": never_issued_ssn()}, MEDS)[0] == {"ssn": never_issued_ssn()}

    def test_anything_else_is_named_and_left_out(self) -> None:
        values, problems = to_canonical({"MEDS-ID": "1234"}, MEDS)
        assert (values, len(problems)) == ({}, 1)

    @pytest.mark.parametrize("source_id", ["meds", "calsaws"])
    @pytest.mark.parametrize("code", ["7M", "7N", "7P", "7R", "7m "])
    def test_minor_consent_is_refused_at_the_door(self, source_id: str, code: str) -> None:
        source = SOURCES[source_id]
        assert refusal({source.refuse_rows[0].column: code}, source) is not None
        assert refusal({source.refuse_rows[0].column: "4N"}, source) is None

    def test_a_case_is_the_same_case_in_calsaws(self) -> None:
        meds, _ = to_canonical({"CASE-SERIAL": "1B2K111", "COUNTY-CODE": "43"}, MEDS)
        calsaws, _ = to_canonical({"CASE_NUMBER": "1B2K111", "COUNTY_CODE": "43"}, SOURCES["calsaws"])
        assert meds["case_id"] == calsaws["case_id"]


class TestScopes:
    def test_a_county_client_number_means_nothing_without_its_county(self) -> None:
        values, problems = to_canonical({"CCN": "006132463", "COUNTY_CODE": ""}, CSI)
        assert (values, [p.field for p in problems]) == ({}, ["source_record_id"])

    def test_with_its_county_it_is_the_records_id(self) -> None:
        values, _ = to_canonical({"CCN": "006132463", "COUNTY_CODE": "43"}, CSI)
        assert values["source_record_id"] == values["identifier.ccn"] == "43:006132463"

    def test_a_court_number_carries_its_court(self) -> None:
        values, _ = to_canonical({"PARTY_ID": "7", "COURT_NUMBER": "19CCJP00228A", "COURT_COUNTY": "19"}, COURT)
        assert values["identifier.court_number"] == "19:19CCJP00228A"
        assert parse_court_number(str(values["identifier.court_number"]).partition(":")[2]).suffix == "A"

    def test_a_number_written_without_scope_is_missed_on_reading(self) -> None:
        row = to_extract_row({"source_record_id": "006132463"}, CSI)
        assert [p.field for p in to_canonical(row, CSI)[1]] == ["source_record_id"]


@pytest.mark.parametrize(("mark", "withheld"), [("Y", True), ("N", False), ("", False)])
def test_the_address_of_somebody_in_hiding_is_not_taken(mark: str, withheld: bool) -> None:
    row = {"PARTICIPANT_ID": "1", "ADDRESS": "1 Elm St", "ZIP": "95814", "PHONE": "916", "FAMILY_VIOLENCE": mark}
    values, _ = to_canonical(row, SOURCES["ccsas"])
    assert values == {"source_record_id": "1"} | (
        {"address_protected": "true"} if withheld else {"address_line": "1 Elm St", "zip": "95814", "phone": "916"}
    )


class TestCanonicalHeaders:
    def test_any_source_takes_them(self) -> None:
        row = {
            "source_record_id": "1",
            "last_name": " Lee ",
            "alias_names": "An Lee; Ann Li",
            "COLOUR": "red",
            "ssn": "",
        }
        values, problems = canonical_row_to_canonical(row, SOURCES["ccsas"])
        assert problems == []
        assert values == {"source_record_id": "1", "last_name": "Lee", "alias_names": ("An Lee", "Ann Li")}

    def test_flags_are_brought_to_true_and_false(self) -> None:
        values, problems = canonical_row_to_canonical({"multiple_birth": "Yes", "deleted": "0"}, MEDS)
        assert (values, problems) == ({"multiple_birth": "true", "deleted": "false"}, [])
        assert canonical_row_to_canonical({"deleted": "perhaps"}, MEDS)[1][0].field == "deleted"

    def test_the_sources_ids_keep_their_rules(self) -> None:
        assert canonical_row_to_canonical({"source_record_id": "0315-2076-8676-8002051"}, CWS_CMS)[0] == {
            "source_record_id": "5Y3vKVs0X5",
            "identifier.cws_cms_client_id": "5Y3vKVs0X5",
        }
        assert canonical_row_to_canonical({"source_record_id": "too short"}, CWS_CMS)[1][0].field == "source_record_id"


class TestLayouts:
    def test_canonical_headers_are_recognised_and_strangers_named(self) -> None:
        layout = recognise_layout(["source_record_id", "last_name", "source", "colour"], MEDS)
        assert (layout.layout, layout.unknown_columns) == ("canonical", ("colour",))

    def test_a_department_file_without_its_protecting_column_is_refused(self) -> None:
        header = [name for name in MEDS.header if name != "AID-CODE"]
        with pytest.raises(LayoutError, match="AID-CODE"):
            recognise_layout(header, MEDS)

    def test_a_stranger_is_refused(self) -> None:
        with pytest.raises(LayoutError, match="no extract of meds"):
            recognise_layout(["a", "b"], MEDS)
