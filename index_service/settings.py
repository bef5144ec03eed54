"""Where this installation runs, from the environment (`PERSON_INDEX_*`); what changes an answer is in `config/`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class OutsideIssuer(BaseModel):
    """An identity provider whose access tokens are accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(min_length=1, description="The `iss` of its tokens, to the letter.")
    audience: str = Field(min_length=1, description="The `aud` that its tokens for this service carry.")
    jwks_url: str | None = Field(default=None, description="Where it publishes its keys (https).")
    jwks_file: Path | None = Field(default=None, description="A file with its keys (JWKS), instead of a URL.")
    algorithms: tuple[str, ...] = Field(
        default=("RS256", "RS384", "ES256", "ES384"), min_length=1, description="Signatures that are accepted."
    )
    types: tuple[str, ...] = Field(
        default=("at+jwt",), min_length=1, description="Values of `typ`; some providers write JWT only."
    )
    longest_lifetime_s: int = Field(default=3600, ge=1, description="Tokens valid for longer are refused.")

    @model_validator(mode="after")
    def _keys_come_from_one_place(self) -> Self:
        if (self.jwks_url is None) == (self.jwks_file is None):
            raise ValueError("an issuer needs either jwks_url or jwks_file")
        return self


class Settings(BaseSettings):
    """Settings of one installation; every field is an environment variable with the prefix `PERSON_INDEX_`."""

    model_config = SettingsConfigDict(env_prefix="PERSON_INDEX_", frozen=True, extra="ignore")

    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL 15 or newer to use, as postgresql://…; without it the embedded server is started.",
    )
    data: Path = Field(
        default=Path("var/database"),
        description="Folder of the embedded server; private to it, and its own: nothing else may lie in it.",
    )
    stage_seconds: Path = Field(
        default=Path("var/stage-seconds.json"),
        description="File that remembers how long the stages of each job took; may be removed at any time.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address that the service listens on; another than loopback only with an https PUBLIC_URL.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port that the service listens on; 0 picks a free one.")
    pool_size: int = Field(default=8, ge=1, le=200, description="Database connections that the service keeps open.")
    workers: int = Field(default=1, ge=1, le=64, description="Processes that answer; one per two cores is plenty.")
    pool_wait_s: float = Field(
        default=1.0, gt=0, description="Seconds that a request waits for a connection before it is told to come again."
    )
    request_s: float = Field(default=30.0, gt=0, description="Seconds after which a request is given up.")
    body_limit_bytes: int = Field(
        default=8_388_608, ge=1024, description="Size of the largest body that is read: of a batch."
    )
    shutdown_s: int = Field(default=10, ge=0, description="Seconds that requests under way have to finish at a stop.")
    log_format: Literal["json", "text"] = Field(default="json", description="Log lines for machines or for people.")
    metrics_token: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="A token that reads /metrics and nothing else, for a program that cannot fetch access tokens.",
    )
    open_metrics: bool = Field(default=False, description="Whether programs on this machine read /metrics without one.")
    signing_keys: Path = Field(
        default=Path("var/signing-keys.json"),
        description="File of the private keys that sign access tokens; made at first use, readable by its owner only.",
    )
    issuers: tuple[OutsideIssuer, ...] = Field(
        default=(), description="Identity providers whose access tokens are accepted, as a JSON list."
    )
    local_accounts: bool = Field(default=True, description="Whether people can sign in with a name and password.")
    session_idle_minutes: float = Field(
        default=30, gt=0, le=480, description="Minutes without use after which a person is signed out."
    )
    session_hours: float = Field(
        default=10, gt=0, le=24, description="Hours after which a person must sign in again in any case."
    )
    time_zone: str = Field(default="America/Los_Angeles", description="Time zone of the times on the pages.")
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/?#@\s]+$",
        description="Where callers and browsers find the service, as https://index.county.example; issuer and audience "
        "of access tokens. Without it, the loopback names with the port in use.",
    )
    oidc_issuer: str | None = Field(
        default=None, description="Issuer of the OpenID Connect provider at which people sign in, https://…"
    )
    oidc_client_id: str | None = Field(default=None, description="The service's client id at the provider.")
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="The service's secret at the provider; none for a public client."
    )
    oidc_scopes: str = Field(
        default="openid profile", description="Scopes to ask for; the provider's roles may need one."
    )
    oidc_roles_claim: str = Field(
        default="roles", description="Claim that holds a person's roles; dots lead into objects: realm_access.roles."
    )
    oidc_roles: dict[str, str] = Field(
        default={}, description='What its values mean here, as {"cws-stewards": "steward"}; empty: they are our roles.'
    )

    answering_database_url: SecretStr | None = Field(
        default=None,
        description="The database as the role that answers: it may call what writes the ledger, and read no table. "
        "The embedded server needs none.",
    )
    ledger_seals: Path = Field(
        default=Path("var/ledger-seals"),
        description="File outside the database to which each seal of the ledger is appended; keep a copy elsewhere.",
    )
    sealing_keys: Path = Field(
        default=Path("var/sealing-keys.json"),
        description="File of the master keys that seal social security numbers and the questions in the ledger; made "
        "at first use. Keep a backup: what they sealed is lost without it.",
    )

    def base_urls(self) -> tuple[str, ...]:
        """The base URLs under which the service answers; the first stands in the tokens that it issues."""
        if self.public_url is not None:
            return (self.public_url,)
        hosts = dict.fromkeys((f"[{self.host}]" if ":" in self.host else self.host, "127.0.0.1", "localhost", "[::1]"))
        return tuple(f"http://{host}:{self.port}" for host in hosts)
