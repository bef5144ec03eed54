"""Load one extract of one source: read it, judge it, and only then hand it to the store, batch by batch.

A batch is committed whole. After a crash the committed batches are there, and loading the same file again completes
it: a record that is already there as it stands changes nothing.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg

from config.expectations import LoadMeasures, broken_expectations
from config.fields import CANONICAL_FIELDS
from config.sources import SourceConfig
from index_service.errors import InputError
from index_service.loading.encodings import encoding_of
from index_service.loading.files import open_table
from index_service.loading.prepare import Spool, open_spool, prepare_extract, workers_for
from index_service.loading.quality import FieldQuality, QualityCount
from index_service.loading.records import Extract, recognise_extract
from index_service.loading.rejects import RejectFile, cannot_write
from index_service.loading.rows import Table
from index_service.stages import Advance, unwatched
from index_service.store.connection import Connection
from index_service.store.records import Taken, begin_load, copy_ready_records, finish_load, loaded_before
from index_service.store.satellites import partition_of

BATCH_RECORDS = 10_000


Examine = Callable[["LoadSummary", Spool], None]
"""Looks at a file that has been read, before anything of it is stored; raises what speaks against it."""


class ExpectationBroken(InputError):
    """The extract is not what its source promises; nothing of it was loaded."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a file is read, and what is done about it.

    Attributes:
        encoding: of a CSV file, if not the source's usual one.
        rejects: path of the reject file; in the folder `rejects`, named by source and load, unless given.
        again: read a file into the index that was loaded before, byte for byte.
        accept: load it although it breaks what is expected of its source.
        examine: asked after what is expected, before anything is stored.
    """

    encoding: str | None = None
    rejects: Path | None = None
    again: bool = False
    accept: bool = False
    examine: Examine | None = None


@dataclass(slots=True)
class LoadSummary:
    """What became of a file. Rows that are neither taken in, refused nor rejected there are none."""

    source: str
    file: str
    load_id: int
    layout: str = ""
    loaded_before: bool = False
    rows: int = 0
    taken: Taken = field(default_factory=Taken)
    refused: int = 0
    rows_rejected: int = 0
    values_rejected: int = 0
    reject_file: str | None = None
    quality: list[FieldQuality] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reading_s: float = 0.0
    storing_s: float = 0.0

    @property
    def elapsed_s(self) -> float:
        return self.reading_s + self.storing_s

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.elapsed_s if self.elapsed_s else 0.0

    def counts(self) -> dict[str, int]:
        """The counts that are kept with the load."""
        return {
            "rows": self.rows,
            **asdict(self.taken),
            "refused": self.refused,
            "rejected": self.rows_rejected,
            "values_rejected": self.values_rejected,
        }


def load_file(
    conn: Connection, source: SourceConfig, path: Path, options: LoadOptions, advance: Advance = unwatched
) -> LoadSummary:
    """Load a file into the index.

    Raises:
        InputError, MissingFile: the file cannot be read as it stands; nothing of it was loaded.
        ExpectationBroken: it is not what the source promises; nothing of it was loaded.
        InTheOtherPartition: whether the source is segregated was settled otherwise when its first records came.
        OutputError, psycopg.Error: the batches committed before it happened stay.
    """
    with partition_of(conn, source.id, segregated=source.segregated):
        return _load_file(conn, source, path, options, advance)


def _load_file(
    conn: Connection, source: SourceConfig, path: Path, options: LoadOptions, advance: Advance
) -> LoadSummary:
    began = time.monotonic()
    encoding = encoding_of(path, options.encoding, source.file_format.encoding) if path.is_file() else None
    with open_table(path, encoding=encoding, delimiter=source.file_format.separator) as table:
        extract = recognise_extract(path.name, table.columns, source)
        digest = _sha256(path)
        before = None if options.again else loaded_before(conn, source.id, digest)
        load_id = before or begin_load(conn, source.id, path.name, digest)
        summary = LoadSummary(source.id, path.name, load_id, extract.layout.layout, notes=extract.columns.notes())
        with _failure_noted(conn, summary, already=before is not None), open_spool() as spool:
            quality = _read_into(spool, table, extract, path, summary, options, advance)
            summary.reading_s = time.monotonic() - began
            _check_expectations(extract, quality, summary, accept=options.accept)
            if before is None:
                if options.examine is not None:
                    options.examine(summary, spool)
                _store(conn, spool, summary, advance)
                finish_load(conn, load_id, summary.counts(), summary.quality)
            else:
                _nothing_new(summary)
    summary.storing_s = time.monotonic() - began - summary.reading_s
    return summary


def _read_into(
    spool: Spool,
    table: Table,
    extract: Extract,
    path: Path,
    summary: LoadSummary,
    options: LoadOptions,
    advance: Advance,
) -> QualityCount:
    """Read the whole file, writing rejects as they come and keeping the records on disk."""
    quality = QualityCount()
    rejects_path = options.rejects or Path("rejects") / f"{summary.source}-{summary.load_id}.csv"
    with RejectFile(rejects_path) as rejects:
        for prepared in prepare_extract(extract, table.rows, workers=workers_for(path.stat().st_size)):
            with _spool_has_room():
                spool.add(prepared)
            for reject in prepared.rejects:
                rejects.write(reject)
            quality.merge(prepared.quality)
            summary.rows += prepared.rows
            summary.refused += prepared.refused
            summary.rows_rejected += prepared.rows_rejected
            summary.values_rejected += len(prepared.rejects) - prepared.rows_rejected
            advance(f"Reading {summary.source}: {path.name}", table.position() / max(table.size, 1), done=summary.rows)
    advance(f"Reading {summary.source}: {path.name}", 1.0, done=summary.rows)
    summary.reject_file = str(rejects_path) if rejects.count else None
    summary.quality = quality.fields(CANONICAL_FIELDS)
    return quality


def _check_expectations(extract: Extract, quality: QualityCount, summary: LoadSummary, *, accept: bool) -> None:
    usable, placeholder = quality.shares(extract.fields)
    measures = LoadMeasures(summary.rows, summary.rows_rejected, usable, placeholder)
    broken = broken_expectations(measures, extract.source)
    if not broken:
        return
    if not accept:
        rejects = f" Rejected rows are listed in {summary.reject_file}." if summary.reject_file else ""
        raise ExpectationBroken(
            f"{summary.file} is not what {summary.source} promises: {'; '.join(broken)}. Nothing of it was loaded.",
            hint="If it is right all the same, load it with --accept, or change what is expected in "
            f"config/sources/{summary.source}.yaml.{rejects}",
        )
    summary.notes.extend(f"Accepted: {problem}." for problem in broken)


def _store(conn: Connection, spool: Spool, summary: LoadSummary, advance: Advance) -> None:
    total = max(summary.rows - summary.rows_rejected - summary.refused, 1)
    for batch in spool.batches(BATCH_RECORDS):
        summary.taken += copy_ready_records(conn, summary.load_id, summary.source, batch)
        advance(f"Storing {summary.source}: {summary.file}", summary.taken.total / total, done=summary.taken.total)
    advance(f"Storing {summary.source}: {summary.file}", 1.0, done=summary.taken.total)


def _nothing_new(summary: LoadSummary) -> None:
    summary.loaded_before = True
    summary.taken = Taken(unchanged=summary.rows - summary.rows_rejected - summary.refused)
    summary.notes.append(f"The same file was loaded before (load {summary.load_id}): nothing was changed.")


@contextmanager
def _failure_noted(conn: Connection, summary: LoadSummary, *, already: bool) -> Iterator[None]:
    """Note a load that ends early as failed, if the database still answers."""
    try:
        yield
    except BaseException:
        if not already:
            with suppress(psycopg.Error):
                finish_load(conn, summary.load_id, summary.counts(), status="failed")
        raise


@contextmanager
def _spool_has_room() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise cannot_write(Path("the folder for temporary files (TMPDIR)"), problem) from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
