"""Help: what the words mean, what each kind of task asks and how to decide it, the keys; and whether keys are used."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from index_service.http.workbench import cookies
from index_service.http.workbench.cookies import Cookie
from index_service.http.workbench.links import HELP
from index_service.http.workbench.pages import page
from index_service.http.workbench.person import Somebody
from index_service.http.workbench.signed_in import SignedIn
from index_service.http.workbench.task_words import KINDS, SHORTCUTS

router = APIRouter()
_A_YEAR_S = 365 * 24 * 3600


@router.get("/help")
def read_help(request: Request, who: Somebody) -> Response:
    """The steward's help."""
    return page(request, "help.html", who=who, kinds=KINDS, keys=SHORTCUTS)


@router.post("/shortcuts", dependencies=[SignedIn()])
def set_shortcuts(request: Request, use: Annotated[str, Form()] = "on") -> Response:
    """Whether single keys do anything in this browser."""
    response = RedirectResponse(f"{HELP}#keys", 303)
    if use == "off":
        cookies.put(request, response, Cookie.SHORTCUTS, "off", max_age_s=_A_YEAR_S)
    else:
        cookies.drop(request, response, Cookie.SHORTCUTS)
    return response
