"""The page at /docs: every operation and schema of the API; it needs no other host and no script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

Node = Mapping[str, Any]
"""Part of an OpenAPI document."""

_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; color: #1a1a1a }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #767676 }
h3 { font-family: ui-monospace, monospace; font-size: 1.05rem; margin: 2rem 0 0.5rem }
table { border-collapse: collapse; width: 100% } caption { text-align: left; font-weight: bold; padding: 0.5rem 0 }
th, td { border: 1px solid #949494; padding: 0.25rem 0.5rem; text-align: left; vertical-align: top }
@media (prefers-color-scheme: dark) { body { background: #121212; color: #eee } a { color: #8ab4f8 } }
"""


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """The API as a page to read; `/openapi.json` is the same for programs."""
    return HTMLResponse(page(request.app.openapi()))


def page(document: Node) -> str:
    """Write an OpenAPI document as one HTML page that stands alone."""
    title = escape(document["info"]["title"])
    return "".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}: API</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style></head><body><main><h1>{title} {escape(document['info']['version'])}</h1>",
            _paragraphs(document["info"].get("description", "")),
            '<p>For programs: <a href="openapi.json">openapi.json</a>.</p>',
            *_contents(document),
            "<h2>Operations</h2>",
            *(_operation(verb, path, operation) for verb, path, operation in _operations(document)),
            "<h2>Schemas</h2>",
            *(_schema(name, schema) for name, schema in _schemas(document).items()),
            "</main></body></html>",
        ]
    )


def _operations(document: Node) -> Iterator[tuple[str, str, Node]]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield verb.upper(), path, operation


def _schemas(document: Node) -> Node:
    schemas: Node = document.get("components", {}).get("schemas", {})
    return schemas


def _contents(document: Node) -> Iterator[str]:
    yield '<nav aria-label="Operations"><ul>'
    for verb, path, operation in _operations(document):
        summary = escape(operation.get("summary", ""))
        yield f'<li><a href="#{_anchor(verb, path)}">{verb} {escape(path)}</a> {summary}</li>'
    yield "</ul></nav>"


def _operation(verb: str, path: str, operation: Node) -> str:
    responses = operation.get("responses", {})
    parameters = [
        (p["name"], p["in"], _type(p.get("schema", {})), "yes" if p.get("required") else "no", p.get("description", ""))
        for p in operation.get("parameters", [])
    ]
    answers = [(status, _content_type(r), r.get("description", "")) for status, r in responses.items()]
    body = operation.get("requestBody")
    return "".join(
        [
            f'<section><h3 id="{_anchor(verb, path)}">{verb} {escape(path)}</h3>',
            _paragraphs(operation.get("description") or operation.get("summary", "")),
            _table("Parameters", ("Name", "In", "Type", "Required", "Meaning"), parameters),
            f"<p>Body: {_link(_content_type(body))}</p>" if body else "",
            _table("Answers", ("Status", "Type", "Meaning"), answers),
            "</section>",
        ]
    )


def _schema(name: str, schema: Node) -> str:
    required = schema.get("required", [])
    fields = [
        (field, _type(of), "yes" if field in required else "no", of.get("description", ""))
        for field, of in schema.get("properties", {}).items()
    ]
    return (
        f'<section><h3 id="schema-{escape(name)}">{escape(name)}</h3>{_paragraphs(schema.get("description", ""))}'
        f"{_table('Fields', ('Name', 'Type', 'Required', 'Meaning'), fields)}</section>"
    )


def _content_type(carrier: Node) -> str:
    """The type of what a request or an answer carries, whatever its media type."""
    return ", ".join(dict.fromkeys(_type(content.get("schema", {})) for content in carrier.get("content", {}).values()))


def _type(schema: Node) -> str:
    """A schema in a few words; one that has a name by that name."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(map(_type, choices))
    if "enum" in schema or "const" in schema:
        return " or ".join(map(repr, schema.get("enum", [schema.get("const")])))
    kind = str(schema.get("type", "any"))
    return f"list of {_type(schema.get('items', {}))}" if kind == "array" else str(schema.get("format", kind))


def _table(caption: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{head}</th>' for head in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _link(name: str) -> str:
    return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part.strip())}</p>" for part in text.split("\n\n") if part.strip())


def _anchor(verb: str, path: str) -> str:
    return escape(f"{verb}{path}".replace("/", "-").replace("{", "").replace("}", "").lower())
