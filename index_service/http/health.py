"""Routes: whether the service lives, whether it can answer, and what it has done so far."""

from __future__ import annotations

from secrets import compare_digest

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import SecretStr

from index_service.http import metrics
from index_service.http.access import RequiresScope
from index_service.http.answers import HealthAnswer, ReadinessAnswer
from index_service.http.loopback import is_loopback
from index_service.http.problems import documented
from index_service.http.requests import ConnectionDep
from index_service.linking_context import read_current
from index_service.settings import Settings
from index_service.store import lookup

router = APIRouter(tags=["health"])

_EXAMPLE = """\
# HELP person_index_requests_total Requests answered; 499: the caller hung up first.
# TYPE person_index_requests_total counter
person_index_requests_total{method="GET",route="/v1/persons/{person_id}",status="200"} 17.0
"""


@router.get("/healthz", responses=documented(400))
async def read_health() -> HealthAnswer:
    """The process lives; says nothing of the database."""
    return HealthAnswer(status="ok")


@router.get("/readyz", responses=documented(503))
async def read_readiness(conn: ConnectionDep) -> ReadinessAnswer:
    """Requests can be answered: the database answers, has the schema of this version, and its model can be used."""
    await lookup.require_current(conn)
    context = await read_current(conn)
    return ReadinessAnswer(status="ready", model=context.fingerprint)


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "The figures.",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        **documented(401, 403, 429),
    },
)
async def read_metrics(request: Request) -> Response:
    """Counts and times for Prometheus, of all worker processes together; no value and no id of a person among them.

    They count everything that is done, for every caller. Therefore they are for who runs the service: a token with the
    scope index/metrics, or the one that `PERSON_INDEX_METRICS_TOKEN` sets. `PERSON_INDEX_OPEN_METRICS` opens them to
    programs on this machine, but not to what a proxy passes on.
    """
    settings: Settings = request.app.state.settings
    if not (settings.open_metrics and _is_local(request)) and not _has_token(request, settings.metrics_token):
        await RequiresScope("index/metrics")(request)
    return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)


def _has_token(request: Request, token: SecretStr | None) -> bool:
    sent = request.headers.get("authorization", "").encode()
    return token is not None and compare_digest(sent, b"Bearer " + token.get_secret_value().encode())


def _is_local(request: Request) -> bool:
    """Whether a program on this machine asks, and not a proxy for somebody else."""
    passed_on = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "via"))
    return request.client is not None and is_loopback(request.client.host) and not passed_on
