"""Identifiers: what is read, what is refused, and what is never taken for something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.identifiers import (
    BASE_62,
    CWS_CMS_PREFIX_LIMIT,
    CWS_CMS_SUFFIX_LIMIT,
    IDENTIFIER_TYPES,
    CourtNumber,
    IdentifierError,
    classify_ssn,
    format_cws_cms_id,
    parse_ccn,
    parse_cin,
    parse_county_id,
    parse_court_number,
    parse_cws_cms_id,
    parse_meds_id,
    read_identifier,
)

prefixes = st.integers(0, CWS_CMS_PREFIX_LIMIT - 1)
suffixes = st.integers(0, CWS_CMS_SUFFIX_LIMIT - 1)


def never_issued_ssn(serial: int = 1, area: int = 734, group: int = 11) -> str:
    """A well-formed number of an area that was not in use while areas had a meaning."""
    return f"{area}{group:02d}{serial:04d}"


def printed(prefix: int, suffix: int) -> str:
    digits = f"{prefix:013d}{suffix:06d}"
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:12]}-{digits[12:]}"


class TestCwsCmsId:
    @pytest.mark.parametrize(
        ("key", "on_screen"),
        [
            ("5Y3vKVs0X5", "0315-2076-8676-8002051"),
            ("AaiU7IW0Rt", "0601-6404-7447-2001729"),
            ("0AdYwXU0Cr", "0009-7459-3360-4000797"),  # its date lies in 1936, which proves nothing
            ("0000000000", "0000-0000-0000-0000000"),
            ("zzzzzzzzzz", "3521-6146-0620-7238327"),
        ],
    )
    def test_both_spellings_are_one_id(self, key: str, on_screen: str) -> None:
        assert format_cws_cms_id(key) == on_screen
        assert parse_cws_cms_id(on_screen) == key
        assert parse_cws_cms_id(on_screen.replace("-", "")) == key
        assert parse_cws_cms_id(f" {key} ") == key

    @given(prefixes, suffixes)
    def test_every_printed_id_in_range_survives_the_round_trip(self, prefix: int, suffix: int) -> None:
        assert format_cws_cms_id(parse_cws_cms_id(printed(prefix, suffix))) == printed(prefix, suffix)

    @given(st.text(BASE_62, min_size=10, max_size=10))
    def test_every_key_survives_the_round_trip(self, key: str) -> None:
        assert parse_cws_cms_id(format_cws_cms_id(key)) == key

    @given(st.integers(CWS_CMS_PREFIX_LIMIT, 10**13 - 1), suffixes)
    def test_a_prefix_out_of_range_is_refused(self, prefix: int, suffix: int) -> None:
        with pytest.raises(IdentifierError, match="outside the range"):
            parse_cws_cms_id(printed(prefix, suffix))

    @given(prefixes, st.integers(CWS_CMS_SUFFIX_LIMIT, 10**6 - 1))
    def test_a_suffix_out_of_range_is_refused(self, prefix: int, suffix: int) -> None:
        with pytest.raises(IdentifierError, match="outside the range"):
            parse_cws_cms_id(printed(prefix, suffix))

    def test_case_tells_two_children_apart(self) -> None:
        assert parse_cws_cms_id("5Y3vKVs0X5") != parse_cws_cms_id("5y3vKVs0X5")

    @pytest.mark.parametrize(
        "text",
        ["", "5Y3vKVs0X", "5Y3vKVs0X55", "5Y3vKVs0X!", "0315-2076-8676-800205", "3.15208E+17", "5Y3v KVs0X", "٠" * 19],
    )
    def test_what_is_no_id_is_refused(self, text: str) -> None:
        with pytest.raises(IdentifierError):
            parse_cws_cms_id(text)


class TestCin:
    @pytest.mark.parametrize(
        "text", ["91234567A", "91234567a", "91234567A5", "91234567A52087", "9123-4567-A", " 91234567A "]
    )
    def test_nine_ten_and_fourteen_characters_are_one_cin(self, text: str) -> None:
        assert parse_cin(text).value == "91234567A"

    def test_check_digit_and_card_date_are_kept(self) -> None:
        cin = parse_cin("91234567A52087")
        assert (cin.check_digit, cin.card_issue_date) == ("5", "2087")

    def test_any_check_digit_is_accepted_because_its_computation_is_not_published(self) -> None:
        assert {parse_cin(f"91234567A{digit}").value for digit in range(10)} == {"91234567A"}

    @pytest.mark.parametrize(
        ("text", "doubts"), [("91234567A", 0), ("81234567A", 1), ("91234567B", 1), ("11234567Z", 2)]
    )
    def test_the_unusual_is_doubted_and_not_refused(self, text: str, doubts: int) -> None:
        assert len(parse_cin(text).doubts) == doubts

    @pytest.mark.parametrize(
        "text", ["", "912345678", "91234567", "A1234567A", "91234567AB", "91234567A52", "91234567A5208"]
    )
    def test_other_forms_are_refused(self, text: str) -> None:
        with pytest.raises(IdentifierError, match="CIN"):
            parse_cin(text)


class TestSsn:
    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            (never_issued_ssn(), "ssn"),
            (never_issued_ssn(area=1), "invalid"),  # eight digits: a leading zero was lost
            ("000-12-3456", "invalid"),
            ("666-12-3456", "invalid"),
            ("900-12-3456", "invalid"),
            ("950-89-3456", "invalid"),
            (never_issued_ssn(group=0), "invalid"),
            (never_issued_ssn(serial=0), "invalid"),
            ("", "invalid"),
            ("UNKNOWN", "invalid"),
            ("111111111", "dummy"),
            ("333333333", "dummy"),
            ("123456789", "dummy"),
            ("999-99-9999", "dummy"),
            ("000000000", "dummy"),
            ("078-05-1120", "dummy"),
            ("219-09-9999", "dummy"),
            ("987-65-4320", "dummy"),
            ("987-65-4329", "dummy"),
            ("900-50-3456", "itin"),
            ("900-65-3456", "itin"),
            ("900-66-3456", "invalid"),
            ("900-70-3456", "itin"),
            ("900-88-3456", "itin"),
            ("900-92-3456", "itin"),
            ("900-93-3456", "atin"),
            ("900-94-3456", "itin"),
            ("81234567P", "pseudo"),
            ("91234567X", "pseudo"),
        ],
    )
    def test_kinds(self, text: str, kind: str) -> None:
        assert classify_ssn(text).kind == kind

    @given(st.text(max_size=12) | st.from_regex(r"\d{3}-?\d{2}-?\d{4}", fullmatch=True))
    def test_only_an_ssn_gets_through_as_one_and_it_has_nine_digits(self, text: str) -> None:
        reading = classify_ssn(text)
        if reading.kind == "ssn":
            assert reading.value is not None
            assert len(reading.value) == 9
            assert reading.value.isdecimal()
            assert reading.value[:3] not in {"000", "666"}
            assert reading.value[0] != "9"
            assert reading.value[3:5] != "00"
            assert reading.value[5:] != "0000"
        elif reading.kind in {"invalid", "dummy"}:
            assert reading.value is None

    def test_dashes_do_not_matter(self) -> None:
        plain = never_issued_ssn()
        assert classify_ssn(f"{plain[:3]}-{plain[3:5]}-{plain[5:]}").value == plain


class TestMedsId:
    @pytest.mark.parametrize(
        ("text", "doubts"), [("81234567P", 0), ("91234567p", 0), ("71234567P", 1), ("81234567Q", 1)]
    )
    def test_a_letter_in_ninth_place_makes_a_pseudo_number(self, text: str, doubts: int) -> None:
        meds_id = parse_meds_id(text)
        assert (meds_id.kind, len(meds_id.doubts)) == ("pseudo", doubts)

    def test_nine_digits_are_an_ssn(self) -> None:
        assert parse_meds_id(never_issued_ssn()).kind == "ssn"

    def test_an_ssn_is_not_kept_as_a_meds_id(self) -> None:
        with pytest.raises(IdentifierError, match="give it as ssn"):
            read_identifier("meds_id", never_issued_ssn())

    @pytest.mark.parametrize("text", ["999999999", "000123456", "8123456P", "P12345678"])
    def test_neither_is_refused(self, text: str) -> None:
        with pytest.raises(IdentifierError):
            parse_meds_id(text)


class TestCountyId:
    def test_its_parts(self) -> None:
        county_id = parse_county_id("43-30-CD12112-0-07")
        assert (county_id.county, county_id.aid_code, county_id.case, county_id.person_number) == (
            "43",
            "30",
            "43:CD12112",
            "07",
        )
        assert parse_county_id("4330CD12112007") == county_id

    def test_it_names_no_person(self) -> None:
        assert not read_identifier("county_id", "43-30-CD12112-0-07").personal


class TestCourtNumber:
    @pytest.mark.parametrize(
        ("text", "number", "suffix"),
        [
            ("19CCJP00228A", "19CCJP00228", "A"),
            ("19CCJP00228-B", "19CCJP00228", "B"),
            ("19ccjp00228a", "19CCJP00228", "A"),
            ("19CCJP00228A-C", "19CCJP00228", None),  # a caption naming three children
            ("19CCJP00228A,C", "19CCJP00228", None),
            ("22CCJP01708", "22CCJP01708", None),
            ("CK63815", "CK63815", None),
            ("MJP018547", "MJP018547", None),
            ("J-212345", "J-212345", None),
        ],
    )
    def test_number_and_suffix(self, text: str, number: str, suffix: str | None) -> None:
        assert parse_court_number(text) == CourtNumber(number, suffix)

    def test_with_suffix_it_names_one_child(self) -> None:
        identifier = read_identifier("court_number", "19:19CCJP00228A")
        assert (identifier.value, identifier.personal) == ("19:19CCJP00228:A", True)

    def test_without_suffix_it_names_a_set_of_siblings(self) -> None:
        identifier = read_identifier("court_number", "19:22CCJP01708")
        assert (identifier.value, identifier.personal) == ("19:22CCJP01708", False)

    def test_the_same_number_of_another_court_is_another_number(self) -> None:
        assert (
            read_identifier("court_number", "19:J12345A").value != read_identifier("court_number", "20:J12345A").value
        )

    @pytest.mark.parametrize("text", ["19CCJP00228A", ":19CCJP00228A", "19:", ""])
    def test_without_its_court_it_is_refused(self, text: str) -> None:
        with pytest.raises(IdentifierError, match="court"):
            read_identifier("court_number", text)


class TestCountyClientNumber:
    def test_it_is_read_with_its_county(self) -> None:
        assert parse_ccn("43:006132463") == "43:006132463"
        assert parse_ccn("43:00613246a") == "43:00613246A"

    def test_two_counties_give_the_same_number_to_two_people(self) -> None:
        assert parse_ccn("43:006132463") != parse_ccn("01:006132463")

    @pytest.mark.parametrize("text", ["006132463", "43:6132463", "Santa Clara:006132463", "43:0061324635", "43:"])
    def test_without_county_or_zeros_it_is_refused(self, text: str) -> None:
        with pytest.raises(IdentifierError):
            parse_ccn(text)


class TestRegistry:
    @pytest.mark.parametrize("name", ["uci", "ccsas_participant_id", "cares_id", "cair2_id", "ssid", "never_heard_of"])
    def test_forms_that_are_not_published_are_accepted_as_they_stand(self, name: str) -> None:
        assert read_identifier(name, " 0aB-9/x ").value == "0aB-9/x"

    @given(st.sampled_from(sorted(IDENTIFIER_TYPES)), st.text(min_size=1, max_size=20))
    def test_reading_twice_changes_nothing(self, name: str, text: str) -> None:
        try:
            once = read_identifier(name, text)
        except IdentifierError:
            return
        assert read_identifier(name, once.value) == once

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("court_number", "19:19CCJP00228-A"),
            ("ccn", "43:00613246a"),
            ("county_id", "4330CD12112007"),
            ("cin", "91234567A52087"),
            ("cws_cms_client_id", "0315-2076-8676-8002051"),
            ("probation_number", "19:  77-a"),
        ],
    )
    def test_reading_a_canonical_value_changes_nothing(self, name: str, text: str) -> None:
        once = read_identifier(name, text)
        assert read_identifier(name, once.value) == once

    @given(st.sampled_from(sorted(IDENTIFIER_TYPES)), st.from_regex(r"[0-9A-Z]{6,20}-[0-9A-Z]{5}", fullmatch=True))
    def test_an_error_never_repeats_the_value(self, name: str, text: str) -> None:
        try:
            read_identifier(name, text)
        except IdentifierError as error:
            assert text not in str(error)
            assert text.replace("-", "") not in str(error)
