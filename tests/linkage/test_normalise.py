"""What normalising makes of what people write, as tables, and what holds of any text whatever."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.normalise import addresses, normalise, normalised_columns
from linkage.record import COLUMNS, CanonicalValue, NormalisedRecord, SourceRecord
from tests.linkage.invented import TODAY, cleaned, cleaning, findings, invented_ssn


@pytest.mark.parametrize(
    ("written", "first_name"),
    [
        ("Maria", "maria"),
        ("  MARIA  ", "maria"),
        ("María", "maria"),
        ("José-María", "josemaria"),
        ("Mary Ann", "maryann"),
        ("Mary-Ann", "maryann"),
        ("D'Andre", "dandre"),
        ("D’Andre", "dandre"),
        ("Zoë", "zoe"),
        ("Łukasz", "lukasz"),
        ("Nguyễn", "nguyen"),
        ("Ольга", "olga"),
        ("J", "j"),
        ("J.R.", "jr"),  # initials, not a suffix
        ("Robert Jr", "robert"),
        ("Boyd", "boyd"),  # not "Boy D"
        ("Girlie", "girlie"),
        ("", None),
        ("   ", None),
        ("-", None),
        ("???", None),
        ("12", None),
    ],
)
def test_first_names_become_lower_case_ascii_letters(written: str, first_name: str | None) -> None:
    assert cleaned(first_name=written).first_name == first_name
    assert findings(first_name=written) == set()


@pytest.mark.parametrize(
    ("written", "birth_order"),
    [
        ("Baby Boy", None),
        ("BABY GIRL", None),
        ("Babyboy", None),
        ("Baby Boy B", 2),
        ("BabyGirlA", 1),
        ("Newborn Girl 1", 1),
        ("Twin B", 2),
        ("BB", None),
        ("Marysgirl2", 2),
        ("Marysboy", None),
        ("Marys Girl", None),
        ("FNU", None),
        ("NFN", None),
        ("Unknown", None),
        ("UNK", None),
        ("N/A", None),
        ("No First Name", None),
        ("Test", None),
        ("XXX", None),
        ("aaaa", None),
        ("Unborn", None),
    ],
)
def test_a_name_that_stands_for_no_name_is_missing_and_counted_but_a_twins_order_is_kept(
    written: str, birth_order: int | None
) -> None:
    record = cleaned(first_name=written)
    assert (record.first_name, record.first_alternatives, record.first_sound) == (None, (), None)
    assert record.birth_order == birth_order
    assert findings(first_name=written) == {("first_name", "placeholder")}


def test_a_birth_order_that_is_said_outranks_the_one_in_a_placeholder() -> None:
    assert cleaned(first_name="Baby Boy B", birth_order="1").birth_order == 1


@pytest.mark.parametrize(
    ("written", "order"),
    [("1", 1), ("9", 9), ("02", 2), ("0", None), ("10", None), ("first", None), ("1" * 5000, None)],
)
def test_birth_orders_are_numbers_from_1_to_9(written: str, order: int | None) -> None:
    assert cleaned(birth_order=written).birth_order == order
    assert findings(birth_order=written) == (set() if order else {("birth_order", "invalid")})


@pytest.mark.parametrize(
    ("written", "last_name", "tokens", "suffix"),
    [
        ("Garcia", "garcia", ("garcia",), None),
        ("García López", "garcialopez", ("garcia", "lopez"), None),
        ("García-López", "garcialopez", ("garcia", "lopez"), None),
        ("Lopez Garcia", "lopezgarcia", ("garcia", "lopez"), None),
        ("de la Cruz", "delacruz", ("delacruz",), None),
        ("DE LA CRUZ-García Jr", "delacruzgarcia", ("delacruz", "garcia"), "jr"),
        ("O'Brien", "obrien", ("obrien",), None),
        ("O’Brien", "obrien", ("obrien",), None),
        ("St. John", "stjohn", ("stjohn",), None),
        ("van der Berg", "vanderberg", ("vanderberg",), None),
        ("Nguyễn", "nguyen", ("nguyen",), None),
        ("Müller", "muller", ("muller",), None),
        ("Smith III", "smith", ("smith",), "iii"),
        ("Smith, Sr.", "smith", ("smith",), "sr"),
        ("Vu", "vu", ("vu",), None),
        ("O", "o", ("o",), None),
        ("Boyd", "boyd", ("boyd",), None),
        ("LNU", None, (), None),
        ("Unknown", None, (), None),
        ("", None, (), None),
    ],
)
def test_surnames_are_one_word_for_comparing_and_tokens_for_finding(
    written: str, last_name: str | None, tokens: tuple[str, ...], suffix: str | None
) -> None:
    record = cleaned(last_name=written)
    assert (record.last_name, record.last_tokens, record.suffix) == (last_name, tokens, suffix)


@pytest.mark.parametrize(
    ("written", "suffix"), [("Jr.", "jr"), ("JUNIOR", "jr"), ("2nd", "ii"), ("III", "iii"), ("Esq", None), ("", None)]
)
def test_suffixes(written: str, suffix: str | None) -> None:
    assert cleaned(suffix=written).suffix == suffix


def test_the_suffix_field_outranks_a_suffix_behind_the_surname() -> None:
    assert cleaned(last_name="Smith Sr", suffix="Jr").suffix == "jr"


@pytest.mark.parametrize(
    ("nickname", "formal"),
    [("Liz", "Elizabeth"), ("Mike", "Michael"), ("Jim", "James"), ("Kate", "Katherine"), ("Bill", "William")],
)
def test_a_nickname_and_its_formal_name_share_an_alternative(nickname: str, formal: str) -> None:
    short, long = cleaned(first_name=nickname), cleaned(first_name=formal)
    assert set(short.first_alternatives) & set(long.first_alternatives)


def test_misspelling_a_name_mostly_keeps_its_sound() -> None:
    assert cleaned(first_name="Elizabeth").first_sound == cleaned(first_name="Elisabeht").first_sound


def test_names_in_either_field_order_have_the_same_key() -> None:
    assert cleaned(first_name="Kim", last_name="Lee").name_key == cleaned(first_name="Lee", last_name="Kim").name_key
    assert cleaned(first_name="Kim").name_key is None


@pytest.mark.parametrize(
    ("aliases", "first", "last"),
    [
        (["Bea Lopez"], "bea", "lopez"),
        (["Lopez, Bea Ana"], "bea", "lopez"),
        (["Bea de la Cruz"], "bea", "delacruz"),
        (["Bea Ana Lopez Jr"], "bea", "lopez"),
        ("Bea Lopez; Zed Ray", "zed", "ray"),
        (["", "Zed Ray"], "zed", "ray"),
    ],
)
def test_aliases_add_given_names_and_surnames_to_find_by(aliases: CanonicalValue, first: str, last: str) -> None:
    record = cleaned(first_name="Ana", last_name="Garcia", alias_names=aliases)
    assert {"ana", first} <= set(record.first_alternatives)
    assert {"garcia", last} <= set(record.last_tokens)
    assert (record.first_name, record.last_name) == ("ana", "garcia"), "an alias does not replace the name"


@pytest.mark.parametrize(
    ("written", "iso", "parts"),
    [
        ("2015-03-09", "2015-03-09", (2015, 3, 9)),
        ("2015-3-9", "2015-03-09", (2015, 3, 9)),
        ("20150309", "2015-03-09", (2015, 3, 9)),
        ("03/09/2015", "2015-03-09", (2015, 3, 9)),
        ("3-9-2015", "2015-03-09", (2015, 3, 9)),
        ("25/12/2015", "2015-12-25", (2015, 12, 25)),  # no month 25: written day first
        ("2015-03-09T00:00:00Z", "2015-03-09", (2015, 3, 9)),
        ("2015-03", None, (2015, 3, None)),
        ("2015", None, (2015, None, None)),
        ("2015-03-00", None, (2015, 3, None)),
        ("2015-03-99", None, (2015, 3, None)),
        ("2015-00-09", None, (2015, None, None)),  # a day without a month says nothing
        ("2015-01-01", "2015-01-01", (2015, 1, 1)),  # often a guess, but also a birthday
        ("2016-02-29", "2016-02-29", (2016, 2, 29)),
        (TODAY.isoformat(), TODAY.isoformat(), (2026, 6, 30)),
    ],
)
def test_birth_dates_as_far_as_they_are_known(
    written: str, iso: str | None, parts: tuple[int, int | None, int | None]
) -> None:
    record = cleaned(birth_date=written)
    assert (record.birth_date, (record.birth_year, record.birth_month, record.birth_day)) == (iso, parts)
    assert findings(birth_date=written) == set()


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("1900-01-01", "placeholder"),
        ("01/01/1900", "placeholder"),
        ("9999-12-31", "placeholder"),
        ("9999", "placeholder"),
        ("0000-00-00", "placeholder"),
        ("1111-11-11", "placeholder"),
        ("2026-07-01", "invalid"),  # tomorrow
        ("2027", "invalid"),
        ("2015-02-29", "invalid"),
        ("2015-13-13", "invalid"),
        ("1499-05-05", "invalid"),
        ("05/15", "invalid"),
        ("unknown", "invalid"),
        ("٢٠١٥-٠١-٠٠", "invalid"),
    ],
)
def test_birth_dates_that_cannot_be_used_are_missing_and_counted(written: str, kind: str) -> None:
    record = cleaned(birth_date=written)
    assert (record.birth_date, record.birth_year, record.birth_month, record.birth_day) == (None, None, None, None)
    assert findings(birth_date=written) == {("birth_date", kind)}


@pytest.mark.parametrize(
    ("written", "flag"),
    [("Y", True), ("yes", True), ("TRUE", True), ("1", True), ("n", False), ("0", False), ("", None), ("?", None)],
)
def test_flags(written: str, flag: bool | None) -> None:
    assert cleaned(birth_date_estimated=written).birth_estimated is flag
    assert cleaned(multiple_birth=written).multiple_birth is flag


@pytest.mark.parametrize(
    ("written", "sex"), [("F", "f"), ("female", "f"), ("Male", "m"), ("m", "m"), ("other", None), ("unknown", None)]
)
def test_sex_is_evidence_only_as_female_or_male(written: str, sex: str | None) -> None:
    assert cleaned(sex=written).sex == sex


@pytest.mark.parametrize(
    ("written", "line", "house_number", "street"),
    [
        ("12 North Main Street, Apt. 4", "12 n main st # 4", "12", "n main st"),
        ("12 N. MAIN ST. #4", "12 n main st # 4", "12", "n main st"),
        ("12 n main st apt #4", "12 n main st # 4", "12", "n main st"),
        ("12 N Main St Unit4", "12 n main st # 4", "12", "n main st"),
        ("12B Oak Avenue", "12b oak ave", "12b", "oak ave"),
        ("400 First Street", "400 1st st", "400", "1st st"),
        ("1st Street", "1st st", None, "1st st"),
        ("Rural Route", "rural route", None, "rural route"),
        ("5 Los Flores", "5 los flores", "5", "los flores"),  # "fl" within a word is no floor
        ("77 Calle Norte", "77 calle norte", "77", "calle norte"),
        ("8 Rincón Drive", "8 rincon dr", "8", "rincon dr"),
        ("P.O. Box 12", "po box 12", None, None),
        ("PO BOX 12, Fresno", "po box 12", None, None),
        ("Post Office Box 12", "po box 12", None, None),
    ],
)
def test_addresses_are_written_one_way(written: str, line: str, house_number: str | None, street: str | None) -> None:
    record = cleaned(address_line=written)
    assert (record.address, record.house_number, record.street) == (line, house_number, street)


@pytest.mark.parametrize("written", ["Homeless", "UNKNOWN", "General Delivery", "transient", "n/a"])
def test_an_address_that_is_none_is_missing_and_counted(written: str) -> None:
    assert cleaned(address_line=written).address is None
    assert findings(address_line=written) == {("address_line", "placeholder")}


@pytest.mark.parametrize(
    ("written", "zip_code"),
    [
        ("95814", "95814"),
        ("95814-1234", "95814"),
        ("958141234", "95814"),
        ("2134", "02134"),  # a spreadsheet took the zero
        ("K1A 0B6", "k1a0b6"),
        ("00000", None),
        ("99999", None),
        ("99999-0000", None),
        ("", None),
    ],
)
def test_zip_codes(written: str, zip_code: str | None) -> None:
    assert cleaned(zip=written).zip == zip_code


@pytest.mark.parametrize(
    ("written", "phone"),
    [
        ("(555) 010-0199", "5550100199"),
        ("+1 555 010 0199", "5550100199"),
        ("1-555-010-0199 x4", "5550100199"),
        ("555.010.0199 ext. 12", "5550100199"),
        ("５５５０１００１９９", "5550100199"),
        ("010-0199", "0100199"),
    ],
)
def test_telephone_numbers(written: str, phone: str) -> None:
    assert cleaned(phone=written).phone == phone


@pytest.mark.parametrize("written", ["000-000-0000", "9999999999", "555-0000000", "123", "none"])
def test_a_telephone_number_that_is_none_is_missing_and_counted(written: str) -> None:
    assert cleaned(phone=written).phone is None
    assert findings(phone=written) == {("phone", "placeholder")}


@pytest.mark.parametrize(
    ("written", "email"),
    [
        ("Ana.Lopez@Example.ORG ", "ana.lopez@example.org"),
        ("josé@example.org", "jose@example.org"),
        ("none@example.org", None),
        ("ana at example.org", None),
    ],
)
def test_email_addresses(written: str, email: str | None) -> None:
    assert cleaned(email=written).email == email


SSN = invented_ssn()


@pytest.mark.parametrize(
    "written",
    [SSN, f"{SSN[:3]}-{SSN[3:5]}-{SSN[5:]}", f" {SSN} ", SSN.replace("0", "O", 2), SSN.replace("1", "l", 1)],
)
def test_an_ssn_is_nine_digits_however_written_and_two_misread_letters_are_mended(written: str) -> None:
    assert cleaned(ssn=written).ssn == SSN


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("000-12-3456", "invalid"),
        ("666-12-3456", "invalid"),
        ("900-12-3456", "invalid"),
        (invented_ssn(group=0), "invalid"),
        (invented_ssn(serial=0), "invalid"),
        ("123456789", "placeholder"),
        ("111111111", "placeholder"),
        ("987654320", "placeholder"),
        ("12345678", "invalid"),
        ("unknown", "invalid"),
    ],
)
def test_an_ssn_that_was_never_issued_is_missing_and_counted(written: str, kind: str) -> None:
    record = cleaned(ssn=written)
    assert (record.ssn, record.identifiers) == (None, ())
    assert findings(ssn=written) == {("ssn", kind)}


@pytest.mark.parametrize(
    ("written", "identifier"),
    [("900-70-1234", "itin:900701234"), ("900931234", "atin:900931234"), ("81234567P", "pseudo:81234567P")],
)
def test_another_number_in_the_ssns_place_is_an_identifier_of_its_own_kind(written: str, identifier: str) -> None:
    record = cleaned(ssn=written)
    assert (record.ssn, record.identifiers) == (None, (identifier,))


def test_personal_identifiers_are_gathered_with_their_types_and_shared_ones_left_out() -> None:
    record = cleaned(
        identifier__ssid="9900000001", identifier__cares_id="Ab1", identifier__cws_cms_case_id="0123456789"
    )
    assert record.identifiers == ("cares_id:Ab1", "ssid:9900000001")
    assert record.identifier_types == ("cares_id", "ssid")


def test_a_cin_is_kept_without_check_digit_and_card_date() -> None:
    assert cleaned(cin="90000000A").cin == cleaned(cin="90000000A31234").cin == "90000000A"
    assert findings(cin="nine") == {("cin", "invalid")}


def test_a_finding_never_carries_the_value() -> None:
    written = {
        "birth_date": "31.31.1931",
        "ssn": "12-canary-34",
        "cin": "canary",
        "phone": "canary",
        "birth_order": "canary",
    }
    _, found = cleaning(**written)
    assert len(found) == len(written)
    assert not any(value in f"{f.field} {f.kind} {f.reason}" for f in found for value in written.values())


# --- what holds of any text ----------------------------------------------------------------------------------------

TEXT_FIELDS = (
    "first_name", "middle_name", "last_name", "suffix", "alias_names", "birth_date", "birth_date_estimated", "sex",
    "birth_order", "multiple_birth", "ssn", "cin", "identifier.ssid", "identifier.court_number", "identifier.meds_id",
    "identifier.itin", "mother_first_name", "mother_last_name", "guardian_first_name", "guardian_last_name",
    "address_line", "city", "state", "zip", "phone", "email", "case_id",
)  # fmt: skip

_PIECES = st.sampled_from(
    (  # noqa: SIM905
        "a A é ñ ø ’ ' - . , ; | # @ 0 1 2 4 9 00 99 2015 1900 9999 03/09/2015 jr de la baby boy girl b "
        "marys unknown na n none apt unit fl floor no box po 12 main north st 1st 90000000A 900701234"
    ).split()
)
anything = st.one_of(
    st.text(max_size=30),
    st.lists(_PIECES, max_size=6).map(" ".join),
    st.lists(_PIECES, max_size=6).map("".join),
)
written_records = st.dictionaries(st.sampled_from(TEXT_FIELDS), anything, max_size=10)


@settings(max_examples=300, deadline=None)
@given(written_records)
def test_normalising_never_fails_and_gives_only_what_the_columns_promise(values: dict[str, str]) -> None:
    record, _ = normalise(SourceRecord("cws_cms", "1", values), TODAY)
    for name in COLUMNS:
        value = getattr(record, name)
        assert value != "", name
        if isinstance(value, tuple):
            assert list(value) == sorted(set(value)), name
            assert "" not in value, name
    assert all(0 <= n <= 12 for n in (record.birth_month or 0,))
    if record.birth_date:
        assert dt.date.fromisoformat(record.birth_date) == dt.date(
            record.birth_year or 0, record.birth_month or 0, record.birth_day or 0
        )


OPAQUE_COLUMNS = {"source", "source_record_id", "case_id", "identifiers", "identifier_types", "cin", "ssn"}
"""Numbers are compared for equality only, so their spelling is kept; the rest is compared letter by letter."""


@settings(max_examples=300, deadline=None)
@given(written_records)
def test_what_is_compared_letter_by_letter_is_lower_case_ascii(values: dict[str, str]) -> None:
    record, _ = normalise(SourceRecord("cws_cms", "1", values), TODAY)
    for name in COLUMNS.keys() - OPAQUE_COLUMNS - {"first_sound", "last_sound"}:
        value = getattr(record, name)
        texts = value if isinstance(value, tuple) else (value,) if isinstance(value, str) else ()
        assert all(text.isascii() and text == text.lower() for text in texts), name


_DERIVED = {"first_alternatives", "first_sound", "last_tokens", "last_sound"}
"""Read off the words of the name as written ("Mary Ann", "García López"), which the cleaned name no longer shows."""


def written_back(record: NormalisedRecord) -> dict[str, str]:
    """A normalised record as a source record again."""
    renamed = {
        "birth_estimated": "birth_date_estimated", "address": "address_line",
        "mother_first": "mother_first_name", "mother_last": "mother_last_name",
        "guardian_first": "guardian_first_name", "guardian_last": "guardian_last_name",
    }  # fmt: skip
    values = {}
    for name in ("first_name", "middle_name", "last_name", "suffix", "sex", "birth_order", "multiple_birth", "ssn",
                 "cin", "city", "state", "zip", "phone", "email", "case_id", *renamed):  # fmt: skip
        value = getattr(record, name)
        if value is not None:
            values[renamed.get(name, name)] = str(value)
    parts = (record.birth_year, record.birth_month, record.birth_day)
    if record.birth_year is not None:
        values["birth_date"] = "-".join(f"{part:02d}" for part in parts if part is not None)
    for identifier in record.identifiers:
        kind, _, value = identifier.partition(":")
        values[f"identifier.{kind}"] = value
    return values


@settings(max_examples=500, deadline=None)
@given(written_records)
def test_normalising_what_is_normalised_changes_nothing(values: dict[str, str]) -> None:
    once, _ = normalise(SourceRecord("cws_cms", "1", {**values, "alias_names": ""}), TODAY)
    again, found = normalise(SourceRecord("cws_cms", "1", written_back(once)), TODAY)
    assert found == ()
    for field in fields(NormalisedRecord):
        if field.name not in _DERIVED:
            assert getattr(again, field.name) == getattr(once, field.name), field.name


def test_every_column_holds_what_its_name_says() -> None:
    record = cleaned(
        first_name="Ana", middle_name="Bea", last_name="Garcia", suffix="Jr", alias_names=["Cleo Diaz"],
        birth_date="2015-03-09", birth_date_estimated="true", sex="female", birth_order="2", multiple_birth="false",
        ssn=invented_ssn(), cin="90000000A", mother_first_name="Eva", mother_last_name="Flores",
        guardian_first_name="Gil", guardian_last_name="Hill", address_line="12 Main Street", city="Fresno", state="CA",
        zip="93706", phone="555-010-0199", email="a@b.org", case_id="case 1", **{"identifier.uci": "1234567"},
    )  # fmt: skip
    assert record == NormalisedRecord(
        *record.key,
        first_name="ana", first_alternatives=record.first_alternatives, first_sound="A500", middle_name="bea",
        last_name="garcia", last_tokens=("diaz", "garcia"), last_sound="G620", name_key="anagarcia", suffix="jr",
        birth_date="2015-03-09", birth_year=2015, birth_month=3, birth_day=9, birth_estimated=True, sex="f",
        birth_order=2, multiple_birth=False, ssn=record.ssn, cin="90000000A", identifiers=record.identifiers,
        identifier_types=record.identifier_types, mother_first="eva", mother_last="flores", guardian_first="gil",
        guardian_last="hill", address="12 main st", house_number="12", street="main st", zip="93706", city="fresno",
        state="ca", phone="5550100199", email="a@b.org", case_id="case 1",
    )  # fmt: skip
    assert "cleo" in record.first_alternatives
    assert "uci:1234567" in record.identifiers
    assert "uci" in record.identifier_types


_KINDS = {"text": str, "integer": int, "boolean": bool, "text[]": tuple}


@settings(max_examples=200, deadline=None)
@given(written_records)
def test_bare_columns_are_those_of_the_record_and_of_their_kinds(values: dict[str, str]) -> None:
    source_record = SourceRecord("cws_cms", "1", values)
    record, findings = normalise(source_record, TODAY)
    columns, found = normalised_columns(source_record, TODAY)
    assert (columns, found) == (tuple(getattr(record, name) for name in COLUMNS), findings)
    for value, kind in zip(columns, COLUMNS.values(), strict=True):
        assert value is None or type(value) is _KINDS[kind]


_LINES = st.lists(
    st.sampled_from(
        ["12", "main", "st", "#", "apt", "unit4", "no", "no5", "flores", "fl", "2", "building", "box", "a"]
    ),
    min_size=1,
    max_size=5,
).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(_LINES)
def test_a_line_that_is_passed_over_quickly_names_no_unit(line: str) -> None:
    unit = addresses._UNIT.search(line)
    assert bool(addresses._unit_apart(line)[1]) == bool(unit and unit.start() > 0)
