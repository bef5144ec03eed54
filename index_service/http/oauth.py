"""Routes: the token endpoint, and what a client must know to use it (RFC 6749, RFC 7523, SMART App Launch 2.2)."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import parse_qsl

import psycopg
import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, Field

from index_service.access.errors import KeyFileUnusable, TokenRequestRefused, TooManyRequests
from index_service.access.jose import CLIENT_ALGORITHMS, LONGEST_TOKEN
from index_service.access.scopes import OURS
from index_service.access.signing_keys import now_utc
from index_service.http.access import access_of, access_open, cannot_tell, refusal
from index_service.logs import Event

router = APIRouter(include_in_schema=False, lifespan=access_open)  # described by OAuth's standards, not by OpenAPI

LARGEST_FORM = LONGEST_TOKEN + 4096
FORM_TYPE = "application/x-www-form-urlencoded"
_NEVER_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_log = structlog.get_logger()


class TokenAnswer(BaseModel):
    """An access token (RFC 6749 §5.1)."""

    access_token: str = Field(description="Send it as `Authorization: Bearer …`.")
    token_type: Literal["bearer"] = Field(default="bearer", description="How to send it.")
    expires_in: int = Field(description="Seconds that it lasts; ask for another then.", examples=[300])
    scope: str = Field(description="The scopes that it carries.", examples=["index/read"])


class DiscoveryAnswer(BaseModel):
    """What the token endpoint can do (SMART)."""

    issuer: str = Field(description="The `iss` and `aud` of the tokens.")
    jwks_uri: str = Field(description="Our public keys.")
    token_endpoint: str = Field(description="Where tokens are had; the `aud` of client assertions.")
    grant_types_supported: list[str] = Field(description="Which grants there are.")
    token_endpoint_auth_methods_supported: list[str] = Field(description="How clients show who they are.")
    token_endpoint_auth_signing_alg_values_supported: list[str] = Field(description="How they sign that.")
    scopes_supported: list[str] = Field(description="Scopes that may be asked for.")
    response_types_supported: list[str] = Field(description="None: nobody signs in through a browser here.")
    capabilities: list[str] = Field(description="What of SMART there is.")
    code_challenge_methods_supported: list[str] = Field(description="Required by SMART, of no use without sign-in.")


class KeysAnswer(BaseModel):
    """Our public keys (RFC 7517)."""

    keys: list[dict[str, Any]] = Field(description="The keys that tokens are, or will be, signed with.")


@router.post("/oauth/token", response_model=TokenAnswer)
async def give_token(request: Request) -> JSONResponse:
    """An access token of five minutes for a client that signs an assertion (SMART Backend Services)."""
    access = access_of(request)
    try:
        access.require_few_failures(request)
    except TooManyRequests as refused:
        raise refusal(refused) from None
    try:
        granted = await access.endpoint.grant(await _form(request))
    except TokenRequestRefused as refused:
        if refused.reason is not None:
            access.note_failure(request)
        _log.warning(Event.TOKEN_REFUSED, error=refused.error, reason=refused.reason)
        body = {"error": refused.error, "error_description": str(refused)}
        return JSONResponse(body, status_code=refused.status, headers=_NEVER_STORED)
    except (KeyFileUnusable, PoolTimeout, psycopg.OperationalError) as error:
        raise cannot_tell(error) from None
    token = granted.token
    _log.info(Event.TOKEN_GIVEN, client=granted.client_id, token_id=token.token_id)
    answer = TokenAnswer(access_token=token.text, expires_in=token.expires_in_s, scope=" ".join(token.scopes))
    return JSONResponse(answer.model_dump(), headers=_NEVER_STORED)


@router.get("/.well-known/smart-configuration")
@router.get("/fhir/.well-known/smart-configuration")
async def read_smart_configuration(request: Request) -> DiscoveryAnswer:
    """Where and how a client gets a token."""
    base = access_of(request).base_urls[0]
    return DiscoveryAnswer(
        issuer=base,
        jwks_uri=f"{base}/.well-known/jwks.json",
        token_endpoint=f"{base}/oauth/token",
        grant_types_supported=["client_credentials"],
        token_endpoint_auth_methods_supported=["private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported=sorted(CLIENT_ALGORITHMS, reverse=True),
        scopes_supported=["system/Patient.rs", *OURS],
        response_types_supported=[],
        capabilities=["client-confidential-asymmetric", "permission-v2"],
        code_challenge_methods_supported=["S256"],
    )


@router.get("/.well-known/jwks.json", response_model=KeysAnswer)
async def read_keys(request: Request) -> JSONResponse:
    """The public keys that our access tokens verify with; a new one stands here before it signs."""
    try:
        keys = access_of(request).keys.public(now_utc())
    except KeyFileUnusable as error:
        raise cannot_tell(error) from None
    return JSONResponse(KeysAnswer(keys=keys).model_dump(), headers={"Cache-Control": "max-age=300"})


async def _form(request: Request) -> dict[str, str]:
    """The parameters of a token request, each of which must stand once.

    Raises:
        TokenRequestRefused: it is no form, too large, or names a parameter twice.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise TokenRequestRefused("invalid_request", f"Send the parameters as {FORM_TYPE}.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FORM:
            raise TokenRequestRefused("invalid_request", "The request is too large.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=20)
    except ValueError:
        raise TokenRequestRefused("invalid_request", f"The body is not {FORM_TYPE}.") from None
    if len({name for name, _ in pairs}) < len(pairs):
        raise TokenRequestRefused("invalid_request", "A parameter stands twice.")
    return dict(pairs)
