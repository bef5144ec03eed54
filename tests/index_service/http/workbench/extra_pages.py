"""Pages that are not there, to try roles and failures with."""

from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI

from index_service.accounts.roles import Role
from index_service.accounts.sessions import Session
from index_service.errors import IndexServiceError
from index_service.http.workbench import application
from index_service.http.workbench.desk import Desk
from index_service.http.workbench.signed_in import SignedIn


def extra() -> APIRouter:
    """The pages."""
    router = APIRouter()

    @router.get("/for-supervisors")
    def for_supervisors(who: Annotated[Session, SignedIn(Role.SUPERVISOR, Role.AUDITOR)]) -> str:
        return who.name

    @router.get("/for-stewards")
    def for_stewards(who: Annotated[Session, SignedIn(Role.STEWARD)]) -> str:
        return who.name

    @router.get("/fails")
    def fails() -> None:
        raise ZeroDivisionError("Canaryname")

    @router.get("/cannot")
    def cannot() -> None:
        raise IndexServiceError("The queue is empty.", hint="Load something.")

    @router.get("/number/{number}")
    def number(number: int) -> int:
        return number

    return router


def add_extra_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services that are made from now on have them."""
    plain = application.workbench

    def workbench(desk: Desk) -> FastAPI:
        pages = plain(desk)
        pages.include_router(extra())
        return pages

    monkeypatch.setattr(application, "workbench", workbench)
