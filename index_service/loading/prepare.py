"""Prepare rows for the store: read, normalise, count; a few thousand at a time, over several processes if many.

What is ready waits in a temporary file without a name until the whole extract has been judged: an extract that is not
what its source promises changes nothing.
"""

from __future__ import annotations

import datetime as dt
import gc
import os
import pickle
import signal
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from typing import IO

from index_service.errors import IndexServiceError
from index_service.loading.quality import QualityCount
from index_service.loading.records import Extract, ReadRecord, RefusedRow, field_rejects
from index_service.loading.rows import CellValue, Reject, Row
from index_service.store.numbers import NumberKey, held_keys, take_over
from index_service.store.records import ReadyRecord, ready_columns, ready_refusal
from linkage.normalise import normalised_columns
from linkage.record import Finding

CHUNK_ROWS = 2_000
PARALLEL_FROM_BYTES = 4_000_000
"""Files larger than this are worth the second that starting other processes takes."""

GARBAGE_THRESHOLD = 50_000
"""Objects between two collections of a worker: it makes hardly any cycles and keeps long caches, so that looking for
garbage as often as Python does by itself takes a tenth of the time."""


class WorkerLost(IndexServiceError):
    """A process that read part of the file was ended from outside; nothing of the file was loaded."""

    hint = "The machine may have run out of memory: close other programs and run the same command again."


@dataclass(slots=True)
class Prepared:
    """What became of some rows; `block` holds what the store gets of them, pickled."""

    block: bytes = b""
    rows: int = 0
    records: int = 0
    refused: int = 0
    rows_rejected: int = 0
    rejects: list[Reject] = field(default_factory=list)
    quality: QualityCount = field(default_factory=QualityCount)


def prepare_rows(extract: Extract, rows: Iterable[Row | Reject]) -> Prepared:
    """Read and normalise some rows of an extract, and write what the store gets of them.

    Stage by stage, not row by row: so the processor's caches hold one stage at a time, which saves a quarter.
    """
    prepared = Prepared()
    today = dt.date.today()  # noqa: DTZ011 - a calendar day, not an instant
    read = [row if isinstance(row, Reject) else extract.read(row) for row in rows]
    records = [each for each in read if isinstance(each, ReadRecord)]
    cleaned = [normalised_columns(each.record, today) for each in records]
    ready = [
        ready_columns(each.record, columns, deleted=each.deleted)
        for each, (columns, _) in zip(records, cleaned, strict=True)
    ]
    ready = _count(read, [found for _, found in cleaned], ready, prepared)
    prepared.block = pickle.dumps([tuple(each) for each in ready], pickle.HIGHEST_PROTOCOL)  # plain tuples go faster
    return prepared


def _count(
    read: list[ReadRecord | Reject | RefusedRow],
    found: Iterable[tuple[Finding, ...]],
    ready: Iterable[ReadyRecord],
    prepared: Prepared,
) -> list[ReadyRecord]:
    """Note what became of each row, in order; return all that the store gets: records, and refusals between them."""
    records = zip(found, ready, strict=True)
    stored: list[ReadyRecord] = []
    for each in read:
        if isinstance(each, ReadRecord):
            of_normalising, record = next(records)
            findings = (*each.findings, *of_normalising) if each.findings else of_normalising
            prepared.quality.add(each.record, findings)
            if findings:
                prepared.rejects.extend(field_rejects(each, findings))
            stored.append(record)
            prepared.records += 1
        elif isinstance(each, Reject):
            prepared.rows_rejected += 1
            prepared.rejects.append(each)
        else:
            prepared.refused += 1
            if each.source_record_id:
                stored.append(ready_refusal(each.source_record_id))
    prepared.rows = len(read)
    return stored


def prepare_extract(extract: Extract, rows: Iterator[Row | Reject], *, workers: int) -> Iterator[Prepared]:
    """Prepare all rows, in order, with as many processes; none: in this one. Few chunks are under way at a time.

    Raises:
        WorkerLost: a process was ended from outside.
    """
    if workers < 1:
        while chunk := list(islice(rows, CHUNK_ROWS)):
            yield prepare_rows(extract, chunk)
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_begin_worker, initargs=(extract, held_keys())) as pool:
        under_way: deque[Future[Prepared]] = deque()
        try:
            while chunk := list(islice(rows, CHUNK_ROWS)):
                under_way.append(pool.submit(_prepare_in_worker, _as_sent(chunk)))
                if len(under_way) > 2 * workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BrokenProcessPool:
            raise WorkerLost from None
        finally:
            pool.shutdown(cancel_futures=True)


def workers_for(size_bytes: int) -> int:
    """How many processes a file of this size is worth."""
    return 0 if size_bytes < PARALLEL_FROM_BYTES else min(os.cpu_count() or 1, 8)


_extract_of_worker: Extract | None = None


def _begin_worker(extract: Extract, keys: tuple[list[NumberKey], str | None]) -> None:
    global _extract_of_worker
    take_over(keys)
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent tells the workers to stop
    _extract_of_worker = extract


_Sent = tuple[int, Mapping[str, CellValue]] | Reject
"""A row on its way to a worker: pickling the dataclass itself takes several times as long."""


def _as_sent(rows: list[Row | Reject]) -> list[_Sent]:
    return [(row.line, row.values) if isinstance(row, Row) else row for row in rows]


def _prepare_in_worker(rows: list[_Sent]) -> Prepared:
    if _extract_of_worker is None:
        raise RuntimeError("the worker was not begun")
    return prepare_rows(_extract_of_worker, (row if isinstance(row, Reject) else Row(*row) for row in rows))


class Spool:
    """Prepared records waiting on disk, in order; nameless, so that nothing remains of it when the program ends."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def add(self, prepared: Prepared) -> None:
        self._file.write(prepared.block)

    def batches(self, least: int) -> Iterator[list[ReadyRecord]]:
        """The records again, at least so many at a time."""
        self._file.seek(0)
        batch: list[ReadyRecord] = []
        for block in self._blocks():
            batch.extend(block)
            if len(batch) >= least:
                yield batch
                batch = []
        if batch:
            yield batch

    def _blocks(self) -> Iterator[list[ReadyRecord]]:
        while True:
            try:
                packed = pickle.load(self._file)  # noqa: S301 - written by this process, seen by nobody else
            except EOFError:
                return
            yield list(map(ReadyRecord._make, packed))


@contextmanager
def open_spool() -> Iterator[Spool]:
    with tempfile.TemporaryFile(prefix="person-index-") as file:
        yield Spool(file)
