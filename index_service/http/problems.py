"""Errors as the service tells them: problem+json (RFC 9457), never with the input that caused them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from index_service.errors import IndexServiceError, UnknownSource
from index_service.http.examples import add_examples
from index_service.http.faults import FieldProblem, field_problems
from index_service.logs import Event
from linkage.errors import LinkageError

MEDIA_TYPE = "application/problem+json"
_PLACES = frozenset({"body", "query", "path", "header", "cookie"})
_EXAMPLE: dict[str, Any] = {
    "type": "urn:person-index:invalid",
    "title": "Invalid request",
    "status": 422,
    "detail": "The request cannot be understood: see errors.",
    "request_id": "0b7c1c5f",
    "errors": [
        {
            "field": "query.as_of",
            "problem": "has no time zone",
            "mend": "Write it in ISO 8601 with time zone, as 2026-01-31T12:00:00Z.",
        }
    ],
}
_log = structlog.get_logger()


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    type: str = Field(description="Names the kind of error; stable.")
    title: str = Field(description="The kind of error in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened and what to do about it.")
    request_id: str = Field(description="Names this request in the service's log.")
    errors: list[FieldProblem] = Field(default=[], description="The fields at fault, if fields are.")


class RequestProblem(Exception):
    """A request cannot be answered, and the caller is told why. No text may hold a value of the request.

    Attributes:
        kind: names the kind of error for programs, as `not-found`.
        errors: the fields at fault.
        retry_after_s: seconds after which the same request may succeed.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        title: str = "",
        errors: Sequence[FieldProblem] = (),
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.title = title or kind.replace("-", " ").capitalize()
        self.errors = list(errors)
        self.headers = dict(headers or {})
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(retry_after_s)


class NotFound(RequestProblem):
    """There is nothing that answers to this."""

    def __init__(self, detail: str, errors: Sequence[FieldProblem] = ()) -> None:
        super().__init__(404, "not-found", detail, errors=errors)


def too_busy(detail: str = "All connections to the database are in use. Try again in a moment.") -> RequestProblem:
    """The service has more to do than it can: nothing was done, and the same request may be sent again."""
    return RequestProblem(503, "too-busy", detail, retry_after_s=1)


def write_took_too_long() -> RequestProblem:
    """The answer to a write took too long; what had begun goes on, and may be done by now."""
    return RequestProblem(
        503,
        "took-too-long",
        "The answer took too long. The write may be done all the same: send the request again, under the same "
        "Idempotency-Key if it had one.",
        retry_after_s=2,
    )


def took_too_long() -> RequestProblem:
    """A question was given up, or a statement ended; what it was doing in the database was undone."""
    return RequestProblem(
        503, "took-too-long", "The answer took too long and was given up. Try again in a moment.", retry_after_s=2
    )


def stopping() -> RequestProblem:
    """The service stops, and a request did not end in time."""
    return RequestProblem(503, "stopping", "The service stops. Send the request again in a moment.", retry_after_s=2)


def too_large(limit_bytes: int) -> RequestProblem:
    """The body is larger than this service reads; the connection is closed so that the rest need not be read."""
    return RequestProblem(
        413,
        "too-large",
        f"The body is larger than {limit_bytes:,} bytes. Send less at a time.",
        headers={"Connection": "close"},
    )


