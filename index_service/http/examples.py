"""Examples in the API's description: each answer and body is shown once, put together from its fields' examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

Schema = Mapping[str, Any]

_BY_FORMAT = {"date-time": "2026-01-31T12:00:00Z", "date": "2026-01-31"}


class NoExample(LookupError):
    """A field has neither an example nor a value that could stand for one. Give it `examples=[…]`."""


def add_examples(document: dict[str, Any]) -> None:
    """Give every body and answer of an OpenAPI document an example, where it has none of its own and one can be had."""
    for content in _contents(document):
        schema = content.get("schema", {})
        if schema and not content.keys() & {"example", "examples"}:
            with suppress(NoExample):  # a test finds these; the description itself must not fail
                content["example"] = example_of(schema, document)


def _contents(document: Schema) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        for operation in path.values():
            for carrier in (operation.get("requestBody", {}), *operation["responses"].values()):
                yield from carrier.get("content", {}).values()


def example_of(schema: Schema, document: Schema) -> Any:
    """An example of what a schema describes.

    Raises:
        NoExample: a field has none.
    """
    if "$ref" in schema:
        return example_of(document["components"]["schemas"][str(schema["$ref"]).rpartition("/")[2]], document)
    for name in ("examples", "enum"):
        if schema.get(name):
            return schema[name][0]
    for name in ("example", "const"):
        if name in schema:
            return schema[name]
    for name in ("allOf", "oneOf", "anyOf"):
        if name in schema:
            return example_of(schema[name][0], document)
    return _by_type(schema, document)


def _by_type(schema: Schema, document: Schema) -> Any:
    kind = schema.get("type")
    if kind == "object":
        return {name: _field(name, of, document) for name, of in schema.get("properties", {}).items()}
    if kind == "array":
        return [example_of(schema["items"], document)]
    if kind == "boolean":
        return False
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    if "default" in schema:
        return schema["default"]
    raise NoExample(schema.get("title", ""))


def _field(name: str, schema: Schema, document: Schema) -> Any:
    try:
        return example_of(schema, document)
    except NoExample as missing:
        raise NoExample(f"{name}: {missing}") from None
