"""Routes: whether the service lives, and whether it can answer."""

from __future__ import annotations

from fastapi import APIRouter

from index_service.http.answers import HealthAnswer
from index_service.http.problems import documented
from index_service.http.requests import ConnectionDep
from index_service.store import lookup

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=documented(400))
async def read_health() -> HealthAnswer:
    """The process lives; says nothing of the database."""
    return HealthAnswer(status="ok")


@router.get("/readyz", responses=documented(400, 503))
async def read_readiness(conn: ConnectionDep) -> HealthAnswer:
    """The database answers and has the schema of this version: look-ups can be answered."""
    await lookup.require_current(conn)
    return HealthAnswer(status="ready")
