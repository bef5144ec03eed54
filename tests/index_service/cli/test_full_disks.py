"""A disk that fills, for real: a small file system in memory stands for it. Mounting it takes root."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from index_service.failures import describe
from index_service.store import publish
from index_service.store import records as stored
from index_service.store.connection import Connection, connect
from index_service.store.embedded import EmbeddedServer
from linkage.batch import BatchEngine
from linkage.record import SourceRecord
from tests.index_service.cli.conftest import PersonIndex
from tests.index_service.nightly.nights import drop, state
from tests.index_service.test_sequence_neutrality import invented_records
from tests.linkage.test_bounded_memory import LIMIT_GB, more_than_fits

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A file system of its own with little room."""

    folder: Path

    def fill(self, *, but: int) -> None:
        """Take all room but so many bytes."""
        with (self.folder / "filler").open("wb") as file:
            free = shutil.disk_usage(self.folder).free - but
            while free > 0:
                free -= file.write(bytes(min(free, MEBIBYTE)))

    @property
    def is_full(self) -> bool:
        return (self.folder / "filler").exists()

    def make_room(self) -> None:
        (self.folder / "filler").unlink()


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    if os.geteuid() != 0:
        pytest.skip("Mounting a small file system takes root.")
    folder = Path(tempfile.mkdtemp(prefix="person-index-disk-"))
    folder.chmod(0o711)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m,mode=711", "tmpfs", folder], check=False)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("Root may not mount a file system here.")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


@pytest.fixture(scope="module")
def records() -> list[SourceRecord]:
    return [record for record in invented_records(400, seed=23) if record.source == "cws_cms"]


@pytest.fixture
def temporary_files(small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> SmallDisk:
    """What the program puts into temporary files lies on the small disk."""
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk.folder))
    return small_disk


def test_where_a_file_that_is_read_waits(
    temporary_files: SmallDisk, person_index: PersonIndex, in_database: str, records: list[SourceRecord], tmp_path: Path
) -> None:
    path = drop(tmp_path / "drop", "one.csv", records)
    temporary_files.fill(but=8192)
    broken = person_index("load", "cws_cms", path)
    assert broken.code == 1
    assert "There is no room left to write the folder for temporary files (TMPDIR)." in broken.err
    night = person_index("nightly", "--drop", tmp_path / "drop", "--json")
    assert (night.code, night.json()["status"]) == (2, "failed")
    assert night.json()["failure"].startswith("There is no room left to write the folder for temporary files (TMPDIR).")
    with connect(in_database) as conn:
        assert conn.execute("SELECT count(*) FROM source_record").fetchone() == (0,)
        temporary_files.make_room()
        assert person_index("nightly", "--drop", tmp_path / "drop").code == 0
        assert conn.execute("SELECT count(*) FROM source_record").fetchone() == (len(records),)


def test_where_the_engine_spills(temporary_files: SmallDisk) -> None:
    records = more_than_fits()
    temporary_files.fill(but=MEBIBYTE // 4)
    with pytest.raises(duckdb.Error) as broken, BatchEngine(records, memory_limit_gb=LIMIT_GB, threads=2):
        pass
    assert [file.name for file in temporary_files.folder.iterdir()] == ["filler"], "nothing is left behind"
    assert describe(broken.value)[:2] == ("DiskFull", "The engine has no room left on the disk that it spills to.")
    temporary_files.make_room()
    with BatchEngine(records, memory_limit_gb=LIMIT_GB, threads=2) as engine:
        assert engine.size == records.num_rows


@pytest.fixture
def loaded(
    small_disk: SmallDisk,
    person_index: PersonIndex,
    monkeypatch: pytest.MonkeyPatch,
    records: list[SourceRecord],
    tmp_path: Path,
) -> SmallDisk:
    """A disk with a database of its own, in which some records are linked."""
    monkeypatch.setenv("PERSON_INDEX_DATA", str(small_disk.folder / "data"))
    assert person_index("load", "cws_cms", drop(tmp_path, "one.csv", records[:60])).code == 0
    assert person_index("relink").code == 0
    return small_disk


def test_where_the_database_lies_before_a_command(loaded: SmallDisk, person_index: PersonIndex) -> None:
    with connect_to(loaded) as conn:
        before = state(conn)
    loaded.fill(but=0)
    broken = person_index("relink", "--full")
    assert broken.code == 1
    assert f"There is no room left on the disk of the database, {loaded.folder / 'data'}." in broken.err
    loaded.make_room()
    with connect_to(loaded) as conn:
        assert state(conn) == before


def test_where_the_database_lies_in_the_middle_of_a_night(
    loaded: SmallDisk,
    person_index: PersonIndex,
    monkeypatch: pytest.MonkeyPatch,
    records: list[SourceRecord],
    tmp_path: Path,
) -> None:
    """The server may go down for it: the next command starts it again, with what was committed."""
    drop(tmp_path / "drop", "two.csv", records)
    before = None
    for module, name in ((stored, "_copy"), (publish, "_write_memberships")):
        with monkeypatch.context() as patched, connect_to(loaded) as conn:
            before = before or state(conn)["persons"]
            patched.setattr(module, name, filling(loaded, vars(module)[name]))
            broken = person_index("nightly", "--drop", tmp_path / "drop")
            assert broken.code != 0
            import sys

            print("SAID", name, broken.out, broken.err, file=sys.__stderr__)
            assert "Traceback" not in broken.err
        loaded.make_room()
        with connect_to(loaded) as conn:
            assert state(conn)["persons"] == before
    assert person_index("nightly", "--drop", tmp_path / "drop").code == 0
    assert person_index("relink", "--verify").code == 0
    with connect_to(loaded) as conn:
        assert conn.execute("SELECT count(*) FROM membership WHERE to_at IS NULL").fetchone() == (len(records),)


def filling(disk: SmallDisk, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, before which the disk fills up."""

    def on_a_full_disk(*arguments: object, **named: object) -> object:
        if not disk.is_full:
            disk.fill(but=0)
        return function(*arguments, **named)

    return on_a_full_disk


@contextmanager
def connect_to(disk: SmallDisk) -> Iterator[Connection]:
    with EmbeddedServer(disk.folder / "data").running() as url, connect(url) as conn:
        yield conn
