"""PostgreSQL for the tests: one server per session, a database of its own for each test.

`database_url` is on the embedded server. `any_database_url` runs the test twice: there, and on Debian's PostgreSQL 15,
the oldest server that PERSON_INDEX_DATABASE_URL may name.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from index_service.store.connection import Connection, connect
from index_service.store.embedded import EmbeddedServer
from index_service.store.migrate import migrate
from index_service.store.roles import grant_answering

DEBIAN_BINARIES = Path("/usr/lib/postgresql/15/bin")
MEMORY_NEEDED = 2 * 1024**3
NewDatabase = Callable[[], str]
_numbers = itertools.count(1)


settings.register_profile(
    "person index",
    deadline=None,  # a busy machine is no fault of the code
    max_examples=int(os.environ.get("PERSON_INDEX_EXAMPLES", "50")),
    suppress_health_check=[HealthCheck.too_slow],  # how long examples take depends on what else the machine does
)
settings.load_profile("person index")


@pytest.fixture(scope="session", autouse=True)
def files_of_the_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keys and seals that the service makes at first use lie in a folder of the tests."""
    folder = tmp_path_factory.mktemp("installation")
    with pytest.MonkeyPatch.context() as patched:
        for name in ("signing-keys.json", "sealing-keys.json", "ledger-seals", "stage-seconds.json"):
            variable = name.removesuffix(".json").replace("-", "_").upper()
            patched.setenv(f"PERSON_INDEX_{variable}", str(folder / name))
        yield


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[EmbeddedServer]:
    with database_folder() as folder, _running(EmbeddedServer(folder, durable=False)) as server:
        yield server


@pytest.fixture(scope="session")
def debian_server() -> Iterator[EmbeddedServer]:
    if not (DEBIAN_BINARIES / "postgres").exists():
        missing = f"PostgreSQL 15 is not installed ({DEBIAN_BINARIES}): make postgresql"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with (
        database_folder() as folder,
        _running(EmbeddedServer(folder, durable=False, binaries_folder=DEBIAN_BINARIES)) as server,
    ):
        yield server


@pytest.fixture
def database_url(embedded_server: EmbeddedServer) -> Iterator[str]:
    """A migrated, empty database on the embedded server."""
    with _database(embedded_server) as url:
        yield url


@pytest.fixture
def debian_database_url(debian_server: EmbeddedServer) -> Iterator[str]:
    """A migrated, empty database on Debian's server."""
    with _database(debian_server) as url:
        yield url


@pytest.fixture(params=["embedded_server", "debian_server"])
def any_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated, empty database, on each server in turn."""
    with _database(request.getfixturevalue(request.param)) as url:
        yield url


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    """A connection to `database_url`."""
    with connect(database_url) as connection:
        yield connection


@pytest.fixture
def any_conn(any_database_url: str) -> Iterator[Connection]:
    """A connection to `any_database_url`."""
    with connect(any_database_url) as connection:
        yield connection


@pytest.fixture
def new_database(embedded_server: EmbeddedServer) -> Iterator[NewDatabase]:
    """Makes migrated, empty databases; for tests that need a fresh one per example."""
    made: list[str] = []

    def make() -> str:
        made.append(_create(embedded_server))
        return embedded_server.url(made[-1])

    yield make
    for name in made:
        _drop(embedded_server, name)


@contextmanager
def database_folder() -> Iterator[Path]:
    """A folder for a server, removed afterwards.

    Not pytest's `tmp_path`: every session of pytest closes the folder above it to all but its own account, and run as
    root the server has another.
    """
    in_memory = Path("/dev/shm")  # noqa: S108 - a database is made for each test: on a busy disk that costs half a second
    place = in_memory if in_memory.is_dir() and shutil.disk_usage(in_memory).free > MEMORY_NEEDED else None
    with tempfile.TemporaryDirectory(prefix="person-index-", dir=place) as folder:
        yield Path(folder) / "data"


@contextmanager
def _running(server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    with server.running() as url:
        with connect(url) as connection:
            migrate(connection)  # our own database is the template of all others
            grant_answering(connection)
        yield server


@contextmanager
def _database(server: EmbeddedServer) -> Iterator[str]:
    name = _create(server)
    try:
        yield server.url(name)
    finally:
        _drop(server, name)


def _create(server: EmbeddedServer) -> str:
    name = f"test_{next(_numbers)}"
    _administer(
        server, sql.SQL("CREATE DATABASE {} TEMPLATE person_index STRATEGY file_copy").format(sql.Identifier(name))
    )
    return name


def _drop(server: EmbeddedServer, name: str) -> None:
    _administer(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _administer(server: EmbeddedServer, statement: sql.Composed) -> None:
    with connect(server.url("postgres")) as connection:
        connection.execute(statement)
