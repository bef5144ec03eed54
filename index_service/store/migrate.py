"""Brings the schema up to date: numbered SQL files, forward only, each applied whole or not at all."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from index_service.store.connection import Connection
from index_service.store.errors import MigrationChanged, SchemaNotCurrent, SchemaTooNew
from index_service.store.locks import AdvisoryLock
from index_service.store.numbers import ensure_number_key
from index_service.store.statements import statements

_FILE = re.compile(r"^(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql$")
_sql = statements("migrate")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@cache
def migrations() -> tuple[Migration, ...]:
    """All migrations of this version, in order; their numbers run from 1 without a gap."""
    found = []
    for file in (resources.files("index_service.store") / "migrations").iterdir():
        match = _FILE.match(file.name)
        if match:
            found.append(Migration(int(match["number"]), match["name"], file.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("the numbers of the migrations do not run from 0001 without a gap")
    return tuple(found)


def migrate(conn: Connection) -> list[str]:
    """Apply what is missing; returns the names of what was applied. Of two at once, the second finds nothing to do.

    Raises:
        MigrationChanged: an applied migration's text is no longer the one that was applied.
        SchemaTooNew: a newer version of this program has migrated the database.
    """
    applied: list[str] = []
    while _apply_next(conn, applied):
        pass
    ensure_number_key(conn)
    return applied


def pending(conn: Connection) -> list[str]:
    """Names of the migrations that are still to be applied; changes nothing. Raises as `migrate` does."""
    return [migration.name for migration in migrations()[_count_applied(conn) :]]


def require_current(conn: Connection) -> None:
    """Raises SchemaNotCurrent unless every migration is applied."""
    missing = pending(conn)
    if missing:
        raise SchemaNotCurrent(f"The database lacks {len(missing)} migration(s) that this version needs.")


def _apply_next(conn: Connection, applied: list[str]) -> bool:
    with conn.transaction():
        conn.execute(_sql["lock"], {"key": AdvisoryLock.MIGRATION})
        count = _count_applied(conn)
        if count == len(migrations()):
            return False
        if count == 0:
            conn.execute(_sql["create_table"])
        migration = migrations()[count]
        conn.execute(migration.text.encode())
        conn.execute(_sql["record"], {"number": migration.number, "name": migration.name, "sha256": migration.sha256})
    applied.append(migration.name)
    return True


def _count_applied(conn: Connection) -> int:
    (exists,) = conn.execute(_sql["has_table"]).fetchone() or (False,)
    if not exists:
        return 0
    rows = conn.execute(_sql["applied"]).fetchall()
    known = migrations()
    if len(rows) > len(known):
        raise SchemaTooNew
    for (number, sha256), migration in zip(rows, known, strict=False):
        if (number, sha256) != (migration.number, migration.sha256):
            raise MigrationChanged(f"Migration {migration.number:04} differs from the one applied to this database.")
    return len(rows)