def problem(
    request: Request,
    status: int,
    kind: str,
    title: str,
    detail: str,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The response that tells of an error."""
    body = Problem(
        type=f"urn:person-index:{kind}",
        title=title,
        status=status,
        detail=detail,
        request_id=request.scope.get("request_id", ""),
        errors=list(errors),
    )
    return JSONResponse(body.model_dump(), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def response_to(request: Request, error: RequestProblem) -> JSONResponse:
    """The response that tells of this problem."""
    return problem(request, error.status, error.kind, error.title, error.detail, error.errors, error.headers)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for its OpenAPI description."""
    return {status: {"description": HTTPStatus(status).phrase, "content": _content(status)} for status in statuses}


def _content(status: int) -> dict[str, Any]:
    """The content of an error in the OpenAPI description."""
    example = dict(_EXAMPLE)
    if status != example["status"]:
        phrase = HTTPStatus(status).phrase
        kind = phrase.lower().replace(" ", "-")
        example |= {"type": f"urn:person-index:{kind}", "title": phrase, "status": status}
        example |= {"detail": f"{phrase}: what happened, and what to do about it.", "errors": []}
    return {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}


ANY_ROUTE = (400, 500, 503)
ANY_ROUTE_WITH_BODY = (413, 422)


def describe_problems(app: FastAPI) -> None:
    """Put the errors that any route can have, their schema, and examples into the OpenAPI description."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = plain()
            problem_schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            schemas |= {**problem_schema.pop("$defs"), "Problem": problem_schema}
            for operation in _operations(schema):
                statuses = [*ANY_ROUTE, *(ANY_ROUTE_WITH_BODY if "requestBody" in operation else ())]
                statuses += [422] if "422" in operation["responses"] else []  # in FastAPI's shape, where not in ours
                operation["responses"] |= {str(key): value for key, value in documented(*statuses).items()}
            for of_fastapi in ("HTTPValidationError", "ValidationError"):
                schemas.pop(of_fastapi, None)
            add_examples(schema)
        return app.openapi_schema or schema

    app.openapi = described  # type: ignore[method-assign]


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _documented_names(app: FastAPI) -> frozenset[str]:
    """Every name of a parameter or property that the API documents: what an error may repeat of a request."""
    if known := getattr(app.state, "documented_names", None):
        return frozenset(known)
    document = app.openapi()
    parameters = {p["name"] for operation in _operations(document) for p in operation.get("parameters", ())}
    schemas = document["components"]["schemas"].values()
    names = _PLACES | parameters | {name for schema in schemas for name in schema.get("properties", ())}
    app.state.documented_names = names
    return names


def add_problem_handlers(app: FastAPI) -> None:
    """One table: which error becomes which answer."""
    app.add_exception_handler(RequestProblem, _as_told)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(UnknownSource, _unknown_source)
    app.add_exception_handler(IndexServiceError, _unavailable)
    app.add_exception_handler(LinkageError, _unavailable)
    app.add_exception_handler(psycopg.errors.QueryCanceled, _took_too_long)
    for busy in _BUSY:
        app.add_exception_handler(busy, _too_busy)
    app.add_exception_handler(psycopg.DataError, _unstorable)
    app.add_exception_handler(psycopg.OperationalError, _no_database)
    app.add_exception_handler(psycopg.InterfaceError, _no_database)
    app.add_exception_handler(PoolTimeout, _no_database)


_BUSY = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.TooManyConnections,
)


def _as_told(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestProblem)  # noqa: S101 - the table above
    return response_to(request, error)


def _http_exception(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    phrase = HTTPStatus(status).phrase
    headers = dict((error.headers or {}) if isinstance(error, HTTPException) else {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED and (methods := _methods_of(request)):
        headers["Allow"] = ", ".join(methods)
    return problem(
        request, status, phrase.lower().replace(" ", "-"), phrase.capitalize(), f"{phrase}.", headers=headers
    )


def _methods_of(request: Request) -> list[str]:
    """The methods that the path of a request has: each route by itself knows its own only."""
    template = getattr(request.scope.get("route"), "path_format", None)
    return [method.upper() for method in request.app.openapi()["paths"].get(template, ())]


def _invalid(request: Request, error: Exception) -> JSONResponse:
    errors = error.errors() if isinstance(error, RequestValidationError) else []
    fields = field_problems(errors, _documented_names(request.app))
    detail = "The request cannot be understood: see errors."
    return problem(request, 422, "invalid", "Invalid request", detail, fields)


def _unknown_source(request: Request, _error: Exception) -> JSONResponse:
    fault = FieldProblem(field="path.source", problem="is no source system of this index", mend="See config/sources.")
    return problem(request, 404, "unknown-source", "Unknown source", "There is no such source system.", [fault])


def _unavailable(request: Request, error: Exception) -> JSONResponse:
    hint = error.hint if isinstance(error, IndexServiceError) else ""
    return problem(request, 503, "unavailable", "Unavailable", f"{error} {hint}".strip())


def _took_too_long(request: Request, _error: Exception) -> JSONResponse:
    return response_to(request, took_too_long())


def _too_busy(request: Request, _error: Exception) -> JSONResponse:
    return response_to(request, too_busy("Others change the same records at this moment. Try again in a moment."))


def _unstorable(request: Request, _error: Exception) -> JSONResponse:
    detail = "A value of the request cannot be held by the database: it has a zero character, or is out of bounds."
    return problem(request, 422, "invalid", "Invalid request", detail)


def _no_database(request: Request, error: Exception) -> JSONResponse:
    _log.warning(Event.DATABASE_UNREACHABLE, error=type(error).__name__)
    detail = "The database does not answer. Try again in a moment."
    return problem(request, 503, "database-unreachable", "Database unreachable", detail, headers={"Retry-After": "5"})
