"""Light, dark, or as the system is set: kept in a cookie, so that it needs no script."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from index_service.http.workbench import cookies
from index_service.http.workbench.cookies import Cookie
from index_service.http.workbench.local_paths import open_path
from index_service.http.workbench.pages import THEMES

router = APIRouter()
_A_YEAR_S = 365 * 24 * 3600


@router.post("/appearance")
def set_appearance(request: Request, theme: Annotated[str, Form()] = "", back: Annotated[str, Form()] = "") -> Response:
    """Keep the choice, and go back to the page where it was made."""
    response = RedirectResponse(open_path(back), 303)
    if theme in THEMES:
        cookies.put(request, response, Cookie.THEME, theme, max_age_s=_A_YEAR_S)
    else:
        cookies.drop(request, response, Cookie.THEME)
    return response
