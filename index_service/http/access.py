"""Who calls: every request under a protected path is let in by its access token, or refused before its body is read.

`app.add_middleware(AccessRequired)` protects /v1 and /fhir; a route under them cannot forget it. Routes ask
`caller_of` who asks and what for, and demand a scope by `Depends(RequiresScope("index/read"))`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import orjson
import psycopg
import structlog
from fastapi import FastAPI, Request
from psycopg_pool import PoolTimeout
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.purposes import load_purposes
from index_service.access.callers import Admission, Caller, Clients
from index_service.access.errors import (
    AccessRefused,
    InsufficientScope,
    KeyFileUnusable,
    KeysUnavailable,
    PurposeMissing,
    TokenMissing,
    TokenRefused,
    TooManyRequests,
)
from index_service.access.limits import TokenBuckets
from index_service.access.signing_keys import SigningKeys
from index_service.access.token_requests import TokenEndpoint
from index_service.access.tokens import TokenVerifier, ourselves, outside
from index_service.http.problems import RequestProblem, response_to
from index_service.logs import Event
from index_service.settings import Settings
from index_service.store.access import Client, client_now, use_assertion
from index_service.store.connection import Pool, access_pool
from index_service.store.releasing import Question, note_refusal

PROTECTED = ("/v1", "/fhir")
OPEN = frozenset({"/fhir/metadata", "/fhir/.well-known/smart-configuration"})
"""What a FHIR client reads before it has a token."""

PURPOSE_HEADER = "X-Purpose-Of-Use"
REALM = 'Bearer realm="person-index"'

FAILURES_PER_SECOND, FAILURES_AT_ONCE = 1.0, 60.0
"""How often one address may come with a token or an assertion that is not accepted, before it has to wait."""

REFUSALS_PER_SECOND, REFUSALS_AT_ONCE = 1.0, 30.0
"""How many refusals of one client are entered into the ledger; all are counted, and in the log of requests."""

_CALLER = "person_index.caller"
_CLIENT = "person_index.client"  # the request's log line names it
_FOUND_NOTHING = "person_index.found_nothing"
_log = structlog.get_logger()


class Access:
    """What access control needs while the service runs."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.pool: Pool = access_pool(url)
        self.base_urls = settings.base_urls()
        self.keys = SigningKeys(Path(settings.signing_keys))
        purposes = load_purposes()
        issuers = [*ourselves(self.base_urls, self.keys, time.time), *map(outside, settings.issuers)]
        self.admission = Admission(TokenVerifier(issuers, purposes), Clients(self._client), purposes)
        self.endpoint = TokenEndpoint(
            base_urls=self.base_urls,
            keys=self.keys,
            purposes=purposes,
            read_client=self._client,
            use_assertion=self._use_assertion,
        )
        self._failures = TokenBuckets()
        self._refusals = TokenBuckets()

    async def caller(self, request: Request) -> Caller:
        """Who makes a request; logs a refusal.

        Raises:
            AccessRefused: it is turned away.
        """
        self.require_few_failures(request)
        try:
            return await self.admission.admit(
                request.headers.getlist("authorization"), request.headers.getlist(PURPOSE_HEADER)
            )
        except TokenRefused as refused:
            self.note_failure(request)
            _log.warning(Event.CALLER_REFUSED, reason=refused.reason)
            raise

    def require_few_failures(self, request: Request) -> None:
        """Raises TooManyRequests if an address has come with too many tokens that were refused."""
        waiting_s = self._failures.wait(_address(request), per_second=FAILURES_PER_SECOND, at_most=FAILURES_AT_ONCE)
        if waiting_s:
            raise TooManyRequests("Too many refused tokens came from this address. Wait, then try again.", waiting_s)

    def may_note_refusal(self, client_id: str) -> bool:
        """Whether a refusal of this client may still be entered into the ledger."""
        return not self._refusals.take(client_id, per_second=REFUSALS_PER_SECOND, at_most=REFUSALS_AT_ONCE)

    def note_failure(self, request: Request) -> None:
        self._failures.take(_address(request), per_second=FAILURES_PER_SECOND, at_most=FAILURES_AT_ONCE)

    async def _client(self, client_id: str) -> Client | None:
        async with self.pool.connection() as conn:
            return await client_now(conn, client_id)

    async def _use_assertion(self, client_id: str, jti: str, now: datetime, forget_at: datetime) -> bool:
        async with self.pool.connection() as conn:
            return await use_assertion(conn, client_id, jti, now=now, expires_at=forget_at)


