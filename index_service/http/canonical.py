"""What a caller says of a person: the canonical fields as JSON, one declaration for every operation that takes them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, create_model, model_validator

from config.fields import CANONICAL_FIELDS, IDENTIFIER_PREFIX, CanonicalField, is_canonical
from index_service.http.faults import Unusable
from index_service.http.requests import PRINTABLE as PRINTABLE
from linkage.record import CanonicalValue

TEXT_LIMIT = 300
LIST_LIMIT = 20

Text = Annotated[str, Field(max_length=TEXT_LIMIT, pattern=PRINTABLE)]
_Names = Annotated[list[Text], Field(max_length=LIST_LIMIT)]
_IDENTIFIER_NAMES = r"^identifier\.(?!(ssn|cin)$)[a-z][a-z0-9_]{0,49}$"

_NOT_SAID_HERE = frozenset({"source_record_id"})  # names the record: it stands in the path, or beside the fields
_EXAMPLE = {
    "first_name": "Marisol",
    "last_name": "Testvogel",
    "birth_date": "2015-03-02",
    "sex": "female",
    "ssn": "900-12-3456",
    "mother_first_name": "Ines",
    "address_line": "12 Example St",
    "city": "Sacramento",
    "zip": "95814",
    "identifier.ssid": "1234567890",
}


def _schema(schema: dict[str, Any]) -> None:
    schema["additionalProperties"] = False
    schema["examples"] = [_EXAMPLE]
    schema["patternProperties"] = {
        _IDENTIFIER_NAMES: {
            "type": "string",
            "maxLength": TEXT_LIMIT,
            "pattern": PRINTABLE,
            "description": "Identifier of any other type, as `identifier.ssid`.",
        }
    }


class CanonicalFieldsBase(BaseModel):
    """What a source says of a person. All fields may be left out; `null` and `""` say nothing."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True, json_schema_extra=_schema)
    __pydantic_extra__: dict[str, Text]

    @model_validator(mode="before")
    @classmethod
    def _canonical_names_only(cls, given: object) -> object:
        if isinstance(given, Mapping):
            for name in given:
                if name not in cls.model_fields and not _names_identifier(name):
                    raise Unusable("has a field that is not canonical", _what_was_meant(name, list(cls.model_fields)))
        return given

    def values(self) -> dict[str, CanonicalValue]:
        """The fields that say something, as the loader would hand them on: flags and numbers as text."""
        return {
            name: _as_text(value)
            for name, value in self.model_dump().items()
            if value is not None and value not in ("", [])
        }


def _names_identifier(name: object) -> bool:
    return isinstance(name, str) and len(name) <= 60 and name.startswith(IDENTIFIER_PREFIX) and is_canonical(name)


def _what_was_meant(name: object, known: list[str]) -> str:
    close = get_close_matches(str(name)[:60].lower(), known, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{hint}The fields are listed under /docs."


def _as_text(value: Any) -> CanonicalValue:
    if isinstance(value, bool):
        return "true" if value else "false"
    return [item for item in value if item] if isinstance(value, list) else str(value)


def _declaration(field: CanonicalField) -> tuple[Any, Any]:
    kind: Any = Text
    match field.kind:
        case "flag":
            kind = StrictBool
        case "number":
            kind = Annotated[StrictInt, Field(ge=1, le=9)]
        case "name_list":
            kind = _Names
    return (kind | None, Field(default=None, description=field.description))


CanonicalFields: type[CanonicalFieldsBase] = create_model(
    "CanonicalFields",
    __base__=CanonicalFieldsBase,
    __doc__=CanonicalFieldsBase.__doc__,
    **{name: _declaration(field) for name, field in CANONICAL_FIELDS.items() if name not in _NOT_SAID_HERE},  # type: ignore[call-overload]
)
"""`CanonicalFieldsBase` with a property for each field of `config.fields`, but for the record's id."""
