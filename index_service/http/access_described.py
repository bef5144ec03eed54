"""Access in the API's description: how a token is had, which scope an operation needs, how one is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from index_service.access.scopes import OURS
from index_service.http.access import OPEN, PROTECTED, RequiresScope
from index_service.http.problems import documented
from index_service.http.stewards import SCOPE as STEWARDS_SCOPE
from index_service.http.stewards import steward_of

SCHEME = "token"
REFUSALS = (400, 401, 403, 429, 503)
_SCHEMES = {
    SCHEME: {
        "type": "oauth2",
        "description": "SMART Backend Services: a signed assertion (`private_key_jwt`) against a token of minutes; "
        "or a token of an identity provider that the service trusts.",
        "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": OURS}},
    }
}


def describe_access(app: FastAPI) -> None:
    """Put the scheme, and what each protected operation needs of it, into the OpenAPI description."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        schema = plain()
        schema.setdefault("components", {})["securitySchemes"] = _SCHEMES
        for route in protected_routes(app):
            for method in route.methods or ():
                operation = schema["paths"][route.path_format][method.lower()]
                operation["security"] = [{SCHEME: sorted(scopes_of(route.dependant))}]
                operation["responses"] |= {str(key): value for key, value in documented(*REFUSALS).items()}
        return schema

    app.openapi = described  # type: ignore[method-assign]


def protected_routes(app: FastAPI) -> Iterator[APIRoute]:
    """The routes to which nobody is let through without a token, with all that they depend on."""
    for context in iter_route_contexts(app.routes):
        route = cast("APIRoute", context)
        if isinstance(context.original_route, APIRoute) and is_protected(route.path_format):
            yield route


def is_protected(path: str) -> bool:
    """Whether nobody is let through to a path without a token."""
    return path not in OPEN and any(path == prefix or path.startswith(f"{prefix}/") for prefix in PROTECTED)


def scopes_of(dependant: Dependant) -> set[str]:
    """The scopes that a route demands, itself or by what it depends on."""
    own = {dependant.call.scope} if isinstance(dependant.call, RequiresScope) else set()
    if dependant.call is steward_of:
        own = {STEWARDS_SCOPE}
    return own.union(*(scopes_of(each) for each in dependant.dependencies))