class AccessRequired:
    """Lets nobody through to a protected path without an access token, and counts what was not found."""

    def __init__(self, app: ASGIApp, protected: tuple[str, ...] = PROTECTED) -> None:
        self.app = app
        self.protected = protected

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._is_protected(scope["path"]):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        try:
            caller = await caller_of(request)
        except RequestProblem as refusal:
            await response_to(request, refusal)(scope, receive, send)
            return
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with structlog.contextvars.bound_contextvars(client=caller.client_id):
            await self.app(scope, receive, send_and_note)
        if status == 404 or scope.get(_FOUND_NOTHING):
            await access_of(request).admission.note_not_found(caller)

    def _is_protected(self, path: str) -> bool:
        return path not in OPEN and any(path == prefix or path.startswith(f"{prefix}/") for prefix in self.protected)


async def caller_of(request: Request) -> Caller:
    """Who makes a request, found out once per request.

    Raises:
        RequestProblem: it is turned away.
    """
    known = request.scope.get(_CALLER)
    if isinstance(known, Caller):
        return known
    try:
        caller = await access_of(request).caller(request)
    except AccessRefused as refused:
        await _note_refused(request, refused, purpose="")
        raise refusal(refused) from None
    except (KeysUnavailable, KeyFileUnusable, PoolTimeout, psycopg.OperationalError) as error:
        raise cannot_tell(error) from None
    request.scope[_CALLER] = caller
    request.scope[_CLIENT] = caller.client_id
    return caller


def caller_if_known(request: Request) -> Caller | None:
    """Who makes a request, where that had to be said."""
    known = request.scope.get(_CALLER)
    return known if isinstance(known, Caller) else None


class RequiresScope:
    """A dependency: the caller, who must have a scope.

    It asks for the caller itself: a dependency of a dependency costs FastAPI more than this check.
    """

    def __init__(self, scope: str) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> Caller:
        caller = await caller_of(request)
        try:
            caller.require_scope(self.scope)
        except InsufficientScope as refused:
            await note_insufficient(request, caller, refused)
            raise refusal(refused) from None
        return caller


def found_nothing(request: Request) -> None:
    """Note that a request asked for somebody who was not found, where the answer is not a 404."""
    request.scope[_FOUND_NOTHING] = True


def access_of(request: Request) -> Access:
    """The access control of the application that a request came to."""
    access: Access = request.app.state.access
    return access


def refusal(refused: AccessRefused) -> RequestProblem:
    """A refusal as the caller is told it."""
    told = str(refused) or (type(refused).__doc__ or "")
    match refused:
        case TokenMissing():
            return RequestProblem(401, "token-missing", told, headers={"WWW-Authenticate": REALM})
        case TokenRefused():
            challenge = f'{REALM}, error="invalid_token", error_description="{told}"'
            return RequestProblem(401, "token-refused", told, headers={"WWW-Authenticate": challenge})
        case InsufficientScope():
            challenge = f'{REALM}, error="insufficient_scope", scope="{refused.scope}"'
            return RequestProblem(403, "insufficient-scope", told, headers={"WWW-Authenticate": challenge})
        case TooManyRequests():
            return RequestProblem(429, "too-many-requests", told, retry_after_s=refused.retry_after_s)
        case PurposeMissing():
            return RequestProblem(400, "purpose-missing", told)
    return RequestProblem(403, "purpose-refused", told)


async def note_insufficient(request: Request, caller: Caller, refused: InsufficientScope) -> None:
    """Enter into the ledger that a caller has no scope for what it asked."""
    refused.client_id, refused.user = caller.client_id, caller.user.subject if caller.user else None
    await _note_refused(request, refused, purpose=caller.purpose)


async def _note_refused(request: Request, refused: AccessRefused, *, purpose: str) -> None:
    """Enter a refusal of a known client into the ledger: of each one a second in the long run, lest it be flooded.

    That it cannot be entered now is logged, and changes nothing for the caller: it is told of nobody.
    """
    client_id = refused.client_id
    if client_id is None or not access_of(request).may_note_refusal(client_id):
        return
    answering = request.app.state.answering
    asked = orjson.dumps({"method": request.method, "path": request.url.path})
    sealed = answering.keyring.seal(asked, "ledger question")
    question = Question(client_id, refused.user, purpose, request.scope.get("request_id"), sealed)
    try:
        async with answering.connections.lend() as conn:
            await note_refusal(conn, question, "access", str(refused))
    except (RequestProblem, PoolTimeout, psycopg.Error) as error:
        _log.error(Event.ACCESS_UNAVAILABLE, error=type(error).__name__)


def cannot_tell(error: Exception) -> RequestProblem:
    """Who calls cannot be found out now, through no fault of the caller."""
    _log.error(Event.ACCESS_UNAVAILABLE, error=type(error).__name__)
    detail = "Who calls cannot be found out at this moment. Try again in a moment."
    return RequestProblem(503, "access-unavailable", detail, retry_after_s=5)


@asynccontextmanager
async def access_open(app: FastAPI) -> AsyncIterator[None]:
    """Inside, the database connections of access control are open."""
    access: Access = app.state.access
    await access.pool.open()
    try:
        yield
    finally:
        await access.pool.close()


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
