"""A small OpenID Connect provider that runs as a process of its own: the tests sign in at it as at any other.

It has discovery, an authorisation endpoint with a page where the person says who she is, a token endpoint that checks
client, code, redirect URI and PKCE verifier, and published keys that can be rotated. `POST /control` lets a test rotate
the keys, change what is said of a person, or have the next identity token made wrongly in one respect.

    python -m tests.identity_provider      prints its issuer URL, and serves until it is ended
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

CLIENT_ID = "person-index"
CLIENT_SECRET = "secret: with / characters"

PEOPLE: dict[str, dict[str, Any]] = {
    "ana": {"sub": "u-1", "preferred_username": "ana.lopez", "name": "Ana López", "groups": ["cws-stewards", "staff"]},
    "kim": {"sub": "u-2", "preferred_username": "Kim.Tran@county.example", "groups": ["cws-seniors", "cws-stewards"]},
    "lee": {"sub": "u-3", "preferred_username": "lee.park", "name": "Lee Park", "groups": ["staff"]},
    "max": {"sub": "u-4", "preferred_username": "max", "groups": ["cws-auditors", "cws-stewards"]},
    "two": {"sub": "u-5", "preferred_username": "ana.lopez", "name": "Another Ana", "groups": ["cws-stewards"]},
}


@dataclass
class Grant:
    """A code that was given out."""

    client_id: str
    redirect_uri: str
    nonce: str
    challenge: str
    user: str


@dataclass
class State:
    """What the provider knows."""

    issuer: str = ""
    keys: list[RSAKey | ECKey] = field(default_factory=list)
    grants: dict[str, Grant] = field(default_factory=dict)
    people: dict[str, dict[str, Any]] = field(default_factory=lambda: {name: dict(p) for name, p in PEOPLE.items()})
    fault: str = ""
    keys_asked_for: int = 0

    def rotate(self, kind: str = "RSA") -> None:
        """Another key signs from now on; the former stay published unless there are three."""
        number = f"key-{secrets.token_hex(4)}"
        key = (
            RSAKey.generate_key(2048, {"kid": number, "use": "sig"})
            if kind == "RSA"
            else ECKey.generate_key("P-256", {"kid": number, "use": "sig"})
        )
        self.keys = [key, *self.keys[:1]]


STATE = State()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match parts.path:
            case "/.well-known/openid-configuration":
                self._json(200, _description())
            case "/keys":
                STATE.keys_asked_for += 1
                self._json(200, {"keys": [key.as_dict(private=False) for key in STATE.keys]})
            case "/authorise":
                self._ask_who(query)
            case _:
                self._json(404, {"error": "not_found"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        match urlsplit(self.path).path:
            case "/authorise":
                self._decide({name: values[0] for name, values in parse_qs(body).items()})
            case "/token":
                self._token({name: values[0] for name, values in parse_qs(body).items()})
            case "/control":
                self._control(json.loads(body))
            case _:
                self._json(404, {"error": "not_found"})

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _ask_who(self, query: dict[str, str]) -> None:
        """The provider's own sign-in page."""
        if query.get("client_id") != CLIENT_ID or query.get("response_type") != "code":
            self._json(400, {"error": "invalid_request"})
            return
        if query.get("code_challenge_method") != "S256" or "openid" not in query.get("scope", "").split():
            self._json(400, {"error": "invalid_request"})
            return
        kept = "".join(f'<input type="hidden" name="{n}" value="{html.escape(v)}">' for n, v in query.items())
        page = (
            '<!doctype html><html lang="en"><title>County sign-in</title><main><h1>County sign-in</h1>'
            f'<form method="post" action="/authorise">{kept}<label>Who are you? <input name="user"></label>'
            '<button name="answer" value="yes">Go on</button><button name="answer" value="no">Refuse</button></form>'
        )
        self._answer(200, "text/html; charset=utf-8", page.encode())

    def _decide(self, form: dict[str, str]) -> None:
        back = {"state": form.get("state", ""), "iss": STATE.issuer}
        if form.get("answer") == "no":
            back["error"] = "access_denied"
        else:
            back["code"] = secrets.token_urlsafe(16)
            STATE.grants[back["code"]] = Grant(
                form["client_id"], form["redirect_uri"], form.get("nonce", ""), form["code_challenge"], form["user"]
            )
        if STATE.fault == "other_sender":
            back["iss"] = "https://other.example"
        self.send_response(302)
        self.send_header("Location", f"{form['redirect_uri']}?{urlencode(back)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _token(self, form: dict[str, str]) -> None:
        if STATE.fault == "down":
            self._json(503, {})
            return
        if self._client() != (CLIENT_ID, CLIENT_SECRET):
            self._json(401, {"error": "invalid_client"})
            return
        grant = STATE.grants.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if (
            grant is None
            or grant.redirect_uri != form.get("redirect_uri")
            or grant.challenge != base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        ):
            self._json(400, {"error": "invalid_grant"})
            return
        access_token = secrets.token_urlsafe(16)
        id_token = _id_token(grant, access_token)
        answer = {"access_token": access_token, "token_type": "Bearer", "expires_in": 60}
        self._json(200, answer if STATE.fault == "no_token" else {**answer, "id_token": id_token})

    def _client(self) -> tuple[str, str]:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        name, _, secret = base64.b64decode(value).decode().partition(":") if kind == "Basic" else ("", "", "")
        return unquote(name), unquote(secret)

    def _control(self, wanted: dict[str, Any]) -> None:
        STATE.fault = wanted.get("fault", "")
        if "rotate" in wanted:
            STATE.rotate(wanted["rotate"])
        for name, claims in wanted.get("people", {}).items():
            STATE.people[name] = {**STATE.people.get(name, {}), **claims}
        self._json(200, {"keys_asked_for": STATE.keys_asked_for})

    def _json(self, status: int, document: dict[str, Any]) -> None:
        self._answer(status, "application/json", json.dumps(document).encode())

    def _answer(self, status: int, media_type: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _description() -> dict[str, Any]:
    return {
        "issuer": "https://other.example" if STATE.fault == "other_issuer" else STATE.issuer,
        "authorization_endpoint": f"{STATE.issuer}/authorise",
        "token_endpoint": f"{STATE.issuer}/token",
        "jwks_uri": f"{STATE.issuer}/keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


def _id_token(grant: Grant, access_token: str) -> str:
    now = int(time.time())
    person = STATE.people.get(grant.user, {"sub": f"other-{grant.user}"})
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    claims: dict[str, Any] = {
        "iss": STATE.issuer,
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 300,
        "nonce": grant.nonce,
        "at_hash": base64.urlsafe_b64encode(half).decode().rstrip("="),
        **person,
    }
    key = STATE.keys[0]
    header = {"alg": "RS256" if isinstance(key, RSAKey) else "ES256", "kid": key.kid}
    match STATE.fault:
        case "issuer":
            claims["iss"] = "https://other.example"
        case "audience":
            claims["aud"] = "another-client"
        case "several_audiences":
            claims["aud"] = [CLIENT_ID, "another-client"]
        case "other_party":
            claims["azp"] = "another-client"
        case "nonce":
            claims["nonce"] = "of-another-sign-in"
        case "no_nonce":
            del claims["nonce"]
        case "expired":
            claims["exp"] = now - 61
        case "from_the_future":
            claims["iat"] = now + 120
        case "no_subject":
            del claims["sub"]
        case "at_hash":
            claims["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA"
        case "unsigned":
            return ".".join([_part({"alg": "none"}), _part(claims), ""])
        case "tampered":
            first, _, last = jwt.encode(header, claims, key).split(".")
            return ".".join([first, _part({**claims, "sub": "u-9"}), last])
        case "foreign_key":
            foreign = RSAKey.generate_key(2048, {"kid": str(key.kid)})
            return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, foreign)
        case "public_key_as_secret":
            public = OctKey.import_key(base64.urlsafe_b64encode(key.as_pem(private=False)).decode())
            return jwt.encode({"alg": "HS256", "kid": key.kid}, claims, public)
        case "no_jwt":
            return "not.a.token"
    return jwt.encode(header, claims, key)


def _part(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


# ------------------------------------------------------------------------------------------------- from a test's side


@dataclass(frozen=True, slots=True)
class Provider:
    """A running provider."""

    issuer: str
    http: httpx.Client

    def control(self, **wanted: Any) -> dict[str, Any]:
        """Rotate keys (`rotate="RSA"` or "EC"), change people, or set the next tokens' fault; none given: no fault."""
        answer: dict[str, Any] = self.http.post(f"{self.issuer}/control", json=wanted).raise_for_status().json()
        return answer

    def decide(self, url: str, user: str, *, answer: str = "yes") -> str:
        """What a person does at the provider's page; returns where the browser is sent back to."""
        page = self.http.get(url)
        assert page.status_code == 200, page.text
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        back = self.http.post(f"{self.issuer}/authorise", data={**query, "user": user, "answer": answer})
        return back.headers["location"]


@contextmanager
def running_provider() -> Iterator[Provider]:
    """The provider in a process of its own, on a free port of loopback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.identity_provider"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    assert process.stdout is not None
    try:
        with httpx.Client() as http:
            yield Provider(process.stdout.readline().strip(), http)
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def main() -> None:
    """Serve until ended."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    STATE.issuer = f"http://127.0.0.1:{server.server_port}"
    STATE.rotate()
    print(STATE.issuer, flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main()
