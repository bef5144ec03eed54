"""Source files: the shipped ones hold together, and a faulty one says where."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from config.errors import ConfigError
from config.policy import LinkagePolicy
from config.reading import known_keys
from config.sources import (
    SOURCES_FOLDER,
    ColumnMapping,
    Expectations,
    FileFormat,
    RowRefusal,
    SourceConfig,
    Withholding,
    load_source,
    load_sources,
)

ELEVEN = [
    "cair2", "calpads", "calsaws", "ccsas", "csi", "cws_cms", "dds", "juvenile_court", "medi_cal_rx", "meds",
    "probation",
]  # fmt: skip

SOURCES = load_sources()

MINIMAL = """
id: tiny
title: Tiny
department: Nobody
description: The least a source file holds.
addresses_are_placements: false
adults_possible: false
columns:
  - {column: ID, field: source_record_id}
"""


def written(folder: Path, content: str, name: str = "tiny.yaml") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_the_eleven_departments_are_there() -> None:
    assert list(SOURCES) == ELEVEN


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_every_source_knows_name_birth_date_and_sex(source: SourceConfig) -> None:
    assert {"first_name", "last_name", "birth_date", "sex"} <= source.fields


@pytest.mark.parametrize(
    ("source_id", "fields"),
    [
        (
            "cws_cms",
            {"alias_names", "birth_date_estimated", "cin", "mother_last_name", "case_id", "address_line", "deleted"},
        ),
        ("meds", {"ssn", "identifier.meds_id", "cin", "address_line", "case_id"}),
        ("medi_cal_rx", {"cin"}),
        ("csi", {"cin", "mother_first_name"}),
        ("juvenile_court", {"identifier.court_number", "case_id"}),
        ("calpads", {"alias_names", "guardian_last_name", "identifier.cws_cms_client_id"}),
        ("ccsas", {"ssn", "case_id"}),
        ("cair2", {"birth_order", "multiple_birth", "mother_first_name", "mother_last_name"}),
    ],
)
def test_a_source_holds_what_its_department_keeps(source_id: str, fields: set[str]) -> None:
    assert fields <= SOURCES[source_id].fields


@pytest.mark.parametrize("source_id", ["medi_cal_rx", "csi", "juvenile_court", "calpads", "cair2"])
def test_some_departments_hold_no_social_security_number(source_id: str) -> None:
    assert "ssn" not in SOURCES[source_id].fields


def test_only_child_welfare_addresses_are_placements() -> None:
    assert [source.id for source in SOURCES.values() if source.addresses_are_placements] == ["cws_cms"]


def test_no_source_is_called_deduplicated_without_evidence() -> None:
    assert not any(source.deduplicated for source in SOURCES.values())


def test_a_minimal_file_is_enough(tmp_path: Path) -> None:
    source = load_source(written(tmp_path, MINIMAL))
    assert (source.id, source.deduplicated, source.header) == ("tiny", None, ("ID",))


@pytest.mark.parametrize(
    ("addition", "key", "problem", "mend"),
    [
        ("adresses: 1", "adresses", "no such key", ""),
        ("expectation: {min_rows: 1}", "expectation", "no such key", "`expectations`"),
        ("expectations: {min_row: 1}", "expectations.min_row", "no such key", "`min_rows`"),
        ("expectations: {min_rows: many}", "expectations.min_rows", "integer", ""),
        ("expectations: {min_filled: {surname: 0.5}}", "expectations.min_filled.surname", "no canonical field", ""),
        ("expectations: {min_filled: {last_name: 0.5}}", "", "no column fills", ""),
        ("expectations: {required_columns: [X]}", "", "require the column X", ""),
        ("record_id_type: nonsense", "record_id_type", "no such type of identifier", ""),
        ("codes: {sex: {F: female}}", "", "used by no column", ""),
        ("title: Again", "line 9", "stands twice", ""),
        ("  bad: [", "line 9", "", ""),
    ],
)
def test_a_fault_names_file_and_key(tmp_path: Path, addition: str, key: str, problem: str, mend: str) -> None:
    path = written(tmp_path, MINIMAL.strip() + "\n" + addition + "\n")
    with pytest.raises(ConfigError) as caught:
        load_source(path)
    assert caught.value.file == str(path)
    assert key in caught.value.key
    assert problem in caught.value.problem
    assert mend in caught.value.mend
    assert caught.value.mend
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        ("{column: B, field: birth_date}", "date_format"),
        ("{column: B, field: last_name, date_format: '%Y%m%d'}", "date_format"),
        ("{column: B, field: birth_date, date_format: '%y%m%d'}", "%Y"),
        ("{column: B, field: sex}", "needs `codes`"),
        ("{column: B, field: sex, codes: gender}", "not in `codes`"),
        ("{column: B, field: surname}", "no canonical field"),
        ("{column: ID, field: last_name}", "`when`"),
        ("{column: B, field: source_record_id}", "exactly one column"),
        ("{column: B, field: case_id, scope: x, scope_column: C}", "not both"),
        ("{column: B, field: ssn, when: '('}", "regular expression"),
        ("{column: B, field: case_id, read_as: nonsense}", "no such type"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(tmp_path: Path, column: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_source(written(tmp_path, MINIMAL + f"  - {column}\n"))
    assert problem in caught.value.problem


def test_a_code_list_may_say_only_what_its_field_can(tmp_path: Path) -> None:
    content = MINIMAL + "  - {column: S, field: sex, codes: gender}\ncodes: {gender: {F: woman}}\n"
    with pytest.raises(ConfigError, match="sex is one of female, male, other, unknown"):
        load_source(written(tmp_path, content))


def test_codes_stay_text(tmp_path: Path) -> None:
    content = (
        MINIMAL + "  - {column: S, field: sex, codes: g}\ncodes: {g: {NO: unknown, 07: male, Y: female, 1: other}}\n"
    )
    assert list(load_source(written(tmp_path, content)).codes["g"]) == ["NO", "07", "Y", "1"]


def test_the_id_is_the_files_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_source(written(tmp_path, MINIMAL, "other.yaml"))
    assert caught.value.key == "id"


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no source files"):
        load_sources(tmp_path)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml"):
        load_source(tmp_path / "gone.yaml")
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"title: Se\xf1or\n")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_source(path)


def test_a_source_cannot_be_changed_once_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        SOURCES["meds"].title = "MEDS 2"


MODELS: list[type[BaseModel]] = [
    SourceConfig, ColumnMapping, FileFormat, Expectations, RowRefusal, Withholding, LinkagePolicy,
]  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_is_explained(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_suggestions_know_the_keys_of_all_parts() -> None:
    assert {"id", "column", "delimiter", "min_rows", "reason"} <= known_keys(SourceConfig)


def test_shipped_files_lie_beside_the_code() -> None:
    assert sorted(path.stem for path in SOURCES_FOLDER.iterdir()) == ELEVEN
