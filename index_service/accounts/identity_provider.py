"""An OpenID Connect provider as a client sees it: where it is, what it signs with, and what it says of a person.

The authorisation code flow with PKCE. Only asymmetric signatures are taken, and only from keys that the provider
publishes under the issuer that was configured.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from threading import Lock
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry, Token, decode

from index_service.accounts.errors import ProviderError, ProviderRefused, ProviderUnreachable
from index_service.settings import Settings

ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "Ed25519", "EdDSA")
LEEWAY_S = 60
"""How far the provider's clock and ours may be apart."""
TIMEOUT_S = 5.0
LARGEST_ANSWER = 1 << 20
_DESCRIPTION_AGE_S = 3600.0
_KEYS_AT_MOST_EVERY_S = 10.0

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What was agreed with the provider. `roles` maps values of the claim to our roles; empty: they are our roles."""

    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    roles_claim: str = "roles"
    roles: Mapping[str, str] = field(default_factory=dict)
    scopes: str = "openid profile"


@dataclass(frozen=True, slots=True)
class ProvedPerson:
    """Whom the provider vouches for. `roles`: the values of the claim, as the provider writes them."""

    issuer: str
    subject: str
    user_name: str
    display_name: str
    roles: tuple[str, ...]


def provider_settings(settings: Settings) -> ProviderSettings | None:
    """The provider of this installation; None if it has none."""
    if not settings.oidc_issuer or not settings.oidc_client_id:
        return None
    secret = settings.oidc_client_secret
    return ProviderSettings(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=secret.get_secret_value() if secret else None,
        roles_claim=settings.oidc_roles_claim,
        roles=settings.oidc_roles,
        scopes=settings.oidc_scopes,
    )


def code_challenge(code_verifier: str) -> str:
    """What the provider is told first of the secret that it will be shown later (S256)."""
    digest = hashlib.sha256(code_verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class IdentityProvider:
    """One provider. It is asked for its description and its keys when they are needed, and they are kept a while."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        self._client = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False)
        self._lock = Lock()
        self._description: tuple[float, Json] | None = None
        self._keys: KeySet | None = None
        self._keys_read_at = float("-inf")

    def close(self) -> None:
        self._client.close()

    def authorisation_url(self, *, redirect_uri: str, state: str, nonce: str, code_verifier: str) -> str:
        """Where to send the browser.

        Raises:
            ProviderUnreachable, ProviderError: its description cannot be had, or cannot be used.
        """
        parameters = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": self.settings.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": code_challenge(code_verifier),
            "code_challenge_method": "S256",
        }
        endpoint = self._endpoint("authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"

    def require_sender(self, issuer: str | None) -> None:
        """Raises ProviderError where the answer names another sender, or should name one and does not (RFC 9207)."""
        demanded = bool(self._describe().get("authorization_response_iss_parameter_supported"))
        if issuer != self.settings.issuer and (issuer is not None or demanded):
            raise ProviderError("The answer comes from another identity provider than the one that was asked.")

    def redeem(self, code: str, *, redirect_uri: str, code_verifier: str, nonce: str) -> ProvedPerson:
        """Turn the code that the browser brought back into the person whom the provider vouches for.

        Raises:
            ProviderRefused: it does not take the code.
            ProviderUnreachable, ProviderError: its answer cannot be had, or proves nothing.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier,
        }
        answer = self._ask_for_token(form)
        id_token = answer.get("id_token")
        if not isinstance(id_token, str):
            raise ProviderError("The identity provider sent no identity token.")
        token = self._verified(id_token)
        self._check(token, nonce=nonce, access_token=answer.get("access_token"))
        return self._person(token.claims)

    # ---------------------------------------------------------------------------------------------- what it publishes

    def _describe(self) -> Json:
        with self._lock:
            kept = self._description
            if kept is not None and time.monotonic() - kept[0] < _DESCRIPTION_AGE_S:
                return kept[1]
            url = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
            description = self._json(self._get(url))
            if description.get("issuer") != self.settings.issuer:
                raise ProviderError("The identity provider describes itself as another issuer.")
            self._description = (time.monotonic(), description)
            return description

    def _endpoint(self, name: str) -> str:
        url = self._describe().get(name)
        if not isinstance(url, str) or not _is_safe(url):
            raise ProviderError(f"The identity provider's {name} is missing or not protected by TLS.")
        return url

    def _key_set(self, *, anew: bool = False) -> KeySet:
        url = self._endpoint("jwks_uri")
        with self._lock:
            may_ask = time.monotonic() - self._keys_read_at >= _KEYS_AT_MOST_EVERY_S
            if self._keys is None or (anew and may_ask):
                self._keys_read_at = time.monotonic()
                try:
                    self._keys = KeySet.import_key_set({"keys": self._json(self._get(url)).get("keys", [])})
                except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
                    raise ProviderError("The identity provider's keys cannot be read.") from error
            return self._keys

    # ------------------------------------------------------------------------------------------------ what it vouches

    def _ask_for_token(self, form: dict[str, str]) -> Json:
        endpoint = self._endpoint("token_endpoint")
        client_id, secret = self.settings.client_id, self.settings.client_secret
        methods = self._describe().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        proof = httpx.Auth()  # none
        if secret is None:
            form = {**form, "client_id": client_id}
        elif "client_secret_basic" in methods:
            proof = httpx.BasicAuth(quote(client_id, safe=""), quote(secret, safe=""))
        else:
            form = {**form, "client_id": client_id, "client_secret": secret}
        try:
            answer = self._client.post(endpoint, data=form, auth=proof, headers={"Accept": "application/json"})
        except httpx.HTTPError as error:
            raise ProviderUnreachable from error
        if 400 <= answer.status_code < 500:
            raise ProviderRefused("The identity provider does not take the code: it was used before, or is too old.")
        return self._json(answer)

    def _verified(self, id_token: str) -> Token:
        """The token, signed by the provider; its keys are asked for anew where it has a key that we do not know."""
        try:
            try:
                return decode(id_token, self._key_set(), algorithms=ALGORITHMS)
            except InvalidKeyIdError:
                return decode(id_token, self._key_set(anew=True), algorithms=ALGORITHMS)
        except (JoseError, ValueError) as error:
            raise ProviderError("The identity token is not signed by the identity provider.") from error

    def _check(self, token: Token, *, nonce: str, access_token: object) -> None:
        """What OpenID Connect Core 3.1.3.7 asks of an identity token."""
        claims = token.claims
        registry = JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.settings.issuer},
            aud={"essential": True, "value": self.settings.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            registry.validate(claims)
        except JoseError as error:
            raise ProviderError("The identity token is not for this sign-in, or is out of date.") from error
        audience = claims["aud"]
        several = isinstance(audience, list) and len(audience) > 1
        if (several or "azp" in claims) and claims.get("azp") != self.settings.client_id:
            raise ProviderError("The identity token was made for another client.")
        if "at_hash" in claims and isinstance(access_token, str):
            _check_access_token(str(token.header.get("alg")), claims["at_hash"], access_token)

    def _person(self, claims: Json) -> ProvedPerson:
        subject = str(claims["sub"])
        user_name = _text(claims.get("preferred_username")) or _text(claims.get("email")) or subject
        return ProvedPerson(
            issuer=self.settings.issuer,
            subject=subject,
            user_name=user_name,
            display_name=_text(claims.get("name")) or user_name,
            roles=_values(claims, self.settings.roles_claim),
        )

    # ---------------------------------------------------------------------------------------------------- how to ask

    def _get(self, url: str) -> httpx.Response:
        if not _is_safe(url):
            raise ProviderError("The identity provider's address is not protected by TLS.")
        try:
            return self._client.get(url, headers={"Accept": "application/json"})
        except httpx.HTTPError as error:
            raise ProviderUnreachable from error

    def _json(self, answer: httpx.Response) -> Json:
        if answer.status_code >= 500:
            raise ProviderUnreachable(f"The identity provider fails (status {answer.status_code}).")
        if answer.status_code != 200 or len(answer.content) > LARGEST_ANSWER:
            raise ProviderError(f"The identity provider's answer cannot be used (status {answer.status_code}).")
        try:
            document = answer.json()
        except ValueError as error:
            raise ProviderError("The identity provider's answer is not JSON.") from error
        if not isinstance(document, dict):
            raise ProviderError("The identity provider's answer is not a JSON object.")
        return document


def _is_safe(url: str) -> bool:
    """Whether nobody between can read or change what is said: TLS, or no way between at all."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and _is_this_machine(parts.hostname or "")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_access_token(algorithm: str, at_hash: object, access_token: str) -> None:
    digest = {"256": hashlib.sha256, "384": hashlib.sha384}.get(algorithm[-3:], hashlib.sha512)
    half = digest(access_token.encode()).digest()
    expected = base64.urlsafe_b64encode(half[: len(half) // 2]).decode().rstrip("=")
    if at_hash != expected:
        raise ProviderError("The identity token does not belong to the access token beside it.")


def _values(claims: Json, path: str) -> tuple[str, ...]:
    """The values at a claim, whose path may go into objects by dots, as realm_access.roles."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    if isinstance(found, str):
        found = found.split()
    return tuple(value for value in found if isinstance(value, str)) if isinstance(found, list) else ()


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
