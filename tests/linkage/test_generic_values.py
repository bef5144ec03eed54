"""A generic value is no evidence, in one record as in a table of them."""

from __future__ import annotations

import pytest

from linkage.batch import BatchEngine
from linkage.generic_values import without_generic_values
from linkage.model import value_digest
from tests.linkage.invented import invented_ssn, record, table_of
from tests.linkage.models import made_model

RECORD = record(1, first_name="Ana", ssn=invented_ssn(), phone="213-555-0142", **{"identifier.ssid": "1234567890"})


@pytest.mark.parametrize("column", ["ssn", "phone", "identifiers"])
def test_a_value_the_model_holds_to_be_generic_is_blanked_alike_by_both_engines(column: str) -> None:
    value = getattr(RECORD, column)
    digest = value_digest(value[0] if isinstance(value, tuple) else value)
    model = made_model().model_copy(update={"generic_values": {column: (digest,)}})
    blanked = without_generic_values(RECORD, model)
    assert getattr(blanked, column) == (() if column == "identifiers" else None)
    with BatchEngine(table_of([RECORD])) as engine:
        assert engine.remove_generic(model.generic_values) == {column: 1}
        row = engine.con.execute(f"select {column} from records").fetchone()
    assert row is not None
    assert row[0] == ([] if column == "identifiers" else None)


def test_other_values_stay() -> None:
    model = made_model().model_copy(update={"generic_values": {"ssn": (value_digest("000000000"),)}})
    assert without_generic_values(RECORD, model) is RECORD
