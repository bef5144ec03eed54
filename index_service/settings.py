"""Where this installation runs, from the environment (`PERSON_INDEX_*`); what changes an answer is in `config/`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


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
    host: str = Field(default="127.0.0.1", description="Address that the service listens on; loopback only for now.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port that the service listens on; 0 picks a free one.")
    pool_size: int = Field(default=8, ge=1, le=200, description="Database connections that the service keeps open.")
    shutdown_s: int = Field(default=10, ge=0, description="Seconds that requests under way have to finish at a stop.")
    log_format: Literal["json", "text"] = Field(default="json", description="Log lines for machines or for people.")
