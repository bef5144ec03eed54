"""What is wrong with a field of a request, and how to mend it: said by kind of fault, never with the value itself.

Pydantic's own words are not passed on: some repeat what was sent, and where a name is unknown the name itself is
what was sent. A validator of ours that has something of its own to say raises `Unusable`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

UNNAMED = "(unknown)"


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    model_config = ConfigDict(frozen=True)

    field: str = Field(description="Where it is, as `query.after` or `body.left`.", examples=["query.as_of"])
    problem: str = Field(description="What is wrong with it.", examples=["has no time zone"])
    mend: str = Field(description="What to do about it.", examples=["Write it as 2026-01-31T12:00:00Z."])


class Unusable(ValueError):
    """A value cannot be used: for validators. Neither text may hold the value."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.mend = mend


_AS_DOCUMENTED = "See what it may be under /docs."
_MOMENT = "Write it in ISO 8601 with time zone, as 2026-01-31T12:00:00Z."
_TEXT = "Send a text, in quotes."
_NUMBER = "Write a whole number in digits."

_FAULTS: Mapping[str, tuple[str, str]] = {
    "missing": ("is missing", "Give it."),
    "extra_forbidden": ("is not a field of this request", "Leave it out, or look for its name under /docs."),
    "json_invalid": ("is not JSON", "Send one JSON document, in UTF-8."),
    "model_attributes_type": ("is not a JSON object", "Send an object, with Content-Type: application/json."),
    "model_type": ("is not a JSON object", "Send an object."),
    "dict_type": ("is not a JSON object", "Send an object."),
    "list_type": ("is not a list", "Send a list, in square brackets."),
    "string_type": ("is not a text", _TEXT),
    "string_unicode": ("is not valid Unicode", _TEXT),
    "string_pattern_mismatch": ("does not have the form of this field", _AS_DOCUMENTED),
    "int_type": ("is not a whole number", _NUMBER),
    "int_parsing": ("is not a whole number", _NUMBER),
    "int_from_float": ("is not a whole number", _NUMBER),
    "int_parsing_size": ("is too large a number", "Give a smaller one."),
    "float_type": ("is not a number", "Write a number."),
    "float_parsing": ("is not a number", "Write a number."),
    "bool_type": ("is neither true nor false", "Write true or false."),
    "bool_parsing": ("is neither true nor false", "Write true or false."),
    "datetime_type": ("is no moment", _MOMENT),
    "datetime_parsing": ("is no moment", _MOMENT),
    "datetime_from_date_parsing": ("is no moment", _MOMENT),
    "datetime_object_invalid": ("is no moment", _MOMENT),
    "timezone_aware": ("has no time zone", _MOMENT),
    "date_parsing": ("is no date", "Write it as 2026-01-31."),
    "date_type": ("is no date", "Write it as 2026-01-31."),
    "date_from_datetime_parsing": ("is no date", "Write it as 2026-01-31."),
}
"""Pydantic's kind of error -> what is wrong, and the mend."""

_BOUNDS: Mapping[str, tuple[str, str, str]] = {
    "greater_than_equal": ("ge", "is too small", "Give at least {}."),
    "greater_than": ("gt", "is too small", "Give more than {}."),
    "less_than_equal": ("le", "is too large", "Give at most {}."),
    "less_than": ("lt", "is too large", "Give less than {}."),
    "string_too_long": ("max_length", "is too long", "Give at most {} characters."),
    "string_too_short": ("min_length", "is too short", "Give at least {} characters."),
    "too_long": ("max_length", "has too many entries", "Give at most {}."),
    "too_short": ("min_length", "has too few entries", "Give at least {}."),
    "literal_error": ("expected", "is none of the values of this field", "Choose {}."),
    "enum": ("expected", "is none of the values of this field", "Choose {}."),
}
"""The same where the declaration holds a bound: its name in the error's context, what is wrong, the mend."""


def field_problems(errors: Sequence[Mapping[str, Any]], names: Set[str]) -> list[FieldProblem]:
    """Say what pydantic found, once per field and fault.

    Args:
        errors: as `ValidationError.errors()` gives them.
        names: every name that the API documents; others came from the caller and are not repeated.
    """
    found = [
        FieldProblem(field=_place(error["loc"], names, str(error["type"])), problem=wrong, mend=mend)
        for error in errors
        for wrong, mend in [_fault(error)]
    ]
    return list(dict.fromkeys(found))


def _fault(error: Mapping[str, Any]) -> tuple[str, str]:
    kind, context = str(error["type"]), error.get("ctx") or {}
    if isinstance(raised := context.get("error"), Unusable):
        return raised.problem, raised.mend
    if kind in _BOUNDS:
        bound, wrong, mend = _BOUNDS[kind]
        return wrong, mend.format(context.get(bound, "what is documented"))
    return _FAULTS.get(kind, ("cannot be what this field means", _AS_DOCUMENTED))


def _place(location: Sequence[str | int], names: Set[str], kind: str) -> str:
    """The path to a field. What is no documented name is a caller's word, or pydantic's for a branch of a choice."""
    known = [str(step) for step in location if isinstance(step, int) or step in names]
    if kind == "extra_forbidden" and location[-1] not in names:
        known.append(UNNAMED)
    return ".".join(known) or "request"
