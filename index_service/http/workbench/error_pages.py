"""Errors as pages: what happened, what to do, and the number by which the log names the request. No values."""

from __future__ import annotations

from http import HTTPStatus

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from psycopg_pool import PoolTimeout, TooManyRequests
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from index_service.errors import IndexServiceError
from index_service.http.problems import RequestProblem
from index_service.http.workbench import cookies
from index_service.http.workbench.cookies import Cookie
from index_service.http.workbench.forms import FormNotOurs
from index_service.http.workbench.local_paths import SIGN_IN, TIMED_OUT, with_wanted
from index_service.http.workbench.pages import page
from index_service.http.workbench.signed_in import NotAllowed, NotSignedIn, session_of
from index_service.logs import Event

_log = structlog.get_logger()
_TEXTS = {
    404: ("Page not found", "There is no such page. The address may be mistyped, or the page may have moved."),
    405: ("Not possible here", "This address cannot be used in this way. Go back and use the page's own buttons."),
    422: ("The page could not read that", "Part of what was sent is missing or not in the form that the page expects."),
}


def add_error_pages(pages: FastAPI) -> None:
    """One table: which error becomes which page."""
    pages.add_exception_handler(NotSignedIn, _not_signed_in)
    pages.add_exception_handler(NotAllowed, _not_allowed)
    pages.add_exception_handler(FormNotOurs, _form_not_ours)
    pages.add_exception_handler(HTTPException, _http_exception)
    pages.add_exception_handler(RequestValidationError, _invalid)
    pages.add_exception_handler(RequestProblem, _request_problem)
    pages.add_exception_handler(IndexServiceError, _cannot)
    pages.add_exception_handler(psycopg.OperationalError, _no_database)
    pages.add_exception_handler(PoolTimeout, _no_database)
    pages.add_exception_handler(TooManyRequests, _no_database)
    pages.add_exception_handler(Exception, _failed)


def error_page(
    request: Request, status: int, title: str, detail: str, *, hint: str = "", look_up: bool = True
) -> Response:
    """A page that tells of an error; `look_up`: its head shows who is signed in, which asks the database."""
    if look_up and not hasattr(request.state, "session"):
        session_of(request, is_use=False)
    number = request.scope.get("request_id", "")
    return page(request, "error.html", status, title=title, detail=detail, hint=hint, number=number)


def _not_signed_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotSignedIn)  # noqa: S101 - the table above says so
    target = TIMED_OUT if error.timed_out else SIGN_IN
    response = RedirectResponse(with_wanted(target, error.wanted), 303)
    if error.timed_out:
        cookies.drop(request, response, Cookie.SESSION)
    return response


def _not_allowed(request: Request, error: Exception) -> Response:
    roles = error.roles if isinstance(error, NotAllowed) else ()
    return page(request, "not_allowed.html", 403, needed=roles)


def _form_not_ours(request: Request, _error: Exception) -> Response:
    detail = "Nothing was done: the form was not from a page that is open in this browser now."
    hint = (
        "This happens when you have signed in or out since the page was opened, or when cookies are blocked. "
        "Open the page anew and send the form again."
    )
    return error_page(request, 403, "The page is out of date", detail, hint=hint)


def _http_exception(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    title, detail = _TEXTS.get(status, (HTTPStatus(status).phrase.capitalize(), "This cannot be answered."))
    response = error_page(request, status, title, detail)
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})
    return response


def _invalid(request: Request, _error: Exception) -> Response:
    return error_page(request, 422, *_TEXTS[422], hint="Go back and try again.")


def _request_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestProblem)  # noqa: S101 - the table above says so
    response = error_page(request, error.status, error.title, error.detail, look_up=error.status < 500)
    response.headers.update(error.headers)
    return response


def _cannot(request: Request, error: Exception) -> Response:
    hint = error.hint if isinstance(error, IndexServiceError) else ""
    return error_page(request, 503, "Not possible now", str(error), hint=hint, look_up=False)


def _no_database(request: Request, error: Exception) -> Response:
    _log.warning(Event.DATABASE_UNREACHABLE, error=type(error).__name__)
    detail = "The database does not answer. Nothing was lost and nothing half done."
    response = error_page(request, 503, "Unavailable for the moment", detail, hint="Try again soon.", look_up=False)
    response.headers["Retry-After"] = "5"
    return response


def _failed(request: Request, _error: Exception) -> Response:
    """What nobody foresaw; the error goes on to the log."""
    detail = "The service failed. Nothing is half done."
    hint = "Try again; if it happens again, tell who runs the index, with the number below."
    return error_page(request, 500, "Something went wrong", detail, hint=hint, look_up=False)
