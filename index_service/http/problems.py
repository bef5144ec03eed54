"""Errors as the service tells them: problem+json (RFC 9457), never with the input that caused them."""

from __future__ import annotations

from collections.abc import Mapping
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

from index_service.errors import IndexServiceError
from index_service.logs import Event

MEDIA_TYPE = "application/problem+json"
_log = structlog.get_logger()


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    field: str = Field(description="Where it is, as `query.after` or `path.person_id`.", examples=["query.as_of"])
    message: str = Field(description="What is wrong with it.", examples=["Input should have timezone info"])


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:person-index:not-found",
                    "title": "Not found",
                    "status": 404,
                    "detail": "No such record belongs to a person.",
                    "request_id": "0b7c1c5f",
                    "errors": [],
                }
            ]
        }
    )

    type: str = Field(description="Names the kind of error; stable.")
    title: str = Field(description="The kind of error in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened and what to do about it.")
    request_id: str = Field(description="Names this request in the service's log.")
    errors: list[FieldProblem] = Field(default=[], description="The fields at fault, if fields are.")


class NotFound(Exception):
    """There is nothing that answers to this."""


def problem(
    request: Request, status: int, kind: str, title: str, detail: str, errors: list[FieldProblem] | None = None
) -> JSONResponse:
    """The response that tells of an error."""
    body = Problem(
        type=f"urn:person-index:{kind}",
        title=title,
        status=status,
        detail=detail,
        request_id=request.scope.get("request_id", ""),
        errors=errors or [],
    )
    return JSONResponse(body.model_dump(), status_code=status, media_type=MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for its OpenAPI description."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def describe_problems(app: FastAPI) -> None:
    """Put the error's schema, and the one error that any route can have, into the OpenAPI description."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = plain()
            problem_schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schema["components"]["schemas"] |= {**problem_schema.pop("$defs"), "Problem": problem_schema}
            for path in schema["paths"].values():
                for operation in path.values():
                    operation["responses"] |= {str(key): value for key, value in documented(500).items()}
        return app.openapi_schema or schema

    app.openapi = described  # type: ignore[method-assign]


def add_problem_handlers(app: FastAPI) -> None:
    """One table: which error becomes which status."""
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(IndexServiceError, _unavailable)
    app.add_exception_handler(psycopg.OperationalError, _no_database)
    app.add_exception_handler(PoolTimeout, _no_database)


def _not_found(request: Request, error: Exception) -> JSONResponse:
    return problem(request, 404, "not-found", "Not found", str(error))


def _http_exception(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    phrase = HTTPStatus(status).phrase
    headers: Mapping[str, str] = (error.headers or {}) if isinstance(error, HTTPException) else {}
    response = problem(request, status, phrase.lower().replace(" ", "-"), phrase.capitalize(), phrase + ".")
    response.headers.update(headers)
    return response


def _invalid(request: Request, error: Exception) -> JSONResponse:
    errors = error.errors() if isinstance(error, RequestValidationError) else []
    fields = [FieldProblem(field=".".join(map(str, e["loc"])), message=str(e["msg"])) for e in errors]
    return problem(request, 422, "invalid", "Invalid request", "The request cannot be understood.", fields)


def _unavailable(request: Request, error: Exception) -> JSONResponse:
    hint = error.hint if isinstance(error, IndexServiceError) else ""
    return problem(request, 503, "unavailable", "Unavailable", f"{error} {hint}".strip())


def _no_database(request: Request, error: Exception) -> JSONResponse:
    _log.warning(Event.DATABASE_UNREACHABLE, error=type(error).__name__)
    detail = "The database does not answer. Try again in a moment."
    response = problem(request, 503, "database-unreachable", "Database unreachable", detail)
    response.headers["Retry-After"] = "5"
    return response
