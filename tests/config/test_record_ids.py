"""A record is found by its id in any spelling of its source."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from config.identifiers import BASE_62, format_cws_cms_id
from config.mapping import canonical_row_to_canonical
from config.record_ids import record_key
from config.sources import load_sources

KEYS = st.text(BASE_62, min_size=10, max_size=10)


@given(KEYS)
def test_a_cws_cms_id_as_stored_as_printed_and_without_dashes_names_one_record(key: str) -> None:
    printed = format_cws_cms_id(key)
    spellings = (key, printed, printed.replace("-", ""), f" {printed} ")
    assert {record_key("cws_cms", spelled) for spelled in spellings} == {("cws_cms", key)}


@given(st.sampled_from(sorted(load_sources())), st.one_of(st.text(max_size=30), KEYS.map(format_cws_cms_id)))
def test_an_id_is_looked_for_as_loading_keeps_it(source: str, text: str) -> None:
    kept, _ = canonical_row_to_canonical({"source_record_id": text}, load_sources()[source])
    assert record_key(source, text) == (source, kept.get("source_record_id", text))
    assert record_key(*record_key(source, text)) == record_key(source, text)


def test_what_is_no_id_of_the_source_stays_as_it_is() -> None:
    out_of_range = "9999-9999-9999-9999999"
    assert record_key("cws_cms", out_of_range) == ("cws_cms", out_of_range)
    assert record_key("nobody_knows", "0315-2076-8676-8002051") == ("nobody_knows", "0315-2076-8676-8002051")
