"""Backup of the database into a folder, and back: PostgreSQL's own dump, with a manifest that says what must come back.

The folder holds `database.dump` (pg_dump, custom format) and `manifest.json`: version of the schema, rows by table,
digest of the dump. Keys and seals of the ledger lie outside the database and are not in it: who holds both reads all.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from index_service.errors import IndexServiceError, MissingFile
from index_service.stages import Advance, StageByStage, unwatched
from index_service.store.connection import Connection
from index_service.store.embedded import binaries
from index_service.store.migrate import migrate, migrations
from index_service.store.statements import statements

DUMP, MANIFEST = "database.dump", "manifest.json"
EMBEDDED_MAJOR = 18
_sql = statements("backup")


class BackupFailed(IndexServiceError):
    """The backup could not be made or brought back."""


class BackupDamaged(IndexServiceError):
    """The backup is not what was written."""

    hint = "Take an older one, or a copy of it from elsewhere."


class DatabaseNotEmpty(IndexServiceError):
    """There is something in this database already; a backup comes back into an empty one only."""

    hint = "Name an empty database: PERSON_INDEX_DATA (a new folder) or PERSON_INDEX_DATABASE_URL."


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    Attributes:
        migration: number of the last migration applied.
        dump_sha256: digest of the dump.
        rows: table to how many rows it had in the state that was dumped.
    """

    made_at: str
    server: str
    migration: int
    dump_sha256: str
    rows: Mapping[str, int]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read it. Raises MissingFile, BackupDamaged."""
        path = folder / MANIFEST
        if not path.is_file():
            raise MissingFile(f"{folder} holds no backup: there is no {MANIFEST} in it.")
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            raise BackupDamaged(f"{path} cannot be read.") from None


def backup(conn: Connection, folder: Path, programs: Path | None = None, advance: Advance = unwatched) -> Manifest:
    """Dump one state of the database into a new folder; whoever works on it goes on.

    Args:
        programs: folder of pg_dump; by default the one that fits the server.

    Raises:
        BackupFailed: the folder is there already, or pg_dump says no.
    """
    if folder.exists():
        raise BackupFailed(f"{folder} is there already.", hint="Name a folder that is not.")
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700, parents=True)
    progress = StageByStage(advance)
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        progress("count rows")
        rows = _rows(conn)
        (snapshot,) = conn.execute(_sql["export_snapshot"]).fetchone() or ("",)
        dump = unfinished / DUMP
        progress("dump")
        _run(conn, programs, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}",
             f"--file={dump}")  # fmt: skip
        progress("take the digest")
        manifest = Manifest(
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            server=str(conn.info.server_version),
            migration=_one(conn, "last_migration"),
            dump_sha256=_sha256(dump),
            rows=rows,
        )
    dump.chmod(0o600)
    (unfinished / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    unfinished.rename(folder)
    progress.done()
    return manifest


def restore(conn: Connection, folder: Path, programs: Path | None = None, advance: Advance = unwatched) -> Manifest:
    """Bring a backup back into an empty database, compare what came with its manifest, and bring the schema up to date.

    Raises:
        MissingFile, BackupDamaged: it is not a backup, or not whole.
        DatabaseNotEmpty: nothing was touched.
        BackupFailed: pg_restore says no, or fewer rows came back; the database is as empty as before.
    """
    manifest = Manifest.read(folder)
    if manifest.migration > len(migrations()):
        raise BackupFailed(
            f"The backup is of a newer version (migration {manifest.migration}).", hint="Install that version."
        )
    progress = StageByStage(advance)
    progress("compare the digest")
    if _sha256(folder / DUMP) != manifest.dump_sha256:
        raise BackupDamaged(f"{folder / DUMP} is not the file that its manifest describes.")
    if _one(conn, "tables"):
        raise DatabaseNotEmpty
    progress("bring back")
    _run(conn, programs, "pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges",
         "--dbname", str(conn.info.dbname), str(folder / DUMP))  # fmt: skip
    progress("count rows")
    missing = [table for table, count in _rows(conn).items() if count != manifest.rows.get(table)]
    if missing or set(manifest.rows) - set(_rows(conn)):
        raise BackupFailed(f"Not all rows came back: {', '.join(sorted(missing)) or 'tables are missing'}.")
    progress("bring up to date")
    migrate(conn)
    conn.execute("ANALYZE")
    progress.done()
    return manifest


def _run(conn: Connection, programs: Path | None, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs on the database of the connection; the password goes by the environment."""
    place = programs or _programs(conn)
    found = str(place / program) if place else shutil.which(program)
    if found is None:
        raise BackupFailed(f"{program} is not installed.", hint="Install the client programs of PostgreSQL.")
    login = conninfo_to_dict(conn.info.dsn)
    environment = {**os.environ, "PGPASSWORD": conn.info.password or "", "PGDATABASE": conn.info.dbname}
    names = {
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "sslmode": "PGSSLMODE",
        "sslrootcert": "PGSSLROOTCERT",
    }
    environment |= {names[key]: str(value) for key, value in login.items() if key in names}
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program, no shell
        [found, "--no-password", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[0] if done.stderr.strip() else "no reason was given"
        raise BackupFailed(f"{program} failed: {reason}")


def _programs(conn: Connection) -> Path | None:
    """The programs of the server's own version: newer ones write settings that an older server refuses."""
    major = conn.info.server_version // 10000
    if major == EMBEDDED_MAJOR:
        return binaries()
    debian = Path(f"/usr/lib/postgresql/{major}/bin")
    return debian if debian.is_dir() else None


def _rows(conn: Connection) -> dict[str, int]:
    counts = {}
    for schema, table in conn.execute(_sql["all_tables"]).fetchall():
        count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
        counts[f"{schema}.{table}"] = int((conn.execute(count).fetchone() or (0,))[0])
    return counts


def _one(conn: Connection, name: str) -> int:
    row = conn.execute(_sql[name]).fetchone()
    return int(row[0]) if row else 0


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise BackupDamaged(f"{path} is missing.")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


__all__ = ["BackupDamaged", "BackupFailed", "DatabaseNotEmpty", "Manifest", "backup", "restore"]
